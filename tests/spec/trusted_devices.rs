//! Browsers that stand for the second factor of their user.

use crate::support::{
    Answer, Browser, Enrolled, SetCookie, TestApp, credentials, email, federated, forge,
    passkey_device::{PRESENT, VERIFIED},
    password,
};
use heirloom_testing::ProviderKind;
use serde_json::{Value, json};

const TOTP: &str = "/api/v1/auth/login/totp";
const DEVICES: &str = "/api/v1/me/trusted-devices";
const TRUSTED: &[(&str, &str)] = &[("HEIRLOOM_TRUSTED_DEVICE_TTL", "30d")];

impl TestApp {
    async fn by_cookie(&self, name: &str, trusted: Option<&str>) -> Answer {
        let mut body = credentials(name);
        body["transport"] = "cookie".into();
        self.signing_in(&body, trusted).await
    }

    async fn signing_in(&self, body: &Value, trusted: Option<&str>) -> Answer {
        let request = self.request("POST", "/api/v1/auth/login").json(body);
        let request = match trusted {
            Some(trusted) => request.header("Cookie", &format!("heirloom-trusted={trusted}")),
            None => request,
        };
        request.send().await
    }

    /// Signs in with a code, and trusts the browser.
    async fn trust(&self, name: &str, codes: &Enrolled, held: Option<&str>) -> SetCookie {
        let challenge = self.by_cookie(name, None).await.text("/challenge");
        let body = json!({ "challenge": challenge, "code": codes.app.next(self).await, "trust_device": true });
        let request = self.request("POST", TOTP).json(&body);
        let request = match held {
            Some(held) => request.header("Cookie", &format!("heirloom-trusted={held}")),
            None => request,
        };
        let answer = request.send().await;
        let cookies = answer.expect(200).set_cookies();
        cookies.into_iter().find(|cookie| cookie.name == "heirloom-trusted").expect("a cookie")
    }
}

#[track_caller]
fn expect_asked(answer: &Answer) {
    answer.expect_problem(401, "second_factor_required").expect_no_cookie();
}

fn access_token(answer: &Answer) -> String {
    answer.expect(200).text("/access_token")
}

/// F-48, F-49, F-18.
#[tokio::test]
async fn a_trusted_browser_is_not_asked_for_a_code_and_its_session_is_not_fresh() {
    let app = TestApp::with(TRUSTED).await;
    let person = app.person("alice").await;
    let codes = person.enrol(&app).await;
    let cookie = app.trust("alice", &codes, None).await;
    assert_eq!(cookie.attributes, ["httponly", "path=/", "samesite=strict"]);
    assert_eq!(cookie.max_age, Some(30 * 24 * 60 * 60));
    let stored: Vec<u8> =
        sqlx::query_scalar("SELECT hash FROM trusted_devices").fetch_one(app.db()).await.expect("SQL");
    assert!(stored.len() == 32 && !cookie.value.as_bytes().windows(32).any(|part| part == stored));

    let entered = app.by_cookie("alice", Some(&cookie.value)).await;
    let token = access_token(&entered);
    let claims = forge::decode(&token).1;
    assert_eq!((&claims["acr"], &claims["amr"]), (&json!("urn:heirloom:acr:1"), &json!(["pwd"])));
    app.ask_fresh(&token).await.expect_step_up_by("urn:heirloom:acr:2", &["totp", "recovery_code"]);
    let details: Value = sqlx::query_scalar(
        "SELECT details FROM audit_events WHERE kind = 'signed_in' ORDER BY at DESC, id DESC LIMIT 1",
    )
    .fetch_one(app.db())
    .await
    .expect("SQL");
    assert_eq!(details["trusted_device"], true);
    // With the right password only, of its user only, by cookie only, and as it was written only.
    let wrong = json!({ "email": email("alice"), "password": "not it", "transport": "cookie" });
    app.signing_in(&wrong, Some(&cookie.value)).await.expect_problem(401, "invalid_credentials");
    app.person("bob").await.enrol(&app).await;
    expect_asked(&app.by_cookie("bob", Some(&cookie.value)).await);
    expect_asked(&app.signing_in(&credentials("alice"), Some(&cookie.value)).await);
    for other in ["", "AAAA", &cookie.value.to_lowercase(), &format!("{}A", cookie.value), &"A".repeat(43)] {
        expect_asked(&app.by_cookie("alice", Some(other)).await);
    }
    // What needs a fresh session asks for a code here too.
    let form = [("email", &*email("alice")), ("password", &password("alice")), ("new_email", "a@example.com")];
    let request =
        app.request("POST", "/account/address").header("Cookie", &format!("heirloom-trusted={}", cookie.value));
    request.header("Sec-Fetch-Site", "same-origin").form(&form).send().await.expect(401);
    assert_eq!(app.events("device_trusted").await, 1);
}

