//! What is stored: one row for each session, and nothing in it that could be presented as a token.

use crate::support::{
    MASTER_KEY, Proxy, TestApp, TestDatabase, Tokens, eventually, forge, holds_token, logs, password,
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use std::sync::Arc;

/// How many rotations of one session are tried.
const ROTATIONS: i64 = 2_000;
/// How many more must fit into the space that the first ones used.
const MORE_ROTATIONS: i64 = 500;

/// S-13, S-14. A reader with an old snapshot stays all the time, so that Postgres may remove no old version: a busy
/// machine cannot be worse.
#[tokio::test]
async fn two_thousand_rotations_leave_one_row_and_nearly_all_are_hot() {
    let mut app = TestApp::start().await;
    let mut current = app.sign_in("alice").await;
    let index_size = "SELECT pg_indexes_size('sessions')::bigint";
    let index_size_before = app.count(index_size).await;
    let events_before = app.count("SELECT count(*) FROM audit_events").await;
    let mut reader = app.db().begin().await.expect("a transaction");
    let snapshot = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ";
    sqlx::query(snapshot).execute(&mut *reader).await.expect("SQL");
    sqlx::query("SELECT count(*) FROM sessions").execute(&mut *reader).await.expect("SQL");

    for _ in 0..ROTATIONS {
        current = app.refresh(&current.refresh_token).await.expect_tokens();
    }

    assert_eq!(app.count("SELECT count(*) FROM sessions").await, 1);
    assert_eq!(app.session_row(&current.session_id).await["generation"], ROTATIONS);
    assert_eq!(app.count(index_size).await, index_size_before);
    let events = app.count("SELECT count(*) FROM audit_events").await;
    assert_eq!(events, events_before, "a rotation leaves no event");
    reader.rollback().await.expect("the end of a transaction");
    // A backend reports its numbers when it ends, at the latest.
    app.stop().await;
    let counted = "SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'sessions'";
    eventually("Postgres has counted", async || app.count(counted).await >= ROTATIONS).await;
    let updates = app.count(counted).await;
    let hot = app.count("SELECT n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'sessions'").await;
    assert!(hot * 100 >= updates * 95, "{hot} of {updates} updates were HOT");
    expect_space_to_be_used_again(&app, current).await;
}

/// S-14, S-85: an upgrade does not rewrite the table, and sessions that were there before began with a password.
#[tokio::test]
async fn the_methods_of_older_sessions_are_in_the_catalog_only() {
    let app = TestApp::start().await;
    let value = "SELECT count(*) FROM pg_attribute WHERE attrelid = 'sessions'::regclass AND attname = 'amr'
        AND atthasmissing AND attmissingval::text = '{\"{pwd}\"}' AND attnotnull";
    assert_eq!(app.count(value).await, 1);
}

/// More rotations after a VACUUM make the table no larger.
async fn expect_space_to_be_used_again(app: &TestApp, mut current: Tokens) {
    let size = "SELECT pg_relation_size('sessions')::bigint";
    let others = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL";
    eventually("no other transaction is open", async || app.count(others).await == 0).await;
    sqlx::query("VACUUM sessions").execute(app.db()).await.expect("SQL");
    let size_before = app.count(size).await;
    let next = app.another(&[]).await;
    for _ in 0..MORE_ROTATIONS {
        current = next.refresh(&current.refresh_token).await.expect_tokens();
    }
    assert_eq!(app.count(size).await, size_before);
}

/// Every form in which a secret might be found.
fn forms(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let mut forms = vec![secret.to_owned(), forge::hex(bytes), STANDARD.encode(bytes), URL_SAFE_NO_PAD.encode(bytes)];
    if let Some(body) = secret.strip_prefix("hrt_") {
        let token = URL_SAFE_NO_PAD.decode(body).expect("base64url");
        // Version, key id, session, generation; then 32 bytes of secret, then the tag.
        let (secret, tag) = (&token[22..54], &token[54..]);
        for part in [&token[..], secret, tag] {
            forms.extend([forge::hex(part), STANDARD.encode(part), URL_SAFE_NO_PAD.encode(part)]);
        }
        forms.push(body.to_owned());
    }
    forms
}

/// Everything that a server hands out or is handed in a varied life.
async fn live(app: &TestApp) -> Vec<String> {
    const KEY: &str = "9b2e1f0c-the-clients-own-key";
    let mut handed_out: Vec<Tokens> = Vec::new();
    let alice = app.person("alice").await;
    let first = alice.tokens.clone();
    let second = app.refresh_with(&first.refresh_token, KEY).await.expect_tokens();
    let again = app.refresh_with(&first.refresh_token, KEY).await.expect_tokens();
    let third = app.refresh(&second.refresh_token).await.expect_tokens();
    let mut browser = app.browser();
    handed_out.extend([browser.sign_in("alice").await.expect_tokens(), browser.refresh().await.expect_tokens()]);
    let replayed = app.sign_in("bob").await;
    handed_out.push(app.refresh(&replayed.refresh_token).await.expect_tokens());
    app.refresh(&replayed.refresh_token).await.expect_problem(401, "refresh_token_reused");
    app.refresh(&format!("{}x", third.refresh_token)).await.expect_problem(401, "refresh_token_invalid");
    let new = "an entirely different horse";
    let wrong = "a wrong password, but of another service";
    alice.change_password(wrong, new).await.expect_problem(422, "wrong_password");
    alice.change_password(&password("alice"), new).await.expect_done();
    let body = json!({ "email": "alice@example.com", "password": wrong });
    app.post("/api/v1/auth/login", &body).await.expect_problem(401, "invalid_credentials");
    let form = app.request("POST", "/login").form(&[("email", "alice@example.com"), ("password", new)]).send().await;
    let cookie = form.expect(303).cookie().expect("a cookie").value;
    let admin = app.admin("root").await;
    let to_revoke = app.sign_in("bob").await;
    admin.revoke(&json!({ "refresh_token": to_revoke.refresh_token })).await.expect(200);
    app.get(&format!("/login?return_to=/account?token={}", third.refresh_token)).await.expect(200);
    handed_out.extend([first, second, again, third, replayed, to_revoke, admin.tokens.clone()]);

    let mut secrets: Vec<_> =
        handed_out.into_iter().flat_map(|tokens| [tokens.access_token, tokens.refresh_token, tokens.cookie]).collect();
    secrets.extend([cookie, KEY.to_owned(), new.to_owned(), wrong.to_owned()]);
    secrets.extend(["alice", "bob", "root"].map(password));
    secrets.push(String::from_utf8(MASTER_KEY.to_vec()).expect("text"));
    secrets.retain(|secret| !secret.is_empty());
    secrets
}

/// S-8, S-10, C-2.
#[tokio::test]
async fn the_database_holds_no_secret_that_was_ever_handed_out() {
    let app = TestApp::start().await;
    let secrets = live(&app).await;
    let rows = app.all_rows().await.concat();
    assert!(rows.contains("alice@example.com") && rows.contains("\\\\x"), "the control: rows are found");
    for secret in &secrets {
        for form in forms(secret) {
            assert!(!rows.contains(&form), "the database holds {form}, of {secret}");
        }
    }
    for marker in ["PRIVATE KEY", "BEGIN "] {
        assert!(!rows.contains(marker), "the database holds {marker}");
    }
    assert!(!holds_token(&rows), "the database holds a token");
}

/// S-8, C-1, C-5: Neither do the logs, which hold no address either.
#[tokio::test]
async fn the_logs_hold_no_secret_and_no_address() {
    let app = TestApp::start().await;
    let secrets = live(&app).await;
    app.request("GET", "/healthz").header("X-Request-Id", "the-control-of-the-logs").send().await;
    let logged = logs::so_far();
    assert!(logged.contains("the-control-of-the-logs"), "the control: lines are found");
    assert!(logged.contains("sessions.family_ended"), "the control: our own events are found");
    for secret in &secrets {
        for form in forms(secret) {
            assert!(!logged.contains(&form), "the log holds {form}, of {secret}");
        }
    }
    for marker in ["@example.com", "eyJhbGciOi", "eyJ0eXAiOi", "$2b$", "Bearer ey"] {
        let line = logged.lines().find(|line| line.contains(marker));
        assert_eq!(line, None, "the log holds {marker}");
    }
    assert_eq!(logged.lines().find(|line| holds_token(line)), None, "the log holds a token");
}

///
#[tokio::test]
async fn every_request_is_one_log_line_without_its_query() {
    let app = TestApp::start().await;
    let ask = |id: &'static str, path: &'static str| app.request("GET", path).header("X-Request-Id", id).send();
    for (id, path) in [
        ("log-of-health", "/healthz"),
        ("log-of-nothing", "/nowhere"),
        ("log-of-refusal", "/api/v1/me"),
        ("log-of-query", "/login?return_to=/secret-in-a-query"),
        ("log-of-cors", "/api/v1/auth/login"),
    ] {
        ask(id, path).await;
        let logged = logs::so_far();
        let lines: Vec<_> = logged.lines().filter(|line| line.contains(id) && line.contains("\"request\"")).collect();
        assert_eq!(lines.len(), 1, "{lines:?}");
    }
    assert!(!logs::so_far().contains("secret-in-a-query"));
}

/// The log line of a request, once it has been answered.
async fn line_of(app: &TestApp, id: &str, path: &str) -> Value {
    app.request("GET", path).header("X-Request-Id", id).send().await;
    let logged = logs::so_far();
    let line = logged.lines().find(|line| line.contains(id) && line.contains("\"request\"")).expect("a line");
    serde_json::from_str::<Value>(line).expect("JSON")["fields"].take()
}

#[tokio::test]
async fn the_log_tells_how_much_of_a_requests_time_was_the_databases() {
    let app = TestApp::start().await;
    let ready = line_of(&app, "time-with-the-database", "/readyz").await;
    let (database, elapsed) = (ready["database_ms"].as_f64().unwrap(), ready["elapsed_ms"].as_f64().unwrap());
    assert!(database > 0.0 && database <= elapsed, "{ready}");
    let alive = line_of(&app, "time-without-the-database", "/healthz").await;
    assert_eq!(alive["database_ms"], 0.0, "{alive}");
}

///
#[tokio::test]
async fn what_is_logged_while_a_request_is_answered_carries_its_id() {
    let database = Arc::new(TestDatabase::create().await);
    let (proxy, way) = Proxy::to(&database);
    let app = TestApp::by_way_of(database, way, &[]).await;
    let tokens = app.sign_in("alice").await;
    proxy.go_down();
    let refresh = app.request("POST", "/api/v1/auth/refresh").header("X-Request-Id", "the-id-of-an-outage");
    let answer = refresh.json(&json!({ "refresh_token": tokens.refresh_token })).send().await;
    answer.expect_problem(503, "temporarily_unavailable");
    let logged = logs::so_far();
    let mut lines = logged.lines().filter(|line| line.contains("the-id-of-an-outage"));
    assert!(lines.any(|line| line.contains("database.unavailable") && line.contains("\"WARN\"")));
}

/// S-8, S-10: A copy of the database opens no session: what it holds is not what the server is shown.
#[tokio::test]
async fn what_the_database_holds_is_no_token() {
    let app = TestApp::start().await;
    let tokens = app.sign_in("alice").await;
    let row = app.session_row(&tokens.session_id).await;
    let hash = row["secret_hash"].as_str().expect("a hash").trim_start_matches("\\x").to_owned();
    let mut token = URL_SAFE_NO_PAD.decode(&tokens.refresh_token[4..]).expect("base64url");
    for (at, byte) in (22..54).enumerate() {
        token[byte] = u8::from_str_radix(&hash[2 * at..2 * at + 2], 16).expect("hexadecimal");
    }
    for forged in [
        hash,
        format!("hrt_{}", URL_SAFE_NO_PAD.encode(&token)),
        format!("hrt_{}", URL_SAFE_NO_PAD.encode(&token[22..54])),
    ] {
        app.refresh(&forged).await.expect_problem(401, "refresh_token_invalid");
    }
    app.refresh(&tokens.refresh_token).await.expect_tokens();
}
