//! POST /api/v1/auth/login.

use crate::support::{
    Proxy, TestApp, TestDatabase, Tokens, at_once, credentials, email, eventually, forge, password, proxy::Executed,
};
use futures_util::{StreamExt, stream::FuturesUnordered};
use serde_json::json;

/// S-50, A-34 (RFC 6749 §5.1).
#[tokio::test]
async fn the_right_password_opens_a_session() {
    let app = TestApp::start().await;
    let tokens = app.sign_in("alice").await;

    assert!(tokens.refresh_token.starts_with("hrt_"));
    assert_eq!(tokens.expires_in, 600);
    assert_eq!(tokens.refresh_expires_in, 14 * 24 * 3_600);
    let me = app.me(&tokens.access_token).await;
    me.expect(200);
    assert_eq!(me.text("/user/email"), email("alice"));
    assert!(me.json()["user"]["last_login_at"].is_string());
    assert_eq!(app.events("signed_in").await, 1);
}

///
#[tokio::test]
async fn an_answer_holds_exactly_what_the_contract_names() {
    let app = TestApp::start().await;
    app.register("alice").await;
    let answer = app.try_sign_in("alice").await;
    let mut members: Vec<_> = answer.json().as_object().expect("an object").keys().cloned().collect();
    members.sort();
    let named = ["access_token", "expires_in", "refresh_expires_in", "refresh_token", "session_id", "token_type"];
    assert_eq!(members, named);
    answer.expect_no_cookie();
}

/// RFC 9068 §2: what stands in an access token; nothing secret and no address among it.
#[tokio::test]
async fn an_access_token_contains_what_the_contract_names_and_no_more() {
    let app = TestApp::start().await;
    let person = app.person("alice").await;
    let (header, claims) = forge::decode(&person.tokens.access_token);

    assert_eq!(header["typ"], "at+jwt");
    assert_eq!(header["alg"], "ES256");
    let jwks = app.get("/.well-known/jwks.json").await.json();
    assert_eq!(header["kid"], jwks["keys"][0]["kid"]);
    assert_eq!(claims["iss"], "http://heirloom.test");
    assert_eq!(claims["aud"], "http://heirloom.test");
    assert_eq!(claims["sub"], person.id.as_str());
    assert_eq!(claims["sid"], person.tokens.session_id.as_str());
    assert_eq!(claims["roles"], json!([]));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
    assert_eq!(claims["nbf"], claims["iat"]);
    assert_eq!(claims["auth_time"], claims["iat"]);
    assert_eq!((&claims["acr"], &claims["amr"]), (&json!("urn:heirloom:acr:1"), &json!(["pwd"])));
    assert!(claims["jti"].is_string());
    assert!(!claims.to_string().contains('@'), "an address in {claims}");
    assert!(claims.get("http://heirloom.test/claims").is_none());
}

/// A-38, S-75: RFC 9700 §4.13, ASVS 5 §6.3.8: who guesses must not learn whether the address exists.
#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_are_answered_alike() {
    let app = TestApp::start().await;
    app.register("alice").await;
    let wrong = app.post("/api/v1/auth/login", &json!({ "email": email("alice"), "password": "wrong" })).await;
    let unknown = app.post("/api/v1/auth/login", &credentials("nobody")).await;

    wrong.expect_problem(401, "invalid_credentials");
    unknown.expect_problem(401, "invalid_credentials");
    assert_eq!(wrong.body, unknown.body);
    wrong.expect_no_cookie();
    assert_eq!(app.count("SELECT count(*) FROM sessions").await, 0);
    assert_eq!(app.events("sign_in_failed").await, 2);
}

///
#[tokio::test]
async fn text_that_is_not_an_address_matches_no_user() {
    let app = TestApp::start().await;
    for address in ["", "alice", "@", "a@b@c", "alice@example.com\0", &"x".repeat(10_000)] {
        let body = json!({ "email": address, "password": "whatever it is" });
        app.post("/api/v1/auth/login", &body).await.expect_problem(401, "invalid_credentials");
    }
}

