//! A forgotten password, from the sign-in page to the next sign-in, with the emails that a server without a mail server
//! writes into its folder.

use crate::{browser::Browser, server::Server};
use heirloom_testing::eventually;
use std::fs;
use tempfile::TempDir;
use thirtyfour::prelude::*;

pub const EMAIL: &str = "mina@example.com";
pub const PASSWORD: &str = "a quiet harbour at dawn";
pub const NEW: &str = "nine lanterns over the bay";

/// The texts of the emails so far, oldest first.
pub fn emails(server: &Server) -> Vec<String> {
    let entries = fs::read_dir(server.home.data_dir().join("mail")).into_iter().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "eml"));
    files.sort();
    files.into_iter().map(|file| fs::read_to_string(file).unwrap()).collect()
}

/// The email that leads to a new password.
pub async fn email(server: &Server) -> String {
    let leads = |email: &String| email.contains("/confirm#");
    eventually("the email is written", || async { emails(server).iter().any(leads) }).await;
    emails(server).into_iter().find(leads).unwrap()
}

/// The links of an email: lines of its text, and targets in its HTML.
pub fn links(email: &str) -> Vec<String> {
    let lines = email.lines().filter(|line| line.starts_with("http")).map(str::to_owned);
    let targets = email.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned);
    let mut found: Vec<_> = lines.chain(targets).collect();
    found.sort();
    found.dedup();
    found
}

async fn ask(browser: &Browser, server: &Server, language: &str, title: &str) {
    browser.go(&format!("{}/login?lang={language}", server.url)).await;
    browser.click("a[href='/forgot']").await;
    look(browser, &format!("forgot-{language}")).await;
    browser.type_into("email", EMAIL).await;
    browser.click("main form button[type=submit]").await;
    browser.shows(title).await;
    look(browser, &format!("code-{language}")).await;
}

/// Narrow and wide, in the light and in the dark: nothing overflows, and axe finds nothing.
pub async fn look(browser: &Browser, name: &str) {
    for (width, scheme) in [(320, "dark"), (320, "light"), (1200, "dark"), (1200, "light")] {
        browser.look_like(width, scheme).await;
        assert!(!browser.overflows().await, "{name} at {width}");
        assert_eq!(browser.barriers().await, Vec::<String>::new(), "{name} at {width}, {scheme}");
        browser.screenshot(&format!("{name}-{width}-{scheme}")).await;
    }
}

/// L-20, L-41, L-42, L-15: the link is opened in another browser than the one that asked.
#[tokio::test]
async fn a_user_chooses_a_new_password_by_the_link_and_the_page_that_waits_goes_on() {
    let (server, asking, other) = (Server::start().await, Browser::open().await, Browser::open().await);
    server.register(EMAIL, PASSWORD).await;
    let session = server.sign_in(EMAIL, PASSWORD).await;
    asking.watch().await;
    other.watch().await;
    ask(&asking, &server, "en", "Check your e-mail").await;

    let [link] = links(&email(&server).await).try_into().expect("one link in both parts");
    other.go(&link).await;
    other.shows("m…a@example.com").await;
    look(&other, "confirm-en").await;
    let kept = other.page.find(By::Css("footer nav a[lang=ko]")).await.unwrap();
    assert!(kept.prop("href").await.unwrap().unwrap().ends_with(link.split_once('#').unwrap().1));
    other.click("main form button[type=submit]").await;
    other.shows("Choose a password.").await;
    other.type_into("password", "password").await;
    other.click("main form button[type=submit]").await;
    other.shows("This password is easy to guess.").await;
    look(&other, "confirm-refused-en").await;
    other.type_into("password", NEW).await;
    other.click("main form button[type=submit]").await;
    other.shows("Your new password is set.").await;
    look(&other, "confirm-done-en").await;
    assert_eq!(other.refresh_token().await, None, "nobody is signed in by it");
    server.expect_signed_out(&session).await;

    asking.shows("Sign in with your new password.").await;
    let filled_in = asking.page.find(By::Id("email")).await.unwrap().prop("value").await.unwrap();
    assert_eq!(filled_in.as_deref(), Some(EMAIL), "the address is filled in");
    asking.type_into("password", NEW).await;
    asking.click("main form button[type=submit]").await;
    asking.shows("Where you are signed in").await;

    other.go("about:blank").await;
    other.go(&link).await;
    other.shows("This link does not work").await;
    look(&other, "confirm-expired-en").await;
    for browser in [asking, other] {
        assert_eq!(browser.trouble().await, Vec::<String>::new());
        browser.close().await;
    }
}

