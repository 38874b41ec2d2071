//! The pages of a sign-in whose user must set up a second factor, or has lost it.

use crate::{
    browser::Browser,
    forgotten::{EMAIL, PASSWORD, emails, look},
    passkeys::Authenticator,
    server::Server,
    two_steps::{code_of, enrol},
};
use heirloom_testing::eventually;

async fn type_password(browser: &Browser, server: &Server, language: &str) {
    browser.go(&format!("{}/login?return_to=/account&lang={language}", server.url)).await;
    browser.type_into("email", EMAIL).await;
    browser.type_into("password", PASSWORD).await;
    browser.click("main form button[type=submit]").await;
}

/// The code of the email: one works for both sign-ins.
async fn emailed_code(server: &Server) -> String {
    let is_code = |line: &&str| line.len() == 9 && line.chars().all(|c| c.is_ascii_digit() || c == ' ');
    let found = || emails(server).iter().find_map(|email| email.lines().find(is_code).map(str::to_owned));
    eventually("the email is written", || async { found().is_some() }).await;
    found().expect("a code")
}

/// F-43, F-45, F-47.
#[tokio::test]
async fn a_user_sets_up_the_factor_that_a_role_demands_before_there_is_a_session() {
    let server = Server::with_open_database(&[("HEIRLOOM_SECOND_FACTOR_ROLES", "admin")]).await;
    server.register_admin(EMAIL, PASSWORD).await;
    assert_eq!(server.home.run(&["user", "verify", EMAIL]).code, 0);
    for (language, title) in [("ko", "2단계 인증 설정"), ("en", "Set up a second factor")] {
        let browser = Browser::open().await;
        browser.watch().await;
        type_password(&browser, &server, language).await;
        browser.shows(title).await;
        look(&browser, &format!("enrol-{language}")).await;
        assert_eq!(browser.refresh_token().await, None, "no cookie before the factor");
        browser.type_into("code", "000000").await;
        browser.type_into("email_code", "0000 0000").await;
        browser.click("main form button[type=submit]").await;
        browser.until("return document.querySelector('[aria-invalid=true]') !== null").await;
        look(&browser, &format!("enrol-wrong-{language}")).await;
        if language == "en" {
            let secret = "return document.querySelector('main .hint code').textContent";
            let secret = browser.page.execute(secret, Vec::new()).await.unwrap().json().as_str().unwrap().to_owned();
            browser.type_into("code", &code_of(&secret)).await;
            browser.type_into("email_code", &emailed_code(&server).await).await;
            browser.click("main form button[type=submit]").await;
            browser.shows("Your recovery codes").await;
            look(&browser, "enrol-codes").await;
            browser.click("main a.button").await;
            browser.shows("Where you are signed in").await;
        }
        assert_eq!(browser.trouble().await, Vec::<String>::new());
        browser.close().await;
    }
}

/// F-43, F-45, F-47: a wrong code asks for no second passkey.
#[tokio::test]
async fn the_factor_that_a_role_demands_may_be_a_passkey() {
    let server = Server::with_open_database(&[("HEIRLOOM_SECOND_FACTOR_ROLES", "admin")]).await;
    server.register_admin(EMAIL, PASSWORD).await;
    assert_eq!(server.home.run(&["user", "verify", EMAIL]).code, 0);
    let browser = Browser::open().await;
    browser.watch().await;
    let authenticator = Authenticator::in_browser(&browser).await;
    type_password(&browser, &server, "en").await;
    browser.shows("Set up a passkey").await;
    browser.click("#passkey button").await;
    browser.shows("Enter the code from the e-mail.").await;
    browser.type_into("email_code", "0000 0000").await;
    browser.click("#passkey button").await;
    browser.shows("This code is wrong.").await;
    look(&browser, "enrol-passkey-wrong-code").await;
    assert_eq!(browser.refresh_token().await, None, "no cookie before the factor");
    browser.type_into("email_code", &emailed_code(&server).await).await;
    browser.click("#passkey button").await;
    browser.shows("Your recovery codes").await;
    look(&browser, "enrol-passkey-codes").await;
    assert_eq!(authenticator.credentials().await.len(), 1);
    browser.click("#enrolled a.button").await;
    browser.shows("Where you are signed in").await;
    assert_eq!(browser.trouble().await, Vec::<String>::new());
    browser.close().await;
}

/// F-51: the other devices and every sign-in say so, and any session can cancel it.
#[tokio::test]
async fn a_user_who_has_lost_everything_finds_the_way_and_a_session_can_cancel_it() {
    let server = Server::with_open_database(&[]).await;
    server.register(EMAIL, PASSWORD).await;
    let codes = enrol(&server).await;
    let (browser, lost) = (Browser::open().await, Browser::open().await);
    browser.watch().await;
    lost.watch().await;
    type_password(&browser, &server, "en").await;
    browser.shows("One more step").await;
    browser.type_into("code", &codes[0]).await;
    browser.click("main form button[type=submit]").await;
    browser.shows("Where you are signed in").await;

    type_password(&lost, &server, "en").await;
    lost.shows("You have neither the app nor a recovery code?").await;
    lost.click("main details summary").await;
    look(&lost, "second-factor-lost").await;
    lost.click("main details button").await;
    lost.shows("We have sent you an e-mail.").await;
    look(&lost, "recovery-started").await;
    type_password(&lost, &server, "en").await;
    lost.shows("Someone who has your password wants your second factor to be removed").await;
    look(&lost, "second-factor-recovery").await;

    browser.go(&format!("{}/account", server.url)).await;
    browser.until("return document.querySelector('#cancel-recovery') !== null").await;
    browser.until("return document.querySelector('#cancel-recovery').offsetParent !== null").await;
    look(&browser, "account-recovery").await;
    browser.click("#cancel-recovery").await;
    browser.until("return document.querySelector('#cancel-recovery').offsetParent === null").await;
    type_password(&lost, &server, "en").await;
    lost.shows("One more step").await;
    assert!(!lost.text().await.contains("Someone who has your password"));
    for one in [&browser, &lost] {
        assert_eq!(one.trouble().await, Vec::<String>::new());
    }
    browser.close().await;
    lost.close().await;
}
