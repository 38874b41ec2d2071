//! Accounts that an attacker prepares before their owner comes: the five variants of "Pre-hijacked accounts" (Sudhodanan and
//! Paverd, USENIX Security 2022), each in both orders that a provider makes possible.

use crate::support::{Answer, Browser, TestApp, email, federated, password};
use heirloom_testing::{Member, ProviderKind, StubProvider};
use serde_json::json;

const OIDC: ProviderKind = ProviderKind::Oidc;
const CONFIRM: &str = "confirm-connection";
const NEW: &str = "a garden of blue lanterns";

/// Alice comes with her provider, confirms by the code of her email, and is signed in.
async fn alice_comes(app: &TestApp, stub: &StubProvider) -> Browser {
    let browser = Browser::new();
    assert_eq!(browser.sign_in(app, stub).await.expect(303).header("location"), Some("/connect"));
    let page = browser.post(app, "/connect", &[]).await;
    let code = app.email(CONFIRM, "alice").await.code();
    let flow = page.expect(200).hidden("flow");
    browser.post(app, "/confirm", &[("flow", &flow), ("purpose", "connect"), ("code", &code)]).await.expect(303);
    assert!(browser.is_signed_in());
    browser
}

/// Nothing of the attacker opens the account.
async fn expect_nothing_of_before(app: &TestApp, mallory: &Answer) {
    mallory.expect_problem(401, "session_revoked");
    app.try_sign_in("alice").await.expect_problem(401, "invalid_credentials");
    assert_eq!(app.count("SELECT count(*) FROM users").await, 1);
}

/// U-23: the attacker registers Alice's address with a password of their own; Alice comes with her provider. The accounts are not
/// merged: hers has no password.
#[tokio::test]
async fn classic_federated_merge() {
    let (app, stub) = federated(OIDC, &[]).await;
    app.register("alice").await;
    let mallory = app.sign_in("alice").await;
    alice_comes(&app, &stub).await;
    expect_nothing_of_before(&app, &app.refresh(&mallory.refresh_token).await).await;
}

/// U-23: a session that the attacker keeps refreshing does not outlive the takeover.
#[tokio::test]
async fn unexpired_session() {
    let (app, stub) = federated(OIDC, &[]).await;
    app.register("alice").await;
    let mut mallory = app.sign_in("alice").await;
    for _ in 0..3 {
        mallory = app.refresh(&mallory.refresh_token).await.expect_tokens();
    }
    alice_comes(&app, &stub).await;
    app.me(&mallory.access_token).await.expect_challenge("session_revoked");
    expect_nothing_of_before(&app, &app.refresh(&mallory.refresh_token).await).await;
}

/// U-23: an identity of the attacker's, connected to the account that they made, goes with the takeover.
#[tokio::test]
async fn trojan_identifier() {
    let (app, stub) = federated(OIDC, &[]).await;
    app.register("alice").await;
    let tokens = app.sign_in("alice").await;
    stub.member(Member::new("666", "mallory@example.com"));
    let browser = Browser::new();
    let begun = app.request("POST", "/api/v1/me/identities/op").bearer(&tokens.access_token).send().await;
    let begun = browser.take(begun);
    let callback = stub.visit(&begun.expect(200).text("/authorize_url")).await;
    assert_eq!(browser.come_back(&app, &callback).await.expect(303).header("location"), Some("/account"));
    stub.member(Member::new("1001", "alice@example.com"));
    alice_comes(&app, &stub).await;
    assert_eq!(app.count("SELECT count(*) FROM identities WHERE subject = '666'").await, 0);
    stub.member(Member::new("666", "mallory@example.com"));
    let mallory = Browser::new();
    mallory.sign_in(&app, &stub).await.expect(303);
    // An account of their own, and not Alice's.
    assert_eq!(app.count("SELECT count(DISTINCT user_id) FROM identities").await, 2);
    expect_other_users(&app).await;
}

async fn expect_other_users(app: &TestApp) {
    let alice = "SELECT count(*) FROM identities AS i JOIN users AS u ON u.id = i.user_id
                 WHERE u.email = 'alice@example.com' AND i.subject = '1001'";
    assert_eq!(app.count(alice).await, 1);
}

/// U-23, L-20: a change of the address that the attacker has requested confirms nothing after the takeover.
#[tokio::test]
async fn unexpired_email_change() {
    let (app, stub) = federated(OIDC, &[("HEIRLOOM_MAIL_LIMIT_ADDRESS", "50/h")]).await;
    app.register("alice").await;
    let mallory = app.sign_in("alice").await;
    app.ask_for_address(&mallory, "mallory").await.expect(202);
    let token = app.email("confirm-new-email", "mallory").await.token();
    alice_comes(&app, &stub).await;
    app.use_link(&token, json!({ "password": password("alice") })).await.expect_problem(410, "confirmation_expired");
    let hers = "SELECT count(*) FROM users WHERE email = 'alice@example.com'";
    assert_eq!(app.count(hers).await, 1);
    expect_nothing_of_before(&app, &app.refresh(&mallory.refresh_token).await).await;
}

/// U-20, U-24: a provider that does not verify addresses opens no account of Alice's, and prepares none: before she comes, and after.
#[tokio::test]
async fn non_verifying_idp() {
    let (app, stub) = federated(OIDC, &[("HEIRLOOM_MAIL_LIMIT_ADDRESS", "50/h")]).await;
    stub.member(Member::new("666", "alice@example.com").unverified());
    let mallory = Browser::new();
    assert_eq!(mallory.sign_in(&app, &stub).await.expect(303).header("location"), Some("/connect"));
    mallory.post(&app, "/connect", &[("email", &email("alice"))]).await.expect(200);
    let token = app.email(CONFIRM, "alice").await.token();
    assert_eq!(app.count("SELECT count(*) FROM users").await, 0);
    // Alice registers, verifies, and signs in.
    app.register("alice").await;
    app.run_sql("UPDATE users SET email_verified_at = now()").await;
    app.sign_in("alice").await;
    app.use_link(&token, json!({ "new_password": NEW })).await.expect_problem(410, "confirmation_expired");
    app.sign_in("alice").await;
    mallory.sign_in(&app, &stub).await.expect(303);
    assert!(!mallory.is_signed_in());
    assert_eq!(app.count("SELECT count(*) FROM identities").await, 0);
}
