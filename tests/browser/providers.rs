//! Other providers on the pages: signing in with one, typing an address for one, connecting and disconnecting one.

use crate::{
    browser::Browser,
    forgotten::{EMAIL, PASSWORD, emails, look},
    server::Server,
};
use heirloom_testing::{Member, ProviderKind, StubProvider, eventually};

const PERSON: &str = "mona@gmail.com";

async fn with_provider(stub: &StubProvider, more: &[(&str, &str)]) -> Server {
    let named = stub.options("OP");
    let named: Vec<_> = named.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let label = ("HEIRLOOM_UPSTREAM_OP_LABEL", "Example");
    Server::with_open_database(&[&named[..], &[label], more].concat()).await
}

async fn open_sign_in(browser: &Browser, server: &Server, language: &str) {
    browser.go(&format!("{}/login?return_to=/account&lang={language}", server.url)).await;
}

/// The code of the newest email.
async fn code(server: &Server) -> String {
    let is_code = |line: &&str| line.len() == 9 && line.chars().all(|c| c.is_ascii_digit() || c == ' ');
    let found = || emails(server).iter().find_map(|email| email.lines().find(is_code).map(str::to_owned));
    eventually("the email is written", || async { found().is_some() }).await;
    found().expect("a code")
}

/// U-19, U-20, U-28.
#[tokio::test]
async fn a_new_user_signs_in_with_a_provider_and_keeps_what_opens_the_account() {
    let stub = StubProvider::start(ProviderKind::Google);
    stub.member(Member::new("1001", PERSON).named("Mona"));
    let server = with_provider(&stub, &[]).await;
    let browser = Browser::open().await;
    browser.watch().await;
    open_sign_in(&browser, &server, "ko").await;
    browser.shows("Example").await;
    look(&browser, "providers-ko").await;
    open_sign_in(&browser, &server, "en").await;
    browser.shows("Continue with Example").await;
    look(&browser, "providers").await;
    browser.click(".providers a").await;
    browser.shows(PERSON).await;
    browser.shows("Disconnect").await;
    look(&browser, "identities-only").await;
    browser.click("#identities button").await;
    browser.until("return document.getElementById('notice').checkVisibility()").await;
    look(&browser, "identities-last").await;
    assert_eq!(browser.trouble().await, Vec::<String>::new());
    browser.close().await;
}

/// U-22, U-26: an account with a password is never connected silently; on the account page its owner does it.
#[tokio::test]
async fn the_owner_of_an_account_connects_a_provider_and_disconnects_it() {
    let stub = StubProvider::start(ProviderKind::Google);
    stub.member(Member::new("1001", PERSON).named("Mona"));
    let server = with_provider(&stub, &[]).await;
    server.register(PERSON, PASSWORD).await;
    assert_eq!(server.home.run(&["user", "verify", PERSON]).code, 0);
    let browser = Browser::open().await;
    browser.watch().await;
    open_sign_in(&browser, &server, "en").await;
    browser.click(".providers a").await;
    browser.shows("You already have an account").await;
    look(&browser, "connect-sign-in").await;
    assert_eq!(browser.refresh_token().await, None, "never silently");
    browser.type_into("password", PASSWORD).await;
    browser.click("main form button[type=submit]").await;
    browser.shows("Disconnect").await;
    look(&browser, "identities-connected").await;
    browser.click("#identities button").await;
    browser.shows("The account was disconnected.").await;
    browser.until("return document.querySelector('#identities button').textContent === 'Connect'").await;
    browser.click("#identities button").await;
    browser.until("return document.querySelector('#identities button')?.textContent === 'Disconnect'").await;
    assert_eq!(browser.trouble().await, Vec::<String>::new());
    browser.close().await;
}

/// U-24, U-25: in the browser that asked, a code is enough.
#[tokio::test]
async fn who_has_no_address_at_the_provider_types_one_and_confirms_it() {
    let stub = StubProvider::start(ProviderKind::Kakao);
    stub.member(Member::new("2002", "").without_email());
    let server = with_provider(&stub, &[]).await;
    let browser = Browser::open().await;
    browser.watch().await;
    open_sign_in(&browser, &server, "en").await;
    browser.click(".providers a").await;
    browser.shows("gave us no confirmed").await;
    look(&browser, "connect-address").await;
    browser.type_into("email", EMAIL).await;
    browser.click("main form button[type=submit]").await;
    browser.until("return document.getElementById('code') !== null").await;
    look(&browser, "connect-code").await;
    browser.type_into("code", &code(&server).await).await;
    browser.click("#waiting button[type=submit]").await;
    browser.shows(EMAIL).await;
    browser.shows("Disconnect").await;
    assert_eq!(browser.trouble().await, Vec::<String>::new());
    browser.close().await;
}

/// U-9, U-11: the page says what happened, and the password works all the same.
#[tokio::test]
async fn a_provider_that_is_down_stops_nothing_else() {
    let mut stub = StubProvider::start(ProviderKind::Google);
    let server = with_provider(&stub, &[("HEIRLOOM_PROVIDERS_FIRST", "true")]).await;
    server.register(EMAIL, PASSWORD).await;
    stub.down();
    let browser = Browser::open().await;
    browser.watch().await;
    open_sign_in(&browser, &server, "en").await;
    browser.click(".providers a").await;
    browser.until("return location.search.includes('reason=upstream_failed')").await;
    look(&browser, "provider-down").await;
    browser.type_into("email", EMAIL).await;
    browser.type_into("password", PASSWORD).await;
    browser.click("main form button[type=submit]").await;
    browser.shows("Where you are signed in").await;
    assert_eq!(browser.trouble().await, Vec::<String>::new());
    browser.close().await;
}
