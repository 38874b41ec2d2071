//! A service with the Rust verifier: what one instance revokes, the service that follows the other one refuses.

use crate::support::{Forge, PUBLIC_URL, TestApp, eventually, forge};
use heirloom_verifier::{Error, OnStale, State, Verifier};
use serde_json::json;

const KEY: &str = "a-key-for-the-tests-of-the-verifier";
const KEYS: (&str, &str) = ("HEIRLOOM_FEED_KEYS", KEY);
const API: &str = "https://api.example.com";

/// A service that follows a server.
struct Service(Verifier);

impl Service {
    async fn of(app: &TestApp, audience: &str) -> Self {
        let builder = Verifier::builder(PUBLIC_URL, audience).server_url(format!("http://{}", app.address));
        let service = Self(builder.feed_key(KEY).build().expect("a verifier"));
        eventually("the verifier is fresh", async || service.0.state() == State::Fresh).await;
        service
    }

    async fn verdict(&self, token: &str) -> &'static str {
        self.0.verify(token).await.map_or_else(Error::code, |_| "good")
    }

    /// Good now, and while the machine is too busy to keep it fresh a little later.
    async fn expect_good(&self, token: &str) {
        self.expect(token, "good").await;
    }

    /// Soon. A verdict in between is that of a busy machine: nothing is refused for another reason.
    async fn expect(&self, token: &str, verdict: &str) {
        eventually(verdict, async || {
            let found = self.verdict(token).await;
            assert!([verdict, "good", "stale"].contains(&found), "{found} instead of {verdict}");
            found == verdict
        })
        .await;
    }
}

/// V1, R-3, R-5.
#[tokio::test]
async fn whatever_one_instance_revokes_a_service_at_the_other_refuses() {
    let app = TestApp::with(&[KEYS]).await;
    let other = app.another(&[KEYS]).await;
    let root = app.admin("root").await;
    let service = Service::of(&other, PUBLIC_URL).await;

    let signed_out = app.sign_in("alice").await;
    service.expect_good(&signed_out.access_token).await;
    app.sign_out(&signed_out.refresh_token).await.expect_done();
    service.expect(&signed_out.access_token, "revoked").await;

    let stolen = app.sign_in("alice").await;
    let rotated = app.refresh(&stolen.refresh_token).await.expect_tokens();
    service.expect_good(&rotated.access_token).await;
    app.refresh(&stolen.refresh_token).await.expect_problem(401, "refresh_token_reused");
    service.expect(&rotated.access_token, "revoked").await;
    service.expect(&stolen.access_token, "revoked").await;

    let bob = app.person("bob").await;
    service.expect_good(&bob.tokens.access_token).await;
    root.change(&bob.id, &json!({ "roles": ["editor"] })).await.expect(200);
    service.expect(&bob.tokens.access_token, "outdated").await;
    let refreshed = other.refresh(&bob.tokens.refresh_token).await.expect_tokens();
    service.expect_good(&refreshed.access_token).await;
    let claims = service.0.verify(&refreshed.access_token).await.expect("a good token");
    assert_eq!(
        (claims.roles, claims.sub, claims.sid),
        (vec!["editor".into()], bob.id.clone(), bob.tokens.session_id.clone())
    );

    root.block(&bob.id).await.expect(200);
    service.expect(&refreshed.access_token, "revoked").await;

    let carol = app.sign_in("carol").await;
    service.expect_good(&carol.access_token).await;
    root.revoke(&json!({ "everyone": true })).await.expect(200);
    service.expect(&carol.access_token, "revoked").await;
    service.expect(&root.tokens.access_token, "revoked").await;
    service.expect_good(&app.sign_in("carol").await.access_token).await;
}

/// a service accepts its own tokens and no others.
#[tokio::test]
async fn a_service_accepts_the_tokens_for_it_and_sees_their_end() {
    let app = TestApp::with(&[KEYS, ("HEIRLOOM_AUDIENCES", "https://api.example.com")]).await;
    let service = Service::of(&app, API).await;
    let mine = app.sign_in("alice").await;
    let request = app.request("POST", "/api/v1/auth/token").bearer(&mine.access_token);
    let token = request.json(&json!({ "audience": API })).send().await.expect(200).text("/access_token");
    service.expect_good(&token).await;
    assert_eq!(service.verdict(&mine.access_token).await, "invalid");
    app.sign_out(&mine.refresh_token).await.expect_done();
    service.expect(&token, "revoked").await;
}

/// R-12, S-47: `ACCESS_TOKEN_TTL` was lowered: what was signed before must not outlive what is remembered of the ends.
#[tokio::test]
async fn a_service_accepts_no_token_for_longer_than_those_of_today() {
    let app = TestApp::with(&[KEYS]).await;
    let service = Service::of(&app, PUBLIC_URL).await;
    let alice = app.sign_in("alice").await;
    let forge = Forge::of(&app).await;
    let (_, mut claims) = forge::decode(&alice.access_token);
    let now = claims["iat"].as_i64().expect("a time");
    claims["exp"] = (now + 86_400).into();
    service.expect_good(&forge.sign(&forge.header(), &claims)).await;
    claims["iat"] = (now - 660).into();
    claims["nbf"] = (now - 660).into();
    assert_eq!(service.verdict(&forge.sign(&forge.header(), &claims)).await, "expired");
}

/// V4: a verifier that starts later learns from its first snapshot what was revoked before.
#[tokio::test]
async fn a_verifier_that_starts_after_a_revocation_knows_it() {
    let app = TestApp::with(&[KEYS]).await;
    let other = app.another(&[KEYS]).await;
    let tokens = app.sign_in("alice").await;
    app.sign_out(&tokens.refresh_token).await.expect_done();
    let knows = async || other.check(&tokens.access_token).await.status == 401;
    eventually("the other instance knows", async || knows().await).await;
    let service = Service::of(&other, PUBLIC_URL).await;
    assert_ne!(service.verdict(&tokens.access_token).await, "good");
    service.expect(&tokens.access_token, "revoked").await;
}

/// Without the stream a service may ask instead.
#[tokio::test]
async fn a_service_that_asks_gets_the_servers_own_verdicts() {
    let app = TestApp::start().await;
    let root = app.admin("root").await;
    let builder = Verifier::builder(PUBLIC_URL, PUBLIC_URL).server_url(format!("http://{}", app.address));
    let service = Service(builder.on_stale(OnStale::Ask).build().expect("a verifier"));
    let (alice, bob) = (app.person("alice").await, app.person("bob").await);
    service.expect_good(&alice.tokens.access_token).await;
    app.sign_out(&alice.tokens.refresh_token).await.expect_done();
    service.expect(&alice.tokens.access_token, "revoked").await;
    root.change(&bob.id, &json!({ "roles": ["editor"] })).await.expect(200);
    service.expect(&bob.tokens.access_token, "outdated").await;
    assert_eq!(service.0.state(), State::Stale);
}
