//! An administrator removes the second factors of a user who has lost them.

use crate::support::{
    Admin, Answer, Authenticator, NOBODY, PUBLIC_URL, Person, TestApp, at_once, credentials, expect_end_of,
    passkey_device::PasskeyDevice,
};
use serde_json::{Value, json};

const BEGIN: &str = "/api/v1/me/factors/totp";
const CONFIRM: &str = "/api/v1/me/factors/totp/confirm";

async fn reset(admin: &Admin<'_>, user: &str) -> Answer {
    admin.delete(&format!("/api/v1/admin/users/{user}/factors")).await
}

async fn verify_all(app: &TestApp) {
    sqlx::query("UPDATE users SET email_verified_at = now()").execute(app.db()).await.expect("SQL");
}

/// F-40.
#[tokio::test]
async fn a_reset_removes_everything_revokes_all_sessions_and_tells_the_owner() {
    let app = TestApp::start().await;
    let (root, alice) = (app.admin("root").await, app.person("alice").await);
    let codes = alice.enrol(&app).await;
    let challenge = app.post("/api/v1/auth/login", &credentials("alice")).await.text("/challenge");
    let bob = app.person("bob").await;
    bob.enrol(&app).await;

    assert_eq!(reset(&root, &alice.id).await.expect(200).json(), json!({ "removed": 1 }));
    expect_end_of(&app, &[&alice.tokens]).await;
    bob.check().await.expect_done();
    assert_eq!(app.count("SELECT count(*) FROM recovery_codes").await, 10, "those of the other user");
    let void = json!({ "challenge": challenge, "code": codes.recovery_codes[0] });
    app.post("/api/v1/auth/login/recovery-code", &void).await.expect_problem(410, "challenge_expired");
    app.sign_in("alice").await;
    let listed = root.events("?kind=factors_reset").await;
    assert_eq!(listed[0]["details"], json!({ "removed": 1, "sessions": 1 }));
    assert_eq!((&listed[0]["user_id"], &listed[0]["actor_id"]), (&json!(alice.id), &json!(root.id)));
    let sent = app.email("factors-reset", "alice").await.0;
    assert!(sent.contains("An administrator removed the second factor"), "{sent}");
    assert!(app.emails("factor-removed", "alice").is_empty(), "one email is enough");

    // Nothing is left to be removed: nothing is changed.
    let again = app.sign_in("alice").await;
    assert_eq!(reset(&root, &alice.id).await.expect(200).json(), json!({ "removed": 0 }));
    app.check(&again.access_token).await.expect_done();
    assert_eq!(app.events("factors_reset").await, 1);
    reset(&root, NOBODY).await.expect_problem(404, "not_found");
    let shown = async |user: &str| root.get(&format!("/api/v1/admin/users/{user}/factors")).await;
    let none = json!({ "totp": false, "totp_since": null, "passkeys": 0, "recovery_codes_left": 0 });
    assert_eq!(shown(&alice.id).await.expect(200).json(), none);
    let bobs = shown(&bob.id).await.json();
    assert_eq!((&bobs["totp"], &bobs["passkeys"], &bobs["recovery_codes_left"]), (&json!(true), &json!(0), &json!(10)));
    shown(NOBODY).await.expect_problem(404, "not_found");
}

/// F-40, S-86: what a stolen access token must not do; and what happens before the transaction decides.
#[tokio::test]
async fn a_reset_needs_a_fresh_session_of_an_administrator() {
    let app = TestApp::start().await;
    let (root, alice) = (app.admin("root").await, app.person("alice").await);
    alice.enrol(&app).await;
    alice.delete(&format!("/api/v1/admin/users/{}/factors", alice.id)).await.expect_problem(403, "forbidden");
    app.grow_old(&root.tokens.session_id).await;
    reset(&root, &alice.id).await.expect_step_up();
    app.alter_session(&root.tokens.session_id, "authenticated_at = now()").await;
    sqlx::query("UPDATE users SET roles = '{}'").execute(app.db()).await.expect("SQL");
    reset(&root, &alice.id).await.expect_challenge("access_token_expired");
    alice.check().await.expect_done();
    assert_eq!(app.count("SELECT count(*) FROM totp_secrets").await, 1);
}

/// F-40, F-55: the rules for the own factors hold for administrators too.
#[tokio::test]
async fn administrators_do_not_reset_their_own_factors() {
    let app = TestApp::start().await;
    let root = app.admin("root").await;
    root.enrol(&app).await;
    reset(&root, &root.id).await.expect_problem(403, "forbidden");
    let demanding = app.another(&[("HEIRLOOM_SECOND_FACTOR_ROLES", "admin")]).await;
    let removal = demanding.request("DELETE", BEGIN).bearer(&root.tokens.access_token).send().await;
    removal.expect_problem(409, "last_factor");
    assert_eq!(app.count("SELECT count(*) FROM totp_secrets").await, 1);
    root.check().await.expect_done();
}

/// F-40: on two instances.
#[tokio::test]
async fn of_ten_resets_at_once_one_removes_the_factor() {
    let app = TestApp::start().await;
    let other = app.another(&[]).await;
    let (root, alice) = (app.admin("root").await, app.person("alice").await);
    alice.enrol(&app).await;
    let path = format!("/api/v1/admin/users/{}/factors", alice.id);
    let ask = |turn: usize| {
        let server = if turn.is_multiple_of(2) { &app } else { &other };
        server.request("DELETE", &path).bearer(&root.tokens.access_token).send()
    };
    let answers = at_once((0..10).map(ask)).await;
    let removed = answers.iter().map(|answer| answer.expect(200).json()["removed"].clone());
    assert_eq!(removed.filter(|removed| *removed == 1).count(), 1);
    assert_eq!((app.events("factors_reset").await, app.events("factor_removed").await), (1, 1));
}

