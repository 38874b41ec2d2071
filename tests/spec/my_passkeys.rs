//! Adding, renaming and removing one's own passkeys, over HTTP.

use crate::support::{
    Person, TestApp, at_once, credentials, email, federated, forge, passkey_device::PasskeyDevice, password,
};
use heirloom_testing::ProviderKind;
use serde_json::{Value, json};

const FACTORS: &str = "/api/v1/me/factors";
const OPTIONS: &str = "/api/v1/me/passkeys/options";
const PASSKEYS: &str = "/api/v1/me/passkeys";

async fn factors(person: &Person<'_>) -> Value {
    person.get(FACTORS).await.expect(200).json()
}

async fn mails(app: &TestApp, notification: &str) -> i64 {
    let counted = sqlx::query_scalar("SELECT count(*) FROM outbox WHERE notice = $1").bind(notification);
    counted.fetch_one(app.db()).await.expect("SQL")
}

/// F-21, F-22, F-23.
#[tokio::test]
async fn a_passkey_is_added_once_with_recovery_codes_and_the_session_counts_as_opened_with_it() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    let before = factors(&alice).await;
    assert_eq!((&before["passkeys"], &before["user_handle"]), (&json!([]), &Value::Null));
    assert_eq!(before["rp_id"], "heirloom.test");

    let begun = alice.request("POST", OPTIONS).send().await;
    assert_eq!(begun.expect(200).header("cache-control"), Some("no-store"));
    let options = begun.json()["publicKey"].clone();
    assert_eq!(options["authenticatorSelection"]["residentKey"], "required");
    assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
    assert_eq!((&options["attestation"], &options["rp"]["id"]), (&json!("none"), &json!("heirloom.test")));
    let algorithms: Vec<_> =
        options["pubKeyCredParams"].as_array().expect("a list").iter().map(|one| one["alg"].clone()).collect();
    assert_eq!(algorithms, [-8, -7, -257]);
    assert_eq!(options["user"]["name"], email("alice"));
    // A sign-in needs no second factor yet.
    app.sign_in("alice").await;

    let (device, body) = alice.new_passkey().await;
    let added = alice.post(PASSKEYS, &body).await;
    assert_eq!(added.expect(201).header("cache-control"), Some("no-store"));
    assert_eq!(added.json()["recovery_codes"].as_array().map(Vec::len), Some(10));
    // The answer was lost: the same request again.
    let again = alice.post(PASSKEYS, &body).await;
    assert_eq!(again.expect(200).json(), json!({ "id": added.json()["id"] }));
    let now = factors(&alice).await;
    assert_eq!((&now["totp"], &now["recovery_codes_left"]), (&json!(false), &json!(10)));
    assert_eq!(now["passkeys"].as_array().map(Vec::len), Some(1));
    assert_eq!((&now["passkeys"][0]["name"], &now["passkeys"][0]["last_used_at"]), (&json!("My phone"), &Value::Null));
    assert!(now["user_handle"].is_string());
    assert_eq!((app.events("factor_added").await, mails(&app, "passkey-added").await), (1, 1));

    let claims = forge::decode(&app.refresh(&alice.tokens.refresh_token).await.expect_tokens().access_token).1;
    assert_eq!((&claims["acr"], &claims["amr"]), (&json!("urn:heirloom:acr:2"), &json!(["pwd", "pop", "mfa"])));
    // A second one brings no codes, and is not made where the first one is.
    let begun = alice.request("POST", OPTIONS).send().await.json();
    assert_eq!(begun["publicKey"]["excludeCredentials"].as_array().map(Vec::len), Some(1));
    assert_eq!(begun["publicKey"]["user"]["id"], now["user_handle"]);
    let (_second, added) = alice.add_passkey().await;
    assert!(added.json().get("recovery_codes").is_none());
    app.sign_in_by_passkey(&device, 0).await.expect_tokens();
    assert!(factors(&alice).await["passkeys"][0]["last_used_at"].is_string());
}

/// F-22: at once, on two instances.
#[tokio::test]
async fn of_ten_registrations_of_one_passkey_one_adds_it_and_all_are_answered_alike() {
    let app = TestApp::start().await;
    let other = app.another(&[]).await;
    let alice = app.person("alice").await;
    let (_device, body) = alice.new_passkey().await;
    let add = |turn: usize| {
        let server = if turn.is_multiple_of(2) { &app } else { &other };
        server.request("POST", PASSKEYS).bearer(&alice.tokens.access_token).json(&body).send()
    };
    let answers = at_once((0..10).map(add)).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 9, "{answers:?}");
    assert_eq!(app.count("SELECT count(*) FROM passkeys").await, 1);
    assert_eq!(app.count("SELECT factor_version::bigint FROM users").await, 1);
    assert_eq!(mails(&app, "passkey-added").await, 1);
}

