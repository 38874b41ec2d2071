//! /api/v1/admin: what administrators see, change and end. Lists are in `lists.rs`.

use crate::support::{NOBODY, TestApp, forge, password};
use serde_json::{Value, json};

// revoke

/// A-46, S-67.
#[tokio::test]
async fn an_administrator_ends_one_session() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let (one, two) = (app.sign_in("alice").await, app.sign_in("alice").await);
    let answer = admin.revoke(&json!({ "session_id": one.session_id, "reason": "lost laptop" })).await;

    assert_eq!(answer.expect(200).json(), json!({ "revoked": 1 }));
    app.check(&one.access_token).await.expect_challenge("session_revoked");
    app.refresh(&one.refresh_token).await.expect_problem(401, "session_revoked");
    app.check(&two.access_token).await.expect_done();
    let listed = admin.list_sessions("?state=revoked").await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["id"], one.session_id.as_str());
    assert_eq!(listed[0]["revoked_reason"], "lost laptop");
    assert!(listed[0]["revoked_at"].is_string());
}

///
#[tokio::test]
async fn an_administrator_ends_all_sessions_of_a_user() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let alice = app.person("alice").await;
    let others = [app.sign_in("alice").await, app.sign_in("alice").await];
    let bob = app.sign_in("bob").await;

    assert_eq!(admin.revoke(&json!({ "user_id": alice.id })).await.expect(200).json(), json!({ "revoked": 3 }));

    alice.check().await.expect_challenge("session_revoked");
    for other in others {
        app.check(&other.access_token).await.expect_challenge("session_revoked");
        app.refresh(&other.refresh_token).await.expect_problem(401, "session_revoked");
    }
    app.check(&bob.access_token).await.expect_done();
    app.try_sign_in("alice").await.expect_tokens();
}

/// also a stale token, and one whose session uses the cookie.
#[tokio::test]
async fn an_administrator_ends_the_family_of_a_token() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let first = app.sign_in("alice").await;
    let second = app.refresh(&first.refresh_token).await.expect_tokens();
    let mut browser = app.browser();
    let cookie = browser.sign_in("alice").await.expect_tokens();
    let bob = app.sign_in("bob").await;

    for (token, session) in [(&first.refresh_token, &second), (&cookie.cookie, &cookie), (&bob.refresh_token, &bob)] {
        let answer = admin.revoke(&json!({ "refresh_token": token })).await;
        assert_eq!(answer.expect(200).json(), json!({ "revoked": 1 }));
        app.check(&session.access_token).await.expect_challenge("session_revoked");
    }
    assert_eq!(app.events("refresh_token_reused").await, 0);
    browser.refresh().await.expect_problem(401, "session_revoked");
}

/// A-46, S-55.
#[tokio::test]
async fn an_administrator_ends_everyones_sessions_their_own_too() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let others = [app.sign_in("alice").await, app.sign_in("bob").await];
    let answer = admin.revoke(&json!({ "everyone": true, "reason": "the master key is out" })).await;

    assert_eq!(answer.expect(200).json(), json!({ "revoked": 3 }));
    for tokens in others.iter().chain([&admin.tokens]) {
        app.check(&tokens.access_token).await.expect_challenge("session_revoked");
        app.refresh(&tokens.refresh_token).await.expect_problem(401, "session_revoked");
    }
    let again = app.sign_in("alice").await;
    app.check(&again.access_token).await.expect_done();
    app.refresh(&again.refresh_token).await.expect_tokens();
}

/// A-46, S-68.
#[tokio::test]
async fn ending_what_has_ended_changes_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let alice = app.person("alice").await;
    admin.revoke(&json!({ "session_id": alice.tokens.session_id, "reason": "first" })).await.expect(200);
    let row = app.session_row(&alice.tokens.session_id).await;
    for again in [
        json!({ "session_id": alice.tokens.session_id, "reason": "second" }),
        json!({ "user_id": alice.id }),
        json!({ "refresh_token": alice.tokens.refresh_token }),
    ] {
        assert_eq!(admin.revoke(&again).await.expect(200).json(), json!({ "revoked": 0 }));
    }
    assert_eq!(app.session_row(&alice.tokens.session_id).await, row);
}

#[tokio::test]
async fn an_expired_session_was_not_live() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let over = app.sign_in("alice").await;
    app.alter_session(&over.session_id, "idle_expires_at = now() - interval '1 s'").await;
    assert_eq!(admin.revoke_session(&over.session_id).await.expect(200).json(), json!({ "revoked": 0 }));
}