/// F-49.
#[tokio::test]
async fn a_change_of_password_or_factors_and_a_revocation_end_the_trust() {
    let app = TestApp::with(TRUSTED).await;
    let person = app.person("alice").await;
    let mut codes = person.enrol(&app).await;
    let of_factors = app.trust("alice", &codes, None).await.value;
    person.delete("/api/v1/me/factors/totp").await.expect_done();
    codes = person.enrol(&app).await;
    expect_asked(&app.by_cookie("alice", Some(&of_factors)).await);

    let of_password = app.trust("alice", &codes, None).await.value;
    access_token(&app.by_cookie("alice", Some(&of_password)).await);
    sqlx::query("UPDATE users SET password_version = password_version + 1").execute(app.db()).await.expect("SQL");
    expect_asked(&app.by_cookie("alice", Some(&of_password)).await);
    assert_eq!(person.get("/api/v1/me/factors").await.json()["trusted_devices"], json!([]), "those that count");

    let late = app.trust("alice", &codes, None).await.value;
    sqlx::query("UPDATE trusted_devices SET expires_at = now()").execute(app.db()).await.expect("SQL");
    expect_asked(&app.by_cookie("alice", Some(&late)).await);

    let (one, two) = (app.trust("alice", &codes, None).await.value, app.trust("alice", &codes, None).await.value);
    let listed = person.get("/api/v1/me/factors").await.json()["trusted_devices"].as_array().expect("a list").clone();
    assert_eq!(listed.len(), 2);
    let bob = app.person("bob").await;
    let newest = format!("{DEVICES}/{}", listed[0]["id"].as_str().expect("an id"));
    bob.delete(&newest).await.expect_problem(404, "not_found");
    bob.delete(DEVICES).await.expect_done();
    person.delete(&newest).await.expect_done();
    person.delete(&newest).await.expect_problem(404, "not_found");
    expect_asked(&app.by_cookie("alice", Some(&two)).await);
    access_token(&app.by_cookie("alice", Some(&one)).await);
    person.delete(DEVICES).await.expect_done();
    expect_asked(&app.by_cookie("alice", Some(&one)).await);
    assert_eq!(app.events("devices_distrusted").await, 2);
}

/// F-49, U-12: it stands beside the password; after a sign-in with a provider the code is asked for.
#[tokio::test]
async fn a_trusted_browser_does_not_replace_the_code_after_a_providers_sign_in() {
    let (app, stub) = federated(ProviderKind::Oidc, TRUSTED).await;
    let person = app.person("alice").await;
    let token = |nonce: &str| json!({ "id_token": stub.id_token(nonce), "nonce": nonce, "transport": "cookie" });
    let mut mine = token("to-connect");
    mine.as_object_mut().expect("an object").remove("transport");
    person.post("/api/v1/me/identities/op", &mine).await.expect(204);
    let codes = person.enrol(&app).await;
    let cookie = app.trust("alice", &codes, None).await;

    let sign_in = app.request("POST", "/api/v1/auth/upstream/op/token").json(&token("to-sign-in"));
    let answer = sign_in.header("Cookie", &format!("heirloom-trusted={}", cookie.value)).send().await;

    expect_asked(&answer);
    access_token(&app.by_cookie("alice", Some(&cookie.value)).await);
}

/// F-49, U-22: nor before an identity is connected, which would open the account from then on.
#[tokio::test]
async fn a_trusted_browser_does_not_replace_the_code_where_an_identity_is_connected() {
    let (app, stub) = federated(ProviderKind::Oidc, TRUSTED).await;
    let person = app.person("alice").await;
    app.run_sql("UPDATE users SET email_verified_at = now()").await;
    let codes = person.enrol(&app).await;
    let cookie = app.trust("alice", &codes, None).await;
    let browser = Browser::new();
    browser.set("heirloom-trusted", Some(&cookie.value));
    assert_eq!(browser.sign_in(&app, &stub).await.expect(303).header("location"), Some("/connect"));
    let answer = browser.post(&app, "/connect", &[("password", &password("alice"))]).await;
    assert_eq!(answer.expect(303).header("location"), Some("/login/code"));
    assert!(!browser.is_signed_in());
    assert_eq!(app.count("SELECT count(*) FROM identities").await, 0);
}

/// F-48: a browser is one device, however often it is trusted; a user has at most twenty.
#[tokio::test]
async fn a_browser_that_is_trusted_again_takes_its_own_place() {
    let app = TestApp::with(TRUSTED).await;
    let codes = app.person("alice").await.enrol(&app).await;
    let first = app.trust("alice", &codes, None).await.value;
    let second = app.trust("alice", &codes, Some(&first)).await.value;
    assert_eq!(app.count("SELECT count(*) FROM trusted_devices").await, 1);
    expect_asked(&app.by_cookie("alice", Some(&first)).await);
    access_token(&app.by_cookie("alice", Some(&second)).await);
    for _ in 0..21 {
        app.trust("alice", &codes, None).await;
    }
    assert_eq!(app.count("SELECT count(*) FROM trusted_devices").await, 20);
    expect_asked(&app.by_cookie("alice", Some(&second)).await);
}

