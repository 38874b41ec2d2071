//! Apps that spoke to the provider themselves.

use crate::support::{Answer, TestApp, at_once, federated};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use heirloom_testing::{Endpoint, Fault, Forgery, Member, ProviderKind, StubProvider, TokenAlgorithm};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};

const OIDC: ProviderKind = ProviderKind::Oidc;
const NONCE: &str = "the-nonce-of-the-app";

impl TestApp {
    async fn bring(&self, what: &Value) -> Answer {
        self.post("/api/v1/auth/upstream/op/token", what).await
    }

    async fn bring_id_token(&self, stub: &StubProvider) -> Answer {
        self.bring(&fresh_token(stub)).await
    }
}

/// An ID token with a nonce of its own: two of the same second would be the same.
fn fresh_token(stub: &StubProvider) -> Value {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let nonce = format!("{NONCE}-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    json!({ "id_token": stub.id_token(&nonce), "nonce": nonce })
}

/// U-29.
#[tokio::test]
async fn an_app_signs_in_with_an_id_token_once() {
    let (app, stub) = federated(OIDC, &[]).await;
    let token = json!({ "id_token": stub.id_token(NONCE), "nonce": NONCE, "device_name": "phone" });
    let tokens = app.bring(&token).await.expect_tokens();
    app.me(&tokens.access_token).await.expect(200);
    app.bring(&token).await.expect_problem(401, "upstream_denied");
    app.bring_id_token(&stub).await.expect_tokens();
    assert_eq!((app.count("SELECT count(*) FROM users").await, app.live_sessions().await), (1, 2));
    app.bring(&json!({ "id_token": stub.id_token(NONCE) })).await.expect_fields(&["nonce"]);
    app.bring(&json!({ "id_token": stub.id_token(NONCE), "nonce": "another" }))
        .await
        .expect_problem(401, "upstream_denied");
    app.bring(&json!({})).await.expect_problem(422, "validation_failed");
    app.bring(&json!({ "access_token": stub.access_token() })).await.expect_fields(&["access_token"]);
    app.post("/api/v1/auth/upstream/nobody/token", &token).await.expect_problem(404, "not_found");
}

/// The other signature that ECDSA has for the same message: (r, n − s) in place of (r, s) (FIPS 186-5 §6.4).
fn other_signature(id_token: &str) -> String {
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad,
        0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let (signed, signature) = id_token.rsplit_once('.').expect("three parts");
    let mut signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    let mut borrow = 0;
    for (byte, of_order) in signature[32..].iter_mut().zip(ORDER).rev() {
        let left = 256 + i32::from(of_order) - i32::from(*byte) - borrow;
        borrow = i32::from(left < 256);
        *byte = u8::try_from(left % 256).expect("a byte");
    }
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// U-29 (F3): what was used is known by what was signed, not by the signature.
#[tokio::test]
async fn a_token_is_good_once_also_with_the_other_signature_of_its_key() {
    let (app, stub) = federated(OIDC, &[]).await;
    stub.edit(|behaviour| behaviour.algorithm = TokenAlgorithm::Es256);
    let (one, two) = (fresh_token(&stub), fresh_token(&stub));
    let with_other = |token: &Value| {
        let mut token = token.clone();
        token["id_token"] = other_signature(token["id_token"].as_str().expect("a token")).into();
        token
    };
    // The control: it verifies.
    app.bring(&with_other(&one)).await.expect_tokens();
    app.bring(&one).await.expect_problem(401, "upstream_denied");
    app.bring(&two).await.expect_tokens();
    app.bring(&with_other(&two)).await.expect_problem(401, "upstream_denied");
}

/// U-20 (F2): what the provider has verified is the address as it is written there, not the one that we make of it.
#[tokio::test]
async fn an_address_that_only_our_spelling_makes_the_owners_is_not_verified() {
    let (app, stub) = federated(OIDC, &[]).await;
    stub.member(Member::new("5005", "\u{fb01}ona@example.com"));
    let sent = app.bring_id_token(&stub).await;
    assert_ne!(sent.status, 200, "no account of fiona's without her: {sent:?}");
    assert_eq!(app.count("SELECT count(*) FROM users").await, 0);
    stub.member(Member::new("6006", "Fiona@Example.com"));
    app.bring_id_token(&stub).await.expect_tokens();
}

/// U-29, U-8 (F3).
#[tokio::test]
async fn a_forged_id_token_of_an_app_opens_nothing() {
    let (app, stub) = federated(OIDC, &[]).await;
    // No access token comes along that its hash could belong to.
    for forgery in Forgery::ALL.into_iter().filter(|forgery| *forgery != Forgery::OtherAccessToken) {
        stub.edit(|behaviour| behaviour.forgery = Some(forgery.clone()));
        let answer = app.bring_id_token(&stub).await;
        assert_eq!(answer.status, 401, "{forgery:?}: {answer:?}");
        answer.expect_problem(401, "upstream_denied");
    }
    assert_eq!(app.count("SELECT count(*) FROM users").await, 0);
}

/// U-29: the keys of the operator's apps.
#[tokio::test]
async fn a_token_for_an_app_of_the_operators_counts() {
    let (app, stub) = federated(OIDC, &[("HEIRLOOM_UPSTREAM_OP_AUDIENCES", "another-client, a-third")]).await;
    stub.edit(|behaviour| behaviour.forgery = Some(Forgery::OtherAudience));
    app.bring_id_token(&stub).await.expect_tokens();
}

/// U-29: the same policy as in a browser.
#[tokio::test]
async fn the_policy_is_the_same_for_apps() {
    let (app, stub) = federated(OIDC, &[]).await;
    app.register("alice").await;
    let sent = app.bring_id_token(&stub).await;
    let code = app.email("confirm-connection", "alice").await.code();
    let confirm = json!({ "flow": sent.expect(202).text("/flow"), "code": code });
    app.post("/api/v1/auth/confirmations/use", &confirm).await.expect(200);
    app.bring_id_token(&stub).await.expect_tokens();
    stub.member(Member::new("3003", "alice@example.com"));
    app.bring_id_token(&stub).await.expect_problem(409, "link_required");
    stub.member(Member::new("4004", "dave@example.com").without_email());
    app.bring_id_token(&stub).await.expect_problem(409, "email_required");
    let (app, stub) = federated(OIDC, &[("HEIRLOOM_REGISTRATION", "closed")]).await;
    app.bring_id_token(&stub).await.expect_problem(403, "registration_closed");
}

/// U-29, U-9 (F5).
#[tokio::test]
async fn an_outage_of_the_provider_is_no_verdict_for_apps() {
    let (app, stub) = federated(OIDC, &[]).await;
    stub.edit(|behaviour| behaviour.faults = [(Endpoint::Jwks, Fault::Status(500))].into());
    app.bring_id_token(&stub).await.expect_problem(502, "upstream_failed");
    stub.edit(|behaviour| behaviour.faults.clear());
    app.bring_id_token(&stub).await.expect_tokens();
}

/// U-29: an access token where ids differ in each client, and nowhere else.
#[tokio::test]
async fn access_tokens_are_accepted_of_few_providers() {
    let (app, stub) = federated(ProviderKind::OAuth2, &[]).await;
    app.bring(&json!({ "access_token": stub.access_token() })).await.expect_fields(&["access_token"]);
    let (app, stub) = federated(ProviderKind::Naver, &[]).await;
    app.bring(&json!({ "access_token": stub.access_token() })).await.expect_problem(409, "email_required");
    app.bring(&json!({ "access_token": "of-nobody" })).await.expect_problem(401, "upstream_denied");
    app.bring(&json!({ "id_token": "a.b.c", "nonce": NONCE })).await.expect_fields(&["id_token"]);
}

/// U-29 (F3): GitHub says for which client it made a token. One of another app would sign in whomever that app knows.
#[tokio::test]
async fn a_token_of_github_counts_only_if_it_was_made_for_our_client() {
    let (app, stub) = federated(ProviderKind::GitHub, &[]).await;
    let (ours, foreign) = (stub.access_token(), stub.access_token_of_another_app());
    let bring = async |token: &str| app.bring(&json!({ "access_token": token })).await;
    bring(&foreign).await.expect_problem(401, "upstream_denied");
    bring("of-nobody").await.expect_problem(401, "upstream_denied");
    // Should it ever tell of a token of another client instead of refusing to.
    stub.edit(|behaviour| behaviour.checked_client = Some("another-client".to_owned()));
    bring(&ours).await.expect_problem(401, "upstream_denied");
    stub.edit(|behaviour| behaviour.checked_client = None);
    assert!(stub.seen_at(Endpoint::Userinfo).is_empty(), "no profile is read before that");
    assert_eq!(app.count("SELECT count(*) FROM users").await, 0);

    let tokens = bring(&ours).await.expect_tokens();
    app.me(&tokens.access_token).await.expect(200);
    let asked = stub.seen_at(Endpoint::CheckToken).pop().unwrap();
    assert_eq!(asked.parameters["access_token"], ours);
    stub.revoke(&ours);
    bring(&ours).await.expect_problem(401, "upstream_denied");
    let refused = "SELECT count(*) FROM audit_events
                   WHERE kind = 'upstream_refused' AND details ->> 'reason' = 'audience'";
    assert_eq!((app.events("upstream_refused").await, app.count(refused).await), (4, 4));
    bring(&stub.access_token()).await.expect_tokens();
    assert_eq!(app.count("SELECT count(*) FROM users").await, 1);
}

/// U-29, U-9 (F5): while the check is out of order, a token is not judged, and opens nothing.
#[tokio::test]
async fn where_github_does_not_check_a_token_it_opens_nothing() {
    let (app, stub) = federated(ProviderKind::GitHub, &[]).await;
    let token = json!({ "access_token": stub.access_token() });
    for fault in [Fault::Status(500), Fault::Garbage, Fault::Status(401)] {
        stub.edit(|behaviour| behaviour.faults = [(Endpoint::CheckToken, fault.clone())].into());
        app.bring(&token).await.expect_problem(502, "upstream_failed");
    }
    stub.edit(|behaviour| behaviour.faults.clear());
    app.bring(&token).await.expect_tokens();
}

/// U-29, U-9 (F5): a limit, or a permission that our client lacks, is not a verdict on a token. Only 401 is one.
#[tokio::test]
async fn a_profile_that_is_withheld_is_no_verdict_on_the_token() {
    for (kind, taken) in [(ProviderKind::GitHub, 200), (ProviderKind::Naver, 409)] {
        let (app, stub) = federated(kind, &[]).await;
        let token = json!({ "access_token": stub.access_token() });
        for status in [403, 429] {
            stub.edit(|behaviour| behaviour.faults = [(Endpoint::Userinfo, Fault::Error(status))].into());
            app.bring(&token).await.expect_problem(502, "upstream_failed");
        }
        stub.edit(|behaviour| behaviour.faults = [(Endpoint::Userinfo, Fault::Error(401))].into());
        app.bring(&token).await.expect_problem(401, "upstream_denied");
        stub.edit(|behaviour| behaviour.faults.clear());
        // Naver proves no address (`email_required`).
        app.bring(&token).await.expect(taken);
    }
}

/// U-50 (F5).
#[tokio::test]
async fn a_provider_that_answers_nobody_delays_nobody_else() {
    let slow = StubProvider::start(ProviderKind::GitHub);
    let other = StubProvider::start(OIDC);
    let mut options = slow.options("OP");
    options.extend(other.options("OTHER"));
    let options: Vec<_> = options.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let app = TestApp::with(&options).await;
    slow.edit(|behaviour| behaviour.faults = [(Endpoint::CheckToken, Fault::Slow)].into());
    let brought = json!({ "access_token": slow.access_token() });
    let (app, brought) = (&app, &brought);
    let many = at_once((0..50).map(|_| async move { app.bring(brought).await }));
    let others = async {
        app.sign_in("bob").await;
        let token = json!({ "id_token": other.id_token(NONCE), "nonce": NONCE });
        app.post("/api/v1/auth/upstream/other/token", &token).await.expect_problem(409, "email_required");
    };
    let (answers, ()) = tokio::join!(many, others);
    for answer in &answers {
        answer.expect_problem(502, "upstream_failed");
    }
    slow.edit(|behaviour| behaviour.faults.clear());
    app.bring(brought).await.expect_tokens();
}

/// U-21: a flood of refusals through one provider hides nothing of another.
#[tokio::test]
async fn refusals_are_bounded_for_each_provider() {
    const HOURLY: i64 = 60;
    let (one, other) = (StubProvider::start(ProviderKind::Naver), StubProvider::start(OIDC));
    let mut options = one.options("OP");
    options.extend(other.options("OTHER"));
    let options: Vec<_> = options.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let app = TestApp::with(&options).await;
    let garbage = json!({ "access_token": "of-nobody" });
    let (app, garbage) = (&app, &garbage);
    for _ in 0..4 {
        at_once((0..20).map(|_| async move { drop(app.bring(garbage).await) })).await;
    }
    // An hour may have begun meanwhile.
    let recorded = app.events("upstream_refused").await;
    assert!((HOURLY..=80).contains(&recorded), "{recorded}");
    let garbage = json!({ "id_token": "a.b.c", "nonce": NONCE });
    app.post("/api/v1/auth/upstream/other/token", &garbage).await.expect_problem(401, "upstream_denied");
    assert_eq!(app.events("upstream_refused").await, recorded + 1);
}

/// U-26: an app connects an identity with a token.
#[tokio::test]
async fn an_app_connects_an_identity_with_a_token() {
    let (app, stub) = federated(OIDC, &[]).await;
    app.register("bob").await;
    let tokens = app.sign_in("bob").await;
    let connect = async |what: Value| {
        app.request("POST", "/api/v1/me/identities/op").bearer(&tokens.access_token).json(&what).send().await
    };
    connect(json!({ "id_token": stub.id_token(NONCE) })).await.expect_fields(&["nonce"]);
    connect(json!({ "id_token": stub.id_token(NONCE), "nonce": "another" }))
        .await
        .expect_problem(401, "upstream_denied");
    connect(fresh_token(&stub)).await.expect(204);
    app.bring_id_token(&stub).await.expect_tokens();
    assert_eq!(app.count("SELECT count(*) FROM users").await, 1);
}
