//! A browser that runs no script.

use crate::{
    browser::Browser,
    changed_address::link_to,
    forgotten::{EMAIL, NEW, PASSWORD, look},
    server::Server,
};
use serde_json::json;

const OTHER: &str = "mona@example.com";
const SUBMIT: &str = "main form button[type=submit]";

/// L-43, L-41: from the sign-in page to another address, a new password, and the end of the account.
#[tokio::test]
async fn a_user_changes_the_address_and_deletes_the_account_without_script() {
    let (server, browser) = (Server::start().await, Browser::open().await);
    server.register(EMAIL, PASSWORD).await;
    for (path, name) in
        [("/account/address", "address-form"), ("/account/app", "app-form"), ("/account/delete", "deletion-form")]
    {
        for language in ["en", "ko"] {
            browser.go(&format!("{}{path}?lang={language}", server.url)).await;
            look(&browser, &format!("{name}-{language}")).await;
        }
    }
    browser.run_scripts(false).await;
    browser.go(&format!("{}/account?lang=en", server.url)).await;
    browser.shows("This page needs JavaScript.").await;
    for path in ["/forgot", "/account/delete", "/account/address"] {
        browser.go(&format!("{}/account", server.url)).await;
        browser.click(&format!("main a[href='{path}']")).await;
        assert!(browser.is_at(path).await);
    }
    browser.type_into("email", EMAIL).await;
    browser.type_into("password", "not it").await;
    browser.type_into("new_email", OTHER).await;
    browser.click(SUBMIT).await;
    browser.shows("Incorrect e-mail address or password.").await;
    browser.type_into("password", PASSWORD).await;
    browser.click(SUBMIT).await;
    browser.shows("An e-mail with a link is on its way to the new address.").await;
    link_to(&server, EMAIL, "was requested").await;
    link_to(&server, OTHER, "confirm your new").await;

    browser.go(&format!("{}/account/delete", server.url)).await;
    browser.type_into("email", EMAIL).await;
    browser.type_into("password", NEW).await;
    browser.click(SUBMIT).await;
    browser.shows("Incorrect e-mail address or password.").await;
    browser.type_into("password", PASSWORD).await;
    browser.click(SUBMIT).await;
    browser.shows("Your account was deleted.").await;
    assert!(browser.is_at("/login").await);
    let body = json!({ "email": EMAIL, "password": PASSWORD });
    assert_eq!(server.post("/api/v1/auth/login", "curl", &body).await.0, 401);
    browser.close().await;
}
