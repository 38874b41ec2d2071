//! Users who have no password: what they can confirm with, and how they get a password.

use crate::support::{Answer, Browser, TestApp, federated, forge, password};
use heirloom_testing::{Endpoint, ProviderKind, StubProvider};
use serde_json::{Value, json};

const OIDC: ProviderKind = ProviderKind::Oidc;
const NEW: &str = "a garden of blue lanterns";

impl TestApp {
    /// The access token of a browser's session, as the script of the account page gets it.
    async fn access_of(&self, browser: &Browser) -> String {
        let cookie = format!("heirloom={}", browser.cookie("heirloom").expect("signed in"));
        let request = self.request("POST", "/api/v1/auth/refresh").header("Cookie", &cookie);
        let tokens = browser.take(request.header("Sec-Fetch-Site", "same-origin").send().await);
        tokens.expect(200).text("/access_token")
    }

    async fn set_password(&self, access_token: &str, passwords: Value) -> Answer {
        self.request("POST", "/api/v1/me/password").bearer(access_token).json(&passwords).send().await
    }

    /// Whether the session is fresh: what needs it is refused for another reason then.
    async fn confirmed(&self, access_token: &str) -> bool {
        let asked = self.request("DELETE", "/api/v1/me/identities/nobody").bearer(access_token).send().await;
        if asked.status == 401 {
            asked.expect_challenge("step_up_required");
            return false;
        }
        asked.expect_problem(404, "not_found");
        true
    }

    async fn methods(&self, access_token: &str) -> Value {
        self.run_sql("UPDATE sessions SET created_at = created_at - interval '1 hour', authenticated_at = NULL").await;
        let refused = self.request("DELETE", "/api/v1/me/identities/nobody").bearer(access_token).send().await;
        refused.expect_challenge("step_up_required").json()["methods"].clone()
    }
}

/// Goes to the provider to confirm, and comes back.
async fn confirm(app: &TestApp, stub: &StubProvider, browser: &Browser) -> Answer {
    let callback = browser.leave(app, stub, "?confirm=true&return_to=/account").await;
    browser.come_back(app, &callback).await
}

/// U-46, S-84.
#[tokio::test]
async fn a_step_up_asks_only_for_what_the_user_has() {
    let (app, stub) = federated(OIDC, &[]).await;
    let browser = Browser::new();
    browser.sign_in(&app, &stub).await.expect(303);
    let access = app.access_of(&browser).await;
    assert_eq!(app.methods(&access).await, json!(["provider"]));
    confirm(&app, &stub, &browser).await.expect(303);
    let access = app.access_of(&browser).await;
    app.set_password(&access, json!({ "new_password": NEW })).await.expect(204);
    assert_eq!(app.methods(&access).await, json!(["password", "provider"]));
    confirm(&app, &stub, &browser).await.expect(303);
    let access = app.access_of(&browser).await;
    let _app = app.enrol(&access).await;
    assert_eq!(app.methods(&access).await, json!(["totp", "recovery_code"]));
    // A provider that was taken out of the options opens nothing.
    app.run_sql("DELETE FROM totp_secrets; UPDATE identities SET provider = 'gone'").await;
    assert_eq!(app.methods(&access).await, json!(["password"]));
}

/// U-46: the provider is asked for a new sign-in, and the session that it opens is fresh.
#[tokio::test]
async fn a_user_without_a_password_confirms_by_a_new_sign_in_there() {
    for (kind, parameter) in [
        (OIDC, ("prompt", "login")),
        (ProviderKind::Kakao, ("prompt", "login")),
        (ProviderKind::Google, ("prompt", "select_account")),
        (ProviderKind::GitHub, ("prompt", "select_account")),
    ] {
        let (app, stub) = federated(kind, &[]).await;
        stub.member(heirloom_testing::Member::new("1001", "alice@gmail.com"));
        stub.edit(|behaviour| behaviour.signed_in_ago = 7_200);
        let browser = Browser::new();
        browser.sign_in(&app, &stub).await.expect(303);
        let asked = stub.seen_at(Endpoint::Authorize);
        assert!(!asked[0].parameters.contains_key("prompt"), "{kind:?}: a sign-in asks for nothing more");
        let says = matches!(kind, ProviderKind::Oidc | ProviderKind::Kakao);
        assert_eq!(app.confirmed(&app.access_of(&browser).await).await, !says, "{kind:?}");
        let back = confirm(&app, &stub, &browser).await;
        assert_eq!(back.expect(303).header("location"), Some("/account"), "{kind:?}");
        let asked = stub.seen_at(Endpoint::Authorize);
        assert_eq!(asked[1].parameters.get(parameter.0).map(String::as_str), Some(parameter.1), "{kind:?}");
        assert!(app.confirmed(&app.access_of(&browser).await).await, "{kind:?}");
    }
}