///
#[tokio::test]
async fn what_is_unknown_cannot_be_ended() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let stranger = app.stranger(&[("HEIRLOOM_MASTER_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")]).await;
    let foreign = stranger.sign_in("alice").await.refresh_token;
    let gone = app.sign_in("alice").await;
    sqlx::query("DELETE FROM sessions WHERE id::text = $1").bind(&gone.session_id).execute(app.db()).await.unwrap();
    for unknown in [
        json!({ "session_id": NOBODY }),
        json!({ "user_id": NOBODY }),
        json!({ "refresh_token": foreign }),
        json!({ "refresh_token": "hrt_nonsense" }),
        json!({ "refresh_token": gone.refresh_token }),
    ] {
        admin.revoke(&unknown).await.expect_problem(404, "not_found");
    }
}

///
#[tokio::test]
async fn a_revoke_names_exactly_one() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let alice = app.person("alice").await;
    let rows = app.all_rows().await;
    for wrong in [
        json!({}),
        json!({ "reason": "just so" }),
        json!({ "everyone": false }),
        json!({ "session_id": alice.tokens.session_id, "user_id": alice.id }),
        json!({ "session_id": alice.tokens.session_id, "everyone": true }),
        json!({ "user_id": alice.id, "refresh_token": alice.tokens.refresh_token }),
        json!({ "session_id": "nonsense" }),
        json!({ "user_id": 7 }),
        json!({ "everyone": "true" }),
        json!({ "all": true }),
        json!({ "user_id": alice.id, "reason": "x".repeat(501) }),
        json!({ "user_id": alice.id, "reason": "two\nlines" }),
        json!({ "user_id": alice.id, "reason": "nul\0" }),
    ] {
        admin.revoke(&wrong).await.expect_problem(422, "validation_failed");
    }
    assert_eq!(app.all_rows().await, rows);
}

// change

/// S-55, S-63.
#[tokio::test]
async fn a_block_ends_all_sessions_and_a_lifted_one_brings_none_back() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let alice = app.person("alice").await;
    let other = app.sign_in("alice").await;
    let blocked = admin.change(&alice.id, &json!({ "blocked": true, "blocked_reason": "spam" })).await;

    let user = blocked.expect(200).json()["user"].clone();
    assert_eq!((&user["blocked"], &user["blocked_reason"]), (&json!(true), &json!("spam")));
    assert_eq!(user["live_sessions"], 0);
    for tokens in [&alice.tokens, &other] {
        app.check(&tokens.access_token).await.expect_challenge("session_revoked");
        app.refresh(&tokens.refresh_token).await.expect_problem(403, "account_blocked");
    }
    app.try_sign_in("alice").await.expect_problem(403, "account_blocked");

    let user = admin.change(&alice.id, &json!({ "blocked": false })).await.expect(200).json()["user"].clone();
    assert_eq!((&user["blocked"], &user["blocked_reason"]), (&json!(false), &Value::Null));
    for tokens in [&alice.tokens, &other] {
        app.check(&tokens.access_token).await.expect_challenge("session_revoked");
        app.refresh(&tokens.refresh_token).await.expect_problem(401, "session_revoked");
    }
    app.try_sign_in("alice").await.expect_tokens();
    assert_eq!((app.events("user_blocked").await, app.events("user_unblocked").await), (1, 1));
}

/// S-62.
#[tokio::test]
async fn a_changed_role_cuts_off_the_access_tokens_that_carry_the_old_one() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let alice = app.person("alice").await;
    let answer = admin.change(&alice.id, &json!({ "roles": ["editor", "billing:read", "editor"] })).await;
    assert_eq!(answer.expect(200).json()["user"]["roles"], json!(["billing:read", "editor"]));

    alice.check().await.expect_challenge("access_token_expired");
    let next = app.refresh(&alice.tokens.refresh_token).await.expect_tokens();
    assert_eq!(forge::decode(&next.access_token).1["roles"], json!(["billing:read", "editor"]));
    let check = app.check(&next.access_token).await;
    assert_eq!(check.expect_done().header("x-auth-roles"), Some("billing:read,editor"));
    let signed_in = app.sign_in("alice").await;
    app.check(&signed_in.access_token).await.expect_done();
}

#[tokio::test]
async fn roles_that_stay_as_they_are_cut_off_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let alice = app.person("alice").await;
    admin.change(&alice.id, &json!({ "roles": [], "claims": {} })).await.expect(200);
    admin.change(&alice.id, &json!({})).await.expect(200);
    alice.check().await.expect_done();
}

