//! A registration where addresses must be verified, from the form to the first session.

use crate::{
    browser::Browser,
    forgotten::{EMAIL, NEW, PASSWORD, email, links, look, press_everything},
    server::Server,
};
use serde_json::json;
use thirtyfour::prelude::*;

const REQUIRED: (&str, &str) = ("HEIRLOOM_EMAIL_VERIFICATION", "required");

async fn register(browser: &Browser, server: &Server, language: &str, title: &str) {
    browser.watch().await;
    browser.go(&format!("{}/register?lang={language}", server.url)).await;
    browser.type_into("email", EMAIL).await;
    browser.type_into("name", "Mina").await;
    browser.type_into("password", PASSWORD).await;
    browser.click("main form button[type=submit]").await;
    browser.shows(title).await;
}

async fn link_of(server: &Server) -> String {
    let [link] = links(&email(server).await).try_into().expect("one link in both parts");
    link
}

async fn can_sign_in(server: &Server, password: &str) -> bool {
    let body = json!({ "email": EMAIL, "password": password });
    server.post("/api/v1/auth/login", "curl", &body).await.0 == 200
}

async fn expect_no_trouble(browser: Browser) {
    assert_eq!(browser.trouble().await, Vec::<String>::new());
    browser.close().await;
}

/// L-28, L-41: the browser that asked.
#[tokio::test]
async fn a_user_confirms_by_a_button_in_the_browser_that_asked_and_is_signed_in() {
    let (server, browser) = (Server::with(&[REQUIRED]).await, Browser::open().await);
    register(&browser, &server, "en", "Check your e-mail").await;
    look(&browser, "register-code-en").await;
    assert!(!can_sign_in(&server, PASSWORD).await, "there is no account yet");
    browser.go(&link_of(&server).await).await;
    browser.shows("m…a@example.com").await;
    look(&browser, "register-confirm-en").await;
    assert!(!can_sign_in(&server, PASSWORD).await, "opening the link creates nothing");
    browser.click("main form button[type=submit]").await;
    browser.shows("Where you are signed in").await;
    assert!(browser.refresh_token().await.is_some());
    assert!(can_sign_in(&server, PASSWORD).await);
    expect_no_trouble(browser).await;
}

/// L-28, L-42, L-15: two profiles.
#[tokio::test]
async fn another_browser_chooses_the_password_and_the_page_that_waits_goes_on_to_the_sign_in() {
    let (server, asking, other) = (Server::with(&[REQUIRED]).await, Browser::open().await, Browser::open().await);
    register(&asking, &server, "en", "Check your e-mail").await;
    other.watch().await;
    other.go(&link_of(&server).await).await;
    other.shows("Choose the password of your account.").await;
    look(&other, "register-elsewhere-en").await;
    other.type_into("password", NEW).await;
    other.click("main form button[type=submit]").await;
    other.shows("Your account was created.").await;
    assert_eq!(other.refresh_token().await, None, "nobody is signed in there");

    asking.shows("Your account was created.").await;
    assert_eq!(asking.refresh_token().await, None, "nor here");
    let filled_in = asking.page.find(By::Id("email")).await.unwrap().prop("value").await.unwrap();
    assert_eq!(filled_in.as_deref(), Some(EMAIL), "the address is filled in");
    assert!(!asking.page.current_url().await.unwrap().as_str().contains("mina"), "and in no URL");
    asking.type_into("password", NEW).await;
    asking.click("main form button[type=submit]").await;
    asking.shows("Where you are signed in").await;
    assert!(!can_sign_in(&server, PASSWORD).await);
    for browser in [asking, other] {
        expect_no_trouble(browser).await;
    }
}

/// L-41: in Korean, by the code.
#[tokio::test]
async fn a_user_types_the_code_in_korean_and_is_signed_in() {
    let (server, browser) = (Server::with(&[REQUIRED]).await, Browser::open().await);
    register(&browser, &server, "ko", "이메일을 확인해 주세요").await;
    look(&browser, "register-code-ko").await;
    browser.click("main form.aside button[type=submit]").await;
    browser.shows("이메일을 다시 요청했습니다.").await;
    let email = email(&server).await;
    let code = email.lines().find(|line| line.len() == 9 && line.chars().all(|c| c.is_ascii_digit() || c == ' '));
    browser.type_into("code", "0000 0000").await;
    browser.click("#waiting button[type=submit]").await;
    browser.shows("인증번호가 올바르지").await;
    browser.type_into("code", code.expect("a code")).await;
    browser.click("#waiting button[type=submit]").await;
    browser.until("return location.pathname === '/account'").await;
    assert!(browser.refresh_token().await.is_some());
    expect_no_trouble(browser).await;
}

/// L-1: a program that scans emails, runs scripts, opens every link, presses every button and sends every form.
#[tokio::test]
async fn a_mail_scanner_creates_no_account() {
    let (server, asking, scanner) = (Server::with(&[REQUIRED]).await, Browser::open().await, Browser::open().await);
    register(&asking, &server, "en", "Check your e-mail").await;
    let link = link_of(&server).await;
    press_everything(&scanner, &link, "m…a@example.com").await;
    assert_eq!(scanner.refresh_token().await, None);
    assert!(!can_sign_in(&server, PASSWORD).await, "there is no account");

    // The link still works for its user.
    asking.go(&link).await;
    asking.shows("m…a@example.com").await;
    asking.click("main form button[type=submit]").await;
    asking.shows("Where you are signed in").await;
    scanner.close().await;
    expect_no_trouble(asking).await;
}
