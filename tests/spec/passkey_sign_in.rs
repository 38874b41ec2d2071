//! Signing in and stepping up with passkeys, over HTTP, on one instance and on two.

use crate::support::{
    Answer, TestApp, Tokens, at_once, credentials, forge,
    passkey_device::{PRESENT, PasskeyDevice, VERIFIED},
    password,
};
use serde_json::{Value, json};

const OPTIONS: &str = "/api/v1/auth/passkeys/options";
const VERIFY: &str = "/api/v1/auth/passkeys/verify";
const STEP_UP: &str = "/api/v1/auth/step-up";
/// Passkeys and codes that may be tried at one challenge.
const ATTEMPTS: usize = 5;

#[track_caller]
fn expect_methods(tokens: &Tokens, acr: &str, amr: &[&str]) {
    let claims = forge::decode(&tokens.access_token).1;
    assert_eq!((&claims["acr"], &claims["amr"]), (&json!(acr), &json!(amr)));
}

impl TestApp {
    /// The first step of a user who has a second factor: the challenge.
    async fn passkey_challenge(&self, name: &str) -> String {
        let answer = self.post("/api/v1/auth/login", &credentials(name)).await;
        answer.expect_problem(401, "second_factor_required").expect_no_cookie().text("/challenge")
    }

    /// The second step, with options of its own.
    async fn second_step(&self, challenge: &str, device: &PasskeyDevice, flags: u8, counter: u32) -> Answer {
        let begun = self.begin_passkey(&json!({ "challenge": challenge })).await;
        self.post(VERIFY, &at(challenge, device.prove(&begun, flags, counter))).await
    }
}

/// A proof at a challenge.
fn at(challenge: &str, mut proof: Value) -> Value {
    proof["challenge"] = challenge.into();
    proof
}

fn with_token(tokens: &Tokens, proof: &Value) -> Value {
    json!({ "refresh_token": tokens.refresh_token, "passkey": proof })
}

/// F-24, F-27.
#[tokio::test]
async fn a_passkey_that_verified_its_user_signs_in_alone_and_its_session_is_fresh() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    let (device, _) = alice.add_passkey().await;
    let begun = app.begin_passkey(&json!({})).await;
    let options = &begun["publicKey"];
    assert_eq!((&options["userVerification"], &options["allowCredentials"]), (&json!("required"), &json!([])));
    let sessions = app.live_sessions().await;
    let without = app.post(VERIFY, &device.prove(&begun, PRESENT, 0)).await;
    without.expect_problem(422, "passkey_invalid").expect_no_cookie();
    assert!(without.json().get("reason").is_none());
    assert_eq!(app.live_sessions().await, sessions);

    let proof = device.prove(&begun, VERIFIED, 0);
    let tokens = app.post(VERIFY, &proof).await.expect_tokens();
    expect_methods(&tokens, "phr", &["pop", "mfa"]);
    expect_methods(&app.refresh(&tokens.refresh_token).await.expect_tokens(), "phr", &["pop", "mfa"]);
    app.ask_fresh(&tokens.access_token).await.expect_fields(&["email"]);
    app.post(VERIFY, &proof).await.expect_problem(410, "challenge_expired").expect_no_cookie();
    assert_eq!(app.live_sessions().await, sessions + 1);
}

/// F-24: by cookie, from our own pages only; what the request asks for counts.
#[tokio::test]
async fn a_passkey_signs_in_by_cookie_from_our_own_pages_only() {
    let app = TestApp::start().await;
    let (device, _) = app.person("alice").await.add_passkey().await;
    let begun = app.begin_passkey(&json!({})).await;
    let mut body = device.prove(&begun, VERIFIED, 0);
    (body["transport"], body["remember"], body["device_name"]) = (json!("cookie"), json!(false), json!("A laptop"));
    let foreign = app.request("POST", VERIFY).header("Origin", "https://evil.example").json(&body).send().await;
    foreign.expect_problem(403, "origin_not_allowed").expect_no_cookie();
    let mut browser = app.browser();
    let tokens = browser.send(browser.request("POST", VERIFY).json(&body)).await.expect_tokens();
    assert!(!tokens.cookie.is_empty());
    let row = app.session_row(&tokens.session_id).await;
    assert_eq!((&row["remembered"], &row["device_name"]), (&json!(false), &json!("A laptop")));
    let mut wrong = body.clone();
    wrong["transport"] = "pigeon".into();
    app.post(VERIFY, &wrong).await.expect_fields(&["transport"]);
}