/// C-36.
#[tokio::test]
async fn an_address_is_the_same_in_any_spelling() {
    let app = TestApp::start().await;
    app.register("alice").await;
    for spelling in ["ALICE@EXAMPLE.COM", "  alice@Example.com ", "ａｌｉｃｅ@example.com"] {
        let body = json!({ "email": spelling, "password": password("alice") });
        app.post("/api/v1/auth/login", &body).await.expect_tokens();
    }
}

/// S-72.
#[tokio::test]
async fn a_password_is_right_to_the_last_character_or_wrong() {
    let app = TestApp::start().await;
    app.register("alice").await;
    let right = password("alice");
    let nearly = [right.to_uppercase(), format!("{right} "), format!(" {right}"), right[1..].to_owned(), String::new()];
    for password in nearly {
        let body = json!({ "email": email("alice"), "password": password });
        app.post("/api/v1/auth/login", &body).await.expect_problem(401, "invalid_credentials");
    }
}

/// S-72: bcrypt alone stops at 72 bytes and at a NUL.
#[tokio::test]
async fn every_character_of_a_long_password_counts() {
    let app = TestApp::start().await;
    for (name, password) in
        [("long", format!("{}1", "correct horse ".repeat(10))), ("nul", "battery\0staple one".to_owned())]
    {
        let body = json!({ "email": email(name), "password": password });
        app.post("/api/v1/auth/register", &body).await.expect(201);
        app.post("/api/v1/auth/login", &body).await.expect_tokens();
        let mut other = password.clone();
        other.pop();
        other.push('2');
        let body = json!({ "email": email(name), "password": other });
        app.post("/api/v1/auth/login", &body).await.expect_problem(401, "invalid_credentials");
    }
}

/// Who does not know the password must not learn that the account is blocked.
#[tokio::test]
async fn a_block_is_shown_only_after_the_correct_password() {
    let app = TestApp::start().await;
    app.register("alice").await;
    sqlx::query("UPDATE users SET blocked_at = now()").execute(app.db()).await.unwrap();

    app.try_sign_in("alice").await.expect_problem(403, "account_blocked").expect_no_cookie();
    let wrong = json!({ "email": email("alice"), "password": "wrong" });
    app.post("/api/v1/auth/login", &wrong).await.expect_problem(401, "invalid_credentials");
    assert_eq!(app.count("SELECT count(*) FROM sessions").await, 0);
}

/// S-44.
#[tokio::test]
async fn a_session_that_is_not_remembered_has_the_short_idle_lifetime() {
    let app = TestApp::start().await;
    app.register("alice").await;
    let mut body = credentials("alice");
    body["remember"] = false.into();
    let tokens = app.post("/api/v1/auth/login", &body).await.expect_tokens();
    assert_eq!(tokens.refresh_expires_in, 12 * 3_600);

    let next = app.refresh(&tokens.refresh_token).await.expect_tokens();
    assert_eq!(next.refresh_expires_in, 12 * 3_600);
}

#[tokio::test]
async fn a_device_may_have_a_name() {
    let app = TestApp::start().await;
    let person = app.person("alice").await;
    let mut body = credentials("alice");
    body["device_name"] = "  Küche 🍳 ".into();
    let request = app.request("POST", "/api/v1/auth/login").header("User-Agent", "Kitchen/1.0").json(&body);
    let kitchen = request.send().await.expect_tokens();

    let sessions = person.sessions().await;
    let session = sessions.iter().find(|session| session["id"] == kitchen.session_id.as_str()).expect("the session");
    assert_eq!(session["device_name"], "Küche 🍳");
    assert_eq!(session["user_agent"], "Kitchen/1.0");
    assert_eq!(session["ip"], "127.0.0.1");
}

///
#[tokio::test]
async fn a_sign_in_tells_every_field_that_is_wrong() {
    let app = TestApp::start().await;
    app.register("alice").await;
    let login = |change: fn(&mut serde_json::Value)| {
        let mut body = credentials("alice");
        change(&mut body);
        app.request("POST", "/api/v1/auth/login").json(&body).send()
    };
    login(|body| body["transport"] = "pigeon".into()).await.expect_fields(&["transport"]);
    login(|body| body["remember"] = "yes".into()).await.expect_fields(&["remember"]);
    login(|body| body["device_name"] = "a\nb".into()).await.expect_fields(&["device_name"]);
    login(|body| body["device_name"] = "x".repeat(101).into()).await.expect_fields(&["device_name"]);
    login(|body| body["password"] = 12_345_678.into()).await.expect_fields(&["password"]);
    login(|body| body["admin"] = true.into()).await.expect_problem(422, "validation_failed");
    assert_eq!(app.count("SELECT count(*) FROM sessions").await, 0);
}

