//! One address cannot take all the turns at another provider.

use crate::support::{Answer, TestApp, at_once, email, eventually, federated};
use heirloom_testing::{Endpoint, ProviderKind};
use serde_json::json;
use std::sync::Mutex;

const LIMITED: &[(&str, &str)] = &[("HEIRLOOM_RATE_LIMIT", "on"), ("HEIRLOOM_TRUSTED_PROXIES", "127.0.0.1")];
const FLOOD: &str = "203.0.113.9";

/// A flow that a client has begun, without having been at the provider.
struct Begun {
    cookie: String,
    state: String,
}

async fn begin(app: &TestApp) -> Begun {
    let begun = app.get("/auth/upstream/op").await;
    let cookie = begun.expect(303).cookie().expect("a cookie");
    let to = begun.header("location").and_then(|to| reqwest::Url::parse(to).ok()).expect("an address");
    let state = to.query_pairs().find(|(name, _)| name == "state").expect("a state").1.into_owned();
    Begun { cookie: format!("{}={}", cookie.name, cookie.value), state }
}

async fn come_back(app: &TestApp, begun: &Begun, from: &str) -> Answer {
    let path = format!("/auth/upstream/op/callback?code=made-up&state={}", begun.state);
    app.request("GET", &path).header("Cookie", &begun.cookie).header("X-Forwarded-For", from).send().await
}

/// What counts as a password hashed, and hashes none.
async fn sign_in(app: &TestApp) -> u16 {
    let too_long = json!({ "email": email("alice"), "password": "x".repeat(2_000) });
    app.request("POST", "/api/v1/auth/login").header("X-Forwarded-For", FLOOD).json(&too_long).send().await.status
}

/// U-50: a callback asks the provider: it counts with the sign-ins of its address. One that was refused can be repeated.
#[tokio::test]
async fn callbacks_of_one_address_are_limited_as_its_sign_ins_are() {
    let (app, stub) = federated(ProviderKind::Oidc, LIMITED).await;
    let refused = Mutex::new(None);
    let flood = async {
        while refused.lock().unwrap().is_none() {
            at_once((0..50).map(|_| sign_in(&app))).await;
        }
    };
    let callbacks = eventually("a callback is refused", async || {
        let begun = begin(&app).await;
        let answer = come_back(&app, &begun, FLOOD).await;
        let is_refused = answer.status == 429;
        if is_refused {
            assert!(answer.header("retry-after").is_some(), "{answer:?}");
            *refused.lock().unwrap() = Some(begun);
        }
        is_refused
    });
    tokio::join!(flood, callbacks);
    let begun = refused.into_inner().unwrap().expect("the one that was refused");
    let asked = stub.seen_at(Endpoint::Token).len();
    let answer = come_back(&app, &begun, "198.51.100.1").await;
    let location = answer.expect(303).header("location").expect("a page");
    assert!(location.starts_with("/login?reason=upstream_failed"), "{location}");
    assert_eq!(stub.seen_at(Endpoint::Token).len(), asked + 1);
}
