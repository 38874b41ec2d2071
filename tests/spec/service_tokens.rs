//! Tokens for one service each.

use crate::support::{Answer, Forge, TestApp, eventually, forge};
use serde_json::{Value, json};

const TOKEN: &str = "/api/v1/auth/token";
const OWN: &str = "http://heirloom.test";
const API: &str = "https://api.example.com";
const SHOP: &str = "urn:example:shop";
const SERVICES: &[(&str, &str)] = &[("HEIRLOOM_AUDIENCES", "https://api.example.com,urn:example:shop")];

impl TestApp {
    async fn exchange(&self, access_token: &str, audience: &str) -> Answer {
        self.request("POST", TOKEN).bearer(access_token).json(&json!({ "audience": audience })).send().await
    }

    /// A token for a service.
    async fn token_for(&self, access_token: &str, audience: &str) -> String {
        self.exchange(access_token, audience).await.expect(200).text("/access_token")
    }

    async fn audience_at_check(&self, token: &str) -> String {
        self.check(token).await.expect_done().header("x-auth-audience").expect("a header").to_owned()
    }
}

///
#[tokio::test]
async fn a_token_for_a_service_says_the_same_and_ends_with_the_one_it_was_given_for() {
    let app = TestApp::with(SERVICES).await;
    let root = app.admin("root").await;
    let alice = app.person("alice").await;
    root.change(&alice.id, &json!({ "roles": ["editor"], "claims": { "plan": "gold" } })).await.expect(200);
    let mine = app.sign_in("alice").await.access_token;
    let answer = app.exchange(&mine, API).await;
    let body = answer.expect(200).json();
    assert_eq!((answer.header("cache-control"), &body["token_type"]), (Some("no-store"), &json!("Bearer")));
    assert!(answer.set_cookies().is_empty() && body.as_object().map(serde_json::Map::len) == Some(3), "{answer:?}");

    let token = body["access_token"].as_str().expect("a token");
    let ((head, theirs), (own_head, own)) = (forge::decode(token), forge::decode(&mine));
    assert_eq!((head, &own["aud"], &theirs["aud"]), (own_head, &json!(OWN), &json!(API)));
    let lives = theirs["exp"].as_i64().expect("seconds") - theirs["iat"].as_i64().expect("seconds");
    assert_eq!(body["expires_in"], lives);
    assert_ne!(theirs["jti"], own["jti"]);
    let rest = |claims: &Value| {
        let mut claims = claims.as_object().expect("claims").clone();
        claims.retain(|name, _| !["aud", "iat", "nbf", "jti"].contains(&name.as_str()));
        claims
    };
    assert_eq!(rest(&theirs), rest(&own));
    assert!(rest(&theirs).contains_key("http://heirloom.test/claims") && theirs["roles"] == json!(["editor"]));
}

/// A-86, S-47: `ACCESS_TOKEN_TTL` was lowered: it ends when the one that it was given for does.
#[tokio::test]
async fn a_token_for_a_service_lives_no_longer_than_the_one_it_was_given_for() {
    let app = TestApp::with(SERVICES).await;
    let alice = app.sign_in("alice").await;
    let forge = Forge::of(&app).await;
    let (_, mut claims) = forge::decode(&alice.access_token);
    let begun = claims["iat"].as_i64().expect("a time") - 300;
    claims["iat"] = begun.into();
    claims["nbf"] = begun.into();
    claims["exp"] = (begun + 86_400).into();
    let token = app.token_for(&forge.sign(&forge.header(), &claims), API).await;
    let (_, theirs) = forge::decode(&token);
    assert_eq!(theirs["exp"], begun + 600);
}

