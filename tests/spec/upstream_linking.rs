//! Which account an identity gets: never one whose owner did not connect it, or whose address the provider did not prove to an
//! account without another owner.

use crate::support::{Answer, Browser, TestApp, email, federated, password};
use heirloom_testing::{Callback, Member, ProviderKind, StubProvider};
use serde_json::{Value, json};

const OIDC: ProviderKind = ProviderKind::Oidc;
const NEW: &str = "a garden of blue lanterns";
const CONFIRM: &str = "confirm-connection";
const UNTRUSTED: (&str, &str) = ("HEIRLOOM_UPSTREAM_OP_TRUSTS_EMAIL", "false");

impl TestApp {
    /// An account whose owner reads the address.
    async fn verified(&self, name: &str) {
        self.register(name).await;
        self.run_sql("UPDATE users SET email_verified_at = now()").await;
    }

    async fn identities(&self) -> i64 {
        self.count("SELECT count(*) FROM identities").await
    }

    /// Begins to connect a provider in a session, with the script of the account page.
    async fn connecting(&self, browser: &Browser, access_token: &str) -> Answer {
        let request = self.request("POST", "/api/v1/me/identities/op").bearer(access_token);
        browser.take(request.header("Sec-Fetch-Site", "same-origin").send().await)
    }

    async fn my_identities(&self, access_token: &str) -> Vec<Value> {
        self.request("GET", "/api/v1/me/identities").bearer(access_token).send().await.items()
    }

    async fn disconnect(&self, access_token: &str, provider: &str) -> Answer {
        self.request("DELETE", &format!("/api/v1/me/identities/{provider}")).bearer(access_token).send().await
    }
}

/// Goes to the provider and back to the page of the account.
async fn connect(app: &TestApp, stub: &StubProvider, browser: &Browser, access_token: &str) -> Answer {
    let begun = app.connecting(browser, access_token).await;
    let callback: Callback = stub.visit(&begun.expect(200).text("/authorize_url")).await;
    browser.come_back(app, &callback).await
}

/// Types an address on `/connect`; returns the page that asks for the code.
async fn type_address(app: &TestApp, browser: &Browser, address: &str) -> Answer {
    browser.post(app, "/connect", &[("email", address)]).await
}

/// Types the code of an email.
async fn type_code(app: &TestApp, browser: &Browser, page: &Answer, code: &str) -> Answer {
    let flow = page.hidden("flow");
    browser.post(app, "/confirm", &[("flow", &flow), ("purpose", "connect"), ("code", code)]).await
}

/// U-22: never silently.
#[tokio::test]
async fn an_account_whose_address_is_verified_is_connected_after_a_sign_in_only() {
    let (app, stub) = federated(OIDC, &[]).await;
    app.verified("alice").await;
    let browser = Browser::new();
    assert_eq!(browser.sign_in(&app, &stub).await.expect(303).header("location"), Some("/connect"));
    assert!(!browser.is_signed_in() && app.identities().await == 0);
    let page = browser.get(&app, "/connect").await;
    assert!(page.expect(200).body.contains("You already have an account"), "{page:?}");
    let wrong = browser.post(&app, "/connect", &[("password", "not her password")]).await;
    assert!(wrong.expect(401).body.contains("You already have an account") && app.identities().await == 0, "{wrong:?}");
    browser.post(&app, "/connect", &[]).await.expect(422);
    let foreign = app.request("POST", "/connect").header("Sec-Fetch-Site", "cross-site");
    foreign.form(&[("password", &password("alice"))]).send().await.expect(403);
    // The address is the provider's: what the form says of it counts for nothing.
    let fields = [("email", "bob@example.com"), ("password", &*password("alice"))];
    let done = browser.post(&app, "/connect", &fields).await;
    assert_eq!(done.expect(303).header("location"), Some("/account?from=here"));
    assert!(browser.is_signed_in() && app.identities().await == 1);
    app.email("identity-linked", "alice").await;
    let again = Browser::new();
    assert_eq!(again.sign_in(&app, &stub).await.expect(303).header("location"), Some("/account?from=here"));
    assert_eq!(app.count("SELECT count(*) FROM users").await, 1);
}

