//! Waiting for the removal of second factors that a user has lost.

use crate::support::{
    Answer, Browser, Enrolled, TestApp, at_once, credentials, email, eventually, expect_end_of, federated, password,
};
use heirloom_testing::ProviderKind;
use serde_json::json;

const RECOVER: &str = "/api/v1/auth/factors/recover";
const USE: &str = "/api/v1/auth/confirmations/use";
const STARTED: &str = "factor-recovery-started";
const READY: &str = "factor-recovery-ready";

impl TestApp {
    async fn challenge_of(&self, name: &str) -> Answer {
        let answer = self.post("/api/v1/auth/login", &credentials(name)).await;
        answer.expect_problem(401, "second_factor_required");
        answer
    }

    async fn recover(&self, name: &str) -> Answer {
        let challenge = self.challenge_of(name).await.text("/challenge");
        self.post(RECOVER, &json!({ "challenge": challenge })).await
    }

    async fn use_mail_link(&self, token: &str, password: Option<&str>) -> Answer {
        let mut body = json!({ "token": token });
        if let Some(password) = password {
            body["password"] = password.into();
        }
        self.post(USE, &body).await
    }

    /// As if so much of the waiting time had passed.
    async fn let_pass(&self, interval: &str) {
        let sql = "UPDATE factor_recoveries SET ready_at = ready_at - $1::text::interval,
                          next_email_at = next_email_at - $1::text::interval";
        sqlx::query(sql).bind(interval).execute(self.db()).await.expect("SQL");
    }

    async fn lost(&self, name: &str) -> Enrolled {
        self.person(name).await.enrol(self).await
    }

    async fn still_has_a_factor(&self, name: &str) {
        self.challenge_of(name).await;
    }
}

/// F-56: the last step takes a password, so that without one nothing is begun; after a reset it is.
#[tokio::test]
async fn a_user_without_a_password_sets_one_before_the_waiting_time_begins() {
    const NEW: &str = "a garden of blue lanterns";
    let (app, stub) = federated(ProviderKind::Oidc, &[]).await;
    let browser = Browser::new();
    browser.sign_in(&app, &stub).await.expect(303);
    let cookie = format!("heirloom={}", browser.cookie("heirloom").expect("a session"));
    let refresh = app.request("POST", "/api/v1/auth/refresh").header("Cookie", &cookie);
    let refreshed = refresh.header("Sec-Fetch-Site", "same-origin").send().await;
    app.enrol(&refreshed.expect(200).text("/access_token")).await;

    let again = Browser::new();
    assert_eq!(again.sign_in(&app, &stub).await.expect(303).header("location"), Some("/login/code"));
    let page = again.get(&app, "/login/code").await;
    assert!(page.expect(200).body.contains("that takes a password"), "{page:?}");
    assert!(!page.body.contains("/login/recover"), "{page:?}");
    let challenge = page.hidden("challenge");
    let wrong = again.post(&app, "/login/code", &[("challenge", &challenge), ("code", "000000")]).await;
    assert!(!wrong.expect(422).body.contains("/login/recover"), "{wrong:?}");
    let refused = app.post(RECOVER, &json!({ "challenge": challenge })).await;
    refused.expect_problem(409, "password_required");
    let form = again.post(&app, "/login/recover", &[("challenge", &challenge)]).await;
    assert!(form.expect(409).body.contains("Your account has no password"), "{form:?}");
    app.all_emails_written().await;
    assert_eq!(app.count("SELECT count(*) FROM factor_recoveries").await, 0);
    assert!(app.emails(STARTED, "alice").is_empty());

    let link = app.link_of_reset("alice").await;
    app.use_link(&link, json!({ "new_password": NEW })).await.expect(200);
    let challenge = app.sign_in_as("alice", NEW).await.expect(401).text("/challenge");
    app.post(RECOVER, &json!({ "challenge": challenge })).await.expect(202);
    app.email(STARTED, "alice").await;
}