/// F-12, F-25.
#[tokio::test]
async fn after_the_password_a_passkey_is_the_second_factor_also_without_verification() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    let (device, added) = alice.add_passkey().await;
    let first = app.post("/api/v1/auth/login", &credentials("alice")).await;
    first.expect_problem(401, "second_factor_required").expect_no_cookie();
    assert_eq!(first.json()["factors"], json!(["passkey", "recovery_code"]));
    let challenge = first.text("/challenge");
    let begun = app.begin_passkey(&json!({ "challenge": challenge })).await;
    assert_eq!(begun["publicKey"]["userVerification"], "discouraged");
    assert_eq!(begun["publicKey"]["allowCredentials"].as_array().map(Vec::len), Some(1));
    let proof = device.prove(&begun, PRESENT, 0);
    // What was asked after the password opens nothing without it.
    app.post(VERIFY, &proof).await.expect_problem(410, "challenge_expired");
    let tokens = app.post(VERIFY, &at(&challenge, proof.clone())).await.expect_tokens();
    expect_methods(&tokens, "urn:heirloom:acr:2", &["pwd", "pop", "mfa"]);
    app.post(VERIFY, &at(&challenge, proof.clone())).await.expect_problem(410, "challenge_expired");
    app.post(OPTIONS, &json!({ "challenge": challenge })).await.expect_problem(410, "challenge_expired");
    // The ticket is used up, at any challenge.
    let again = app.passkey_challenge("alice").await;
    app.post(VERIFY, &at(&again, proof)).await.expect_problem(410, "challenge_expired");
    // Which still works, also with a recovery code.
    let code = added.json()["recovery_codes"][0].clone();
    let by_code = json!({ "challenge": again, "code": code });
    app.post("/api/v1/auth/login/recovery-code", &by_code).await.expect_tokens();
    // Bob's passkey does not prove Alice.
    let (bobs, _) = app.person("bob").await.add_passkey().await;
    let challenge = app.passkey_challenge("alice").await;
    let refused = app.second_step(&challenge, &bobs, VERIFIED, 0).await;
    refused.expect_problem(422, "passkey_invalid").expect_no_cookie();
    assert_eq!(refused.json()["attempts_left"], ATTEMPTS - 1);
}

/// F-27: on two instances, of an authenticator that counts and of one that does not.
#[tokio::test]
async fn of_ten_uses_of_one_assertion_exactly_one_signs_in_with_and_without_the_password() {
    let app = TestApp::start().await;
    let other = app.another(&[]).await;
    let (device, _) = app.person("alice").await.add_passkey().await;
    let on = |turn: usize| if turn.is_multiple_of(2) { &app } else { &other };
    for counter in [0, 1] {
        let proof = device.prove(&app.begin_passkey(&json!({})).await, VERIFIED, counter);
        let sessions = app.live_sessions().await;
        expect_one(&at_once((0..10).map(|turn| on(turn).post(VERIFY, &proof))).await);
        assert_eq!(app.live_sessions().await, sessions + 1, "{counter}");
    }
    let challenge = app.passkey_challenge("alice").await;
    let begun = app.begin_passkey(&json!({ "challenge": challenge })).await;
    let proof = at(&challenge, device.prove(&begun, PRESENT, 2));
    let sessions = app.live_sessions().await;
    expect_one(&at_once((0..ATTEMPTS).map(|turn| on(turn).post(VERIFY, &proof))).await);
    assert_eq!(app.live_sessions().await, sessions + 1);
    assert_eq!(app.events("passkey_cloned").await, 0, "the same request again does not count as a clone");
}