/// U-22, U-12: the second factor of the account comes first.
#[tokio::test]
async fn the_second_factor_is_asked_for_before_an_identity_is_connected() {
    let (app, stub) = federated(OIDC, &[]).await;
    app.verified("alice").await;
    let tokens = app.sign_in("alice").await;
    let enrolled = app.enrol(&tokens.access_token).await;
    let browser = Browser::new();
    browser.sign_in(&app, &stub).await.expect(303);
    let answer = browser.post(&app, "/connect", &[("password", &password("alice"))]).await;
    assert_eq!(answer.expect(303).header("location"), Some("/login/code"));
    assert!(!browser.is_signed_in() && app.identities().await == 0);
    let challenge = browser.get(&app, "/login/code").await.expect(200).hidden("challenge");
    let code = enrolled.app.next(&app).await;
    browser.post(&app, "/login/code", &[("challenge", &challenge), ("code", &code)]).await.expect(303);
    assert!(browser.is_signed_in() && app.identities().await == 1);
}

/// U-23: who confirms takes an unverified account over, and everything of before goes.
#[tokio::test]
async fn an_account_that_was_never_verified_is_taken_over_by_the_reader_of_its_address() {
    let (app, stub) = federated(OIDC, &[]).await;
    app.register("alice").await;
    assert_eq!(app.count("SELECT count(*) FROM users WHERE name IS NOT NULL").await, 1);
    let mallory = app.sign_in("alice").await;
    app.enrol(&mallory.access_token).await;
    let browser = Browser::new();
    assert_eq!(browser.sign_in(&app, &stub).await.expect(303).header("location"), Some("/connect"));
    let page = browser.post(&app, "/connect", &[]).await;
    assert!(page.expect(200).body.contains("Type its code here") && app.identities().await == 0, "{page:?}");
    app.me(&mallory.access_token).await.expect(200);
    let done = type_code(&app, &browser, &page, &app.email(CONFIRM, "alice").await.code()).await;
    assert_eq!(done.expect(303).header("location"), Some("/account?from=here"));
    assert!(browser.is_signed_in());
    app.me(&mallory.access_token).await.expect_challenge("session_revoked");
    app.try_sign_in("alice").await.expect_problem(401, "invalid_credentials");
    let left = "SELECT count(*) FROM users WHERE email_verified_at IS NOT NULL AND password_hash = '!'";
    assert_eq!((app.count(left).await, app.count("SELECT count(*) FROM totp_secrets").await), (1, 0));
    assert_eq!((app.identities().await, app.count("SELECT count(*) FROM users").await), (1, 1));
    // L-51: nor does the name that its maker has typed stay.
    assert_eq!(app.count("SELECT count(*) FROM users WHERE name IS NOT NULL").await, 0);
    // Once.
    type_code(&app, &Browser::new(), &page, "0000 0000").await.expect(410);
}

/// U-24: without an address, one is typed and confirmed; the page is the same for every address.
#[tokio::test]
async fn a_user_without_a_proven_address_types_one_and_confirms_it() {
    let (app, stub) = federated(OIDC, &[UNTRUSTED]).await;
    app.verified("bob").await;
    let browser = Browser::new();
    assert_eq!(browser.sign_in(&app, &stub).await.expect(303).header("location"), Some("/connect"));
    browser.post(&app, "/connect", &[("email", "no address")]).await.expect(422);
    // The address of another user: the owner gets an email that says so, and the page is the same.
    let of_bob = type_address(&app, &browser, &email("bob")).await;
    let page = type_address(&app, &browser, &email("alice")).await;
    let shown = |page: &Answer| page.expect(200).body.replace(&page.hidden("flow"), "");
    assert_eq!(shown(&of_bob), shown(&page));
    app.email("already-registered", "bob").await;
    assert!(app.emails(CONFIRM, "bob").is_empty());
    let code = app.email(CONFIRM, "alice").await.code();
    assert_eq!(app.identities().await, 0);
    type_code(&app, &browser, &page, &code).await.expect(303);
    assert!(browser.is_signed_in());
    let owner = "SELECT count(*) FROM identities JOIN users ON id = user_id WHERE users.email = 'alice@example.com'";
    assert_eq!(app.count(owner).await, 1);
    // By the code of her own email, in her own browser, bob's account was not touched.
    app.sign_in("bob").await;
    assert_eq!(app.get("/connect").await.expect(303).header("location"), Some("/login?reason=upstream_state_invalid"));
}