/// F-51, F-52.
#[tokio::test]
async fn after_the_waiting_time_the_last_link_and_the_password_remove_the_factors() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    alice.enrol(&app).await;
    assert!(app.challenge_of("alice").await.json().get("recovery_ready_at").is_none());
    let started = app.recover("alice").await;
    assert_eq!(started.expect(202).text("/status"), "recovery_started");
    let ready_at = started.text("/ready_at");
    app.email(STARTED, "alice").await;
    // The owner learns of it wherever they are.
    assert_eq!(app.challenge_of("alice").await.text("/recovery_ready_at"), ready_at);
    assert_eq!(alice.get("/api/v1/me/factors").await.json()["recovery"]["ready_at"], json!(ready_at));
    // It goes on, who starts it again.
    assert_eq!(app.recover("alice").await.expect(202).text("/ready_at"), ready_at);

    app.let_pass("24 hours").await;
    app.email_number(2, STARTED, "alice").await;
    app.let_pass("24 hours").await;
    app.email_number(3, STARTED, "alice").await;
    assert!(app.emails(READY, "alice").is_empty());
    app.still_has_a_factor("alice").await;
    app.let_pass("24 hours").await;
    let token = app.email(READY, "alice").await.token();
    assert_eq!(app.emails(STARTED, "alice").len(), 3, "one a day");

    // Neither the link alone nor the password alone.
    app.use_mail_link(&token, None).await.expect_fields(&["password"]);
    app.use_mail_link(&token, Some("not it")).await.expect_problem(422, "wrong_password");
    let by_session = alice.post(USE, &json!({ "token": token })).await;
    by_session.expect_fields(&["password"]);
    app.still_has_a_factor("alice").await;
    let done = app.use_mail_link(&token, Some(&password("alice"))).await;
    assert!(done.expect(200).expect_no_cookie().json().get("access_token").is_none(), "{done:?}");
    expect_end_of(&app, &[&alice.tokens]).await;
    app.sign_in("alice").await;
    app.use_mail_link(&token, Some(&password("alice"))).await.expect_problem(410, "confirmation_expired");
    for (kind, events) in [
        ("factor_recovery_started", 1),
        ("factor_recovery_completed", 1),
        ("factor_recovery_cancelled", 0),
        ("factor_removed", 1),
    ] {
        assert_eq!(app.events(kind).await, events, "{kind}");
    }
    assert_eq!(app.count("SELECT count(*) FROM recovery_codes").await, 0);
}

/// F-51: in a session with one factor too; and by the link of each email, with the password.
#[tokio::test]
async fn any_session_and_the_link_of_any_email_cancel_it() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    alice.enrol(&app).await;
    let expect_cancelled = async || {
        assert!(alice.get("/api/v1/me/factors").await.json().get("recovery").is_none());
        assert_eq!(app.count("SELECT count(*) FROM factor_recoveries").await, 0);
        app.still_has_a_factor("alice").await;
    };
    alice.delete("/api/v1/me/factors/recovery").await.expect_done();
    app.recover("alice").await.expect(202);
    app.alter_session(&alice.tokens.session_id, "amr = '{pwd}'").await;
    app.grow_old(&alice.tokens.session_id).await;
    let bob = app.person("bob").await;
    bob.delete("/api/v1/me/factors/recovery").await.expect_done();
    assert_eq!(app.count("SELECT count(*) FROM factor_recoveries").await, 1, "another user cancels nothing");
    alice.delete("/api/v1/me/factors/recovery").await.expect_done();
    expect_cancelled().await;

    app.recover("alice").await.expect(202);
    let token = app.email_number(2, STARTED, "alice").await.token();
    app.use_mail_link(&token, None).await.expect_fields(&["password"]);
    app.use_mail_link(&token, Some("not it")).await.expect_problem(422, "wrong_password");
    assert_eq!(app.count("SELECT count(*) FROM factor_recoveries").await, 1);
    app.use_mail_link(&token, Some(&password("alice"))).await.expect(200);
    expect_cancelled().await;

    // Also the last moment counts: once the last email was sent.
    app.recover("alice").await.expect(202);
    app.let_pass("73 hours").await;
    let last = app.email(READY, "alice").await.token();
    alice.delete("/api/v1/me/factors/recovery").await.expect_done();
    app.use_mail_link(&last, Some(&password("alice"))).await.expect_problem(410, "confirmation_expired");
    expect_cancelled().await;
    assert_eq!(app.events("factor_recovery_cancelled").await, 3);
}

