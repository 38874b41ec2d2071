//! The stub refuses what the real providers refuse: or a test that passes with it would show nothing.

use super::{
    Callback, Consent, Endpoint, Fault, Member, ProviderKind, StubProvider, TokenAlgorithm,
    client::{APPLE_KEY, APPLE_TEAM, CLIENT_ID, CLIENT_SECRET},
    keys::{Keys, encode, now},
};
use aws_lc_rs::digest::{SHA256, digest};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const REDIRECT_URI: &str = "https://rp.test/callback";
const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters";

fn authorize_url(stub: &StubProvider, more: &[(&str, &str)]) -> String {
    let challenge = encode(digest(&SHA256, VERIFIER.as_bytes()).as_ref());
    let mut query = BTreeMap::from([
        ("response_type", "code"),
        ("client_id", stub.client_id()),
        ("redirect_uri", REDIRECT_URI),
        ("state", "the-state"),
        ("nonce", "the-nonce"),
        ("scope", "openid"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ]);
    query.extend(more.iter().copied());
    format!("{}/authorize?{}", stub.url(), serde_urlencoded::to_string(&query).unwrap())
}

fn fields(callback: &Callback) -> BTreeMap<String, String> {
    callback.form.clone().unwrap_or_else(|| {
        let (_, query) = callback.url.split_once('?').unwrap();
        serde_urlencoded::from_str(query).unwrap()
    })
}

fn exchange(stub: &StubProvider, code: &str, change: &[(&str, &str)]) -> RequestBuilder {
    let secret = apples_secret(300);
    let of_kind = if stub.kind() == ProviderKind::Apple { &secret } else { CLIENT_SECRET };
    let mut form = BTreeMap::from([
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT_URI),
        ("client_id", stub.client_id()),
        ("client_secret", of_kind),
        ("code_verifier", VERIFIER),
        ("state", "the-state"),
    ]);
    form.extend(change.iter().copied());
    Client::new().post(format!("{}/token", stub.url())).header("Accept", "application/json").form(&form)
}

fn apples_secret(lifetime: i64) -> String {
    let header = json!({ "alg": "ES256", "kid": APPLE_KEY });
    let claims = json!({
        "iss": APPLE_TEAM, "iat": now(), "exp": now() + lifetime, "aud": "https://appleid.apple.com",
        "sub": CLIENT_ID,
    });
    Keys::of_apples_client().sign(TokenAlgorithm::Es256, &header, &claims)
}

async fn answer(request: RequestBuilder) -> (u16, Value) {
    let answer: Response = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

async fn code(stub: &StubProvider) -> String {
    let more = if stub.kind() == ProviderKind::Apple { &[("response_mode", "form_post")][..] } else { &[] };
    fields(&stub.visit(&authorize_url(stub, more)).await)["code"].clone()
}

#[tokio::test]
async fn every_kind_gives_a_token_for_a_code_once_and_tells_its_member() {
    for kind in ProviderKind::ALL {
        let stub = StubProvider::start(kind);
        let code = code(&stub).await;
        let (status, tokens) = answer(exchange(&stub, &code, &[])).await;
        assert_eq!(status, 200, "{kind:?}: {tokens}");
        assert_eq!(tokens["id_token"].is_string(), kind.is_oidc(), "{kind:?}");
        let (status, again) = answer(exchange(&stub, &code, &[])).await;
        assert_eq!(status == 200, kind.errs_with_200(), "{kind:?}");
        assert!(again["error"].is_string(), "{kind:?}: a code is good once");
        let about = Client::new().get(format!("{}/userinfo", stub.url())).header("User-Agent", "test");
        let (status, profile) = answer(about.bearer_auth(tokens["access_token"].as_str().unwrap())).await;
        assert_eq!(status, 200, "{kind:?}");
        assert!(profile.to_string().contains("1001"), "{kind:?}: {profile}");
        assert_eq!(stub.seen_at(Endpoint::Token).len(), 2);
    }
}

#[tokio::test]
async fn a_code_is_refused_without_what_the_kind_demands() {
    for (kind, name, value) in [
        (ProviderKind::Oidc, "code_verifier", "another-verifier-of-at-least-forty-three-characters"),
        (ProviderKind::GitHub, "code_verifier", "another-verifier-of-at-least-forty-three-characters"),
        (ProviderKind::Oidc, "redirect_uri", "https://mallory.example"),
        (ProviderKind::Kakao, "client_secret", "wrong"),
        (ProviderKind::Naver, "state", "another"),
        (ProviderKind::Apple, "client_secret", "a-text"),
        (ProviderKind::Apple, "client_secret", &apples_secret(3600)),
    ] {
        let stub = StubProvider::start(kind);
        let code = code(&stub).await;
        let (_, refused) = answer(exchange(&stub, &code, &[(name, value)])).await;
        assert!(refused["error"].is_string(), "{kind:?}, {name}: {refused}");
    }
}

#[tokio::test]
async fn the_answer_to_a_browser_is_what_the_test_chose() {
    let mut stub = StubProvider::start(ProviderKind::Apple);
    stub.member(Member::new("7", "kim@example.com").named("Kim Minji"));
    let url = authorize_url(&stub, &[("response_mode", "form_post"), ("scope", "openid email name")]);
    let posted = stub.visit(&url).await;
    assert_eq!((posted.url.as_str(), fields(&posted)["state"].as_str()), (REDIRECT_URI, "the-state"));
    assert!(fields(&posted)["user"].contains(r#""firstName":"Kim""#), "the name comes");
    assert!(!fields(&stub.visit(&url).await).contains_key("user"), "once");

    stub.edit(|does| does.consent = Consent::Denied);
    let denied = fields(&stub.visit(&authorize_url(&stub, &[])).await);
    assert_eq!((denied["error"].as_str(), denied.contains_key("code")), ("access_denied", false));

    stub.edit(|does| drop(does.faults.insert(Endpoint::Jwks, Fault::Status(500))));
    let keys = Client::new().get(format!("{}/jwks", stub.url()));
    assert_eq!(answer(keys.try_clone().unwrap()).await.0, 500);
    stub.down();
    assert!(keys.try_clone().unwrap().send().await.is_err());
    stub.up();
    assert_eq!(answer(keys).await.0, 500);
}