/// F-22.
#[tokio::test]
async fn a_registration_is_of_its_session_and_of_the_factors_that_it_began_with() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    let elsewhere = app.person("alice").await;
    let (_device, body) = alice.new_passkey().await;
    elsewhere.post(PASSKEYS, &body).await.expect_problem(410, "challenge_expired");
    app.person("bob").await.post(PASSKEYS, &body).await.expect_problem(410, "challenge_expired");
    let mut nonsense = body.clone();
    nonsense["ticket"] = "AAAA".into();
    alice.post(PASSKEYS, &nonsense).await.expect_problem(410, "challenge_expired");

    // Another answer at the same ticket, and the key of another user.
    let mut forged = body.clone();
    forged["credential"] = PasskeyDevice::new("https://evil.example").create(&json!({ "challenge": "AAAA" }));
    alice.post(PASSKEYS, &forged).await.expect_problem(422, "passkey_invalid");
    assert_eq!(app.count("SELECT count(*) FROM passkeys").await, 0);

    // M4: a factor was added meanwhile.
    elsewhere.enrol(&app).await;
    alice.post(PASSKEYS, &body).await.expect_problem(410, "challenge_expired");
    assert_eq!(app.count("SELECT count(*) FROM passkeys").await, 0);
    // The session was revoked meanwhile, and this instance did not receive it.
    let (_device, body) = elsewhere.new_passkey().await;
    app.alter_session(&elsewhere.tokens.session_id, "revoked_at = now(), revoked_reason = 'signed_out'").await;
    elsewhere.post(PASSKEYS, &body).await.expect_problem(401, "session_revoked");
    assert_eq!(app.count("SELECT count(*) FROM passkeys").await, 0);
}

/// F-22: what was begun in a fresh session is not lost because it took a while; nothing else is done in a stale one.
#[tokio::test]
async fn a_ticket_carries_the_freshness_of_its_session() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    let (_device, body) = alice.new_passkey().await;
    app.grow_old(&alice.tokens.session_id).await;
    let id = alice.post(PASSKEYS, &body).await.expect(201).text("/id");
    let one = format!("{PASSKEYS}/{id}");
    app.grow_old(&alice.tokens.session_id).await;
    alice.request("POST", OPTIONS).send().await.expect_challenge("step_up_required");
    alice.patch(&one, &json!({ "name": "x" })).await.expect_challenge("step_up_required");
    alice.delete(&one).await.expect_step_up_by("urn:heirloom:acr:2 phr", &["passkey", "recovery_code"]);
}

/// F-32.
#[tokio::test]
async fn a_passkey_is_renamed_and_removed_by_its_owner_and_takes_the_recovery_codes_along_if_it_is_the_last_factor() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.person("alice").await, app.person("bob").await);
    let (device, added) = alice.add_passkey().await;
    let one = format!("{PASSKEYS}/{}", added.text("/id"));
    alice.patch(&one, &json!({ "name": "Blue key" })).await.expect_done();
    assert_eq!(factors(&alice).await["passkeys"][0]["name"], "Blue key");
    alice.patch(&one, &json!({ "name": "x".repeat(101) })).await.expect_fields(&["name"]);
    alice.patch(&one, &json!({ "name": null })).await.expect_done();
    assert_eq!(factors(&alice).await["passkeys"][0]["name"], Value::Null);
    bob.patch(&one, &json!({ "name": "mine" })).await.expect_problem(404, "not_found");
    bob.delete(&one).await.expect_problem(404, "not_found");

    let totp = alice.enrol(&app).await;
    alice.delete(&one).await.expect_done();
    alice.delete(&one).await.expect_problem(404, "not_found");
    let now = factors(&alice).await;
    assert_eq!((&now["passkeys"], &now["recovery_codes_left"]), (&json!([]), &json!(10)), "the app is left");
    app.sign_in_by_passkey(&device, 0).await.expect_problem(422, "passkey_invalid");
    assert_eq!((app.events("factor_removed").await, mails(&app, "passkey-removed").await), (1, 1));

    let (_device, added) = alice.add_passkey().await;
    alice.delete("/api/v1/me/factors/totp").await.expect_done();
    assert_eq!(factors(&alice).await["recovery_codes_left"], json!(10), "the passkey is left");
    app.post("/api/v1/auth/login", &credentials("alice")).await.expect_problem(401, "second_factor_required");
    alice.delete(&format!("{PASSKEYS}/{}", added.text("/id"))).await.expect_done();
    assert_eq!(factors(&alice).await["recovery_codes_left"], json!(0));
    app.sign_in("alice").await;
    assert_eq!(totp.recovery_codes.len(), 10);
}