/// U-46: a provider that lets its user in without a new sign-in confirms nothing.
#[tokio::test]
async fn an_old_sign_in_there_confirms_nothing() {
    for (ago, states) in [(7_200, true), (0, false)] {
        let (app, stub) = federated(OIDC, &[]).await;
        stub.edit(|behaviour| {
            (behaviour.signed_in_ago, behaviour.states_sign_in, behaviour.ignores_prompt) = (ago, states, true);
        });
        let browser = Browser::new();
        let back = confirm(&app, &stub, &browser).await;
        let to = back.expect(303).header("location").unwrap();
        assert!(to.starts_with("/login?reason=upstream_denied"), "{ago}, {states}: {to}");
        assert!(!browser.is_signed_in());
        let recorded = "SELECT count(*) FROM audit_events
                        WHERE kind = 'upstream_refused' AND details ->> 'reason' = 'not_signed_in_again'";
        assert_eq!(app.count(recorded).await, 1);
    }
}

/// U-45: an access token says when its user signed in at the provider, and what needs a fresh session goes by it.
#[tokio::test]
async fn a_session_is_as_old_as_the_sign_in_at_the_provider() {
    let (app, stub) = federated(OIDC, &[]).await;
    stub.edit(|behaviour| behaviour.signed_in_ago = 7_200);
    let nonce = "the-nonce-of-the-app";
    let brought = json!({ "id_token": stub.id_token(nonce), "nonce": nonce });
    let tokens = app.post("/api/v1/auth/upstream/op/token", &brought).await.expect_tokens();
    let claims = |token: &str| forge::decode(token).1;
    let of = |name: &str| claims(&tokens.access_token)[name].as_i64().unwrap();
    let (auth_time, issued) = (of("auth_time"), of("iat"));
    assert!(issued - auth_time >= 7_200, "{auth_time}, {issued}");
    assert!(!app.confirmed(&tokens.access_token).await);
    let again = app.refresh(&tokens.refresh_token).await.expect_tokens();
    assert_eq!(claims(&again.access_token)["auth_time"], auth_time);
    // A time that is still to come is now.
    stub.edit(|behaviour| behaviour.signed_in_ago = -3_600);
    let browser = Browser::new();
    browser.sign_in(&app, &stub).await.expect(303);
    let future = "SELECT count(*) FROM sessions WHERE authenticated_at > clock_timestamp()";
    assert_eq!(app.count(future).await, 0);
}

/// U-45: who takes the question out of the request gains nothing by it.
#[tokio::test]
async fn a_provider_that_does_not_say_when_the_user_signed_in_makes_no_session_fresh() {
    let (app, stub) = federated(OIDC, &[]).await;
    let browser = Browser::new();
    let begun = browser.get(&app, "/auth/upstream/op").await;
    let authorize = begun.expect(303).header("location").unwrap().replace("max_age=", "min_age=");
    let callback = stub.visit(&authorize).await;
    browser.come_back(&app, &callback).await.expect(303);
    assert!(browser.is_signed_in() && !app.confirmed(&app.access_of(&browser).await).await);
    // The same of an app that does not ask.
    let brought = json!({ "id_token": stub.id_token("a nonce"), "nonce": "a nonce" });
    let tokens = app.post("/api/v1/auth/upstream/op/token", &brought).await.expect_tokens();
    assert!(!app.confirmed(&tokens.access_token).await);
    confirm(&app, &stub, &browser).await.expect(303);
    assert!(app.confirmed(&app.access_of(&browser).await).await);
}

