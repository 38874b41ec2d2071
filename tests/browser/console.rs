//! What an administrator does about other users' accounts: what needs the password again goes on with what was typed before;
//! invitations and password resets by email.

use crate::{
    browser::Browser,
    changed_address::{grow_old, link_to},
    forgotten::{EMAIL, NEW, PASSWORD, look, press_everything},
    server::Server,
};
use serde_json::json;

const ADMIN: &str = "root@example.com";
const SEND: &str = "#content form button[type=submit]";
const CONTINUE: &str = "#step-up-form button[type=submit]";

struct Words {
    language: &'static str,
    none: &'static str,
    asks: &'static str,
    wrong: &'static str,
    sent: &'static str,
    subject: &'static str,
    created: &'static str,
}

const ENGLISH: Words = Words {
    language: "en",
    none: "No invitation is open.",
    asks: "Confirm that it is you",
    wrong: "This is not your password.",
    sent: "The invitation is on its way to mina@example.com.",
    subject: "you are invited",
    created: "Your account was created.",
};

const KOREAN: Words = Words {
    language: "ko",
    none: "대기 중인 초대가 없습니다.",
    asks: "본인 확인",
    wrong: "비밀번호가 올바르지 않습니다.",
    sent: "mina@example.com 주소로 초대 이메일을 보냅니다.",
    subject: "=?utf-8?b?",
    created: "계정을 만들었습니다.",
};

async fn signed_in(server: &Server, language: &str) -> Browser {
    let browser = Browser::open().await;
    browser.watch().await;
    browser.go(&format!("{}/login?lang={language}&return_to=/admin/invitations", server.url)).await;
    browser.type_into("email", ADMIN).await;
    browser.type_into("password", PASSWORD).await;
    browser.click("main form button[type=submit]").await;
    browser.until("return Boolean(document.getElementById('invite-email'))").await;
    browser
}

async fn can_sign_in(server: &Server, password: &str) -> bool {
    let body = json!({ "email": EMAIL, "password": password });
    server.post("/api/v1/auth/login", "curl", &body).await.0 == 200
}

/// L-29, S-86: the console asks for the password, and the invitation goes out with what was typed before.
async fn invites(words: &Words) {
    let server = Server::with_open_database(&[]).await;
    server.register_admin(ADMIN, PASSWORD).await;
    let (browser, other) = (signed_in(&server, words.language).await, Browser::open().await);
    browser.shows(words.none).await;
    look(&browser, &format!("invitations-none-{}", words.language)).await;
    grow_old(&server).await;
    browser.type_into("invite-email", EMAIL).await;
    browser.type_into("invite-roles", "editor").await;
    browser.click(SEND).await;
    browser.shows(words.asks).await;
    browser.until("return document.activeElement.id === 'step-up-password'").await;
    look(&browser, &format!("invitations-step-up-{}", words.language)).await;
    browser.type_into("step-up-password", "not it").await;
    browser.click(CONTINUE).await;
    browser.shows(words.wrong).await;
    assert_eq!(browser.page.find_all(thirtyfour::By::Css(".rows li")).await.unwrap().len(), 0, "nothing was sent");
    browser.type_into("step-up-password", PASSWORD).await;
    browser.click(CONTINUE).await;
    browser.shows(words.sent).await;
    browser.shows("editor").await;
    look(&browser, &format!("invitations-{}", words.language)).await;

    let link = link_to(&server, EMAIL, words.subject).await;
    // Its language is kept.
    other.go(&format!("{}/login?lang={}", server.url, words.language)).await;
    press_everything(&other, &link, "m…a@example.com").await;
    assert!(!can_sign_in(&server, NEW).await, "opening the link creates nothing");
    other.go("about:blank").await;
    other.go(&link).await;
    other.shows("m…a@example.com").await;
    look(&other, &format!("invitation-{}", words.language)).await;
    other.type_into("password", NEW).await;
    other.click("main form button[type=submit]").await;
    other.shows(words.created).await;
    assert_eq!(other.refresh_token().await, None, "nobody is signed in by it");
    assert!(can_sign_in(&server, NEW).await);
    browser.page.refresh().await.unwrap();
    browser.shows(words.none).await;
    assert_eq!(browser.trouble().await, Vec::<String>::new());
    browser.close().await;
    other.close().await;
}

#[tokio::test]
async fn an_administrator_types_the_password_and_the_invitation_goes_on() {
    invites(&ENGLISH).await;
}

#[tokio::test]
async fn an_administrator_invites_in_korean() {
    invites(&KOREAN).await;
}