async fn begin(person: &Person<'_>) -> (Authenticator, Value) {
    let new = person.request("POST", BEGIN).send().await.expect(200).json();
    (Authenticator::with(new["secret"].as_str().expect("a secret")), new["email_code_required"].clone())
}

/// F-41: who had the administrator do it may have the password, and not the mailbox.
#[tokio::test]
async fn after_a_reset_the_next_factor_needs_the_code_of_an_email() {
    let app = TestApp::with(&[("HEIRLOOM_RATE_LIMIT", "on"), ("HEIRLOOM_TRUSTED_PROXIES", "127.0.0.1")]).await;
    let root = app.admin("root").await;
    app.person("alice").await.enrol(&app).await;
    verify_all(&app).await;
    let alice: String =
        sqlx::query_scalar("SELECT user_id::text FROM totp_secrets").fetch_one(app.db()).await.expect("SQL");
    reset(&root, &alice).await.expect(200);

    let alice = app.person("alice").await;
    let (device, asks) = begin(&alice).await;
    assert_eq!(asks, json!(true));
    // The code goes to this address: who has the password does not lead it elsewhere.
    let elsewhere = json!({ "email": "mallory@example.com" });
    alice.post("/api/v1/me/email", &elsewhere).await.expect_problem(403, "forbidden");
    let code = device.code(&app, 1);
    let confirm = async |email_code: Option<&str>| {
        let body = match email_code {
            Some(email_code) => json!({ "code": code, "email_code": email_code }),
            None => json!({ "code": code }),
        };
        alice.post(CONFIRM, &body).await
    };
    confirm(None).await.expect_fields(&["email_code"]);
    let right = app.email("enrolment-code", "alice").await.code();
    let wrong = if right == "0000 0000" { "0000 0001" } else { "0000 0000" };
    // The right code of one's own app gives no free guesses at the other.
    for _ in 0..10 {
        let refused = confirm(Some(wrong)).await;
        refused.expect_problem(422, "code_invalid");
        assert_eq!(refused.json()["errors"][0]["field"], "email_code");
    }
    confirm(Some(&right)).await.expect_problem(429, "too_many_attempts");
    sqlx::query("DELETE FROM password_guesses").execute(app.db()).await.expect("SQL");
    confirm(Some(&right)).await.expect(200);
    // Once there is a factor again, it is as before.
    alice.delete(BEGIN).await.expect_done();
    let (device, asks) = begin(&alice).await;
    assert_eq!(asks, json!(false));
    alice.post(CONFIRM, &json!({ "code": device.code(&app, 1) })).await.expect(200);
    assert_eq!(app.emails("enrolment-code", "alice").len(), 1);
}

/// F-41: no email is sent to an address that nobody is known to read.
#[tokio::test]
async fn after_a_reset_an_address_that_was_never_verified_is_not_asked_for_a_code() {
    let app = TestApp::start().await;
    let (root, alice) = (app.admin("root").await, app.person("alice").await);
    alice.enrol(&app).await;
    reset(&root, &alice.id).await.expect(200);
    let alice = app.person("alice").await;
    let (device, asks) = begin(&alice).await;
    assert_eq!(asks, json!(false));
    alice.post(CONFIRM, &json!({ "code": device.code(&app, 1) })).await.expect(200);
}

/// F-41, F-22: a passkey is a factor like any other.
#[tokio::test]
async fn after_a_reset_a_passkey_needs_the_code_of_an_email_too() {
    let app = TestApp::with(&[("HEIRLOOM_RATE_LIMIT", "on"), ("HEIRLOOM_TRUSTED_PROXIES", "127.0.0.1")]).await;
    let (root, alice) = (app.admin("root").await, app.person("alice").await);
    alice.enrol(&app).await;
    verify_all(&app).await;
    reset(&root, &alice.id).await.expect(200);
    let alice = app.person("alice").await;
    let begun = alice.request("POST", "/api/v1/me/passkeys/options").send().await.expect(200).json();
    assert_eq!(begun["email_code_required"], json!(true));
    let mut device = PasskeyDevice::new(PUBLIC_URL);
    let mut body = json!({ "ticket": begun["ticket"], "credential": device.create(&begun["publicKey"]) });
    let add = async |body: &Value| alice.post("/api/v1/me/passkeys", body).await;
    add(&body).await.expect_fields(&["email_code"]);
    let right = app.email("enrolment-code", "alice").await.code();
    body["email_code"] = if right == "0000 0000" { "0000 0001" } else { "0000 0000" }.into();
    for _ in 0..10 {
        let refused = add(&body).await;
        refused.expect_problem(422, "code_invalid");
        assert_eq!(refused.json()["errors"][0]["field"], "email_code");
    }
    body["email_code"] = right.into();
    add(&body).await.expect_problem(429, "too_many_attempts");
    sqlx::query("DELETE FROM password_guesses").execute(app.db()).await.expect("SQL");
    assert_eq!(add(&body).await.expect(201).json()["recovery_codes"].as_array().map(Vec::len), Some(10));
    // A lost answer is asked for again, and the next passkey needs no code.
    add(&body).await.expect(200);
    alice.add_passkey().await;
    assert_eq!(app.emails("enrolment-code", "alice").len(), 1);
}