/// F-52: no link of an earlier email removes anything, and none before the time.
#[tokio::test]
async fn nothing_is_removed_before_the_time_is_over() {
    let app = TestApp::start().await;
    app.lost("alice").await;
    app.recover("alice").await.expect(202);
    let cancels = app.email(STARTED, "alice").await.token();
    app.let_pass("73 hours").await;
    let last = app.email(READY, "alice").await.token();
    assert_ne!(cancels, last);
    // As if the clock of another instance had been ahead.
    sqlx::query("UPDATE factor_recoveries SET ready_at = ready_at + interval '1 day'")
        .execute(app.db())
        .await
        .expect("SQL");
    app.use_mail_link(&last, Some(&password("alice"))).await.expect_problem(410, "confirmation_expired");
    app.still_has_a_factor("alice").await;
    let link_expires = "UPDATE factor_recoveries SET ready_at = now(), link_expires_at = now() - interval '1 s'";
    sqlx::query(link_expires).execute(app.db()).await.expect("SQL");
    app.still_has_a_factor("alice").await;
    // One whose link was not used can be started again.
    let again = app.recover("alice").await;
    again.expect(202);
    assert_eq!(app.events("factor_recovery_started").await, 2);
}

/// F-53.
#[tokio::test]
async fn a_change_of_the_password_or_the_factors_voids_it() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    alice.enrol(&app).await;
    for change in [
        "password_version = password_version + 1",
        "factor_version = factor_version + 1",
        "email_version = email_version + 1",
    ] {
        app.recover("alice").await.expect(202);
        app.let_pass("73 hours").await;
        let before = app.emails(READY, "alice").len();
        let last = app.email_number(before + 1, READY, "alice").await.token();
        let sql = sqlx::AssertSqlSafe(format!("UPDATE users SET {change}"));
        sqlx::query(sql).execute(app.db()).await.expect("SQL");
        assert!(alice.get("/api/v1/me/factors").await.json().get("recovery").is_none(), "{change}");
        app.use_mail_link(&last, Some(&password("alice"))).await.expect_problem(410, "confirmation_expired");
        app.still_has_a_factor("alice").await;
    }
    // Void before its last email: none is sent.
    app.recover("alice").await.expect(202);
    sqlx::query("UPDATE users SET password_version = password_version + 1").execute(app.db()).await.expect("SQL");
    app.let_pass("73 hours").await;
    eventually("it is passed over", || async { app.count("SELECT count(*) FROM factor_recoveries").await == 0 }).await;
    assert_eq!(app.emails(READY, "alice").len(), 3);
}

/// F-51: two instances.
#[tokio::test]
async fn of_many_starts_at_once_one_counts_and_one_email_is_sent() {
    let app = TestApp::start().await;
    let mail = app.mail_folder();
    let other = app.another(&[("HEIRLOOM_SMTP_URL", &mail), ("HEIRLOOM_EMAIL_VERIFICATION", "off")]).await;
    app.lost("alice").await;
    let mut challenges = Vec::new();
    for _ in 0..8 {
        challenges.push(app.challenge_of("alice").await.text("/challenge"));
    }
    let bodies: Vec<_> = challenges.iter().map(|challenge| json!({ "challenge": challenge })).collect();
    let starts =
        bodies.iter().enumerate().map(|(turn, body)| (if turn % 2 == 0 { &app } else { &other }).post(RECOVER, body));
    let mut ready: Vec<_> = at_once(starts).await.iter().map(|answer| answer.expect(202).text("/ready_at")).collect();
    ready.dedup();
    assert_eq!(ready.len(), 1);
    assert_eq!(app.events("factor_recovery_started").await, 1);
    // The last email too is one, whichever instance sends it.
    app.let_pass("73 hours").await;
    app.email(READY, "alice").await;
    app.all_emails_written().await;
    assert_eq!((app.emails(STARTED, "alice").len(), app.emails(READY, "alice").len()), (1, 1));
}