/// proxies refuse a header of more than 8 KiB.
#[tokio::test]
async fn roles_and_claims_together_leave_the_token_below_seven_kib() {
    let app = TestApp::with(&[("HEIRLOOM_SIGNING_ALG", "RS256")]).await;
    let admin = app.admin("root").await;
    let alice = app.person("alice").await;
    let roles: Vec<_> = (0..32).map(|number| format!("r{number:063}")).collect();
    let claims = json!({ "a": "x".repeat(4_088) });
    admin.change(&alice.id, &json!({ "claims": claims })).await.expect(200);
    let refused = admin.change(&alice.id, &json!({ "roles": roles })).await;
    refused.expect_problem(422, "validation_failed").expect_fields(&["claims"]);
    admin.change(&alice.id, &json!({ "roles": ["editor", "billing:read", "support"] })).await.expect(200);
    let token = app.sign_in("alice").await.access_token;
    assert!("authorization: Bearer ".len() + token.len() < 7 * 1024, "{}", token.len());
    // Taking away is never refused.
    admin.change(&alice.id, &json!({ "roles": ["editor"] })).await.expect(200);
    let answer = admin.change(&alice.id, &json!({ "roles": roles, "claims": claims })).await;
    answer.expect_problem(422, "validation_failed").expect_fields(&["claims"]);
    admin.change(&alice.id, &json!({ "roles": roles, "claims": {} })).await.expect(200);
}

/// A-44, S-62.
#[tokio::test]
async fn an_administrator_no_more_is_one_no_more_at_once() {
    let app = TestApp::start().await;
    let (root, other) = (app.admin("root").await, app.admin("other").await);
    root.change(&other.id, &json!({ "roles": [] })).await.expect(200);
    other.get("/api/v1/admin/users").await.expect_challenge("access_token_expired");
    let next = app.refresh(&other.tokens.refresh_token).await.expect_tokens();
    let request = app.request("GET", "/api/v1/admin/users").bearer(&next.access_token);
    request.send().await.expect_problem(403, "forbidden");
}

/// RFC 7519 §4.2: claims of one's own under a name that collides with nobody's.
#[tokio::test]
async fn a_users_own_claims_travel_in_the_access_token_under_one_name() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let alice = app.person("alice").await;
    let claims = json!({ "plan": "pro", "seats": 5, "sub": "not really", "roles": ["admin"], "org": { "id": null } });
    let answer = admin.change(&alice.id, &json!({ "claims": claims })).await;
    assert_eq!(answer.expect(200).json()["user"]["claims"], claims);

    alice.check().await.expect_challenge("access_token_expired");
    let next = app.refresh(&alice.tokens.refresh_token).await.expect_tokens();
    let (_, payload) = forge::decode(&next.access_token);
    assert_eq!(payload["http://heirloom.test/claims"], claims);
    assert_eq!(payload["sub"], alice.id.as_str());
    assert_eq!(payload["roles"], json!([]));
    let request = app.request("GET", "/api/v1/admin/users").bearer(&next.access_token);
    request.send().await.expect_problem(403, "forbidden");

    admin.change(&alice.id, &json!({ "claims": {} })).await.expect(200);
    let next = app.refresh(&next.refresh_token).await.expect_tokens();
    assert!(forge::decode(&next.access_token).1.get("http://heirloom.test/claims").is_none());
}

/// `jsonb` writes numbers out digit by digit. One that could not be read back would lock its owner out.
#[tokio::test]
async fn numbers_in_claims_come_back_as_they_were() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let alice = app.person("alice").await;
    let claims = json!({
        "numbers": [0, 0.1, 1e-21, 1e21, -9_656_464_591_067_748.0, 123_456.789e-5, 0.300_000_000_000_000_04, u64::MAX, i64::MIN],
    });
    admin.change(&alice.id, &json!({ "claims": claims })).await.expect(200);
    assert_eq!(admin.user(&alice.id).await["claims"], claims);
    let tokens = app.sign_in("alice").await;
    assert_eq!(forge::decode(&tokens.access_token).1["http://heirloom.test/claims"], claims);
    for number in [f64::MAX, -f64::MAX, 1e22, f64::MIN_POSITIVE, 5e-324] {
        let answer = admin.change(&alice.id, &json!({ "claims": { "a": [{ "b": number }] } })).await;
        answer.expect_problem(422, "validation_failed").expect_fields(&["claims"]);
    }
    assert_eq!(admin.user(&alice.id).await["claims"], claims);
}