/// U-45, U-12: our own second factor is a proof of now.
#[tokio::test]
async fn a_second_factor_after_an_old_sign_in_there_makes_the_session_fresh() {
    let (app, stub) = federated(OIDC, &[]).await;
    let browser = Browser::new();
    browser.sign_in(&app, &stub).await.expect(303);
    let enrolled = app.enrol(&app.access_of(&browser).await).await;
    stub.edit(|behaviour| behaviour.signed_in_ago = 7_200);
    let other = Browser::new();
    assert_eq!(other.sign_in(&app, &stub).await.expect(303).header("location"), Some("/login/code"));
    let challenge = other.get(&app, "/login/code").await.expect(200).hidden("challenge");
    let code = enrolled.app.next(&app).await;
    other.post(&app, "/login/code", &[("challenge", &challenge), ("code", &code)]).await.expect(303);
    assert!(app.confirmed(&app.access_of(&other).await).await);
}

/// U-47, F-54.
#[tokio::test]
async fn a_user_without_a_password_sets_the_first_one_in_a_fresh_session() {
    let (app, stub) = federated(OIDC, &[]).await;
    let (browser, other) = (Browser::new(), Browser::new());
    browser.sign_in(&app, &stub).await.expect(303);
    other.sign_in(&app, &stub).await.expect(303);
    let (access, of_other) = (app.access_of(&browser).await, app.access_of(&other).await);
    assert_eq!(app.me(&access).await.expect(200).json()["has_password"], false);
    app.set_password(&access, json!({ "new_password": "password" })).await.expect_fields(&["new_password"]);
    app.set_password(&access, json!({ "current_password": "", "new_password": NEW }))
        .await
        .expect_problem(422, "wrong_password");
    app.run_sql("UPDATE sessions SET created_at = created_at - interval '1 hour', authenticated_at = NULL").await;
    app.set_password(&access, json!({ "new_password": NEW }))
        .await
        .expect_step_up_by("urn:heirloom:acr:1", &["provider"]);
    app.run_sql("UPDATE sessions SET authenticated_at = clock_timestamp()").await;
    app.set_password(&access, json!({ "new_password": NEW })).await.expect(204);
    assert_eq!(app.me(&access).await.expect(200).json()["has_password"], true);
    app.me(&of_other).await.expect_challenge("session_revoked");
    app.email("password-changed", "alice").await;
    app.sign_in_as("alice", NEW).await.expect_tokens();
    assert_eq!(app.count("SELECT count(*) FROM identities").await, 1, "it stays connected");
    // Now there is one.
    app.set_password(&access, json!({ "new_password": "another garden of lanterns" }))
        .await
        .expect_fields(&["current_password"]);
    let change = json!({ "current_password": NEW, "new_password": password("alice") });
    app.set_password(&access, change).await.expect(204);
    app.sign_in_as("alice", &password("alice")).await.expect_tokens();
}

/// S-51: what the browser held when it left is replaced, also where its cookie does not come back with it.
#[tokio::test]
async fn a_sign_in_there_replaces_the_session_of_the_browser() {
    let (app, stub) = federated(OIDC, &[]).await;
    let browser = Browser::new();
    browser.sign_in(&app, &stub).await.expect(303);
    let callback = browser.leave(&app, &stub, "").await;
    browser.set("heirloom", None);
    browser.come_back(&app, &callback).await.expect(303);
    assert_eq!(app.live_sessions().await, 1);
    // And where it does.
    let callback = Browser::new().leave(&app, &stub, "").await;
    browser.come_back(&app, &callback).await.expect(303);
    assert_eq!(app.live_sessions().await, 1, "a flow of another browser replaces nothing");
    browser.sign_in(&app, &stub).await.expect(303);
    assert_eq!(app.live_sessions().await, 1);
}

/// A step-up by the provider: what the script of the account page begins, and where the browser is led at the end.
async fn step_up(app: &TestApp, stub: &StubProvider, browser: &Browser, access_token: &str) -> String {
    let begun = begin_step_up(app, browser, access_token).await;
    let callback = stub.visit(&begun).await;
    browser.come_back(app, &callback).await.expect(303).header("location").unwrap().to_owned()
}