/// S-49.
#[tokio::test]
async fn one_sign_in_too_many_ends_the_session_idle_longest() {
    let app = TestApp::with(&[("HEIRLOOM_MAX_SESSIONS_PER_USER", "3")]).await;
    let first = app.sign_in("alice").await;
    let second = app.sign_in("alice").await;
    let third = app.sign_in("alice").await;
    let first = app.refresh(&first.refresh_token).await.expect_tokens();

    let fourth = app.sign_in("alice").await;

    app.refresh(&second.refresh_token).await.expect_problem(401, "session_revoked");
    app.check(&second.access_token).await.expect_challenge("session_revoked");
    for tokens in [first, third, fourth] {
        app.check(&tokens.access_token).await.expect_done();
        app.refresh(&tokens.refresh_token).await.expect_tokens();
    }
}

/// The reason is a code for the pages and for programs: never an administrator's own words.
#[tokio::test]
async fn the_holder_of_a_revoked_token_learns_the_reason() {
    let app = TestApp::with(&[("HEIRLOOM_MAX_SESSIONS_PER_USER", "1")]).await;
    let reason = async |token: &str| {
        let answer = app.refresh(token).await;
        answer.expect_problem(401, "session_revoked");
        answer.text("/reason").clone()
    };
    let pushed_out = app.sign_in("alice").await;
    let stolen = app.sign_in("alice").await;
    assert_eq!(reason(&pushed_out.refresh_token).await, "session_limit");
    assert_eq!(reason(&pushed_out.refresh_token).await, "session_limit", "each time");

    let victim = app.refresh(&stolen.refresh_token).await.expect_tokens();
    app.refresh(&stolen.refresh_token).await.expect_problem(401, "refresh_token_reused");
    assert_eq!(reason(&victim.refresh_token).await, "refresh_token_reused");

    let admin = app.admin("root").await;
    for words in [json!(null), json!("she works for us no more")] {
        let tokens = app.sign_in("alice").await;
        let body = json!({ "session_id": tokens.session_id, "reason": words });
        admin.post("/api/v1/admin/revoke", &body).await.expect(200);
        assert_eq!(reason(&tokens.refresh_token).await, "revoked_by_admin");
    }
    app.refresh("hrt_nonsense").await.expect_problem(401, "refresh_token_invalid");
    assert!(!app.refresh("hrt_nonsense").await.body.contains("\"reason\""));
}

#[tokio::test]
async fn another_users_sessions_do_not_count() {
    let app = TestApp::with(&[("HEIRLOOM_MAX_SESSIONS_PER_USER", "1")]).await;
    let alice = app.sign_in("alice").await;
    app.sign_in("bob").await;
    app.check(&alice.access_token).await.expect_done();
}

/// S-49.
#[tokio::test]
async fn expired_and_revoked_sessions_do_not_count() {
    let app = TestApp::with(&[("HEIRLOOM_MAX_SESSIONS_PER_USER", "2")]).await;
    let live = app.sign_in("alice").await;
    let over = app.sign_in("alice").await;
    app.alter_session(&over.session_id, "idle_expires_at = now() - interval '1 s'").await;
    app.sign_in("alice").await;
    app.check(&live.access_token).await.expect_done();
}

/// S-49: However many sign in at once, no more sessions are live than allowed.
#[tokio::test]
async fn sign_ins_at_once_leave_one_session_where_one_is_allowed() {
    let app = TestApp::with(&[("HEIRLOOM_MAX_SESSIONS_PER_USER", "1")]).await;
    app.register("alice").await;
    let answers = at_once((0..12).map(|_| app.try_sign_in("alice"))).await;
    let tokens: Vec<_> = answers.iter().map(|answer| answer.expect_tokens()).collect();

    let live = app.count("SELECT count(*) FROM sessions WHERE revoked_at IS NULL").await;
    assert_eq!(live, 1);
    let refreshed = at_once(tokens.iter().map(|tokens| app.refresh(&tokens.refresh_token))).await;
    let alive = refreshed.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(alive, 1);
    refreshed.iter().filter(|answer| answer.status != 200).for_each(|answer| {
        answer.expect_problem(401, "session_revoked");
    });
}