/// L-30, F-51: a deletion locks the user, and then deletes the recovery. The background task that sends the emails waits for neither:
/// each would wait for the other.
#[tokio::test]
async fn the_emails_of_a_recovery_do_not_wait_for_a_deletion() {
    const WAITS: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND wait_event_type = 'Lock' AND query LIKE 'INSERT INTO confirmations%'";
    let app = TestApp::start().await;
    app.lost("alice").await;
    app.recover("alice").await.expect(202);
    app.email(STARTED, "alice").await;
    let mut deletion = app.db().begin().await.expect("a transaction");
    sqlx::query("SELECT FROM users FOR UPDATE").execute(&mut *deletion).await.expect("SQL");
    app.let_pass("73 hours").await;
    // The emails have their turn once a second.
    for _ in 0..60 {
        assert_eq!(app.count(WAITS).await, 0);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    sqlx::query("SET LOCAL lock_timeout = '2s'").execute(&mut *deletion).await.expect("SQL");
    sqlx::query("DELETE FROM users").execute(&mut *deletion).await.expect("nobody has locked the recovery");
    deletion.rollback().await.expect("a rollback");
    // It was only put off.
    app.email(READY, "alice").await;
}

/// F-51, M1: only who has typed the right password a moment ago.
#[tokio::test]
async fn it_takes_the_challenge_of_a_user_with_a_factor() {
    let app = TestApp::with(&[("HEIRLOOM_SECOND_FACTOR_ROLES", "editor")]).await;
    let codes = app.lost("alice").await;
    app.register("bob").await;
    sqlx::query("UPDATE users SET roles = '{editor}' WHERE email = $1")
        .bind(email("bob"))
        .execute(app.db())
        .await
        .expect("SQL");
    let enrolment = app.post("/api/v1/auth/login", &credentials("bob")).await.text("/challenge");
    let used = app.challenge_of("alice").await.text("/challenge");
    let body = json!({ "challenge": used, "code": codes.app.next(&app).await });
    app.post("/api/v1/auth/login/totp", &body).await.expect_tokens();
    for wrong in ["", "AAAA", &enrolment, &used] {
        app.post(RECOVER, &json!({ "challenge": wrong })).await.expect_problem(410, "challenge_expired");
    }
    assert_eq!(app.count("SELECT count(*) FROM factor_recoveries").await, 0);
    // It is not an attempt: the challenge goes on.
    let challenge = app.challenge_of("alice").await.text("/challenge");
    for _ in 0..6 {
        app.post(RECOVER, &json!({ "challenge": challenge })).await.expect(202);
    }
    let body = json!({ "challenge": challenge, "code": codes.app.next(&app).await });
    app.post("/api/v1/auth/login/totp", &body).await.expect_tokens();
}

/// F-51, F-14: from the page of the code, and behind the links.
#[tokio::test]
async fn who_has_lost_everything_finds_the_way_without_script() {
    let app = TestApp::start().await;
    app.lost("alice").await;
    let form = async |path: &str, fields: &[(&str, &str)]| {
        app.request("POST", path).header("Sec-Fetch-Site", "same-origin").form(fields).send().await
    };
    let (from, secret) = (email("alice"), password("alice"));
    let page = form("/login", &[("email", &from), ("password", &secret)]).await;
    assert!(page.body.contains("action=\"/login/recover\"") && page.body.contains("72 hours"), "{page:?}");
    assert!(!page.body.contains("wants your second factor to be removed"));
    let challenge = page.hidden("challenge");
    let foreign = app.request("POST", "/login/recover").header("Sec-Fetch-Site", "cross-site");
    foreign.form(&[("challenge", &*challenge)]).send().await.expect(403);
    let started = form("/login/recover", &[("challenge", &challenge)]).await;
    assert!(started.expect(200).body.contains("It works with your password only."), "{started:?}");
    assert_eq!(app.get("/login/recover").await.expect(303).header("location"), Some("/login"));
    assert!(form("/login/recover", &[("challenge", "AAAA")]).await.expect(410).body.contains("Please sign in again."));
    let again = form("/login", &[("email", &from), ("password", &secret)]).await;
    assert!(again.body.contains("wants your second factor to be removed"), "{again:?}");

    app.let_pass("73 hours").await;
    let token = app.email(READY, "alice").await.token();
    let looked = form("/confirm", &[("token", &token), ("step", "look")]).await;
    assert!(looked.expect(200).body.contains("Remove your second factor"), "{looked:?}");
    let done = form("/confirm", &[("token", &token), ("password", &secret)]).await;
    assert!(done.expect(200).expect_no_cookie().body.contains("Your second factor was removed."), "{done:?}");
    form("/login", &[("email", &from), ("password", &secret)]).await.expect(303);
}