/// F-48: by default, and where it was allowed before; and never by a token in a body.
#[tokio::test]
async fn no_browser_is_trusted_where_the_operator_does_not_allow_it() {
    let app = TestApp::with(TRUSTED).await;
    let off = app.another(&[]).await;
    let codes = app.person("alice").await.enrol(&app).await;
    let cookie = app.trust("alice", &codes, None).await.value;
    expect_asked(&off.by_cookie("alice", Some(&cookie)).await);
    let challenge = off.by_cookie("alice", None).await.text("/challenge");
    let body = json!({ "challenge": challenge, "code": codes.app.next(&app).await, "trust_device": true });
    let answer = off.post(TOTP, &body).await;
    assert!(answer.expect(200).set_cookies().iter().all(|cookie| cookie.name != "heirloom-trusted"), "{answer:?}");
    let challenge = app.post("/api/v1/auth/login", &credentials("alice")).await.text("/challenge");
    let body = json!({ "challenge": challenge, "code": codes.app.next(&app).await, "trust_device": true });
    app.post(TOTP, &body).await.expect(200).expect_no_cookie();
    assert_eq!(app.count("SELECT count(*) FROM trusted_devices").await, 1);
}

/// F-50: also where the option was set after the browser was trusted.
#[tokio::test]
async fn a_role_that_demands_a_factor_is_not_content_with_a_browser() {
    let app = TestApp::with(TRUSTED).await;
    let strict = app.another(&[TRUSTED[0], ("HEIRLOOM_SECOND_FACTOR_ROLES", "editor")]).await;
    let codes = app.person("alice").await.enrol(&app).await;
    let cookie = app.trust("alice", &codes, None).await.value;
    access_token(&strict.by_cookie("alice", Some(&cookie)).await);
    sqlx::query("UPDATE users SET roles = '{editor}'").execute(app.db()).await.expect("SQL");
    expect_asked(&strict.by_cookie("alice", Some(&cookie)).await);
    access_token(&app.by_cookie("alice", Some(&cookie)).await);
}

/// F-48, F-14.
#[tokio::test]
async fn the_box_works_without_script() {
    let app = TestApp::with(TRUSTED).await;
    let codes = app.person("alice").await.enrol(&app).await;
    let (from, secret) = (email("alice"), password("alice"));
    let form = async |path: &str, cookie: &str, fields: &[(&str, &str)]| {
        let request = app.request("POST", path).header("Sec-Fetch-Site", "same-origin").header("Cookie", cookie);
        request.form(fields).send().await
    };
    let typed = [("email", &*from), ("password", &*secret)];
    let page = form("/login", "", &typed).await;
    assert!(page.body.contains("Do not ask for a code in this browser for 30 days"), "{page:?}");
    let (challenge, code) = (page.hidden("challenge"), codes.app.next(&app).await);
    let done = form("/login/code", "", &[("challenge", &challenge), ("code", &code), ("trust_device", "on")]).await;
    let cookies = done.expect(303).set_cookies();
    let cookie = cookies.iter().find(|cookie| cookie.name == "heirloom-trusted").expect("a cookie");
    let again = form("/login", &format!("heirloom-trusted={}", cookie.value), &typed).await;
    again.expect(303);
    let off = app.another(&[]).await;
    let request = off.request("POST", "/login").header("Sec-Fetch-Site", "same-origin").form(&typed);
    assert!(!request.send().await.body.contains("trust_device"));
}

/// F-48: a passkey is a second factor like any other; alone it is both, and there is nothing to stand for.
#[tokio::test]
async fn a_browser_is_trusted_with_a_passkey_too() {
    let app = TestApp::with(TRUSTED).await;
    let (device, _added) = app.person("alice").await.add_passkey().await;
    let verify = async |body: Value| app.post("/api/v1/auth/passkeys/verify", &body).await.expect(200).set_cookies();
    let trusted = |cookies: Vec<SetCookie>| cookies.into_iter().find(|cookie| cookie.name == "heirloom-trusted");
    let challenge = app.by_cookie("alice", None).await.text("/challenge");
    let begun = app.begin_passkey(&json!({ "challenge": challenge })).await;
    let mut body = device.prove(&begun, PRESENT, 1);
    (body["challenge"], body["trust_device"]) = (challenge.into(), true.into());
    let cookie = trusted(verify(body).await).expect("a cookie");
    access_token(&app.by_cookie("alice", Some(&cookie.value)).await);

    let mut alone = device.prove(&app.begin_passkey(&json!({})).await, VERIFIED, 2);
    (alone["transport"], alone["trust_device"]) = ("cookie".into(), true.into());
    assert!(trusted(verify(alone).await).is_none());
}
