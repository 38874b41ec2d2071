//! Browsers that run no script: what needs the password again is a form that takes address and password.

use crate::support::{Answer, Authenticator, TestApp, credentials, email, password};

const ADDRESS: &str = "/account/address";
const APP: &str = "/account/app";
const DELETION: &str = "/account/delete";

async fn ask(app: &TestApp, from: &str, password: &str, to: &str) -> Answer {
    let (from, to) = (email(from), email(to));
    app.request("POST", ADDRESS).form(&[("email", &from), ("password", password), ("new_email", &to)]).send().await
}

async fn delete(app: &TestApp, name: &str, password: &str) -> Answer {
    app.request("POST", DELETION).form(&[("email", &email(name)), ("password", password)]).send().await
}

async fn live_sessions(app: &TestApp) -> i64 {
    app.count("SELECT count(*) FROM sessions WHERE revoked_at IS NULL").await
}

/// L-43, L-39.
#[tokio::test]
async fn an_address_is_changed_without_script_by_a_form_that_takes_the_password() {
    let app = TestApp::start().await;
    let session = app.sign_in("alice").await;
    let account = app.get("/account").await;
    for path in [ADDRESS, DELETION, APP, "/forgot"] {
        assert!(account.body.contains(&format!("href=\"{path}\"")), "the page without script leads to {path}");
    }
    assert!(app.get(ADDRESS).await.expect(200).body.contains("name=\"new_email\""));

    let wrong = ask(&app, "alice", "not it", "alice.new").await;
    assert!(wrong.expect(401).body.contains("Incorrect e\u{2011}mail address or password."), "{wrong:?}");
    assert!(
        wrong.body.contains(&email("alice.new")) && !wrong.body.contains("not it"),
        "what was typed, but the password"
    );
    let own = ask(&app, "alice", &password("alice"), "ALICE").await;
    assert!(own.expect(422).body.contains("This is already the address of your account."), "{own:?}");
    let nonsense = app.request("POST", ADDRESS).form(&[("email", &email("alice")), ("password", &password("alice"))]);
    assert!(nonsense.send().await.expect(422).body.contains("Enter your e\u{2011}mail address."));
    assert_eq!(app.count("SELECT count(*) FROM confirmations").await, 0, "nothing was requested");

    let asked = ask(&app, "Alice", &password("alice"), "alice.new").await;
    assert!(asked.expect(200).body.contains("on its way to the new address"), "{asked:?}");
    asked.expect_no_cookie();
    app.email("email-change-requested", "alice").await;
    let token = app.email("confirm-new-email", "alice.new").await.token();
    assert_eq!(app.me(&session.access_token).await.text("/pending_email/email"), email("alice.new"));
    assert_eq!(live_sessions(&app).await, 1, "the sign-ins were for one request each");

    let typed = [("token", token.as_str()), ("password", &password("alice"))];
    app.request("POST", "/confirm").form(&typed).send().await.expect(200);
    let body = serde_json::json!({ "email": email("alice.new"), "password": password("alice") });
    app.post("/api/v1/auth/login", &body).await.expect_tokens();
}

/// L-43, L-30.
#[tokio::test]
async fn an_account_is_deleted_without_script_by_a_form_that_takes_the_password() {
    let app = TestApp::start().await;
    let session = app.sign_in("alice").await;
    let wrong = delete(&app, "alice", "not it").await;
    assert!(wrong.expect(401).body.contains("Incorrect e\u{2011}mail address or password."), "{wrong:?}");
    delete(&app, "alice", "").await.expect(422);
    app.me(&session.access_token).await.expect(200);

    let deleted = delete(&app, "alice", &password("alice")).await;
    assert_eq!(deleted.expect(303).header("location"), Some("/login?reason=account_deleted"));
    assert_eq!(deleted.cookie().map(|cookie| cookie.value), Some(String::new()), "the browser forgets its session");
    app.me(&session.access_token).await.expect_problem(401, "session_revoked");
    assert_eq!(app.count("SELECT count(*) FROM users").await, 0);
    assert_eq!(app.events("user_deleted_self").await, 1);
}

/// L-43: as with script.
#[tokio::test]
async fn a_refused_deletion_leaves_the_account_and_no_session_behind() {
    let app = TestApp::start().await;
    app.admin("root").await;
    let before = live_sessions(&app).await;
    let last = delete(&app, "root", &password("root")).await;
    assert!(last.expect(409).body.contains("This is the last administrator."), "{last:?}");
    last.expect_no_cookie();
    assert_eq!(live_sessions(&app).await, before);

    app.sign_in("alice").await;
    ask(&app, "alice", &password("alice"), "alice.new").await.expect(200);
    let token = app.email("confirm-new-email", "alice.new").await.token();
    let typed = [("token", token.as_str()), ("password", &password("alice"))];
    app.request("POST", "/confirm").form(&typed).send().await.expect(200);
    let form = [("email", &*email("alice.new")), ("password", &password("alice"))];
    let pending = app.request("POST", DELETION).form(&form).send().await;
    assert!(pending.expect(409).body.contains("can still be undone"), "{pending:?}");
}

