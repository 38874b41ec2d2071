//! Signing in and stepping up with a second factor, over HTTP, on one instance and on two.

use crate::support::{Answer, Enrolled, Person, TestApp, Tokens, at_once, credentials, email, forge, password};
use serde_json::{Value, json};

const TOTP: &str = "/api/v1/auth/login/totp";
const RECOVERY_CODE: &str = "/api/v1/auth/login/recovery-code";
const STEP_UP: &str = "/api/v1/auth/step-up";
/// Codes that may be tried at one challenge.
const ATTEMPTS: usize = 5;

impl TestApp {
    /// A user with an app, who has no live session but this one.
    async fn enrolled(&self, name: &str) -> (Person<'_>, Enrolled) {
        let person = self.person(name).await;
        let enrolled = person.enrol(self).await;
        (person, enrolled)
    }

    /// The first step: the challenge.
    async fn challenge(&self, name: &str) -> String {
        let answer = self.post("/api/v1/auth/login", &credentials(name)).await;
        answer.expect_problem(401, "second_factor_required").expect_no_cookie().text("/challenge")
    }

    async fn present(&self, path: &str, challenge: &str, code: &str) -> Answer {
        self.post(path, &json!({ "challenge": challenge, "code": code })).await
    }
}

#[track_caller]
fn expect_two_factors(tokens: &Tokens) {
    let claims = forge::decode(&tokens.access_token).1;
    assert_eq!((&claims["acr"], &claims["amr"]), (&json!("urn:heirloom:acr:2"), &json!(["pwd", "otp", "mfa"])));
}

#[track_caller]
fn expect_wrong_code(answer: &Answer, attempts_left: usize) {
    answer.expect_problem(422, "code_invalid").expect_no_cookie();
    assert_eq!(answer.json()["attempts_left"], attempts_left, "{answer:?}");
}

/// F-12, F-13, F-14.
#[tokio::test]
async fn the_right_password_of_a_user_with_a_factor_opens_nothing_and_a_code_completes_the_sign_in() {
    let app = TestApp::start().await;
    let (_alice, alice) = app.enrolled("alice").await;
    let (sessions, events) = (app.live_sessions().await, app.events("signed_in").await);
    let wrong = app.post("/api/v1/auth/login", &json!({ "email": email("alice"), "password": "not it" })).await;
    wrong.expect_problem(401, "invalid_credentials");

    let answer = app.post("/api/v1/auth/login", &credentials("alice")).await;
    answer.expect_problem(401, "second_factor_required").expect_no_cookie();
    let body = answer.json();
    assert_eq!((&body["factors"], &body["expires_in"]), (&json!(["totp", "recovery_code"]), &json!(300)));
    assert!(body.get("access_token").is_none() && body.get("refresh_token").is_none(), "{answer:?}");
    assert_eq!((app.live_sessions().await, app.events("signed_in").await), (sessions, events));

    let challenge = answer.text("/challenge");
    let tokens = app.present(TOTP, &challenge, &alice.app.next(&app).await).await.expect_tokens();
    expect_two_factors(&tokens);
    expect_two_factors(&app.refresh(&tokens.refresh_token).await.expect_tokens());
    assert_eq!(app.live_sessions().await, sessions + 1);
    // The challenge is used up, also for a code that has not been used.
    app.present(RECOVERY_CODE, &challenge, &alice.recovery_codes[0]).await.expect_problem(410, "challenge_expired");
    let again = app.challenge("alice").await;
    let typed = alice.recovery_codes[3].to_lowercase().replace('-', " ");
    expect_two_factors(&app.present(RECOVERY_CODE, &again, &typed).await.expect_tokens());
    expect_wrong_code(&app.present(RECOVERY_CODE, &app.challenge("alice").await, &typed).await, ATTEMPTS - 1);
}