/// L-31: an invitation that is revoked in the console confirms nothing.
#[tokio::test]
async fn an_administrator_revokes_an_invitation() {
    let server = Server::with_open_database(&[]).await;
    server.register_admin(ADMIN, PASSWORD).await;
    let (browser, other) = (signed_in(&server, "en").await, Browser::open().await);
    browser.type_into("invite-email", EMAIL).await;
    browser.click(SEND).await;
    browser.shows("The invitation is on its way").await;
    let link = link_to(&server, EMAIL, "you are invited").await;
    browser.click(".rows li button").await;
    browser.shows("Invitation revoked: mina@example.com").await;
    browser.shows("No invitation is open.").await;
    other.go(&link).await;
    other.shows("This link does not work").await;
    browser.close().await;
    other.close().await;
}

/// L-26: the administrator sees neither link nor code, and the user chooses the password.
#[tokio::test]
async fn an_administrator_sends_a_password_reset() {
    let server = Server::start().await;
    server.register_admin(ADMIN, PASSWORD).await;
    server.register(EMAIL, PASSWORD).await;
    let (browser, other) = (signed_in(&server, "en").await, Browser::open().await);
    browser.go(&format!("{}/admin/people?q={EMAIL}", server.url)).await;
    browser.shows(EMAIL).await;
    browser.click(".rows a").await;
    browser.until("return Boolean(document.getElementById('user-roles'))").await;
    browser.click("#content .actions button:nth-child(2)").await;
    browser.shows("An e-mail to choose a new password is on its way to the user.").await;
    look(&browser, "admin-reset-sent-en").await;
    let link = link_to(&server, EMAIL, "choose a new password").await;
    let token = link.split_once('#').unwrap().1;
    assert!(!browser.everything_reachable().await.contains(token), "the console does not hold the link");
    other.go(&link).await;
    other.shows("m…a@example.com").await;
    other.type_into("password", NEW).await;
    other.click("main form button[type=submit]").await;
    other.shows("Your new password is set.").await;
    assert!(can_sign_in(&server, NEW).await && !can_sign_in(&server, PASSWORD).await);
    assert_eq!(browser.trouble().await, Vec::<String>::new());
    browser.close().await;
    other.close().await;
}

/// S-86: each action asks in place and goes on with what was typed before; who cancels has changed and lost nothing.
#[tokio::test]
async fn an_administrator_types_the_password_and_each_action_goes_on() {
    let server = Server::with_open_database(&[]).await;
    server.register_admin(ADMIN, PASSWORD).await;
    server.register(EMAIL, PASSWORD).await;
    let session = server.sign_in(EMAIL, PASSWORD).await;
    let browser = signed_in(&server, "en").await;
    browser.go(&format!("{}/admin/people?q={EMAIL}", server.url)).await;
    browser.shows(EMAIL).await;
    browser.click(".rows a").await;
    browser.until("return Boolean(document.getElementById('user-roles'))").await;

    grow_old(&server).await;
    browser.type_into("user-roles", "editor Not!A!Role").await;
    browser.click(SEND).await;
    browser.shows("Confirm that it is you").await;
    browser.until("return document.getElementById('step-up-user').value === 'root@example.com'").await;
    browser.click("#step-up-cancel").await;
    browser.shows("Enter your password to continue.").await;
    browser.click(SEND).await;
    confirms(&browser).await;
    browser.until("return Boolean(document.getElementById('user-roles-error').textContent)").await;
    browser.until("return document.getElementById('user-roles').value === 'editor Not!A!Role'").await;
    browser.type_into("user-roles", "editor").await;
    browser.click(SEND).await;
    browser.shows("The roles were saved").await;

    grow_old(&server).await;
    browser.click("#content .actions button:first-child").await;
    browser.type_into("confirm-input", "laptop lost").await;
    browser.click("#confirm-yes").await;
    confirms(&browser).await;
    browser.shows("laptop lost").await;
    server.expect_signed_out(&session).await;

    browser.go(&format!("{}/admin", server.url)).await;
    browser.until("return Boolean(document.querySelector('#content button.danger'))").await;
    grow_old(&server).await;
    browser.click("#content button.danger").await;
    browser.type_into("confirm-input", "EVERYONE").await;
    browser.click("#confirm-yes").await;
    confirms(&browser).await;
    browser.until("return location.pathname === '/login'").await;
    assert_eq!(browser.trouble().await, Vec::<String>::new());
    assert!(!browser.everything_reachable().await.contains(PASSWORD));
    browser.close().await;
}

/// Types the password where the page asks for it: a wrong one first.
async fn confirms(browser: &Browser) {
    browser.until("return document.getElementById('step-up').open").await;
    browser.type_into("step-up-password", "not it").await;
    browser.click(CONTINUE).await;
    browser.shows("This is not your password.").await;
    browser.type_into("step-up-password", PASSWORD).await;
    browser.click(CONTINUE).await;
    browser.until("return !document.getElementById('step-up').open").await;
}
