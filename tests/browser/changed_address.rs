//! What needs the password again: another address, confirmed and undone by the links of emails, and the end of an account.

use crate::{
    browser::Browser,
    forgotten::{EMAIL, NEW, PASSWORD, emails, links, look, press_everything},
    server::Server,
};
use heirloom_testing::eventually;
use serde_json::json;
use thirtyfour::By;

/// Masked as the old one.
const OTHER: &str = "mona@example.com";
const MASKED: &str = "m…a@example.com";

/// The link of the email to this address that holds such words.
pub async fn link_to(server: &Server, address: &str, words: &str) -> String {
    let is_it = |email: &String| email.contains(&format!("To: {address}\r\n")) && email.contains(words);
    eventually("the email is written", || async { emails(server).iter().any(is_it) }).await;
    let email = emails(server).into_iter().find(is_it).unwrap();
    let [link] = links(&email).try_into().expect("one link in both parts");
    link
}

/// As if every session had been opened, and its password typed, a while ago.
pub async fn grow_old(server: &Server) {
    let sql = "UPDATE sessions SET created_at = created_at - interval '11 minutes', authenticated_at = NULL";
    sqlx::query(sql).execute(&mut server.home.connect().await).await.unwrap();
}

pub async fn signed_in(server: &Server, language: &str, shows: &str) -> Browser {
    let browser = Browser::open().await;
    browser.watch().await;
    browser.go(&format!("{}/login?lang={language}", server.url)).await;
    browser.type_into("email", EMAIL).await;
    browser.type_into("password", PASSWORD).await;
    browser.click("main form button[type=submit]").await;
    browser.shows(shows).await;
    browser
}

/// Types a password into the page behind a link.
async fn type_at(browser: &Browser, link: &str, password: &str) {
    browser.go("about:blank").await;
    browser.go(link).await;
    browser.shows(MASKED).await;
    browser.type_into("password", password).await;
    browser.click("main form button[type=submit]").await;
}

/// S-84, L-32, L-33, L-37, L-1: the page asks for the password and goes on; a program that scans the emails confirms nothing.
#[tokio::test]
async fn a_user_changes_the_address_and_the_reader_of_the_old_one_undoes_it() {
    let server = Server::with_open_database(&[]).await;
    server.register(EMAIL, PASSWORD).await;
    let (browser, other) = (signed_in(&server, "en", "Where you are signed in").await, Browser::open().await);
    let phone = server.sign_in(EMAIL, PASSWORD).await;
    grow_old(&server).await;
    browser.type_into("new-email", OTHER).await;
    browser.click("#address button[type=submit]").await;
    browser.shows("Confirm that it is you").await;
    look(&browser, "account-step-up-en").await;
    browser.type_into("step-up-password", "not it").await;
    browser.click("#step-up-form button[type=submit]").await;
    browser.shows("This is not your password.").await;
    browser.type_into("step-up-password", PASSWORD).await;
    browser.click("#step-up-form button[type=submit]").await;
    browser.shows("An e-mail with a link is on its way to the new address.").await;
    browser.shows(&format!("the e-mail to {OTHER}")).await;
    look(&browser, "account-pending-en").await;

    let (confirm, cancel) =
        (link_to(&server, OTHER, "confirm your new").await, link_to(&server, EMAIL, "was requested").await);
    for link in [&confirm, &cancel] {
        press_everything(&other, link, MASKED).await;
    }
    assert_eq!(server.me(&phone).await, 200, "nothing is changed");
    type_at(&other, &confirm, PASSWORD).await;
    other.shows("Your e-mail address was changed.").await;
    look(&other, "confirm-changed-en").await;
    server.expect_signed_out(&phone).await;
    browser.go(&format!("{}/account", server.url)).await;
    browser.shows(OTHER).await;

    let undo = link_to(&server, EMAIL, "address was changed").await;
    press_everything(&other, &undo, MASKED).await;
    type_at(&other, &undo, NEW).await;
    other.shows("Your account has this address again.").await;
    assert_eq!(other.refresh_token().await, None, "nobody is signed in by it");
    browser.go(&format!("{}/account", server.url)).await;
    browser.shows("because the e-mail address of your account was changed").await;
    assert_eq!(server.me(&server.sign_in(EMAIL, NEW).await).await, 200);
    for browser in [browser, other] {
        assert_eq!(browser.trouble().await, Vec::<String>::new());
        browser.close().await;
    }
}

/// L-30, L-35: in Korean, with a change that is cancelled before.
#[tokio::test]
async fn a_user_cancels_the_change_and_deletes_the_account() {
    let server = Server::with_open_database(&[]).await;
    server.register(EMAIL, PASSWORD).await;
    let browser = signed_in(&server, "ko", "로그인된 기기").await;
    browser.type_into("new-email", OTHER).await;
    browser.click("#address button[type=submit]").await;
    browser.shows("새 주소로 확인 이메일을 보내 드립니다.").await;
    browser.click("#cancel-change").await;
    browser.shows("변경을 취소했습니다.").await;
    grow_old(&server).await;
    browser.click("#delete").await;
    browser.shows("계정을 삭제할까요?").await;
    look(&browser, "account-delete-ko").await;
    browser.type_into("confirm-input", OTHER).await;
    browser.click("#confirm-yes").await;
    browser.shows("본인 확인").await;
    browser.type_into("step-up-password", PASSWORD).await;
    browser.click("#step-up-form button[type=submit]").await;
    browser.shows("이 계정의 이메일 주소와 다릅니다.").await;
    look(&browser, "account-delete-refused-ko").await;
    // L-45: the dialog stays open, with what was typed and the error beside it.
    let typed = browser.page.find(By::Id("confirm-input")).await.unwrap();
    assert_eq!(typed.prop("value").await.unwrap().as_deref(), Some(OTHER));
    assert_eq!(typed.attr("aria-invalid").await.unwrap().as_deref(), Some("true"));
    browser.type_into("confirm-input", EMAIL).await;
    browser.click("#confirm-yes").await;
    browser.shows("계정이 삭제되었습니다.").await;
    assert_eq!(browser.trouble().await, Vec::<String>::new());
    let body = json!({ "email": EMAIL, "password": PASSWORD });
    assert_eq!(server.post("/api/v1/auth/login", "curl", &body).await.0, 401);
    browser.close().await;
}

/// L-1, A-83: the link that revokes all sessions.
#[tokio::test]
async fn a_mail_scanner_revokes_no_session() {
    let (server, browser) = (Server::start().await, Browser::open().await);
    server.register(EMAIL, PASSWORD).await;
    let session = server.sign_in(EMAIL, PASSWORD).await;
    let body = json!({ "email": EMAIL, "password": PASSWORD });
    let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    assert_eq!(server.post("/api/v1/auth/login", firefox, &body).await.0, 200);
    let link = link_to(&server, EMAIL, "/end-sessions").await;
    press_everything(&browser, &link, "Revoke all sessions").await;
    assert_eq!(server.me(&session).await, 200);
    browser.go(&link).await;
    look(&browser, "end-sessions-en").await;
    browser.type_into("password", PASSWORD).await;
    browser.click("main form button[type=submit]").await;
    browser.shows("2 sessions were revoked.").await;
    server.expect_signed_out(&session).await;
    browser.close().await;
}