/// F-12: by cookie, as the first step asked for; and only from our own pages.
#[tokio::test]
async fn the_second_step_keeps_what_the_first_asked_for_and_refuses_foreign_pages() {
    let app = TestApp::start().await;
    let (_alice, alice) = app.enrolled("alice").await;
    let mut browser = app.browser();
    let wishes = json!({ "remember": false, "device_name": "Alice's laptop" });
    let first = browser.sign_in_with("alice", &wishes).await;
    let challenge = first.expect_problem(401, "second_factor_required").expect_no_cookie().text("/challenge");
    let body = json!({ "challenge": challenge, "code": alice.app.next(&app).await });
    let foreign = app.request("POST", TOTP).header("Origin", "https://evil.example").json(&body).send().await;
    foreign.expect_problem(403, "origin_not_allowed").expect_no_cookie();
    let tokens = browser.send(browser.request("POST", TOTP).json(&body)).await.expect_tokens();
    assert!(!tokens.cookie.is_empty());
    let row = app.session_row(&tokens.session_id).await;
    assert_eq!((&row["remembered"], &row["device_name"]), (&json!(false), &json!("Alice's laptop")));
    // A sign-in of the same browser replaces its session, also in two steps.
    let second = browser.sign_in_with("alice", &json!({})).await.text("/challenge");
    let body = json!({ "challenge": second, "code": alice.app.next(&app).await });
    browser.send(browser.request("POST", TOTP).json(&body)).await.expect_tokens();
    app.me(&tokens.access_token).await.expect_challenge("session_revoked");
}

/// F-13: on two instances.
#[tokio::test]
async fn of_ten_uses_of_one_code_or_of_one_challenge_exactly_one_signs_in() {
    let app = TestApp::start().await;
    let other = app.another(&[]).await;
    let (_alice, alice) = app.enrolled("alice").await;
    let mut challenges = Vec::new();
    for _ in 0..10 {
        challenges.push(app.challenge("alice").await);
    }
    let code = alice.app.next(&app).await;
    let on = |turn: usize| if turn.is_multiple_of(2) { &app } else { &other };
    let uses = at_once(challenges.iter().enumerate().map(|(turn, one)| on(turn).present(TOTP, one, &code))).await;
    assert_eq!(uses.iter().filter(|answer| answer.status == 200).count(), 1, "{uses:?}");
    for refused in uses.iter().filter(|answer| answer.status != 200) {
        expect_wrong_code(refused, ATTEMPTS - 1);
    }
    // A challenge whose code had been used still works.
    let left = uses.iter().position(|answer| answer.status != 200).expect("nine of them");
    app.present(RECOVERY_CODE, &challenges[left], &alice.recovery_codes[9]).await.expect_tokens();

    let (challenge, sessions) = (app.challenge("alice").await, app.live_sessions().await);
    let codes = &alice.recovery_codes;
    let uses = (0..9).map(|turn| on(turn).present(RECOVERY_CODE, &challenge, &codes[turn]));
    let uses = at_once(uses).await;
    assert_eq!(uses.iter().filter(|answer| answer.status == 200).count(), 1, "{uses:?}");
    for refused in uses.iter().filter(|answer| answer.status != 200) {
        refused.expect_problem(410, "challenge_expired");
    }
    assert_eq!(app.live_sessions().await, sessions + 1);
    let left = app.count("SELECT count(*) FROM recovery_codes WHERE used_at IS NULL").await;
    assert_eq!(left, 8, "only the code that signed in was used");
}

/// F-16: on two instances.
#[tokio::test]
async fn five_wrong_codes_end_a_challenge_one_by_one_and_at_once() {
    let app = TestApp::start().await;
    let other = app.another(&[]).await;
    let (_alice, alice) = app.enrolled("alice").await;
    let (challenge, wrong) = (app.challenge("alice").await, alice.app.wrong(&app));
    for attempts_left in (0..ATTEMPTS).rev() {
        expect_wrong_code(&app.present(TOTP, &challenge, &wrong).await, attempts_left);
    }
    let right = alice.app.next(&app).await;
    app.present(TOTP, &challenge, &right).await.expect_problem(410, "challenge_expired");
    let challenge = app.challenge("alice").await;
    let guesses = (0..20).map(|turn| (if turn % 2 == 0 { &app } else { &other }).present(TOTP, &challenge, &wrong));
    let guesses = at_once(guesses).await;
    assert_eq!(guesses.iter().filter(|answer| answer.status == 422).count(), ATTEMPTS, "{guesses:?}");
    assert_eq!(guesses.iter().filter(|answer| answer.status == 410).count(), 20 - ATTEMPTS, "{guesses:?}");
    // The code was not used by what was refused.
    app.present(TOTP, &app.challenge("alice").await, &right).await.expect_tokens();
}

