//! Metrics: numbers for the operator, on an address of their own.

use crate::support::{TestApp, email};

const METRICS: &[(&str, &str)] = &[("HEIRLOOM_METRICS_BIND", "127.0.0.1:0")];

#[tokio::test]
async fn every_outcome_of_a_rotation_is_counted_by_its_name() {
    let app = TestApp::with(METRICS).await;
    let first = app.sign_in("alice").await;
    let key = "a key of sixteen or more".replace(' ', "-");
    app.refresh_with(&first.refresh_token, &key).await.expect_tokens();
    app.refresh_with(&first.refresh_token, &key).await.expect_tokens();
    app.refresh(&first.refresh_token).await.expect_problem(401, "refresh_token_reused");
    app.refresh(&first.refresh_token).await.expect_problem(401, "session_revoked");
    app.refresh("hrt_nonsense").await.expect_problem(401, "refresh_token_invalid");

    let metrics = app.metrics().await;
    for outcome in ["rotated", "retried", "reused", "revoked", "invalid"] {
        let line = format!("heirloom_rotations_total{{outcome=\"{outcome}\"}} 1\n");
        assert!(metrics.contains(&line), "{line}{metrics}");
    }
    assert!(metrics.contains("heirloom_sessions_ended_total{reason=\"refresh_token_reused\"} 1\n"), "{metrics}");
}

#[tokio::test]
async fn requests_are_counted_by_route_and_status() {
    let app = TestApp::with(METRICS).await;
    app.get("/api/v1/me").await.expect_problem(401, "unauthenticated");
    app.get("/api/v1/me/sessions?cursor=secret").await.expect_problem(401, "unauthenticated");
    app.get("/no/such/place").await.expect_problem(404, "not_found");
    let metrics = app.metrics().await;
    for route in ["/api/v1/me", "/api/v1/me/sessions"] {
        let labels = format!("method=\"GET\",route=\"{route}\",status=\"401\"");
        assert!(
            metrics.contains(&format!("heirloom_http_request_duration_seconds_count{{{labels}}} 1\n")),
            "{metrics}"
        );
    }
    assert!(!metrics.contains("/no/such/place") && !metrics.contains("secret"), "{metrics}");
}

#[tokio::test]
async fn the_revocation_set_tells_its_size_its_age_and_whether_it_is_trusted() {
    let app = TestApp::with(METRICS).await;
    let tokens = app.sign_in("alice").await;
    app.sign_out(&tokens.refresh_token).await.expect(204);
    let metrics = app.metrics().await;
    assert!(metrics.contains("heirloom_revocation_set_entries 1\n"), "{metrics}");
    assert!(metrics.contains("heirloom_revocation_set_age_seconds "), "{metrics}");
    assert!(metrics.contains("heirloom_revocation_set_trusted "), "{metrics}");
}

/// A-50, S-8.
#[tokio::test]
async fn the_metrics_contain_neither_tokens_nor_users() {
    let app = TestApp::with(METRICS).await;
    let tokens = app.sign_in("alice").await;
    app.refresh(&tokens.refresh_token).await.expect_tokens();
    let metrics = app.metrics().await;
    for secret in [tokens.refresh_token.as_str(), &tokens.access_token, &tokens.session_id, &email("alice")] {
        assert!(!metrics.contains(secret), "{metrics}");
    }
}

///
#[tokio::test]
async fn they_are_on_an_address_of_their_own_with_nothing_else() {
    let app = TestApp::with(METRICS).await;
    app.get("/metrics").await.expect_problem(404, "not_found");
    for path in ["/", "/healthz", "/api/v1/me", "/metrics/x"] {
        assert_eq!(app.status_beside_metrics(path).await, 404, "{path}");
    }
}