/// the user's own token is the only one that opens Heirloom's own API.
#[tokio::test]
async fn a_services_token_opens_nothing_here_and_gives_no_other_token() {
    let app = TestApp::with(SERVICES).await;
    let root = app.admin("root").await;
    let token = app.token_for(&root.tokens.access_token, API).await;
    assert_eq!(app.audience_at_check(&root.tokens.access_token).await, OWN);
    assert_eq!(app.audience_at_check(&token).await, API);
    for (method, path) in [
        ("GET", "/api/v1/me"),
        ("GET", "/api/v1/me/factors"),
        ("GET", "/api/v1/admin/users"),
        ("DELETE", "/api/v1/me/sessions"),
    ] {
        app.request(method, path).bearer(&token).send().await.expect_challenge("access_token_invalid");
    }
    for audience in [API, SHOP, OWN] {
        app.exchange(&token, audience).await.expect_challenge("access_token_invalid");
    }
    // A sign-out needs the user's own token too: a service ends no session.
    app.request("POST", "/api/v1/auth/logout").bearer(&token).send().await;
    app.me(&root.tokens.access_token).await.expect(200);
    app.exchange("", API).await.expect_problem(401, "access_token_invalid");
    app.request("POST", TOKEN).json(&json!({ "audience": API })).send().await.expect_problem(401, "unauthenticated");
}

///
#[tokio::test]
async fn there_is_a_token_for_a_service_that_is_listed_only() {
    let app = TestApp::with(SERVICES).await;
    let mine = app.sign_in("alice").await.access_token;
    for audience in [OWN, "https://api.example.com/", "HTTPS://API.EXAMPLE.COM", "urn:example", "", "*"] {
        let refused = app.exchange(&mine, audience).await;
        refused.expect_problem(422, "audience_unknown");
        assert_eq!(refused.text("/errors/0/code"), "unknown");
    }
    let wrong = [json!({}), json!({ "audience": [API] }), json!({ "audience": API, "resource": API })];
    for body in wrong {
        app.request("POST", TOKEN).bearer(&mine).json(&body).send().await.expect_problem(422, "validation_failed");
    }
    // Without the option there is one audience for everything. What an instance signed that had it is not accepted there.
    let token = app.token_for(&mine, SHOP).await;
    let plain = app.another(&[]).await;
    let refused = plain.exchange(&mine, API).await;
    refused.expect_problem(422, "audience_unknown");
    assert_eq!(refused.text("/errors/0/code"), "not_configured");
    plain.check(&token).await.expect_challenge("access_token_invalid");
}

/// a token for several of them is one for the first that is ours; nobody signs one.
#[tokio::test]
async fn a_token_of_another_audience_is_for_nobody_here() {
    let app = TestApp::with(SERVICES).await;
    let forge = Forge::of(&app).await;
    let (_, claims) = forge::decode(&app.sign_in("alice").await.access_token);
    let signed = |audience: Value| {
        let mut claims = claims.clone();
        claims["aud"] = audience;
        forge.sign(&forge.header(), &claims)
    };
    for audience in [
        json!("https://elsewhere.example"),
        json!(["https://elsewhere.example"]),
        json!([]),
        json!([API, 7]),
        json!(null),
    ] {
        app.check(&signed(audience)).await.expect_challenge("access_token_invalid");
    }
    assert_eq!(app.audience_at_check(&signed(json!([SHOP, API]))).await, API);
    app.me(&signed(json!([SHOP, API]))).await.expect_challenge("access_token_invalid");
}

/// A-86, S-62: what ends the user's own token ends the service's, on every instance.
#[tokio::test]
async fn a_services_token_ends_with_its_session_and_with_the_users_roles() {
    let app = TestApp::with(SERVICES).await;
    let other = app.another(SERVICES).await;
    let root = app.admin("root").await;
    let (alice, bob) = (app.person("alice").await, app.person("bob").await);
    let (theirs, bobs) =
        (app.token_for(&alice.tokens.access_token, API).await, app.token_for(&bob.tokens.access_token, SHOP).await);
    other.check(&theirs).await.expect_done();
    other.check(&bobs).await.expect_done();
    app.request("POST", "/api/v1/auth/logout").bearer(&alice.tokens.access_token).send().await;
    root.change(&bob.id, &json!({ "roles": ["editor"] })).await.expect(200);
    app.check(&theirs).await.expect_challenge("session_revoked");
    app.check(&bobs).await.expect_challenge("access_token_expired");
    eventually("the other instance hears of it", || async { other.check(&theirs).await.status == 401 }).await;
    eventually("and of the roles", || async { other.check(&bobs).await.status == 401 }).await;
    app.exchange(&alice.tokens.access_token, API).await.expect_challenge("session_revoked");
    app.exchange(&bob.tokens.access_token, API).await.expect_challenge("access_token_expired");
}
