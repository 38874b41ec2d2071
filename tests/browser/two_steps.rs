//! A user with a second factor: the sign-in in two steps, and the dialog that asks for a code.

use crate::{
    browser::Browser,
    changed_address::{grow_old, signed_in},
    forgotten::{EMAIL, PASSWORD, emails, look},
    server::Server,
};
use heirloom_testing::eventually;
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};
use thirtyfour::By;
use totp_rs::{Builder, Secret};

const OTHER: &str = "mona@example.com";

/// What an app shows into which this secret was typed.
pub fn code_of(secret: &str) -> String {
    let secret = Secret::try_from_base32(secret.replace(' ', "")).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    Builder::new().with_secret(secret).build().unwrap().generate(now).to_string()
}

/// Sets up an app for the user. Returns the recovery codes.
pub async fn enrol(server: &Server) -> Vec<String> {
    let (status, signed_in) =
        server.post("/api/v1/auth/login", "curl", &json!({ "email": EMAIL, "password": PASSWORD })).await;
    assert_eq!(status, 200);
    let bearer = signed_in["access_token"].as_str().unwrap();
    let new = server.post_as(bearer, "/api/v1/me/factors/totp", &Value::Null).await;
    let code = code_of(new["secret"].as_str().unwrap());
    let confirmed = server.post_as(bearer, "/api/v1/me/factors/totp/confirm", &json!({ "code": code })).await;
    let codes = confirmed["recovery_codes"].as_array().unwrap();
    codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect()
}

/// F-12, F-14, F-16, F-18.
#[tokio::test]
async fn a_user_with_a_second_factor_signs_in_in_two_steps_and_confirms_with_a_code() {
    let server = Server::with_open_database(&[]).await;
    server.register(EMAIL, PASSWORD).await;
    let codes = enrol(&server).await;
    let browser = Browser::open().await;
    browser.watch().await;
    browser.go(&format!("{}/login?return_to=/account", server.url)).await;
    browser.type_into("email", EMAIL).await;
    browser.type_into("password", PASSWORD).await;
    browser.click("main form button[type=submit]").await;
    browser.shows("One more step").await;
    look(&browser, "second-factor").await;
    assert_eq!(browser.refresh_token().await, None, "no cookie before the second step");
    browser.type_into("code", "000000").await;
    browser.click("main form button[type=submit]").await;
    browser.shows("The code is wrong, or was used before.").await;
    look(&browser, "second-factor-wrong").await;
    browser.type_into("code", &codes[0].to_lowercase()).await;
    browser.click("main form button[type=submit]").await;
    browser.shows("Where you are signed in").await;

    grow_old(&server).await;
    browser.type_into("new-email", OTHER).await;
    browser.click("#address button[type=submit]").await;
    browser.shows("Enter a code to continue").await;
    browser.until("return document.activeElement.id === 'step-up-code'").await;
    look(&browser, "step-up-code").await;
    browser.type_into("step-up-code", "000000").await;
    browser.click("#step-up-form button[type=submit]").await;
    browser.shows("The code is wrong, or was used before.").await;
    browser.type_into("step-up-code", &codes[1]).await;
    browser.click("#step-up-form button[type=submit]").await;
    browser.shows("on its way to the new address").await;
    let is_sent = |email: &String| email.contains(&format!("To: {OTHER}\r\n"));
    eventually("the email is written", || async { emails(&server).iter().any(is_sent) }).await;
    assert_eq!(browser.trouble().await, Vec::<String>::new());
    browser.close().await;
}

/// F-1, F-5, F-19: on the account page. What is shown once is nowhere afterwards.
#[tokio::test]
async fn a_user_sets_up_and_removes_an_app_on_the_account_page() {
    let server = Server::with_open_database(&[]).await;
    server.register(EMAIL, PASSWORD).await;
    let browser = signed_in(&server, "en", "Set up an authenticator app").await;
    browser.click("#begin-totp").await;
    browser.until("return document.getElementById('totp-picture').naturalWidth > 0").await;
    browser.until("return document.activeElement.id === 'totp-code'").await;
    look(&browser, "totp-setup").await;
    let secret = browser.page.find(By::Id("totp-secret")).await.unwrap().text().await.unwrap();
    browser.type_into("totp-code", "000000").await;
    browser.click("#totp-form button[type=submit]").await;
    browser.shows("The code is wrong, or was used before.").await;
    browser.type_into("totp-code", &code_of(&secret)).await;
    browser.click("#totp-form button[type=submit]").await;
    browser.shows("Your recovery codes").await;
    look(&browser, "recovery-codes").await;
    let first = browser.page.find(By::Css("#code-list li")).await.unwrap().text().await.unwrap();
    browser.click("#codes-close").await;
    browser.shows("Your second factor is set up.").await;
    browser.shows("Recovery codes left: 10").await;
    look(&browser, "second-factor-account").await;

    browser.click("#renew-codes").await;
    browser.click("#confirm-yes").await;
    browser.until("return document.querySelectorAll('#codes[open] li').length === 10").await;
    assert_ne!(browser.page.find(By::Css("#code-list li")).await.unwrap().text().await.unwrap(), first);
    browser.click("#codes-close").await;
    let left = browser.everything_reachable().await;
    assert!(!left.contains(&secret) && !left.contains(&secret.replace(' ', "")) && !left.contains(&first));

    browser.click("#remove-totp").await;
    browser.click("#confirm-yes").await;
    browser.shows("The authenticator app was removed.").await;
    browser.until("return !document.getElementById('without-totp').hidden").await;
    let signs_in = server.post("/api/v1/auth/login", "curl", &json!({ "email": EMAIL, "password": PASSWORD })).await;
    assert_eq!(signs_in.0, 200);
    assert_eq!(browser.trouble().await, Vec::<String>::new());
    browser.close().await;
}
