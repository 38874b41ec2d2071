//! Passkeys in Chromium, with its virtual authenticator.

use crate::{
    browser::Browser,
    changed_address::{grow_old, signed_in},
    forgotten::{EMAIL, PASSWORD, look},
    server::Server,
};
use heirloom_testing::eventually;
use serde_json::{Value, json};
use thirtyfour::By;

const OTHER: &str = "mona@example.com";
/// What the account page shows of a user who is signed in.
const SIGNED_IN: &str = "Where you are signed in";

/// An authenticator inside a browser, which answers by itself.
pub struct Authenticator<'a> {
    browser: &'a Browser,
    id: String,
}

impl<'a> Authenticator<'a> {
    pub async fn in_browser(browser: &'a Browser) -> Self {
        browser.cdp("WebAuthn.enable", json!({})).await;
        let options = json!({
            "protocol": "ctap2", "ctap2Version": "ctap2_1", "transport": "internal", "hasResidentKey": true,
            "hasUserVerification": true, "isUserVerified": true, "automaticPresenceSimulation": true,
        });
        let added = browser.cdp("WebAuthn.addVirtualAuthenticator", json!({ "options": options })).await;
        Self { browser, id: added["authenticatorId"].as_str().unwrap().to_owned() }
    }

    pub async fn credentials(&self) -> Vec<Value> {
        let found = self.browser.cdp("WebAuthn.getCredentials", json!({ "authenticatorId": self.id })).await;
        found["credentials"].as_array().unwrap().clone()
    }

    async fn hold(&self, credential: &Value) {
        let parameters = json!({ "authenticatorId": self.id, "credential": credential });
        self.browser.cdp("WebAuthn.addCredential", parameters).await;
    }

    async fn verify_users(&self, verifies: bool) {
        let parameters = json!({ "authenticatorId": self.id, "isUserVerified": verifies });
        self.browser.cdp("WebAuthn.setUserVerified", parameters).await;
    }

    /// Whether it answers at all: without, the browser waits.
    async fn answer(&self, answers: bool) {
        let parameters = json!({ "authenticatorId": self.id, "enabled": answers });
        self.browser.cdp("WebAuthn.setAutomaticPresenceSimulation", parameters).await;
    }
}

/// A notice may be in front of the button.
async fn sign_out(browser: &Browser) {
    browser.page.execute("document.getElementById('sign-out').click()", Vec::new()).await.unwrap();
}

async fn type_password(browser: &Browser, server: &Server) {
    browser.go(&format!("{}/login?return_to=/account", server.url)).await;
    browser.type_into("email", EMAIL).await;
    browser.type_into("password", PASSWORD).await;
    browser.click("main form button[type=submit]").await;
}

/// F-21, F-23, F-24, F-25, F-31, F-32, F-34.
#[tokio::test]
async fn a_user_adds_a_passkey_signs_in_with_it_and_removes_it() {
    let server = Server::with_open_database(&[]).await;
    server.register(EMAIL, PASSWORD).await;
    let browser = signed_in(&server, "en", SIGNED_IN).await;
    let authenticator = Authenticator::in_browser(&browser).await;
    look(&browser, "passkeys-none").await;
    browser.click("#add-passkey").await;
    browser.shows("Your recovery codes").await;
    browser.click("#codes-close").await;
    browser.until("return document.querySelectorAll('#passkeys li').length === 1").await;
    let credentials = authenticator.credentials().await;
    let [credential] = credentials.as_slice() else { panic!("{credentials:?}") };
    assert_eq!((&credential["rpId"], &credential["isResidentCredential"]), (&json!("localhost"), &json!(true)));
    browser.click("#add-passkey").await;
    browser.shows("This device already holds one of your passkeys.").await;

    browser.click("#passkeys li button").await;
    browser.shows("Rename the passkey").await;
    look(&browser, "passkey-rename").await;
    browser.type_into("confirm-input", "Blue key").await;
    browser.click("#confirm-yes").await;
    browser.shows("Blue key").await;
    look(&browser, "passkeys-one").await;

    // The browser offers it beside the address; here it chooses it by itself.
    let before = browser.refresh_token().await;
    sign_out(&browser).await;
    eventually("the browser signs in again", || async {
        browser.refresh_token().await.is_some_and(|token| Some(token) != before)
    })
    .await;
    browser.until("return location.pathname === '/account' && !document.getElementById('content').hidden").await;

    // In another browser, to which the passkey was synced.
    let second = Browser::open().await;
    second.watch().await;
    let synced = Authenticator::in_browser(&second).await;
    synced.hold(&authenticator.credentials().await[0]).await;
    second.go(&format!("{}/login?return_to=/account", server.url)).await;
    second.shows(SIGNED_IN).await;

    // It confirms that it is the user.
    grow_old(&server).await;
    second.type_into("new-email", OTHER).await;
    second.click("#address button[type=submit]").await;
    second.shows("Enter a code to continue").await;
    look(&second, "step-up-passkey").await;
    second.click("#step-up-passkey").await;
    second.shows("on its way to the new address").await;

    // Removed there, it is gone in that authenticator at once, and in the other one when it is tried.
    second.click("#passkeys li button + button").await;
    second.click("#confirm-yes").await;
    second.shows("The passkey was removed.").await;
    eventually("the browser forgets it", || async { synced.credentials().await.is_empty() }).await;
    browser.go(&format!("{}/login?return_to=/account", server.url)).await;
    browser.shows("This service does not know this passkey any more.").await;
    look(&browser, "login-passkey-unknown").await;
    eventually("the browser forgets it", || async { authenticator.credentials().await.is_empty() }).await;
    for one in [&browser, &second] {
        assert_eq!(one.trouble().await, Vec::<String>::new());
    }
    second.close().await;
    browser.close().await;
}

/// F-24, F-25: without verification a passkey does not sign in alone; after the password it does.
#[tokio::test]
async fn an_authenticator_that_verifies_nobody_is_a_second_factor_only() {
    let server = Server::with_open_database(&[]).await;
    server.register(EMAIL, PASSWORD).await;
    let browser = signed_in(&server, "ko", "로그인된 기기").await;
    let authenticator = Authenticator::in_browser(&browser).await;
    browser.click("#add-passkey").await;
    browser.until("return document.getElementById('codes').open").await;
    browser.click("#codes-close").await;
    authenticator.verify_users(false).await;
    authenticator.answer(false).await;
    sign_out(&browser).await;
    browser.until("return location.pathname === '/login' && !document.getElementById('passkey').hidden").await;
    look(&browser, "login-passkey").await;
    type_password(&browser, &server).await;
    browser.until("return location.pathname === '/login' && document.getElementById('code') !== null").await;
    look(&browser, "second-factor-passkey").await;
    assert_eq!(browser.refresh_token().await, None, "no cookie before the second step");
    authenticator.answer(true).await;
    browser.click("#passkey button").await;
    browser.until("return location.pathname === '/account'").await;
    browser.until("return document.querySelectorAll('#passkeys li').length === 1").await;
    assert!(browser.refresh_token().await.is_some());
    let held = browser.page.find(By::Css("#passkeys li .name")).await.unwrap().text().await.unwrap();
    assert!(held.contains("Chrome"), "{held}");
    assert_eq!(browser.trouble().await, Vec::<String>::new());
    browser.close().await;
}