/// S-74.
#[tokio::test]
async fn a_hash_from_elsewhere_is_replaced_by_one_of_ours() {
    let app = TestApp::start().await;
    app.register("alice").await;
    for prefix in ["$2a$", "$2b$", "$2y$"] {
        let foreign = bcrypt::hash(password("alice"), 4).expect("a hash").replacen("$2b$", prefix, 1);
        sqlx::query("UPDATE users SET password_hash = $1").bind(&foreign).execute(app.db()).await.unwrap();
        let wrong = json!({ "email": email("alice"), "password": "wrong" });
        app.post("/api/v1/auth/login", &wrong).await.expect_problem(401, "invalid_credentials");
        let tokens = app.try_sign_in("alice").await.expect_tokens();
        let stored: String = sqlx::query_scalar("SELECT password_hash FROM users").fetch_one(app.db()).await.unwrap();
        assert_ne!(stored, foreign);
        assert!(!bcrypt::verify(password("alice"), &stored).unwrap_or(false), "no longer a plain hash");
        app.try_sign_in("alice").await.expect_tokens();
        app.refresh(&tokens.refresh_token).await.expect_tokens();
    }
}

/// S-79: A hash that nothing can verify is a wrong password, and no mistake of the server's.
#[tokio::test]
async fn an_unreadable_hash_matches_no_password() {
    let app = TestApp::start().await;
    app.register("alice").await;
    for nonsense in ["", "none", "*", "$2b$04$", "$argon2id$v=19$m=19456,t=2,p=1$x$y", "plain text"] {
        sqlx::query("UPDATE users SET password_hash = $1").bind(nonsense).execute(app.db()).await.unwrap();
        for password in [password("alice"), nonsense.to_owned(), String::new()] {
            let body = json!({ "email": email("alice"), "password": password });
            app.post("/api/v1/auth/login", &body).await.expect_problem(401, "invalid_credentials");
        }
    }
}

/// Where the database itself is too slow, the client tries again with its key, as every client would. No refresh is
/// turned away for passwords that wait.
async fn refresh_on_a_busy_machine(app: &TestApp, refresh_token: &str, key: &str) -> Tokens {
    loop {
        let answer = app.refresh_with(refresh_token, key).await;
        if answer.status != 503 || !answer.text("/detail").contains("database") {
            return answer.expect_tokens();
        }
    }
}

/// S-76.
#[tokio::test]
async fn a_flood_of_sign_ins_is_turned_away_and_refreshes_go_on() {
    let app = TestApp::with(&[("HEIRLOOM_BCRYPT_COST", "11")]).await;
    let mut current = app.sign_in("alice").await;
    let mut flood: FuturesUnordered<_> = (0..600).map(|_| app.try_sign_in("alice")).collect();

    let turned_away = loop {
        let answer = flood.next().await.expect("one is refused");
        if answer.status == 503 && answer.text("/detail").contains("passwords") {
            break answer;
        }
    };
    turned_away.expect_problem(503, "temporarily_unavailable");
    for round in 0..5 {
        current = refresh_on_a_busy_machine(&app, &current.refresh_token, &format!("key-of-the-refresh-{round}")).await;
        app.check(&current.access_token).await.expect_done();
    }
    drop(flood);
    eventually("sign-ins are checked again", async || app.try_sign_in("alice").await.status == 200).await;
}