///
#[tokio::test]
async fn the_name_of_the_claims_is_an_option() {
    let app = TestApp::with(&[("HEIRLOOM_CLAIMS_NAME", "x"), ("HEIRLOOM_AUDIENCE", "https://api.example.com")]).await;
    let alice = app.person("alice").await;
    sqlx::query("UPDATE users SET claims = '{\"a\": 1}'").execute(app.db()).await.unwrap();
    let next = app.refresh(&alice.tokens.refresh_token).await.expect_tokens();
    let (_, payload) = forge::decode(&next.access_token);
    assert_eq!(payload["x"], json!({ "a": 1 }));
    assert_eq!(payload["aud"], "https://api.example.com");
    app.check(&next.access_token).await.expect_done();
}

///
#[tokio::test]
async fn a_change_is_wholly_right_or_not_made() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let alice = app.person("alice").await;
    let rows = app.all_rows().await;
    let deep = (0..9).fold(json!({}), |inner, _| json!({ "in": inner }));
    for (wrong, field) in [
        (json!({ "roles": ["Nonsense"], "blocked": true }), "roles"),
        (json!({ "roles": ["a,b"] }), "roles"),
        (json!({ "roles": (0..33).map(|n| format!("role{n}")).collect::<Vec<_>>() }), "roles"),
        (json!({ "claims": [] , "roles": ["editor"] }), "claims"),
        (json!({ "claims": { "a": "x".repeat(5_000) } }), "claims"),
        (json!({ "claims": { "a\0": 1 } }), "claims"),
        (json!({ "claims": deep }), "claims"),
        (json!({ "blocked_reason": "spam" }), "blocked_reason"),
        (json!({ "blocked": false, "blocked_reason": "spam" }), "blocked_reason"),
        (json!({ "blocked": true, "blocked_reason": "x".repeat(501) }), "blocked_reason"),
    ] {
        admin.change(&alice.id, &wrong).await.expect_fields(&[field]);
    }
    for wrong in [
        json!({ "email": "x@example.com" }),
        json!({ "password": "x" }),
        json!({ "roles": "admin" }),
        json!({ "blocked": 1 }),
    ] {
        admin.change(&alice.id, &wrong).await.expect_problem(422, "validation_failed");
    }
    for unknown in [NOBODY, "nonsense", "%00"] {
        admin.change(unknown, &json!({ "roles": [] })).await.expect_problem(404, "not_found");
        admin.get(&format!("/api/v1/admin/users/{unknown}")).await.expect_problem(404, "not_found");
    }
    assert_eq!(app.all_rows().await, rows);
}

/// another change that comes right after the commit is not part of the answer.
#[tokio::test]
async fn the_answer_holds_the_user_as_the_change_left_them() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let alice = app.person("alice").await;
    // At the commit, after everything that the transaction itself reads.
    app.run_sql(
        "CREATE FUNCTION rename_later() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN UPDATE users SET name = 'Later' WHERE id = NEW.id; RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER rename_later AFTER UPDATE ON users DEFERRABLE INITIALLY DEFERRED
         FOR EACH ROW WHEN (OLD.roles IS DISTINCT FROM NEW.roles) EXECUTE FUNCTION rename_later()",
    )
    .await;
    let changed = admin.change(&alice.id, &json!({ "roles": ["editor"], "blocked": true })).await;
    let user = &changed.expect(200).json()["user"];
    assert_eq!((&user["name"], &user["roles"], &user["blocked"]), (&json!("alice"), &json!(["editor"]), &json!(true)));
    assert_eq!((&user["live_sessions"], &admin.user(&alice.id).await["name"]), (&json!(0), &json!("Later")));
}

// the last administrator

///
#[tokio::test]
async fn the_last_administrator_stays_one() {
    let app = TestApp::start().await;
    let root = app.admin("root").await;
    let blocked = app.admin("blocked").await;
    root.block(&blocked.id).await.expect(200);
    // Events are recorded, and the email about the block is sent meanwhile.
    let rows_but_events = async || {
        let rows = app.all_rows().await;
        let others = ["audit_events", "bounded_events", "outbox"];
        rows.into_iter().filter(|row| !others.iter().any(|table| row.starts_with(table))).collect::<Vec<_>>()
    };
    let rows = rows_but_events().await;
    for wish in [
        json!({ "roles": [] }),
        json!({ "roles": ["editor"] }),
        json!({ "blocked": true }),
        json!({ "roles": [], "blocked": true }),
    ] {
        root.change(&root.id, &wish).await.expect_problem(409, "last_admin");
    }
    assert_eq!(rows_but_events().await, rows);
    assert_eq!(app.events("access_denied").await, 4);
    root.change(&root.id, &json!({ "roles": ["admin", "editor"] })).await.expect(200);
}