/// F-55: an app alone opens nothing.
#[tokio::test]
async fn the_last_passkey_of_a_user_stays_while_nothing_else_opens_the_account() {
    let (app, _provider) = federated(ProviderKind::Oidc, &[]).await;
    let alice = app.person("alice").await;
    let (_device, added) = alice.add_passkey().await;
    let one = format!("{PASSKEYS}/{}", added.text("/id"));
    alice.enrol(&app).await;
    app.run_sql("UPDATE users SET password_hash = '!'").await;
    alice.delete(&one).await.expect_problem(409, "last_factor");
    let connect = async |provider: &str| {
        let identity = format!(
            "INSERT INTO identities (user_id, issuer, subject, provider, created_at)
             SELECT id, 'https://{provider}.example', '1', '{provider}', now() FROM users"
        );
        app.run_sql(&identity).await;
    };
    // A provider that is not in the options lets nobody in.
    connect("gone").await;
    alice.delete(&one).await.expect_problem(409, "last_factor");
    // A second passkey does; and so does a provider.
    let (_device, second) = alice.add_passkey().await;
    alice.delete(&one).await.expect_done();
    let two = format!("{PASSKEYS}/{}", second.text("/id"));
    alice.delete(&two).await.expect_problem(409, "last_factor");
    alice.delete("/api/v1/me/factors/totp").await.expect_done();
    connect("op").await;
    alice.delete(&two).await.expect_done();
}

const NEW: &str = "a garden of blue lanterns";

/// F-20.
#[tokio::test]
async fn a_reset_keeps_the_passkeys_of_an_account_whose_address_was_verified_and_removes_others() {
    let app = TestApp::with(&[("HEIRLOOM_EMAIL_VERIFICATION", "off")]).await;
    let mut devices = Vec::new();
    for (name, is_verified) in [("alice", false), ("bob", true)] {
        devices.push(app.person(name).await.add_passkey().await.0);
        if is_verified {
            sqlx::query("UPDATE users SET email_verified_at = now()").execute(app.db()).await.expect("SQL");
        }
        app.post("/api/v1/auth/password/forgot", &json!({ "email": email(name) })).await.expect(202);
        let token = app.email("reset-password", name).await.token();
        let body = json!({ "token": token, "new_password": NEW });
        app.post("/api/v1/auth/confirmations/use", &body).await.expect(200);
    }
    let sign_in =
        async |name: &str| app.post("/api/v1/auth/login", &json!({ "email": email(name), "password": NEW })).await;
    sign_in("alice").await.expect_tokens();
    sign_in("bob").await.expect_problem(401, "second_factor_required");
    app.sign_in_by_passkey(&devices[0], 0).await.expect_problem(422, "passkey_invalid");
    app.sign_in_by_passkey(&devices[1], 0).await.expect_tokens();
}

/// F-20.
#[tokio::test]
async fn the_undo_of_a_change_of_address_removes_the_passkeys_that_may_be_a_thiefs_and_no_others() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    sqlx::query("UPDATE users SET email_verified_at = now()").execute(app.db()).await.expect("SQL");
    let (hers, _) = alice.add_passkey().await;
    app.run_sql("UPDATE passkeys SET created_at = created_at - interval '2 days'").await;
    alice.post("/api/v1/me/email", &json!({ "email": email("mallory") })).await.expect(202);
    let token = app.email("confirm-new-email", "mallory").await.token();
    let body = json!({ "token": token, "password": password("alice") });
    app.post("/api/v1/auth/confirmations/use", &body).await.expect(200);
    let tokens = app.sign_in_by_passkey(&hers, 0).await.expect_tokens();
    let begun = app.request("POST", OPTIONS).bearer(&tokens.access_token).send().await.expect(200).json();
    let mut thiefs = PasskeyDevice::new(crate::support::PUBLIC_URL);
    let body = json!({ "ticket": begun["ticket"], "credential": thiefs.create(&begun["publicKey"]) });
    app.request("POST", PASSKEYS).bearer(&tokens.access_token).json(&body).send().await.expect(201);

    let token = app.email("email-changed", "alice").await.token();
    app.post("/api/v1/auth/confirmations/use", &json!({ "token": token, "new_password": NEW })).await.expect(200);
    app.sign_in_by_passkey(&thiefs, 0).await.expect_problem(422, "passkey_invalid");
    app.sign_in_by_passkey(&hers, 0).await.expect_tokens();
    assert_eq!(app.count("SELECT count(*) FROM recovery_codes").await, 0, "they may be the thief's");
}
