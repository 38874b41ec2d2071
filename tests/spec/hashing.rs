//! Hashing passwords: one address does not take the threads from the others.

use crate::support::{TestApp, email, password};
use futures_util::future::join_all;
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};

/// Registrations that one address sends at once: more than may wait.
const FLOOD: usize = 150;

async fn sign_in(app: &TestApp, from: &str) -> u16 {
    let body = json!({ "email": email("alice"), "password": password("alice") });
    let request = app.request("POST", "/api/v1/auth/login").header("X-Forwarded-For", from);
    request.json(&body).send().await.status
}

/// S-76, C-28: the flood is refused, and every sign-in from elsewhere during it is served.
#[tokio::test]
async fn a_flood_of_registrations_from_one_address_refuses_no_other_address() {
    let app = TestApp::with(&[("HEIRLOOM_TRUSTED_PROXIES", "127.0.0.1"), ("HEIRLOOM_BCRYPT_COST", "8")]).await;
    app.register("alice").await;
    let is_over = AtomicBool::new(false);
    let register = async |number: usize| {
        let body = json!({ "email": email(&format!("mallory{number}")), "password": password("mallory") });
        // One customer's IPv6 network counts as one address.
        let from = format!("2001:db8:0:1::{number:x}");
        let request = app.request("POST", "/api/v1/auth/register").header("X-Forwarded-For", &from);
        request.json(&body).send().await
    };
    let flood = async {
        let mut refused = Vec::new();
        let mut wave = 0;
        while refused.is_empty() {
            let answers = join_all((0..FLOOD).map(|number| register(wave * FLOOD + number))).await;
            refused.extend(answers.into_iter().filter(|answer| answer.status == 503));
            wave += 1;
        }
        is_over.store(true, Ordering::SeqCst);
        refused
    };
    let elsewhere = async {
        let mut answers = Vec::new();
        while !is_over.load(Ordering::SeqCst) {
            answers.push(sign_in(&app, "192.0.2.7").await);
        }
        answers
    };
    let (refused, answers) = futures_util::future::join(flood, elsewhere).await;
    assert!(refused.iter().all(|answer| answer.header("retry-after").is_some()), "{refused:?}");
    assert!(!answers.is_empty() && answers.iter().all(|status| *status == 200), "{answers:?}");
}

/// S-73: in whatever case, and with advice that the pages have words for.
#[tokio::test]
async fn a_breached_password_is_refused_when_one_registers() {
    let app = TestApp::start().await;
    for breached in ["seljuk53", "SelJuk53"] {
        let body = json!({ "email": email("alice"), "password": breached });
        let answer = app.request("POST", "/api/v1/auth/register").json(&body).send().await;
        answer.expect_fields(&["password"]);
        assert!(answer.body.contains("too_common") && answer.body.contains("breached"), "{answer:?}");
    }
}