/// F-17.
#[tokio::test]
async fn a_challenge_is_void_once_the_password_or_a_factor_has_changed_or_time_has_passed() {
    let app = TestApp::start().await;
    let (alice, mut codes) = app.enrolled("alice").await;
    let expect_void = async |challenge: &str, code: &str| {
        app.present(TOTP, challenge, code).await.expect_problem(410, "challenge_expired").expect_no_cookie();
    };
    let challenge = app.challenge("alice").await;
    alice.delete("/api/v1/me/factors/totp").await.expect_done();
    expect_void(&challenge, &codes.app.code(&app, 1)).await;
    app.sign_in("alice").await;
    codes = alice.enrol(&app).await;
    expect_void(&challenge, &codes.app.next(&app).await).await;

    let challenge = app.challenge("alice").await;
    sqlx::query("UPDATE users SET password_version = password_version + 1").execute(app.db()).await.expect("SQL");
    expect_void(&challenge, &codes.app.next(&app).await).await;

    let challenge = app.challenge("alice").await;
    sqlx::query("UPDATE sign_in_challenges SET expires_at = now()").execute(app.db()).await.expect("SQL");
    expect_void(&challenge, &codes.app.next(&app).await).await;
    for nonsense in ["", "AAAA", &challenge.to_lowercase(), &format!("{challenge}A")] {
        expect_void(nonsense, &codes.app.next(&app).await).await;
    }
}

/// F-12: what is checked at the end of a sign-in is checked again at the end of its second step.
#[tokio::test]
async fn a_user_who_was_blocked_between_the_steps_is_not_signed_in() {
    let app = TestApp::start().await;
    let (_alice, alice) = app.enrolled("alice").await;
    let (challenge, sessions) = (app.challenge("alice").await, app.live_sessions().await);
    sqlx::query("UPDATE users SET blocked_at = now()").execute(app.db()).await.expect("SQL");
    let refused = app.present(TOTP, &challenge, &alice.app.next(&app).await).await;
    refused.expect_problem(403, "account_blocked").expect_no_cookie();
    assert_eq!(app.live_sessions().await, sessions);
}

/// F-9, F-16: what an account's limit refuses is not compared, and costs the challenge no attempt.
#[tokio::test]
async fn guesses_over_many_challenges_are_bounded_by_account() {
    let app = TestApp::with(&[("HEIRLOOM_RATE_LIMIT", "on"), ("HEIRLOOM_TRUSTED_PROXIES", "127.0.0.1")]).await;
    let (_alice, alice) = app.enrolled("alice").await;
    let wrong = alice.app.wrong(&app);
    let mut statuses = Vec::new();
    for _ in 0..3 {
        let challenge = app.challenge("alice").await;
        for _ in 0..ATTEMPTS {
            statuses.push(app.present(TOTP, &challenge, &wrong).await.status);
        }
    }
    assert_eq!(statuses, [[422; 10].as_slice(), &[429; 5]].concat());
    let challenge = app.challenge("alice").await;
    let right = alice.app.next(&app).await;
    for _ in 0..=ATTEMPTS {
        app.present(TOTP, &challenge, &right).await.expect_problem(429, "too_many_attempts");
    }
    sqlx::query("DELETE FROM password_guesses").execute(app.db()).await.expect("SQL");
    app.present(TOTP, &challenge, &right).await.expect_tokens();
}

/// F-9: a client without cookies is known at the second step by the token that it was given: who has the password uses up their own
/// guesses, and not those of the owner's device.
#[tokio::test]
async fn the_owners_device_is_counted_on_its_own_at_the_second_step_too() {
    let app = TestApp::with(&[("HEIRLOOM_RATE_LIMIT", "on"), ("HEIRLOOM_TRUSTED_PROXIES", "127.0.0.1")]).await;
    app.register("alice").await;
    let first = app.post("/api/v1/auth/login", &credentials("alice")).await;
    let device = first.expect(200).text("/device_token");
    let alice = app.enrol(&first.text("/access_token")).await;
    let wrong = alice.app.wrong(&app);
    for _ in 0..3 {
        let challenge = app.challenge("alice").await;
        for _ in 0..ATTEMPTS {
            app.present(TOTP, &challenge, &wrong).await;
        }
    }
    let mut owner = credentials("alice");
    owner["device_token"] = device.clone().into();
    let challenge = app.post("/api/v1/auth/login", &owner).await.text("/challenge");
    let mut body = json!({ "challenge": challenge, "code": alice.app.next(&app).await });
    app.post(TOTP, &body).await.expect_problem(429, "too_many_attempts");
    body["device_token"] = device.into();
    app.post(TOTP, &body).await.expect_tokens();
}

fn step_up(tokens: &Tokens, proof: &Value) -> Value {
    let mut body = proof.clone();
    body["refresh_token"] = tokens.refresh_token.clone().into();
    body
}