///
#[tokio::test]
async fn two_administrators_who_take_each_others_role_at_once_leave_one() {
    let app = TestApp::start().await;
    for round in 0..6 {
        let (one, two) = (app.admin(&format!("one{round}")).await, app.admin(&format!("two{round}")).await);
        let wish = if round % 2 == 0 { json!({ "roles": [] }) } else { json!({ "blocked": true }) };
        let (first, second) = tokio::join!(one.change(&two.id, &wish), two.change(&one.id, &wish));
        let left = app.count("SELECT count(*) FROM users WHERE 'admin' = ANY (roles) AND blocked_at IS NULL").await;
        assert_eq!(left, 1, "{first:?} {second:?}");
        let refused = if first.status == 200 { second } else { first };
        assert!(matches!(refused.status, 409 | 401), "{refused:?}");
        sqlx::query("UPDATE users SET roles = '{}'").execute(app.db()).await.unwrap();
    }
}

// what is seen

///
#[tokio::test]
async fn no_answer_to_an_administrator_holds_a_secret() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let alice = app.person("alice").await;
    let second = app.refresh(&alice.tokens.refresh_token).await.expect_tokens();
    let hashes: Vec<String> = sqlx::query_scalar(
        "SELECT password_hash FROM users UNION SELECT encode(secret_hash, 'hex') FROM sessions
         UNION SELECT encode(rotation_nonce, 'hex') FROM sessions WHERE rotation_nonce IS NOT NULL",
    )
    .fetch_all(app.db())
    .await
    .unwrap();
    let mut secrets = hashes;
    secrets.extend([password("alice"), second.refresh_token, second.access_token, alice.tokens.refresh_token.clone()]);
    let user = format!("/api/v1/admin/users/{}", alice.id);
    for path in [
        "/api/v1/admin/users",
        &user,
        "/api/v1/admin/sessions",
        "/api/v1/admin/audit",
        "/api/v1/me",
        "/api/v1/me/sessions",
    ] {
        let answer = admin.get(path).await;
        answer.expect(200);
        for secret in &secrets {
            assert!(!answer.body.contains(secret), "{path} tells {secret}");
        }
        for word in ["hash", "nonce", "\"password", "secret"] {
            assert!(!answer.body.contains(word), "{path} tells of a {word}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_repeated_change_that_changes_nothing_leaves_no_event() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let alice = app.person("alice").await;
    for _ in 0..3 {
        admin.change(&alice.id, &json!({ "roles": ["editor"], "claims": { "a": 1 } })).await.expect(200);
        admin.revoke(&json!({ "user_id": alice.id })).await.expect(200);
    }
    assert_eq!(app.events("roles_changed").await, 1);
    assert_eq!(app.events("claims_changed").await, 1);
    assert_eq!(app.events("sessions_ended").await, 1);

    // Of two properties, only the one that differs is recorded.
    admin.change(&alice.id, &json!({ "roles": ["editor"], "claims": { "a": 2 } })).await.expect(200);
    assert_eq!(app.events("roles_changed").await, 1);
    assert_eq!(app.events("claims_changed").await, 2);
}

/// C-14.
#[tokio::test]
async fn every_decision_leaves_an_event() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let alice = app.person("alice").await;
    admin.change(&alice.id, &json!({ "roles": ["editor"], "claims": { "a": 1 } })).await.expect(200);
    admin.revoke(&json!({ "user_id": alice.id, "reason": "because" })).await.expect(200);

    let events = admin.events(&format!("?user_id={}", alice.id)).await;
    let mut kinds: Vec<_> = events.iter().map(|event| event["kind"].as_str().expect("a kind")).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["claims_changed", "roles_changed", "sessions_ended", "signed_in", "user_added"]);
    let of = |kind: &str| events.iter().find(|event| event["kind"] == kind).expect("an event");
    assert_eq!(of("sessions_ended")["actor_id"], admin.id.as_str());
    assert_eq!(of("sessions_ended")["details"]["reason"], "because");
    assert_eq!(of("roles_changed")["details"]["roles"], json!(["editor"]));
    assert!(events.iter().all(|event| event["ip"] == "127.0.0.1" && event["request_id"].is_string()));
    assert!(!serde_json::to_string(&events).expect("JSON").contains('@'), "an address in the audit");
}