/// The statements of a sign-in, each of which is a round trip: the units of work that count the guess or open the session.
/// What background tasks do meanwhile is in other units.
fn of_sign_in(executed: &[Executed]) -> Vec<&str> {
    let mut mine = Vec::new();
    let mut connections: Vec<_> = executed.iter().map(|one| one.connection).collect();
    connections.sort_unstable();
    connections.dedup();
    for connection in connections {
        let mut unit: Vec<&str> = Vec::new();
        let mut is_open = false;
        for text in executed.iter().filter(|one| one.connection == connection).map(|one| one.text.as_str()) {
            is_open |= text.starts_with("BEGIN");
            unit.push(text);
            is_open &= !text.starts_with("COMMIT") && !text.starts_with("ROLLBACK");
            if !is_open {
                let touches = |what: &str| unit.iter().any(|text| text.contains(what));
                if ["password_guesses", "everyone_revocations", "sessions", "users"].into_iter().any(touches) {
                    mine.append(&mut unit);
                }
                unit.clear();
            }
        }
    }
    mine
}

/// S-50: one statement counts the guess and finds the account; the transaction begins with its locks, adds the session,
/// records the event and commits. The bound is a number of round trips, which no load changes.
#[tokio::test]
async fn a_sign_in_takes_five_round_trips() {
    let database = std::sync::Arc::new(TestDatabase::create().await);
    let (proxy, way) = Proxy::to(&database);
    let app = TestApp::by_way_of(database, way, &[]).await;
    app.register("alice").await;
    // The first sign-in prepares the statements and sends no email; those after it come from a familiar place.
    // A background task may ask the same tables at the same time: the fewest of several sign-ins is what one takes.
    let mut fewest = usize::MAX;
    for _ in 0..8 {
        proxy.take_executed();
        app.sign_in("alice").await;
        let executed = proxy.take_executed();
        let mine = of_sign_in(&executed);
        fewest = fewest.min(mine.len());
        assert!(mine.iter().any(|text| text.starts_with("BEGIN; LOCK TABLE everyone_revocations")), "{mine:#?}");
    }
    assert_eq!(fewest, 5);
    assert_eq!(app.events("signed_in").await, 8);
}

/// S-75: a right password takes back what was counted, in the transaction of the sign-in; for a blocked user too.
#[tokio::test]
async fn a_right_password_is_not_counted_as_a_guess() {
    let app = TestApp::start().await;
    app.register("alice").await;
    let counted = "SELECT coalesce(sum(failures), 0)::int8 FROM password_guesses";
    for _ in 0..12 {
        app.sign_in("alice").await;
        assert_eq!(app.count(counted).await, 0);
    }
    sqlx::query("UPDATE users SET blocked_at = now()").execute(app.db()).await.expect("SQL");
    for _ in 0..12 {
        app.try_sign_in("alice").await.expect_problem(403, "account_blocked");
        assert_eq!(app.count(counted).await, 0);
    }
}

/// S-50: sign-ins of one user at once wait for each other, and the limit holds.
#[tokio::test]
async fn sign_ins_at_once_keep_the_limit_of_sessions() {
    let app = TestApp::with(&[("HEIRLOOM_MAX_SESSIONS_PER_USER", "3")]).await;
    app.register("alice").await;
    for answer in at_once((0..8).map(|_| app.try_sign_in("alice"))).await {
        answer.expect_tokens();
    }
    assert_eq!(app.count("SELECT count(*) FROM sessions WHERE revoked_at IS NULL").await, 3);
    assert_eq!(app.count("SELECT count(*) FROM sessions").await, 8);
}

/// S-50: a lock that is not had in time is an outage, and the connection is as good as before.
#[tokio::test]
async fn a_sign_in_that_waits_too_long_for_a_lock_leaves_nothing_behind() {
    let app = TestApp::with(&[("HEIRLOOM_DB_MAX_CONNECTIONS", "4")]).await.with_outages();
    app.register("alice").await;
    let mut blocker = app.db().begin().await.expect("a transaction");
    sqlx::query("SELECT FROM users FOR UPDATE").execute(&mut *blocker).await.expect("SQL");
    for _ in 0..5 {
        app.try_sign_in("alice").await.expect_problem(503, "temporarily_unavailable");
    }
    blocker.rollback().await.expect("the end of a transaction");
    app.sign_in("alice").await;
    assert_eq!(app.count("SELECT count(*) FROM sessions").await, 1);
    assert_eq!(app.count("SELECT coalesce(sum(failures), 0)::int8 FROM password_guesses").await, 0);
}
