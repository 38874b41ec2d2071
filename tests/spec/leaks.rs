//! What a leaked secret, a known id and a forged header gain an attacker: nothing that they should not.

use crate::support::{MASTER_KEY, PUBLIC_URL, TestApp, email};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use heirloom::{
    kernel::{MasterKey, MasterKeys, Rng},
    sessions::{Secret, TokenKeys},
};
use serde_json::json;
use std::sync::Arc;
use uuid::Uuid;

/// Where the id of the session stands in the bytes of a refresh token.
const SESSION: std::ops::Range<usize> = 2..18;

/// C-3: it makes genuine tags. The secrets of sessions and the signing keys are drawn, and derived from nothing.
#[tokio::test]
async fn the_master_key_alone_opens_no_session_and_signs_no_access_token() {
    let app = TestApp::start().await;
    let alice = app.sign_in("alice").await;
    let master = MasterKeys { current: Arc::new(MasterKey::from_bytes(MASTER_KEY)), previous: Arc::default() };
    let keys = TokenKeys::new(&master);

    // Whatever the master key determines, a second installation under it has as well.
    let elsewhere = app.stranger(&[]).await;
    let foreign = elsewhere.sign_in("alice").await;
    app.check(&foreign.access_token).await.expect_challenge("access_token_invalid");
    assert!(keys.read(&foreign.refresh_token).is_some(), "the tag is genuine here too");
    app.refresh(&foreign.refresh_token).await.expect_problem(401, "session_expired");
    app.check(&alice.access_token).await.expect_done();

    let real = keys.read(&alice.refresh_token).expect("a genuine token");
    for generation in [real.generation, real.generation.next()] {
        let forged = keys.issue(real.session, generation, &Secret::draw(&Rng::system()));
        let answer = app.refresh(forged.reveal()).await;
        assert_eq!(answer.status, 401, "{answer:?}");
        assert!(answer.json().get("access_token").is_none(), "{answer:?}");
        answer.expect_no_cookie();
    }
    let live = app.count("SELECT count(*) FROM sessions WHERE revoked_at IS NULL").await;
    assert!(live <= 1, "nothing was opened");
}

/// C-4: the attacker knows the id of a session, an access token of it, and how a refresh token is built.
#[tokio::test]
async fn an_id_and_an_access_token_revoke_no_session_by_a_forged_refresh_token() {
    let app = TestApp::start().await;
    let alice = app.sign_in("alice").await;
    let own = app.sign_in("mallory").await;
    let decoded = |token: &str| URL_SAFE_NO_PAD.decode(token.strip_prefix("hrt_").expect("a prefix")).expect("base64");
    let written = |bytes: &[u8]| format!("hrt_{}", URL_SAFE_NO_PAD.encode(bytes));
    let session = Uuid::parse_str(&alice.session_id).expect("an id");
    assert_eq!(&decoded(&alice.refresh_token)[SESSION], session.as_bytes(), "the control: this is the layout");

    let mut with_the_tag_of_another = decoded(&own.refresh_token);
    with_the_tag_of_another[SESSION].copy_from_slice(session.as_bytes());
    let mut of_zeros = vec![0; with_the_tag_of_another.len()];
    of_zeros[..2].copy_from_slice(&with_the_tag_of_another[..2]);
    of_zeros[SESSION].copy_from_slice(session.as_bytes());
    let forgeries = [
        written(&with_the_tag_of_another),
        written(&of_zeros),
        format!("hrt_{}", alice.session_id),
        alice.session_id.clone(),
        alice.access_token.clone(),
        format!("hrt_{}", alice.access_token),
    ];
    for forged in &forgeries {
        app.refresh(forged).await.expect_problem(401, "refresh_token_invalid");
        app.refresh_with(forged, "a-key-of-the-attackers-own").await.expect_problem(401, "refresh_token_invalid");
        app.sign_out(forged).await.expect_done();
    }

    app.check(&alice.access_token).await.expect_done();
    app.refresh(&alice.refresh_token).await.expect_tokens();
    app.refresh(&own.refresh_token).await.expect_tokens();
}

/// C-33, L-10: in a fragment, which no log of a proxy and no `Referer` holds.
#[tokio::test]
async fn a_link_is_a_fragment_below_the_public_url_whatever_host_a_request_names() {
    let app = TestApp::with(&[("HEIRLOOM_TRUSTED_PROXIES", "127.0.0.1")]).await;
    app.register("alice").await;
    let asked = app.request("POST", "/api/v1/auth/password/forgot").headers(&[
        ("Host", "evil.example"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Proto", "http"),
        ("Forwarded", "host=evil.example;proto=http"),
        ("X-Original-URL", "https://evil.example/"),
    ]);
    asked.json(&json!({ "email": email("alice") })).send().await.expect(202);
    let sent = app.email("reset-password", "alice").await;
    let token = sent.token();
    assert!(sent.0.contains(&format!("{PUBLIC_URL}/confirm#{token}")), "{}", sent.0);
    assert!(!sent.0.contains("evil.example"), "{}", sent.0);
    assert!(!sent.0.contains(&format!("/{token}")) && !sent.0.contains(&format!("={token}")), "{}", sent.0);
}