/// L-41, L-40: in Korean, on the device that asked; and the email as a mail program shows it.
#[tokio::test]
async fn a_user_types_the_code_in_korean_and_the_email_fits_a_narrow_and_a_dark_screen() {
    let (server, browser) = (Server::start().await, Browser::open().await);
    server.register(EMAIL, PASSWORD).await;
    ask(&browser, &server, "ko", "이메일을 확인해 주세요").await;
    let email = email(&server).await;
    let code = email.lines().find(|line| line.len() == 9 && line.chars().all(|c| c.is_ascii_digit() || c == ' '));
    browser.type_into("code", code.expect("a code")).await;
    browser.type_into("password", NEW).await;
    browser.click("main form button[type=submit]").await;
    browser.shows("새 비밀번호를 저장했습니다.").await;
    look(&browser, "confirm-done-ko").await;

    let folder = TempDir::new().unwrap();
    let file = folder.path().join("email.html");
    let (_, html) = email.split_once("<!doctype html>").unwrap();
    let (html, _) = html.split_once("</html>").unwrap();
    fs::write(&file, format!("<!doctype html>{html}</html>")).unwrap();
    browser.go(&format!("file://{}", file.display())).await;
    browser.shows(code.unwrap()).await;
    for (width, scheme) in [(320, "dark"), (320, "light"), (1200, "dark"), (1200, "light")] {
        browser.look_like(width, scheme).await;
        assert!(!browser.overflows().await, "at {width}");
        browser.screenshot(&format!("email-ko-{width}-{scheme}")).await;
    }
    browser.close().await;
}

/// Presses every button and sends every form of the page behind a link, each after opening it again.
pub async fn press_everything(browser: &Browser, link: &str, shown: &str) {
    const VISIBLE: &str = "button:not([hidden]), input[type=submit], input[type=checkbox], summary";
    for number in 0.. {
        browser.go("about:blank").await;
        browser.go(link).await;
        browser.shows(shown).await;
        let buttons = browser.page.find_all(By::Css(VISIBLE)).await.unwrap();
        let Some(button) = buttons.get(number) else { break };
        // What is not shown cannot be pressed.
        drop(button.click().await);
        browser.until("return document.readyState === 'complete'").await;
    }
    for number in 0.. {
        browser.go("about:blank").await;
        browser.go(link).await;
        browser.shows(shown).await;
        let script = format!("const form = document.forms[{number}]; form?.submit(); return Boolean(form)");
        if browser.page.execute(&script, Vec::new()).await.unwrap().json() == false {
            break;
        }
        browser.until("return document.readyState === 'complete'").await;
    }
}

/// L-1: a program that scans emails, runs scripts, opens every link, presses every button and sends every form.
#[tokio::test]
async fn a_mail_scanner_confirms_nothing() {
    let (server, browser) = (Server::start().await, Browser::open().await);
    server.register(EMAIL, PASSWORD).await;
    let session = server.sign_in(EMAIL, PASSWORD).await;
    browser.go(&format!("{}/forgot?lang=en", server.url)).await;
    browser.type_into("email", EMAIL).await;
    browser.click("main form button[type=submit]").await;
    browser.shows("Check your e-mail").await;
    let links = links(&email(&server).await);
    assert_eq!(links.len(), 1, "{links:?}");
    for link in &links {
        press_everything(&browser, link, "m…a@example.com").await;
    }
    assert_eq!(server.me(&session).await, 200, "the session lives");
    assert_eq!(server.me(&server.sign_in(EMAIL, PASSWORD).await).await, 200, "the password is the same");

    // The link still works for its user.
    browser.go("about:blank").await;
    browser.go(&links[0]).await;
    browser.shows("m…a@example.com").await;
    browser.type_into("password", NEW).await;
    browser.click("main form button[type=submit]").await;
    browser.shows("Your new password is set.").await;
    server.expect_signed_out(&session).await;
    browser.close().await;
}
