//! An address that is verified, changed or kept from a browser that is signed in: by a button. A program that scans emails
//! is signed in nowhere.

use crate::{
    browser::Browser,
    changed_address::{link_to, signed_in},
    forgotten::{EMAIL, PASSWORD, emails, look, press_everything},
    server::Server,
};
use heirloom_testing::eventually;
use serde_json::json;

const MASKED: &str = "m…a@example.com";
const OTHER: &str = "mona@example.com";
const OPTIONAL: &[(&str, &str)] = &[("HEIRLOOM_EMAIL_VERIFICATION", "optional")];

/// Whether the address is verified.
async fn is_verified(server: &Server) -> bool {
    let sql = "SELECT email_verified_at IS NOT NULL FROM users";
    sqlx::query_scalar(sql).fetch_one(&mut server.home.connect().await).await.unwrap()
}

async fn run(server: &Server, sql: &'static str) {
    sqlx::query(sql).execute(&mut server.home.connect().await).await.unwrap();
}

/// L-24, L-18, L-1: the account page sends the email again, and the link needs no password where its user is signed in.
#[tokio::test]
async fn a_user_requests_the_verification_again_and_confirms_it_by_a_button() {
    let server = Server::with_open_database(OPTIONAL).await;
    server.register(EMAIL, PASSWORD).await;
    let first = link_to(&server, EMAIL, "/confirm#").await;
    let (browser, scanner) = (signed_in(&server, "en", "Where you are signed in").await, Browser::open().await);
    let verifications = || emails(&server).iter().filter(|email| email.contains("/confirm#")).count();
    browser.click("#verify").await;
    browser.shows("An e-mail with a link is on its way").await;
    eventually("the request is looked up", || async {
        let sql = "SELECT count(*) FROM confirmations WHERE looked_up_at IS NOT NULL";
        sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut server.home.connect().await).await.unwrap() == 2
    })
    .await;
    assert_eq!(verifications(), 1, "one email in ten minutes");
    // As if ten minutes had passed.
    run(&server, "UPDATE confirmations SET looked_up_at = looked_up_at - interval '11 minutes'").await;
    browser.click("#verify").await;
    eventually("the email is sent again", || async { verifications() == 2 }).await;

    press_everything(&scanner, &first, MASKED).await;
    assert!(!is_verified(&server).await, "a program without a session confirms nothing");
    scanner.go("about:blank").await;
    scanner.go(&first).await;
    scanner.shows("Enter the password of your account").await;

    browser.go(&first).await;
    browser.shows("You are signed in here.").await;
    assert!(!is_verified(&server).await, "looking does nothing");
    look(&browser, "confirm-signed-in-en").await;
    browser.click("main form button[type=submit]").await;
    browser.shows("Your e-mail address is confirmed.").await;
    look(&browser, "confirmed-signed-in-en").await;
    assert!(is_verified(&server).await);
    browser.click("main a[href='/account']").await;
    browser.shows("Where you are signed in").await;
    for browser in [browser, scanner] {
        assert_eq!(browser.trouble().await, Vec::<String>::new());
        browser.close().await;
    }
}

/// L-32, L-35: in Korean; the session in which the button is pressed lives on.
#[tokio::test]
async fn a_user_who_is_signed_in_changes_the_address_and_cancels_another_change_by_buttons() {
    let server = Server::with_open_database(&[("HEIRLOOM_MAIL_LIMIT_ADDRESS", "50/h")]).await;
    server.register(EMAIL, PASSWORD).await;
    let browser = signed_in(&server, "ko", "로그인된 기기").await;
    browser.type_into("new-email", OTHER).await;
    browser.click("#address button[type=submit]").await;
    let cancel = link_to(&server, EMAIL, "/confirm#").await;
    browser.go(&cancel).await;
    browser.shows("이 브라우저에 로그인되어 있습니다.").await;
    look(&browser, "confirm-signed-in-ko").await;
    browser.click("main form button[type=submit]").await;
    browser.shows("변경을 취소했습니다.").await;

    run(&server, "UPDATE confirmations SET looked_up_at = looked_up_at - interval '11 minutes'").await;
    let phone = server.sign_in(EMAIL, PASSWORD).await;
    browser.go(&format!("{}/account", server.url)).await;
    browser.shows("로그인된 기기").await;
    browser.type_into("new-email", "mira@example.com").await;
    browser.click("#address button[type=submit]").await;
    let change = link_to(&server, "mira@example.com", "/confirm#").await;
    browser.go(&change).await;
    browser.shows("이 브라우저에 로그인되어 있습니다.").await;
    browser.click("main form button[type=submit]").await;
    browser.shows("이메일 주소를 변경했습니다.").await;
    server.expect_signed_out(&phone).await;
    browser.click("main a[href='/account']").await;
    browser.shows("mira@example.com").await;
    assert_eq!(browser.trouble().await, Vec::<String>::new());
    browser.close().await;
}

/// L-24, L-32: a session of another user proves nothing, and one that is revoked meanwhile does not either.
#[tokio::test]
async fn a_button_is_not_enough_for_another_user_or_after_the_session_was_revoked() {
    let server = Server::with_open_database(OPTIONAL).await;
    server.register(EMAIL, PASSWORD).await;
    server.register("nora@example.com", PASSWORD).await;
    let browser = signed_in(&server, "en", "Where you are signed in").await;
    let (own, others) =
        (link_to(&server, EMAIL, "/confirm#").await, link_to(&server, "nora@example.com", "/confirm#").await);
    press_everything(&browser, &others, "n…a@example.com").await;
    browser.go("about:blank").await;
    browser.go(&others).await;
    browser.shows("Enter the password of your account").await;

    browser.go("about:blank").await;
    browser.go(&own).await;
    browser.shows("You are signed in here.").await;
    let tokens = json!({ "email": EMAIL, "password": PASSWORD });
    let (_, answer) = server.post("/api/v1/auth/login", "curl", &tokens).await;
    let everywhere = server.http.delete(format!("{}/api/v1/me/sessions", server.url));
    let everywhere = everywhere.bearer_auth(answer["access_token"].as_str().unwrap());
    assert_eq!(everywhere.send().await.unwrap().status(), 200);
    browser.click("main form button[type=submit]").await;
    browser.shows("Enter your password.").await;
    assert_eq!(browser.trouble().await, Vec::<String>::new());
    browser.type_into("password", PASSWORD).await;
    browser.click("main form button[type=submit]").await;
    browser.shows("Your e-mail address is confirmed.").await;
    let verified = "SELECT count(*) FROM users WHERE email_verified_at IS NOT NULL";
    let verified: i64 = sqlx::query_scalar(verified).fetch_one(&mut server.home.connect().await).await.unwrap();
    assert_eq!(verified, 1, "the other user's address is not verified");
    browser.close().await;
}