/// U-25: what another browser brought from the provider is not connected by the link.
#[tokio::test]
async fn the_link_in_another_browser_needs_a_password_and_connects_nothing() {
    let (app, stub) = federated(OIDC, &[UNTRUSTED]).await;
    let mallory = Browser::new();
    mallory.sign_in(&app, &stub).await.expect(303);
    type_address(&app, &mallory, &email("alice")).await.expect(200);
    let token = app.email(CONFIRM, "alice").await.token();
    let look = app.post("/api/v1/auth/confirmations/look", &json!({ "token": token })).await;
    assert_eq!(look.expect(200).json()["needs"], json!(["new_password"]));
    app.use_link(&token, json!({})).await.expect_fields(&["new_password"]);
    app.use_link(&token, json!({ "new_password": NEW })).await.expect(200);
    app.sign_in_as("alice", NEW).await.expect_tokens();
    assert_eq!(app.identities().await, 0);
    assert!(!mallory.is_signed_in());
    assert_eq!(mallory.sign_in(&app, &stub).await.expect(303).header("location"), Some("/connect"));
}

/// C-39: a stranger who guessed at the password of before does not keep the reader of the address out.
#[tokio::test]
async fn a_takeover_starts_the_counts_of_the_account_again() {
    let limited = [UNTRUSTED, ("HEIRLOOM_RATE_LIMIT", "on"), ("HEIRLOOM_TRUSTED_PROXIES", "127.0.0.1")];
    let (app, stub) = federated(OIDC, &limited).await;
    app.register("alice").await;
    let browser = Browser::new();
    browser.sign_in(&app, &stub).await.expect(303);
    type_address(&app, &browser, &email("alice")).await.expect(200);
    let guess = json!({ "email": email("alice"), "password": "not the password" });
    let guess = async || {
        let request = app.request("POST", "/api/v1/auth/login").header("X-Forwarded-For", "203.0.113.9");
        request.json(&guess).send().await
    };
    while guess().await.status == 401 {}
    guess().await.expect_problem(429, "too_many_attempts");
    let token = app.email(CONFIRM, "alice").await.token();
    app.use_link(&token, json!({ "new_password": NEW })).await.expect(200);
    app.sign_in_as("alice", NEW).await.expect_tokens();
}

/// U-26, U-44: a user connects and disconnects a provider; it takes a fresh session, and the owner hears of it.
#[tokio::test]
async fn a_user_connects_and_disconnects_a_provider() {
    let (app, stub) = federated(OIDC, &[]).await;
    app.verified("bob").await;
    let (tokens, browser) = (app.sign_in("bob").await, Browser::new());
    assert!(app.my_identities(&tokens.access_token).await.is_empty());
    let back = connect(&app, &stub, &browser, &tokens.access_token).await;
    assert_eq!(back.expect(303).header("location"), Some("/account"));
    assert!(!browser.is_signed_in(), "it signs nobody in");
    let listed = app.my_identities(&tokens.access_token).await;
    assert_eq!(
        (listed.len(), &listed[0]["provider"], &listed[0]["email"]),
        (1, &json!("op"), &json!("alice@example.com"))
    );
    app.email("identity-linked", "bob").await;
    // Once more is not an error; another identity of the same provider is.
    assert_eq!(
        connect(&app, &stub, &browser, &tokens.access_token).await.expect(303).header("location"),
        Some("/account")
    );
    stub.member(Member::new("2002", "carol@example.com"));
    let other = connect(&app, &stub, &browser, &tokens.access_token).await;
    assert_eq!(other.expect(303).header("location"), Some("/account?reason=identity_taken"));
    stub.member(Member::new("1001", "alice@example.com"));
    let signed_in = Browser::new();
    signed_in.sign_in(&app, &stub).await.expect(303);
    assert!(signed_in.is_signed_in());
    // As if it had been opened while the request waited for it: by the database's clock, later than the request.
    app.run_sql("UPDATE sessions SET created_at = created_at + interval '1 minute' WHERE identity_subject IS NOT NULL")
        .await;

    app.disconnect(&tokens.access_token, "kakao").await.expect_problem(404, "not_found");
    app.disconnect(&tokens.access_token, "op").await.expect(204);
    app.email("identity-unlinked", "bob").await;
    assert_eq!((app.events("identity_linked").await, app.events("identity_unlinked").await), (1, 1));
    // What was opened through it may be a thief's; the session that asked stays.
    assert_eq!(app.live_sessions().await, 1);
    app.check(&tokens.access_token).await.expect_done();
    app.grow_old(&tokens.session_id).await;
    app.connecting(&browser, &tokens.access_token).await.expect_step_up();
    app.disconnect(&tokens.access_token, "op").await.expect_step_up();
}