#[track_caller]
fn expect_one(answers: &[Answer]) {
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{answers:?}");
    for refused in answers.iter().filter(|answer| answer.status != 200) {
        refused.expect_problem(410, "challenge_expired").expect_no_cookie();
    }
}

/// F-26, F-28.
#[tokio::test]
async fn what_does_not_verify_has_one_code_and_a_counter_that_does_not_grow_is_recorded() {
    let app = TestApp::start().await;
    let (device, _) = app.person("alice").await.add_passkey().await;
    app.sign_in_by_passkey(&device, 7).await.expect_tokens();
    let mut foreign = PasskeyDevice::new("https://evil.example");
    foreign.credential_id.clone_from(&device.credential_id);
    let unknown = app.sign_in_by_passkey(&PasskeyDevice::new(crate::support::PUBLIC_URL), 8).await;
    unknown.expect_problem(422, "passkey_invalid");
    assert_eq!(unknown.json()["reason"], "unknown_passkey");
    let forged = app.sign_in_by_passkey(&foreign, 8).await;
    forged.expect_problem(422, "passkey_invalid");
    assert!(forged.json().get("reason").is_none());
    assert_eq!(app.events("passkey_cloned").await, 0);
    let cloned = app.sign_in_by_passkey(&device, 7).await;
    cloned.expect_problem(422, "passkey_invalid").expect_no_cookie();
    assert!(cloned.json().get("reason").is_none(), "it must go on being offered");
    assert_eq!(app.events("passkey_cloned").await, 1);
    app.sign_in_by_passkey(&device, 8).await.expect_tokens();
}

/// F-29: also where the answer is refused.
#[tokio::test]
async fn what_anyone_may_begin_writes_no_row() {
    let app = TestApp::start().await;
    app.person("alice").await.add_passkey().await;
    // What was written meanwhile by others.
    let rows = async || {
        let all = app.all_rows().await;
        all.into_iter().filter(|row| !row.starts_with("background_tasks")).collect::<Vec<_>>()
    };
    let before = rows().await;
    for _ in 0..20 {
        let begun = app.begin_passkey(&json!({})).await;
        let stranger = PasskeyDevice::new(crate::support::PUBLIC_URL);
        app.post(VERIFY, &stranger.prove(&begun, VERIFIED, 1)).await.expect_problem(422, "passkey_invalid");
    }
    assert_eq!(rows().await, before);
}

/// F-16, F-30: on two instances.
#[tokio::test]
async fn five_wrong_passkeys_end_a_challenge_one_by_one_and_at_once() {
    let app = TestApp::start().await;
    let other = app.another(&[]).await;
    let (device, _) = app.person("alice").await.add_passkey().await;
    let stranger = PasskeyDevice::new(crate::support::PUBLIC_URL);
    let challenge = app.passkey_challenge("alice").await;
    for left in (0..ATTEMPTS).rev() {
        let refused = app.second_step(&challenge, &stranger, VERIFIED, 1).await;
        refused.expect_problem(422, "passkey_invalid");
        assert_eq!(refused.json()["attempts_left"], left);
    }
    app.post(OPTIONS, &json!({ "challenge": challenge })).await.expect_problem(410, "challenge_expired");
    let challenge = app.passkey_challenge("alice").await;
    let begun = app.begin_passkey(&json!({ "challenge": challenge })).await;
    let wrong = at(&challenge, stranger.prove(&begun, VERIFIED, 1));
    let guesses = (0..20).map(|turn| (if turn % 2 == 0 { &app } else { &other }).post(VERIFY, &wrong));
    let guesses = at_once(guesses).await;
    assert_eq!(guesses.iter().filter(|answer| answer.status == 422).count(), ATTEMPTS, "{guesses:?}");
    assert_eq!(guesses.iter().filter(|answer| answer.status == 410).count(), 20 - ATTEMPTS, "{guesses:?}");
    let right = at(&challenge, device.prove(&begun, VERIFIED, 1));
    app.post(VERIFY, &right).await.expect_problem(410, "challenge_expired");
    app.second_step(&app.passkey_challenge("alice").await, &device, VERIFIED, 1).await.expect_tokens();
}

