use crate::{browser::Browser, server::Server};
use heirloom_testing::holds_token;

const EMAIL: &str = "mina@example.com";
const PASSWORD: &str = "a quiet harbour at dawn";

async fn sign_in(browser: &Browser, server: &Server) {
    browser.go(&format!("{}/login", server.url)).await;
    browser.type_into("email", EMAIL).await;
    browser.type_into("password", PASSWORD).await;
    browser.click("button[type=submit]").await;
    browser.shows(EMAIL).await;
}

/// S-20, A-39: sign in on the page; still signed in after a reload; signed out by sign-out; and signed out at once when
/// another client uses the cookie.
#[tokio::test]
async fn a_user_stays_signed_in_until_they_sign_out_or_their_cookie_is_stolen() {
    let (server, browser) = (Server::start().await, Browser::open().await);
    server.register(EMAIL, PASSWORD).await;

    sign_in(&browser, &server).await;
    assert!(browser.is_at("/account").await);
    let first = browser.refresh_token().await.expect("a cookie");

    browser.page.refresh().await.unwrap();
    browser.shows(EMAIL).await;
    let second = browser.refresh_token().await.expect("a cookie");
    assert_ne!(first, second, "the silent sign-in rotates the token");

    let reachable = browser.everything_reachable().await;
    // The refresh token is in a cookie, and the access token in a closure.
    assert!(!holds_token(&reachable), "no script reaches a token");

    browser.click("#sign-out").await;
    browser.shows("You have been signed out.").await;
    assert_eq!(browser.refresh_token().await, None, "only sign-out clears the cookie");
    browser.go(&format!("{}/account", server.url)).await;
    browser.shows("Sign in").await;
    assert!(browser.is_at("/login").await);

    sign_in(&browser, &server).await;
    let stolen = browser.refresh_token().await.expect("a cookie");
    browser.page.refresh().await.unwrap();
    browser.shows(EMAIL).await;
    let (status, problem) = server.refresh_elsewhere(&stolen).await;
    assert_eq!((status, problem["code"].as_str()), (401, Some("refresh_token_reused")));
    browser.page.refresh().await.unwrap();
    browser.shows("We revoked this session to protect you").await;
    assert!(browser.is_at("/login").await);
    browser.close().await;
}

/// Works without a script: the server keeps the typed values and shows the error beside its field.
#[tokio::test]
async fn the_login_page_keeps_the_typed_values_and_shows_the_error() {
    let (server, browser) = (Server::start().await, Browser::open().await);
    let login = format!("{}/login?return_to=/account", server.url);
    for (name, width, scheme) in
        [("login", 1200, "light"), ("login-dark", 1200, "dark"), ("login-narrow", 320, "light")]
    {
        browser.look_like(width, scheme).await;
        browser.go(&login).await;
        browser.screenshot(name).await;
        let overflow = "return document.documentElement.scrollWidth > document.documentElement.clientWidth";
        assert!(!browser.page.execute(overflow, Vec::new()).await.unwrap().json().as_bool().unwrap(), "{name}");
    }
    browser.look_like(1200, "light").await;
    browser.go(&login).await;
    browser.type_into("email", "nobody@example.com").await;
    browser.type_into("password", "not the password").await;
    browser.click("button[type=submit]").await;
    browser.shows("Incorrect e-mail address or password.").await;
    let email = browser.page.find(thirtyfour::By::Id("email")).await.unwrap();
    assert_eq!(email.prop("value").await.unwrap().as_deref(), Some("nobody@example.com"));
    browser.screenshot("login-wrong").await;
    browser.look_like(320, "dark").await;
    browser.screenshot("login-wrong-narrow-dark").await;
    browser.close().await;
}

/// A new account is signed in at once, and its page shows this device.
#[tokio::test]
async fn a_user_registers_on_the_page() {
    let (server, browser) = (Server::start().await, Browser::open().await);
    browser.go(&format!("{}/register", server.url)).await;
    browser.screenshot("register").await;
    browser.type_into("email", "Jun@Example.com").await;
    browser.type_into("name", "준").await;
    browser.type_into("password", "password1").await;
    browser.click("button[type=submit]").await;
    browser.shows("Please correct the marked fields below.").await;
    browser.screenshot("register-weak").await;
    browser.type_into("password", PASSWORD).await;
    browser.click("button[type=submit]").await;
    browser.shows("jun@example.com").await;
    browser.shows("This device").await;
    browser.screenshot("account").await;
    browser.look_like(320, "dark").await;
    browser.screenshot("account-narrow-dark").await;
    browser.close().await;
}