/// L-43: as any sign-in.
#[tokio::test]
async fn the_sign_in_of_a_form_counts_as_a_session_while_it_lasts() {
    let app = TestApp::with(&[("HEIRLOOM_MAX_SESSIONS_PER_USER", "2")]).await;
    let (oldest, newest) = (app.sign_in("alice").await, app.sign_in("alice").await);
    ask(&app, "alice", &password("alice"), "alice").await.expect(422);
    app.refresh(&oldest.refresh_token).await.expect_problem(401, "session_revoked");
    app.refresh(&newest.refresh_token).await.expect_tokens();
    assert_eq!(live_sessions(&app).await, 1);
}

/// L-43, A-24, C-22: a foreign page cannot send the forms, and their guesses count like those at the sign-in.
#[tokio::test]
async fn the_forms_are_guarded_like_the_sign_in() {
    let app = TestApp::with(&[("HEIRLOOM_RATE_LIMIT", "on")]).await;
    app.register("alice").await;
    for path in [ADDRESS, DELETION] {
        let form = [("email", &*email("alice")), ("password", &password("alice")), ("new_email", &email("thief"))];
        let foreign = app.request("POST", path).header("Origin", "https://evil.example").form(&form).send().await;
        assert!(foreign.expect(403).body.contains("own address"), "{foreign:?}");
    }
    assert_eq!(app.count("SELECT count(*) FROM confirmations").await, 0);
    // As many wrong guesses as are free (docs/limits.md), at both forms together.
    for _ in 0..5 {
        ask(&app, "alice", "no", "x").await.expect(401);
        delete(&app, "alice", "not it").await.expect(401);
    }
    let limited = delete(&app, "alice", &password("alice")).await;
    assert!(limited.expect(429).body.contains("Too many failed attempts."), "{limited:?}");
    assert!(limited.header("retry-after").is_some(), "{limited:?}");
    app.try_sign_in("alice").await.expect_problem(429, "too_many_attempts");
    assert_eq!(app.count("SELECT count(*) FROM users").await, 1);
}

/// F-47, F-45: an app is set up with a sign-in, as where a role demands it.
#[tokio::test]
async fn an_app_is_set_up_without_script_by_a_form_that_takes_the_password() {
    let app = TestApp::with(&[("HEIRLOOM_TRUSTED_DEVICE_TTL", "30d")]).await;
    app.register("alice").await;
    app.register("bob").await;
    sqlx::query("UPDATE users SET email_verified_at = now() WHERE email = $1")
        .bind(email("alice"))
        .execute(app.db())
        .await
        .expect("SQL");
    let form = async |path: &str, fields: &[(&str, &str)]| {
        app.request("POST", path).header("Sec-Fetch-Site", "same-origin").form(fields).send().await
    };
    let ask = async |name: &str, password: &str| form(APP, &[("email", &email(name)), ("password", password)]).await;
    assert!(app.get(APP).await.expect(200).body.contains("name=\"password\""));
    ask("alice", "not it").await.expect(401).expect_no_cookie();
    let foreign = [("email", &*email("alice")), ("password", &password("alice"))];
    let foreign = app.request("POST", APP).header("Origin", "https://evil.example").form(&foreign).send().await;
    assert!(!foreign.expect(403).body.contains(&email("alice")), "nothing that a foreign page sends is shown");
    assert_eq!(app.count("SELECT count(*) FROM sign_in_challenges").await, 0);

    let page = ask("alice", &password("alice")).await;
    page.expect(200).expect_no_cookie();
    assert_eq!(live_sessions(&app).await, 0);
    let secret = page.body.split("secret=").nth(1).and_then(|rest| rest.split('&').next()).expect("a secret");
    let code = Authenticator::with(secret).code(&app, 1);
    let email_code = app.email("enrolment-code", "alice").await.code();
    let challenge = page.hidden("challenge");
    let typed = [("challenge", &*challenge), ("code", &code), ("email_code", &email_code), ("return_to", "/account")];
    let done = form("/login/enrol", &typed).await;
    assert!(done.expect(200).body.contains("1-"), "the recovery codes: {done:?}");
    assert_eq!(live_sessions(&app).await, 1);
    app.post("/api/v1/auth/login", &credentials("alice")).await.expect_problem(401, "second_factor_required");

    // Who has one signs in by it, and changes it on the account page.
    let again = ask("alice", &password("alice")).await;
    assert!(again.expect(409).body.contains("A second factor is set up already."), "{again:?}");
    again.expect_no_cookie();
    assert_eq!(live_sessions(&app).await, 1);
    // Nobody is asked for one who does not want it.
    app.post("/api/v1/auth/login", &credentials("bob")).await.expect_tokens();
}