/// F-17: a challenge is void once a passkey was added or removed. F-12: what a sign-in checks is checked at its end.
#[tokio::test]
async fn what_changes_meanwhile_decides() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    let (device, _) = alice.add_passkey().await;
    let challenge = app.passkey_challenge("alice").await;
    let begun = app.begin_passkey(&json!({ "challenge": challenge })).await;
    let (_second, added) = alice.add_passkey().await;
    let proof = at(&challenge, device.prove(&begun, VERIFIED, 1));
    app.post(VERIFY, &proof).await.expect_problem(410, "challenge_expired");
    let challenge = app.passkey_challenge("alice").await;
    let begun = app.begin_passkey(&json!({ "challenge": challenge })).await;
    alice.delete(&format!("/api/v1/me/passkeys/{}", added.text("/id"))).await.expect_done();
    let proof = at(&challenge, device.prove(&begun, VERIFIED, 1));
    app.post(VERIFY, &proof).await.expect_problem(410, "challenge_expired");

    let sessions = app.live_sessions().await;
    sqlx::query("UPDATE users SET blocked_at = now()").execute(app.db()).await.expect("SQL");
    let refused = app.sign_in_by_passkey(&device, 2).await;
    refused.expect_problem(403, "account_blocked").expect_no_cookie();
    assert_eq!(app.live_sessions().await, sessions);
    sqlx::query("UPDATE users SET blocked_at = NULL").execute(app.db()).await.expect("SQL");
    app.sign_in_by_passkey(&device, 3).await.expect_tokens();
}

/// F-31, F-18.
#[tokio::test]
async fn a_passkey_makes_a_session_fresh_and_a_refused_one_changes_nothing() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    let (device, _) = alice.add_passkey().await;
    app.grow_old(&alice.tokens.session_id).await;
    let body = json!({ "refresh_token": alice.tokens.refresh_token, "password": password("alice") });
    let tokens = app.post(STEP_UP, &body).await.expect_tokens();
    let needed = app.ask_fresh(&tokens.access_token).await;
    needed.expect_step_up_by("urn:heirloom:acr:2 phr", &["passkey", "recovery_code"]);

    let begun =
        app.request("POST", OPTIONS).bearer(&tokens.access_token).json(&json!({})).send().await.expect(200).json();
    assert_eq!(begun["publicKey"]["userVerification"], "preferred");
    assert_eq!(begun["publicKey"]["allowCredentials"].as_array().map(Vec::len), Some(1));
    let stranger = PasskeyDevice::new(crate::support::PUBLIC_URL).prove(&begun, VERIFIED, 1);
    app.post(STEP_UP, &with_token(&tokens, &stranger)).await.expect_problem(422, "passkey_invalid");
    let mut late = device.prove(&begun, VERIFIED, 1);
    late["ticket"] = "AAAA".into();
    app.post(STEP_UP, &with_token(&tokens, &late)).await.expect_problem(410, "challenge_expired");
    let mut both = with_token(&tokens, &device.prove(&begun, VERIFIED, 1));
    both["totp"] = "123456".into();
    app.post(STEP_UP, &both).await.expect_fields(&["password"]);

    // Without verification it is a second factor beside the password that the session began with.
    let proof = device.prove(&begun, PRESENT, 1);
    let tokens = app.post(STEP_UP, &with_token(&tokens, &proof)).await.expect_tokens();
    expect_methods(&tokens, "urn:heirloom:acr:2", &["pwd", "pop", "mfa"]);
    app.ask_fresh(&tokens.access_token).await.expect_fields(&["email"]);
    app.post(STEP_UP, &with_token(&tokens, &proof)).await.expect_problem(410, "challenge_expired");
    // What is asked of anyone asks for more.
    let proof = device.prove(&app.begin_passkey(&json!({})).await, VERIFIED, 2);
    let tokens = app.post(STEP_UP, &with_token(&tokens, &proof)).await.expect_tokens();
    expect_methods(&tokens, "phr", &["pop", "mfa"]);
    app.refresh(&tokens.refresh_token).await.expect_tokens();
    assert_eq!(app.events("stepped_up").await, 3);
}

