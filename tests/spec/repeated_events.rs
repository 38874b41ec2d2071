//! What a user can repeat does not fill the audit log.

use crate::support::{TestApp, at_once, email, eventually, password};
use heirloom::{
    audit::{self, About, Kind},
    kernel::Duration,
    work::Caller,
};
use serde_json::json;

const METRICS: (&str, &str) = ("HEIRLOOM_METRICS_BIND", "127.0.0.1:0");

/// More than fit into two hours (twice `audit::HOURLY`): the hour may change meanwhile.
const MANY: i64 = 125;

async fn suppressed(app: &TestApp, kind: &str) -> i64 {
    let series = format!("heirloom_audit_events_suppressed_total{{kind=\"{kind}\"}} ");
    let metrics = app.metrics().await;
    metrics.lines().find_map(|line| line.strip_prefix(&series)).map_or(0, |value| value.parse().expect("a number"))
}

/// Of `all` refusals, some are recorded and the others counted.
async fn expect_bounded(app: &TestApp, kind: &str, all: i64) {
    let (recorded, counted) = (app.events(kind).await, suppressed(app, kind).await);
    assert_eq!(recorded + counted, all, "{kind}: {recorded} recorded, {counted} counted");
    assert!(counted >= all - 2 * i64::from(audit::HOURLY) && recorded >= i64::from(audit::HOURLY), "{recorded}");
}

/// C-19, S-68.
#[tokio::test]
async fn what_changes_nothing_leaves_no_event() {
    let app = TestApp::start().await;
    let root = app.admin("root").await;
    let alice = app.person("alice").await;
    let gone = app.sign_in("alice").await;
    let stale = gone.refresh_token.clone();
    app.refresh(&stale).await.expect_tokens();
    app.refresh(&stale).await.expect_problem(401, "refresh_token_reused");
    root.change(&alice.id, &json!({ "roles": ["editor"], "claims": { "a": 1 } })).await.expect(200);
    let alice = app.person("alice").await;
    alice.delete("/api/v1/me/sessions").await.expect(200);
    let count = "SELECT count(*) FROM audit_events";
    let before = app.count(count).await;
    for _ in 0..5 {
        alice.delete("/api/v1/me/sessions").await.expect(200);
        alice.patch("/api/v1/me", &json!({ "name": "Alice" })).await.expect(200);
        alice.end_session(&gone.session_id).await;
        app.refresh(&stale).await.expect_problem(401, "session_revoked");
        app.refresh("hrt_nonsense").await.expect_problem(401, "refresh_token_invalid");
        app.sign_out(&stale).await.expect_done();
        app.request("POST", "/api/v1/auth/logout").send().await.expect(204);
        root.change(&alice.id, &json!({ "roles": ["editor"] })).await.expect(200);
        root.change(&alice.id, &json!({ "claims": { "a": 1 } })).await.expect(200);
        root.change(&alice.id, &json!({ "blocked": false })).await.expect(200);
        root.revoke(&json!({ "session_id": gone.session_id })).await.expect(200);
        root.revoke(&json!({ "refresh_token": stale })).await.expect(200);
    }
    assert_eq!(app.count(count).await, before);

    root.block(&alice.id).await.expect(200);
    let before = app.count(count).await;
    for _ in 0..5 {
        root.block(&alice.id).await.expect(200);
        root.revoke(&json!({ "user_id": alice.id })).await.expect(200);
    }
    assert_eq!(app.count(count).await, before);
}

/// C-19.
#[tokio::test]
async fn refusals_of_a_blocked_user_are_bounded_and_those_of_others_are_not_affected() {
    let app = TestApp::with(&[METRICS]).await;
    let root = app.admin("root").await;
    let (alice, bob) = (app.person("alice").await, app.person("bob").await);
    root.block(&alice.id).await.expect(200);
    // At once, and within what one address may have hashed.
    let mut left = MANY;
    while left > 0 {
        let some = left.min(20);
        for answer in at_once((0..some).map(|_| app.try_sign_in("alice"))).await {
            answer.expect_problem(403, "account_blocked");
        }
        left -= some;
    }
    expect_bounded(&app, "sign_in_failed", MANY).await;
    root.block(&bob.id).await.expect(200);
    app.try_sign_in("bob").await.expect_problem(403, "account_blocked");
    assert_eq!(root.events(&format!("?user_id={}&kind=sign_in_failed", bob.id)).await.len(), 1);
}