async fn begin_step_up(app: &TestApp, browser: &Browser, access_token: &str) -> String {
    let request = app.request("POST", "/api/v1/auth/step-up/op").json(&json!({ "return_to": "/account?from=here" }));
    let request = request.bearer(access_token).header("Sec-Fetch-Site", "same-origin");
    browser.take(request.send().await).expect(200).text("/authorize_url")
}

/// U-52.
#[tokio::test]
async fn a_session_is_fresh_after_a_new_sign_in_with_its_provider() {
    let (app, stub) = federated(OIDC, &[]).await;
    let browser = Browser::new();
    let callback = browser.leave(&app, &stub, "?remember=true").await;
    browser.come_back(&app, &callback).await.expect(303);
    let access = app.access_of(&browser).await;
    assert_eq!(app.methods(&access).await, json!(["provider"]));
    let (token, rows) = (browser.cookie("heirloom"), "SELECT count(*) FROM sessions WHERE remembered");

    assert_eq!(step_up(&app, &stub, &browser, &access).await, "/account?from=here");

    assert!(app.confirmed(&access).await);
    assert_eq!(
        (browser.cookie("heirloom"), app.count(rows).await),
        (token, 1),
        "the same session, with the same token"
    );
    let event = "SELECT count(*) FROM audit_events WHERE kind = 'stepped_up' AND details ->> 'provider' = 'op'";
    assert_eq!(app.count(event).await, 1);
    let claims = forge::decode(&app.access_of(&browser).await).1;
    assert_eq!(claims["amr"], json!(["fed"]));
    let asked = stub.seen_at(Endpoint::Authorize);
    assert_eq!(asked[1].parameters.get("prompt").map(String::as_str), Some("login"));
}

/// U-52, A-28: its request has credentials, so that the browser keeps the cookie.
#[tokio::test]
async fn a_page_of_an_allowed_origin_begins_a_step_up_and_is_led_back_to() {
    let origin = "https://app.example.com";
    let (app, stub) = federated(OIDC, &[("HEIRLOOM_ALLOWED_ORIGINS", origin)]).await;
    let browser = Browser::new();
    browser.sign_in(&app, &stub).await.expect(303);
    let access = app.access_of(&browser).await;
    app.methods(&access).await;
    let page = "https://app.example.com/notes";
    let request = app.request("POST", "/api/v1/auth/step-up/op").bearer(&access).json(&json!({ "return_to": page }));
    let request = request.header("Origin", origin).header("Sec-Fetch-Site", "same-site");
    let begun = browser.take(request.send().await);
    begun.expect(200);
    assert_eq!(begun.header("access-control-allow-origin"), Some(origin));
    assert_eq!(begun.header("access-control-allow-credentials"), Some("true"));
    let callback = stub.visit(&begun.text("/authorize_url")).await;
    let back = browser.come_back(&app, &callback).await;
    assert_eq!(back.expect(303).header("location"), Some(page));
    assert!(app.confirmed(&access).await);
}

/// U-52: neither a new account, nor one that exists, is entered by it.
#[tokio::test]
async fn another_account_of_the_provider_confirms_nothing() {
    let (app, stub) = federated(OIDC, &[]).await;
    let (mallory, browser) = (Browser::new(), Browser::new());
    stub.member(heirloom_testing::Member::new("666", "mallory@example.com"));
    mallory.sign_in(&app, &stub).await.expect(303);
    stub.member(heirloom_testing::Member::new("1001", "alice@example.com"));
    browser.sign_in(&app, &stub).await.expect(303);
    let access = app.access_of(&browser).await;
    app.methods(&access).await;
    let all = "SELECT (SELECT count(*) FROM users) * 100 + (SELECT count(*) FROM sessions)";
    let before = app.count(all).await;
    for (subject, email) in
        [("666", "mallory@example.com"), ("777", "nobody@example.com"), ("888", "alice@example.com")]
    {
        stub.member(heirloom_testing::Member::new(subject, email));
        let to = step_up(&app, &stub, &browser, &access).await;
        assert_eq!(to, "/account?reason=identity_not_connected", "{subject}");
        assert!(!app.confirmed(&access).await, "{subject}");
        assert_eq!(app.count(all).await, before, "{subject}");
    }
    let refused = "SELECT count(*) FROM audit_events WHERE kind = 'reauthentication_failed'
        AND details ->> 'reason' = 'identity_not_connected' AND details ->> 'provider' IS NOT NULL";
    assert_eq!(app.count(refused).await, 3);
    let claims = forge::decode(&app.access_of(&browser).await).1;
    assert_eq!(claims["sub"], forge::decode(&access).1["sub"]);
}