/// F-27, F-31: on two instances. Those that come too late keep their token.
#[tokio::test]
async fn of_ten_step_ups_with_one_assertion_exactly_one_succeeds_and_the_others_spend_no_token() {
    let app = TestApp::start().await;
    let other = app.another(&[]).await;
    let (device, _) = app.person("alice").await.add_passkey().await;
    let mut families = Vec::new();
    for _ in 0..10 {
        families.push(app.sign_in_by_passkey(&device, 0).await.expect_tokens());
    }
    let proof = device.prove(&app.begin_passkey(&json!({})).await, VERIFIED, 0);
    let uses = families.iter().enumerate().map(|(turn, tokens)| {
        let (server, body) = (if turn.is_multiple_of(2) { &app } else { &other }, with_token(tokens, &proof));
        async move { server.post(STEP_UP, &body).await }
    });
    let uses = at_once(uses).await;
    expect_one(&uses);
    for (tokens, answer) in families.iter().zip(&uses) {
        if answer.status != 200 {
            app.refresh(&tokens.refresh_token).await.expect_tokens();
        }
    }
}

/// F-33.
#[tokio::test]
async fn where_passkeys_are_switched_off_there_are_no_such_paths_and_the_second_factor_is_still_needed() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    let (device, added) = alice.add_passkey().await;
    let proof = device.prove(&app.begin_passkey(&json!({})).await, VERIFIED, 0);
    let off = app.another(&[("HEIRLOOM_PASSKEYS", "off")]).await;
    off.post(OPTIONS, &json!({})).await.expect_problem(404, "not_found");
    off.post(VERIFY, &proof).await.expect_problem(404, "not_found");
    let ask = async |method: &str, path: &str, body: &Value| {
        off.request(method, path).bearer(&alice.tokens.access_token).json(body).send().await
    };
    ask("POST", "/api/v1/me/passkeys/options", &json!({})).await.expect_problem(404, "not_found");
    let one = format!("/api/v1/me/passkeys/{}", added.text("/id"));
    ask("PATCH", &one, &json!({ "name": "x" })).await.expect_problem(404, "not_found");
    ask("DELETE", &one, &json!({})).await.expect_problem(404, "not_found");
    let page = off.get("/login").await;
    assert!(!page.body.contains("passkey") && !page.body.contains("webauthn"), "{page:?}");
    assert!(!off.get("/account").await.body.contains("add-passkey"));
    assert!(
        off.request("GET", "/api/v1/me/factors").bearer(&alice.tokens.access_token).send().await.json()["rp_id"]
            .is_null()
    );

    let first = off.post("/api/v1/auth/login", &credentials("alice")).await;
    first.expect_problem(401, "second_factor_required");
    assert_eq!(first.json()["factors"], json!(["recovery_code"]));
    let code = json!({ "challenge": first.text("/challenge"), "code": added.json()["recovery_codes"][0] });
    off.post("/api/v1/auth/login/recovery-code", &code).await.expect_tokens();
    let body = with_token(&alice.tokens, &proof);
    off.post(STEP_UP, &body).await.expect_problem(410, "challenge_expired");
    app.refresh(&alice.tokens.refresh_token).await.expect_tokens();
}
