//! /api/v1/me and below: one's own account.

use crate::support::{NOBODY, TestApp, email, password};
use serde_json::{Value, json};

///
#[tokio::test]
async fn one_sees_oneself_and_no_secret() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    let answer = alice.me().await;
    answer.expect(200);
    let user = &answer.json()["user"];
    let mut members: Vec<_> = user.as_object().expect("an object").keys().cloned().collect();
    members.sort();
    assert_eq!(members, ["blocked", "created_at", "email", "email_verified", "id", "last_login_at", "name", "roles"]);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn one_changes_ones_name() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    for (wish, name) in [
        (json!({ "name": " Alice Cooper " }), json!("Alice Cooper")),
        (json!({}), json!("Alice Cooper")),
        (json!({ "name": "" }), Value::Null),
        (json!({ "name": "앨리스" }), json!("앨리스")),
        (json!({ "name": null }), Value::Null),
    ] {
        let answer = alice.patch("/api/v1/me", &wish).await;
        assert_eq!(answer.expect(200).json()["user"]["name"], name);
        assert_eq!(alice.me().await.json()["user"]["name"], name);
    }
}

#[tokio::test]
async fn one_changes_nothing_else_of_oneself() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    for wish in [
        json!({ "roles": ["admin"] }),
        json!({ "email": "x@example.com" }),
        json!({ "claims": {} }),
        json!({ "blocked": false }),
    ] {
        alice.patch("/api/v1/me", &wish).await.expect_problem(422, "validation_failed");
    }
    for name in [json!(7), json!("a\nb"), json!("x".repeat(101)), json!("nul\0"), json!("\u{202e}ecila")] {
        alice.patch("/api/v1/me", &json!({ "name": name })).await.expect_fields(&["name"]);
    }
    assert_eq!(alice.me().await.text("/user/name"), "alice");
}

/// S-78, S-55: a user who changes the password because of a stranger wants the stranger out.
#[tokio::test]
async fn a_password_change_ends_every_other_session() {
    let app = TestApp::start().await;
    let here = app.person("alice").await;
    let there = app.sign_in("alice").await;
    let bob = app.sign_in("bob").await;
    let new = "an entirely different horse";

    here.change_password(&password("alice"), new).await.expect_done();

    app.check(&there.access_token).await.expect_challenge("session_revoked");
    app.refresh(&there.refresh_token).await.expect_problem(401, "session_revoked");
    here.check().await.expect_done();
    app.refresh(&here.tokens.refresh_token).await.expect_tokens();
    app.check(&bob.access_token).await.expect_done();
    app.try_sign_in("alice").await.expect_problem(401, "invalid_credentials");
    app.post("/api/v1/auth/login", &json!({ "email": email("alice"), "password": new })).await.expect_tokens();
    assert_eq!(app.session_row(&there.session_id).await["revoked_reason"], "password_changed");
    assert_eq!(app.events("password_changed").await, 1);
}

/// A-42, S-78.
#[tokio::test]
async fn a_password_change_needs_the_current_password_and_a_good_new_one() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    let other = app.sign_in("alice").await;
    let wrong = alice.change_password("wrong", "an entirely different horse").await;
    wrong.expect_problem(422, "wrong_password");
    assert_eq!(wrong.text("/errors/0/field"), "current_password");
    for weak in ["short", "password", "alice@example.com", &"x1Y".repeat(342)] {
        alice.change_password(&password("alice"), weak).await.expect_fields(&["new_password"]);
    }
    app.check(&other.access_token).await.expect_done();
    app.try_sign_in("alice").await.expect_tokens();
}

///
#[tokio::test]
async fn one_sees_ones_live_sessions_newest_first() {
    let app = TestApp::start().await;
    app.sign_in("bob").await;
    let ended = app.sign_in("alice").await;
    let over = app.sign_in("alice").await;
    let other = app.sign_in("alice").await;
    let alice = app.person("alice").await;
    app.sign_out(&ended.refresh_token).await.expect_done();
    app.alter_session(&over.session_id, "idle_expires_at = now() - interval '1 s'").await;
    app.refresh(&other.refresh_token).await.expect_tokens();

    let sessions = alice.sessions().await;

    let ids: Vec<_> = sessions.iter().map(|session| session["id"].as_str().expect("an id")).collect();
    assert_eq!(ids, [&alice.tokens.session_id, &other.session_id]);
    assert_eq!(sessions[0]["current"], true);
    assert_eq!(sessions[1]["current"], false);
    assert_eq!(sessions[1]["generation"], 1);
    let mut members: Vec<_> = sessions[0].as_object().expect("an object").keys().map(String::as_str).collect();
    members.sort_unstable();
    let named =
        ["created_at", "current", "device_name", "expires_at", "generation", "id", "ip", "last_used_at", "user_agent"];
    assert_eq!(members, named);
}

/// A-43, S-55.
#[tokio::test]
async fn one_ends_one_of_ones_sessions() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    let other = app.sign_in("alice").await;
    alice.end_session(&other.session_id).await.expect_done();

    app.check(&other.access_token).await.expect_challenge("session_revoked");
    app.refresh(&other.refresh_token).await.expect_problem(401, "session_revoked");
    alice.check().await.expect_done();
    alice.end_session(&other.session_id).await.expect_done();
    alice.end_session(&alice.tokens.session_id).await.expect_done();
    alice.check().await.expect_challenge("session_revoked");
}

/// a user does not learn whether another user's session exists.
#[tokio::test]
async fn another_users_session_is_not_found() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    let bob = app.sign_in("bob").await;
    for id in [&bob.session_id, NOBODY, "nonsense", "%00", "..%2f..%2fadmin"] {
        alice.end_session(id).await.expect_problem(404, "not_found");
    }
    app.check(&bob.access_token).await.expect_done();
}

/// S-55.
#[tokio::test]
async fn one_signs_out_everywhere_else_or_everywhere() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    let others = [app.sign_in("alice").await, app.sign_in("alice").await];
    let bob = app.sign_in("bob").await;

    let answer = alice.delete("/api/v1/me/sessions").await;
    assert_eq!(answer.expect(200).json(), json!({ "revoked": 2 }));
    for other in &others {
        app.check(&other.access_token).await.expect_challenge("session_revoked");
        app.refresh(&other.refresh_token).await.expect_problem(401, "session_revoked");
    }
    alice.check().await.expect_done();
    let again = alice.delete("/api/v1/me/sessions?include_current=false").await;
    assert_eq!(again.expect(200).json(), json!({ "revoked": 0 }));

    alice.delete("/api/v1/me/sessions?include_current=maybe").await.expect_problem(422, "validation_failed");
    alice.delete("/api/v1/me/sessions?everyone=true").await.expect_problem(422, "validation_failed");
    let all = alice.delete("/api/v1/me/sessions?include_current=true").await;
    assert_eq!(all.expect(200).json(), json!({ "revoked": 1 }));
    alice.check().await.expect_challenge("session_revoked");
    app.check(&bob.access_token).await.expect_done();
}

/// S-71: The token outlives the account by a moment: 401, not a mistake of the server's.
#[tokio::test]
async fn a_deleted_account_is_signed_out() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    sqlx::query("DELETE FROM users").execute(app.db()).await.unwrap();
    alice.me().await.expect_challenge("session_revoked");
    alice.patch("/api/v1/me", &json!({ "name": "x" })).await.expect_challenge("session_revoked");
    assert_eq!(alice.sessions().await.len(), 0);
    let answer = alice.change_password(&password("alice"), "an entirely different horse").await;
    assert!((400..500).contains(&answer.status), "{answer:?}");
}