/// C-19: another kind has room of its own, and the next hour again.
#[tokio::test]
async fn each_kind_and_hour_has_room_of_its_own() {
    let app = TestApp::with(&[METRICS]).await;
    let root = app.admin("root").await;
    let alice = app.person("alice").await;
    for _ in 0..MANY {
        alice.change_password("not her password", &password("alice2")).await.expect_problem(422, "wrong_password");
    }
    expect_bounded(&app, "reauthentication_failed", MANY).await;
    for _ in 0..MANY {
        root.change(&root.id, &json!({ "roles": [] })).await.expect_problem(409, "last_admin");
    }
    expect_bounded(&app, "access_denied", MANY).await;
    let recorded = app.events("access_denied").await;
    sqlx::raw_sql("UPDATE bounded_events SET hour = hour - interval '1 hour'").execute(app.db()).await.expect("SQL");
    root.change(&root.id, &json!({ "roles": [] })).await.expect_problem(409, "last_admin");
    assert_eq!(app.events("access_denied").await, recorded + 1);
    // What is over is forgotten.
    sqlx::raw_sql("UPDATE bounded_events SET hour = hour - interval '3 hours'").execute(app.db()).await.expect("SQL");
    app.sweep().await;
    assert_eq!(app.count("SELECT count(*) FROM bounded_events").await, 0);
}

/// C-19: the bound is the user's, whatever the session.
#[tokio::test]
async fn new_sessions_bring_no_new_room() {
    let app = TestApp::with(&[METRICS]).await;
    let alice = app.person("alice").await;
    let user = alice.id.parse().expect("an id");
    for _ in 0..MANY {
        let recorded = app.world.transaction(Caller::server(), move |mut work| {
            Box::pin(async move {
                let session = heirloom::kernel::SessionId::new(work.now, &work.world.rng);
                let about = About::session(user, session);
                work.record_unless_recent(Duration::from_mins(1), Kind::AccessDenied, about, json!({})).await
            })
        });
        recorded.await.expect("SQL");
    }
    expect_bounded(&app, "access_denied", MANY).await;
}

/// C-19, C-21: D6: a probe of addresses leaves events, without the address.
#[tokio::test]
async fn a_registration_with_an_address_that_is_taken_is_an_event_of_its_user() {
    let app = TestApp::with(&[METRICS]).await;
    let root = app.admin("root").await;
    let alice = app.person("alice").await;
    let probe = json!({ "email": email("alice").to_uppercase(), "password": password("mallory") });
    app.post("/api/v1/auth/register", &probe).await.expect_problem(409, "email_taken");
    app.request("POST", "/register")
        .form(&[("email", email("alice").as_str()), ("password", &password("mallory"))])
        .send()
        .await
        .expect(409);
    let events = root.events("?kind=registration_refused").await;
    assert_eq!(events.len(), 2);
    for event in &events {
        assert_eq!((&event["user_id"], &event["outcome"]), (&json!(alice.id), &json!("failure")));
        assert_eq!((&event["actor"], &event["actor_id"]), (&json!("anonymous"), &json!(null)));
        assert_eq!(event["details"]["reason"], "email_taken");
        assert!(!event.to_string().to_lowercase().contains("alice@"), "{event}");
    }
    let mine = alice.get("/api/v1/me/events").await.expect(200).json();
    assert_eq!(mine["items"][0]["kind"], "registration_refused");
    // What is refused for another reason, or not at all, is not a probe.
    app.post("/api/v1/auth/register", &json!({ "email": email("bob"), "password": "short" })).await.expect(422);
    app.register("bob").await;
    assert_eq!(app.events("registration_refused").await, 2);
    for _ in 0..MANY {
        app.post("/api/v1/auth/register", &probe).await.expect_problem(409, "email_taken");
    }
    expect_bounded(&app, "registration_refused", MANY + 2).await;
    eventually("nothing else", async || app.events("user_added").await == 3).await;
}