/// F-15, F-18.
#[tokio::test]
async fn only_a_code_makes_the_session_of_a_user_with_a_factor_fresh() {
    let app = TestApp::start().await;
    let (alice, codes) = app.enrolled("alice").await;
    app.ask_fresh(&alice.tokens.access_token).await.expect_fields(&["email"]);
    let old = "created_at = created_at - interval '11 minutes', authenticated_at = NULL";
    app.alter_session(&alice.tokens.session_id, old).await;
    let by_password = json!({ "password": password("alice") });
    let one = app.post(STEP_UP, &step_up(&alice.tokens, &by_password)).await.expect_tokens();
    assert_eq!(forge::decode(&one.access_token).1["acr"], "urn:heirloom:acr:1");
    app.ask_fresh(&one.access_token).await.expect_step_up_by("urn:heirloom:acr:2", &["totp", "recovery_code"]);

    let wrong = step_up(&one, &json!({ "totp": codes.app.wrong(&app) }));
    for _ in 0..3 {
        app.post(STEP_UP, &wrong).await.expect_problem(422, "code_invalid");
    }
    for several in [json!({ "password": "a", "totp": "123456" }), json!({ "totp": "123456", "recovery_code": "b" })] {
        app.post(STEP_UP, &step_up(&one, &several)).await.expect_fields(&["password"]);
    }
    // Nothing of it used up the token.
    let right = json!({ "totp": codes.app.next(&app).await });
    let two = app.post(STEP_UP, &step_up(&one, &right)).await.expect_tokens();
    expect_two_factors(&two);
    app.ask_fresh(&two.access_token).await.expect_fields(&["email"]);
    // The same code again, and the token goes on.
    app.post(STEP_UP, &step_up(&two, &right)).await.expect_problem(422, "code_invalid");
    let three = json!({ "recovery_code": codes.recovery_codes[0] });
    let three = app.post(STEP_UP, &step_up(&two, &three)).await.expect_tokens();
    app.refresh(&three.refresh_token).await.expect_tokens();
    assert_eq!(app.events("stepped_up").await, 3);
}

/// F-15: on two instances. Those that come too late keep their token.
#[tokio::test]
async fn of_ten_step_ups_with_one_code_exactly_one_succeeds_and_the_others_spend_no_token() {
    let app = TestApp::start().await;
    let other = app.another(&[]).await;
    let (alice, codes) = app.enrolled("alice").await;
    let mut families = vec![app.refresh(&alice.tokens.refresh_token).await.expect_tokens()];
    for code in codes.recovery_codes.iter().take(9) {
        families.push(app.present(RECOVERY_CODE, &app.challenge("alice").await, code).await.expect_tokens());
    }
    let proof = json!({ "totp": codes.app.next(&app).await });
    let uses = families.iter().enumerate().map(|(turn, tokens)| {
        let (server, body) = (if turn.is_multiple_of(2) { &app } else { &other }, step_up(tokens, &proof));
        async move { server.post(STEP_UP, &body).await }
    });
    let uses = at_once(uses).await;
    assert_eq!(uses.iter().filter(|answer| answer.status == 200).count(), 1, "{uses:?}");
    for (tokens, answer) in families.iter().zip(&uses) {
        if answer.status != 200 {
            answer.expect_problem(422, "code_invalid");
            app.refresh(&tokens.refresh_token).await.expect_tokens();
        }
    }
}

/// F-15: a token that is not current costs no code; a retry is answered before the code is looked at.
#[tokio::test]
async fn a_step_up_that_cannot_rotate_uses_no_code_up() {
    let app = TestApp::start().await;
    let (alice, codes) = app.enrolled("alice").await;
    let code = codes.app.next(&app).await;
    let body = step_up(&alice.tokens, &json!({ "totp": code }));
    let send =
        async || app.request("POST", STEP_UP).header("Idempotency-Key", "the-key-of-this-one").json(&body).send().await;
    let first = send().await.expect_tokens();
    assert_eq!(send().await.expect_tokens().refresh_token, first.refresh_token);
    let code = codes.app.next(&app).await;
    let stale = step_up(&alice.tokens, &json!({ "totp": code }));
    app.refresh(&first.refresh_token).await.expect_tokens();
    app.post(STEP_UP, &stale).await.expect_problem(401, "refresh_token_reused");
    app.present(TOTP, &app.challenge("alice").await, &code).await.expect_tokens();
}