/// U-3 (F1): of two accounts, one gets the identity, also at once.
#[tokio::test]
async fn an_identity_belongs_to_one_account() {
    let (app, stub) = federated(OIDC, &[]).await;
    app.verified("bob").await;
    app.verified("carol").await;
    let (bob, carol) = (app.sign_in("bob").await, app.sign_in("carol").await);
    connect(&app, &stub, &Browser::new(), &bob.access_token).await.expect(303);
    let taken = connect(&app, &stub, &Browser::new(), &carol.access_token).await;
    assert_eq!(taken.expect(303).header("location"), Some("/account?reason=identity_taken"));
    assert!(app.my_identities(&carol.access_token).await.is_empty());
    assert_eq!(app.identities().await, 1);
}

/// U-27: the session in which it was begun must live at the end.
#[tokio::test]
async fn connecting_ends_with_the_session_in_which_it_was_begun() {
    let (app, stub) = federated(OIDC, &[]).await;
    app.verified("bob").await;
    let (tokens, browser) = (app.sign_in("bob").await, Browser::new());
    let begun = app.connecting(&browser, &tokens.access_token).await;
    let callback = stub.visit(&begun.expect(200).text("/authorize_url")).await;
    app.sign_out(&tokens.refresh_token).await.expect(204);
    let back = browser.come_back(&app, &callback).await;
    assert_eq!(back.expect(303).header("location"), Some("/account?reason=session_revoked"));
    assert_eq!(app.identities().await, 0);
}

/// U-28: what alone opens the account is not disconnected.
#[tokio::test]
async fn the_last_credential_stays() {
    let (app, stub) = federated(OIDC, &[]).await;
    let browser = Browser::new();
    browser.sign_in(&app, &stub).await.expect(303);
    let cookie = browser.cookie("heirloom").unwrap();
    let refreshed = app.request("POST", "/api/v1/auth/refresh").header("Cookie", &format!("heirloom={cookie}"));
    let tokens = refreshed.header("Sec-Fetch-Site", "same-origin").send().await;
    let access = tokens.expect(200).text("/access_token");
    app.disconnect(&access, "op").await.expect_problem(409, "last_credential");
    assert_eq!(app.identities().await, 1);
    // With a password it goes.
    let token = app.link_of_reset("alice").await;
    app.run_sql("UPDATE identities SET created_at = now() - interval '31 days'").await;
    app.use_link(&token, json!({ "new_password": NEW })).await.expect(200);
    let tokens = app.sign_in_as("alice", NEW).await.expect_tokens();
    app.disconnect(&tokens.access_token, "op").await.expect(204);
    assert_eq!(app.identities().await, 0);
}

/// L-46: a reset disconnects what was connected in the last thirty days.
#[tokio::test]
async fn a_reset_disconnects_identities_that_were_connected_lately() {
    for (age, left) in [("29 days", 0), ("31 days", 1)] {
        let (app, stub) = federated(OIDC, &[]).await;
        app.verified("alice").await;
        let tokens = app.sign_in("alice").await;
        connect(&app, &stub, &Browser::new(), &tokens.access_token).await.expect(303);
        app.run_sql(&format!("UPDATE identities SET created_at = now() - interval '{age}'")).await;
        let token = app.link_of_reset("alice").await;
        app.use_link(&token, json!({ "new_password": NEW })).await.expect(200);
        assert_eq!(app.identities().await, left, "{age}");
        let email = app.email("password-changed", "alice").await;
        assert_eq!(email.0.contains("still open your account: Op."), left == 1, "{age}: {email:?}");
    }
}