/// U-52, F-54.
#[tokio::test]
async fn a_provider_is_too_little_for_a_user_with_a_second_factor() {
    let (app, stub) = federated(OIDC, &[]).await;
    let browser = Browser::new();
    browser.sign_in(&app, &stub).await.expect(303);
    let access = app.access_of(&browser).await;
    let _app = app.enrol(&access).await;
    let methods = "SELECT count(*) FROM sessions WHERE 'mfa' = ANY (amr)";
    assert_eq!(app.count(methods).await, 1);
    assert_eq!(step_up(&app, &stub, &browser, &access).await, "/account?reason=step_up_required");
    assert_eq!(app.count(methods).await, 1);
}

/// U-52: what happens on the way there.
#[tokio::test]
async fn a_step_up_that_comes_back_too_late_or_empty_handed_changes_nothing() {
    let (app, stub) = federated(OIDC, &[]).await;
    let browser = Browser::new();
    browser.sign_in(&app, &stub).await.expect(303);
    let access = app.access_of(&browser).await;
    app.methods(&access).await;
    // An old sign-in there.
    stub.edit(|behaviour| (behaviour.signed_in_ago, behaviour.ignores_prompt) = (7_200, true));
    assert_eq!(step_up(&app, &stub, &browser, &access).await, "/account?reason=upstream_denied");
    stub.edit(|behaviour| (behaviour.signed_in_ago, behaviour.ignores_prompt) = (0, false));
    // The callback in another browser.
    let callback = stub.visit(&begin_step_up(&app, &browser, &access).await).await;
    let elsewhere = Browser::new().come_back(&app, &callback).await;
    assert_eq!(elsewhere.expect(303).header("location"), Some("/login?reason=upstream_state_invalid"));
    assert!(!app.confirmed(&access).await);
    // The identity was disconnected, then the session revoked.
    let authorize = begin_step_up(&app, &browser, &access).await;
    app.run_sql("UPDATE identities SET subject = subject || '-of-before'").await;
    let back = browser.come_back(&app, &stub.visit(&authorize).await).await;
    assert_eq!(back.expect(303).header("location"), Some("/account?reason=identity_not_connected"));
    let authorize = begin_step_up(&app, &browser, &access).await;
    app.request("POST", "/api/v1/auth/logout").bearer(&access).send().await.expect(204);
    let back = browser.come_back(&app, &stub.visit(&authorize).await).await;
    assert_eq!(back.expect(303).header("location"), Some("/account?reason=session_revoked"));
    assert_eq!(app.count("SELECT count(*) FROM sessions WHERE revoked_at IS NULL").await, 0);
}

/// U-52.
#[tokio::test]
async fn a_step_up_by_a_provider_is_begun_by_a_signed_in_user_on_our_own_pages() {
    let (app, stub) = federated(OIDC, &[]).await;
    let browser = Browser::new();
    browser.sign_in(&app, &stub).await.expect(303);
    let access = app.access_of(&browser).await;
    let anonymous = app.post("/api/v1/auth/step-up/op", &json!({})).await;
    anonymous.expect_no_cookie();
    anonymous.expect_challenge("unauthenticated");
    let foreign = app.request("POST", "/api/v1/auth/step-up/op").bearer(&access);
    let foreign = foreign.header("Origin", "https://evil.example").header("Sec-Fetch-Site", "cross-site").send().await;
    foreign.expect_no_cookie().expect_problem(403, "origin_not_allowed");
    let unknown = app.request("POST", "/api/v1/auth/step-up/nobody").bearer(&access).send().await;
    unknown.expect_problem(404, "not_found");
    assert_eq!(stub.seen_at(Endpoint::Authorize).len(), 1);
}
