//! Alive and ready: what a load balancer sees, and what the operator sees on the same machine.

use crate::support::{Answer, TestApp, TestDatabase, eventually};
use std::sync::Arc;

/// The answer to a program on the same machine.
async fn near(app: &TestApp) -> Answer {
    app.get("/readyz").await
}

/// The answer to all others: their requests come through a proxy.
async fn far(app: &TestApp, header: &str) -> Answer {
    app.request("GET", "/readyz").header(header, "for=192.0.2.7").send().await
}

const AWAY: &str = "temporarily_unavailable";

///
#[tokio::test]
async fn a_ready_server_names_its_dependencies_on_this_machine_only() {
    let app = TestApp::start().await;
    eventually("the feed is heard", async || near(&app).await.json()["dependencies"]["revocation_feed"] == "ok").await;
    let answer = near(&app).await;
    answer.expect(200);
    assert_eq!(
        answer.json(),
        serde_json::json!({
            "status": "ready",
            "dependencies": { "database": "ok", "migrations": "ok", "revocation_feed": "ok" }
        })
    );
    for header in ["X-Forwarded-For", "Forwarded", "Via", "X-Forwarded-Host"] {
        let answer = far(&app, header).await;
        answer.expect(200);
        assert_eq!(answer.json(), serde_json::json!({ "status": "ready" }), "{header}");
    }
}

///
#[tokio::test]
async fn a_database_that_is_away_is_named_on_this_machine_only() {
    let database = Arc::new(TestDatabase::create().await);
    let (proxy, way) = crate::support::Proxy::to(&database);
    let app = TestApp::by_way_of(database, way, &[]).await;
    proxy.go_down();
    eventually("it is noticed", async || failing(&near(&app).await) == ["database", "migrations", "revocation_feed"])
        .await;
    let answer = far(&app, "X-Forwarded-For").await;
    answer.expect_problem(503, AWAY);
    assert_eq!(answer.json()["errors"], serde_json::Value::Null, "{answer:?}");
}

///
#[tokio::test]
async fn missing_migrations_are_named() {
    let app = TestApp::start().await;
    eventually("the feed is heard", async || near(&app).await.json()["dependencies"]["revocation_feed"] == "ok").await;
    let sql = "DELETE FROM heirloom_migrations WHERE version = (SELECT max(version) FROM heirloom_migrations)";
    sqlx::raw_sql(sql).execute(app.db()).await.unwrap();
    // An answer is remembered for a second.
    eventually("it is noticed", async || near(&app).await.status == 503).await;
    let answer = near(&app).await;
    answer.expect_problem(503, AWAY);
    assert_eq!(failing(&answer), ["migrations"]);
    far(&app, "Forwarded").await.expect_problem(503, AWAY);
}

/// The dependencies that an answer reports as failing.
fn failing(answer: &Answer) -> Vec<String> {
    let errors = answer.json()["errors"].as_array().cloned().unwrap_or_default();
    errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
}
