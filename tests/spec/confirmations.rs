//! What holds for every confirmation: its counts in the metrics, its deletion, and requests for flows of nobody.

use crate::support::{Answer, TestApp, email, eventually, password};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use uuid::Uuid;

const RESEND: &str = "/api/v1/auth/confirmations/resend";
const LOOK: &str = "/api/v1/auth/confirmations/look";
const USE: &str = "/api/v1/auth/confirmations/use";
const RESET: &str = "reset-password";
const NEW: &str = "a garden of blue lanterns";
const MANY: &[(&str, &str)] = &[
    ("HEIRLOOM_MAIL_LIMIT_ADDRESS", "50/h"),
    ("HEIRLOOM_MAIL_LIMIT_NETWORK", "500/h"),
    ("HEIRLOOM_METRICS_BIND", "127.0.0.1:0"),
    ("HEIRLOOM_EMAIL_VERIFICATION", "optional"),
];

/// The headers' names and the body of an answer, without its flow.
fn shape(answer: &Answer) -> (u16, Vec<String>, Value) {
    let names = answer.headers.keys().map(ToString::to_string).collect();
    let mut body = answer.json();
    body.as_object_mut().expect("an object").remove("flow");
    (answer.status, names, body)
}

/// L-19, L-5, L-9: flows that were forged, altered, used, expired or of another server are answered like each other.
#[tokio::test]
async fn the_email_of_a_flow_of_nobody_is_requested_in_vain_and_answered_alike() {
    let app = TestApp::with(MANY).await;
    let stranger = app.stranger(&[("HEIRLOOM_MASTER_KEY", "c3RyYW5nZXIgc3RyYW5nZXIgc3RyYW5nZXIgc3RyYW4=")]).await;
    app.register("alice").await;
    let used = app.flow_of("alice").await;
    let sent = app.email(RESET, "alice").await;
    app.post(USE, &json!({ "flow": used, "code": sent.code(), "new_password": NEW })).await.expect(200);
    let expired = app.flow_of("bob").await;
    app.all_emails_written().await;
    app.run_sql("UPDATE confirmations SET expires_at = now() WHERE email LIKE 'bob%'").await;
    let id = Uuid::from_u128(7);
    let forged = |tag: &[u8]| URL_SAFE_NO_PAD.encode([id.as_bytes(), tag].concat());
    let flows = [
        used.clone(),
        expired,
        forged(&[0; 16]),
        forged(&[0; 32]),
        forged(&[]),
        id.to_string(),
        String::new(),
        sent.token(),
        used.chars().rev().collect(),
        format!("{used}A"),
        stranger.flow_of("alice").await,
        "\u{1f984}\0".to_owned(),
    ];
    let before = app.all_rows().await;
    let mut shapes = Vec::new();
    for flow in &flows {
        let answer = app.post(RESEND, &json!({ "flow": flow })).await;
        assert_eq!(answer.expect(202).text("/flow"), *flow);
        shapes.push(shape(&answer));
    }
    assert!(shapes.iter().all(|shape| *shape == shapes[0]), "{shapes:?}");
    assert_eq!(app.all_rows().await, before, "nothing is requested, and nothing counted");
    for wrong in [json!({}), json!({ "flow": null }), json!({ "flow": 7 }), json!({ "flow": "x", "email": "x" })] {
        app.post(RESEND, &wrong).await.expect_problem(422, "validation_failed");
    }
}

/// by purpose and outcome.
#[tokio::test]
async fn what_is_requested_and_confirmed_by_email_is_counted_by_purpose_and_outcome() {
    let app = TestApp::with(MANY).await;
    let alice = app.person("alice").await;
    let verify = app.email("verify-email", "alice").await.token();
    let confirm = async |body: Value| app.post(USE, &body).await;
    confirm(json!({ "token": verify, "password": "not it" })).await.expect_problem(422, "wrong_password");
    confirm(json!({ "token": verify })).await.expect_fields(&["password"]);
    alice.post(USE, &json!({ "token": verify })).await.expect(200);
    confirm(json!({ "token": verify, "password": password("alice") })).await.expect(410);

    let flow = app.flow_of("alice").await;
    app.email(RESET, "alice").await;
    for _ in 0..5 {
        confirm(json!({ "flow": flow, "code": "0000 0000", "new_password": NEW })).await.expect(422);
    }
    for _ in 0..2 {
        confirm(json!({ "flow": flow, "code": "0000 0000", "new_password": NEW })).await.expect(429);
    }
    app.run_sql("UPDATE confirmations SET expires_at = now()").await;
    for _ in 0..3 {
        confirm(json!({ "flow": flow, "code": "0000 0000", "new_password": NEW })).await.expect(410);
        app.post(LOOK, &json!({ "flow": flow })).await.expect(200);
    }
    confirm(json!({ "token": "AAAA", "new_password": NEW })).await.expect(404);
    app.flow_of("nobody").await;
    app.all_emails_written().await;

    let metrics = app.metrics().await;
    for (purpose, outcome, number) in [
        ("verify_email", "requested", 1),
        ("verify_email", "sent", 1),
        ("verify_email", "wrong_password", 1),
        ("verify_email", "used", 1),
        ("verify_email", "expired", 1),
        ("reset_password", "requested", 2),
        ("reset_password", "sent", 1),
        ("reset_password", "wrong_code", 5),
        ("reset_password", "limited", 2),
        ("reset_password", "expired", 3),
    ] {
        let line = format!("heirloom_confirmations_total{{purpose=\"{purpose}\",outcome=\"{outcome}\"}} {number}\n");
        assert!(metrics.contains(&line), "{line}{metrics}");
    }
    assert!(!metrics.contains("nobody") && !metrics.contains(&email("alice")), "{metrics}");
}

/// L-16: with the counts of hours that have passed. What expired within the hour stays, so that its flow is answered.
#[tokio::test]
async fn what_has_expired_is_deleted_with_its_counts_and_nothing_else_is() {
    let app = TestApp::with(MANY).await;
    for name in ["old", "recent", "waiting"] {
        app.flow_of(name).await;
    }
    app.all_emails_written().await;
    app.run_sql("UPDATE confirmations SET expires_at = now() - interval '61 minutes' WHERE email LIKE 'old%'").await;
    app.run_sql("UPDATE confirmations SET expires_at = now() - interval '30 minutes' WHERE email LIKE 'recent%'").await;
    let buckets = "SELECT count(*) FROM email_requests";
    assert_eq!(app.count(buckets).await, 4, "three addresses and a network");
    app.run_sql("UPDATE email_requests SET since = since - interval '61 minutes' WHERE bucket = (SELECT bucket FROM email_requests LIMIT 1)",
    )
    .await;
    // Each server sweeps when it starts, and every ten minutes.
    let _other = app.another(&[]).await;
    eventually("it is swept", async || {
        app.count("SELECT count(*) FROM confirmations WHERE email LIKE 'old%'").await + app.count(buckets).await == 3
    })
    .await;
    assert_eq!(app.count("SELECT count(*) FROM confirmations").await, 2);
}
