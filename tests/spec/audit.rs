//! The audit log: what becomes an event, and what becomes of events.

use crate::support::{TestApp, at_once, eventually, password, tamper};
use heirloom::{
    audit::{self, About, ChainFinding, Kind, Report},
    kernel::{Duration, Moment, Operator},
    postgres::Connector,
    work::{Caller, Work},
};
use serde_json::{Value, json};
use sqlx::Connection;

/// Verified once every event is chained: the server itself may be chaining at this moment.
async fn verify(app: &TestApp) -> Report {
    let connector = Connector::new(&app.world.config.database, None);
    for _ in 0..3_000 {
        let report = audit::verify(&app.world, &connector, None).await.expect("a report");
        if report.unchained == 0 {
            return report;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    audit::verify(&app.world, &connector, None).await.expect("a report")
}

/// An event of another time.
async fn record_at(app: &TestApp, at: Moment) {
    let mut connection = app.db().acquire().await.unwrap();
    let mut work = Work::new(&mut connection, app.world.clone(), Caller::server());
    work.now = at;
    let details = json!({ "reason": "of another time" });
    work.record(Kind::AccessDenied, About::NOBODY, details).await.unwrap();
}

fn kinds_and_reasons(events: &[Value]) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    events.iter().rev().map(|event| (text(&event["kind"]), text(&event["details"]["reason"]))).collect()
}

#[tokio::test]
async fn every_way_a_sign_in_can_fail_has_its_reason() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let alice = app.person("alice").await;
    let try_with = async |email: &str, password: &str| {
        app.post("/api/v1/auth/login", &json!({ "email": email, "password": password })).await
    };
    try_with("alice@example.com", "not her password").await.expect_problem(401, "invalid_credentials");
    try_with("nobody@example.com", "not a password").await.expect_problem(401, "invalid_credentials");
    alice.change_password("not her password", &password("alice2")).await.expect_problem(422, "wrong_password");
    admin.block(&alice.id).await.expect(200);
    app.try_sign_in("alice").await.expect_problem(403, "account_blocked");

    let recorded = kinds_and_reasons(&admin.events(&format!("?user_id={}", alice.id)).await);
    let recorded: Vec<_> = recorded.iter().map(|(kind, reason)| (kind.as_str(), reason.as_str())).collect();
    let expected = [
        ("user_added", "-"),
        ("signed_in", "-"),
        ("sign_in_failed", "wrong_password"),
        ("reauthentication_failed", "wrong_password"),
        ("user_blocked", "-"),
        ("sign_in_failed", "account_blocked"),
    ];
    assert_eq!(recorded, expected);
    let failed = admin.events("?kind=sign_in_failed").await;
    let unknown: Vec<_> = failed.iter().filter(|event| event["details"]["reason"] == "unknown_address").collect();
    assert_eq!(unknown.len(), 1);
    assert_eq!((&unknown[0]["user_id"], &unknown[0]["outcome"]), (&Value::Null, &json!("failure")));
    assert!(!json!(failed).to_string().contains("nobody"), "an address in the log");
}

/// C-19.
#[tokio::test]
async fn a_refused_administrator_page_is_recorded_once_a_minute_for_each_session() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let (alice, bob) = (app.person("alice").await, app.person("bob").await);
    for _ in 0..3 {
        alice.get("/api/v1/admin/users").await.expect_problem(403, "forbidden");
        bob.get("/api/v1/admin/audit").await.expect_problem(403, "forbidden");
    }
    // Told of beside the answers.
    eventually("both are recorded of", || async { admin.events("?kind=access_denied").await.len() >= 2 }).await;
    let denied = admin.events("?kind=access_denied").await;
    assert_eq!(denied.len(), 2);
    let hers = denied.iter().find(|event| event["actor_id"] == alice.id.as_str()).expect("hers");
    assert_eq!(hers["session_id"], alice.tokens.session_id.as_str());
    assert_eq!(hers["details"], json!({ "reason": "not_admin", "route": "/api/v1/admin/users" }));
    assert_eq!(hers["outcome"], "failure");
}

#[tokio::test]
async fn an_attempt_to_remove_the_last_administrator_is_recorded() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    admin.change(&admin.id, &json!({ "roles": [] })).await.expect_problem(409, "last_admin");
    let denied = admin.events("?kind=access_denied").await;
    assert_eq!(denied[0]["details"], json!({ "reason": "last_admin" }));
}

/// C-19: docs/limits.md: ten guesses are free. However many are refused after that, the wait is one event.
#[tokio::test]
async fn a_wait_is_one_event_however_many_guesses_it_refuses() {
    let app = TestApp::with(&[("HEIRLOOM_RATE_LIMIT", "on")]).await;
    app.register("alice").await;
    let wrong = json!({ "email": "alice@example.com", "password": "not her password" });
    let answers = at_once((0..30).map(|_| app.post("/api/v1/auth/login", &wrong))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 429).count(), 20);
    assert_eq!(app.events("sign_in_failed").await, 10);
    assert_eq!(app.events("guessing_limited").await, 1);
    let details = sqlx::query_scalar::<_, Value>("SELECT details FROM audit_events WHERE kind = 'guessing_limited'");
    assert_eq!(details.fetch_one(app.db()).await.unwrap()["limit"], "account");
}

#[tokio::test]
async fn sessions_revoked_for_a_new_one_are_recorded() {
    let app = TestApp::with(&[("HEIRLOOM_MAX_SESSIONS_PER_USER", "1")]).await;
    let first = app.sign_in("alice").await;
    app.sign_in("alice").await;
    app.me(&first.access_token).await.expect_problem(401, "session_revoked");
    assert_eq!(app.events("sessions_ended").await, 1);
}

/// C-16.
#[tokio::test]
async fn events_of_two_servers_get_their_places_in_one_chain() {
    let one = TestApp::start().await;
    let two = one.another(&[]).await;
    one.register("alice").await;
    at_once((0..40).map(|number| (if number % 2 == 0 { &one } else { &two }).try_sign_in("alice"))).await;
    eventually("everything is chained", async || {
        one.count("SELECT count(*) FROM audit_events WHERE seq IS NULL").await == 0
    })
    .await;
    let report = verify(&two).await;
    assert_eq!(report.findings, []);
    let count = "SELECT count(*) FROM audit_events";
    assert_eq!(one.count("SELECT max(seq) FROM audit_events").await, one.count(count).await);
    assert_eq!(one.count("SELECT count(DISTINCT seq) FROM audit_events").await, one.count(count).await);
}

/// An event that is being recorded holds up nobody: neither the chain nor another event.
#[tokio::test]
async fn a_transaction_that_has_not_committed_gets_its_place_later() {
    let app = TestApp::start().await;
    let mut connection = app.db().acquire().await.unwrap();
    let mut transaction = connection.begin().await.unwrap();
    let mut work = Work::new(&mut transaction, app.world.clone(), Caller::server());
    work.record(Kind::AccessDenied, About::NOBODY, json!({})).await.unwrap();
    app.sign_in("alice").await;
    let before = verify(&app).await;
    assert_eq!(before.findings, [], "what is not to be seen is not missed");
    transaction.commit().await.unwrap();
    let after = verify(&app).await;
    assert_eq!((after.findings, after.events), (vec![], before.events + 1));
    let last = "SELECT seq FROM audit_events WHERE kind = 'access_denied'";
    assert_eq!(app.count(last).await, app.count("SELECT max(seq) FROM audit_events").await, "though its id is older");
}

/// C-16, C-11.
#[tokio::test]
async fn what_was_changed_removed_or_inserted_is_found() {
    let app = TestApp::start().await;
    for name in ["alice", "bob", "carol"] {
        app.sign_in(name).await;
    }
    let before = verify(&app).await;
    assert_eq!((before.findings, before.events), (vec![], 7), "a key, three users, three sign-ins");
    tamper(
        &app,
        "UPDATE audit_events SET details = '{}' WHERE seq = 3; DELETE FROM audit_events WHERE seq = 5;
         INSERT INTO audit_events (id, at, kind) VALUES ('01a206b8-3efb-7d63-a6dc-8bf962cd3fd7', now(), 'signed_in')",
    )
    .await;
    let findings = verify(&app).await.findings;
    let [
        ChainFinding::Changed { seq: Some(3), .. },
        ChainFinding::Removed { first: 5, last: 5 },
        ChainFinding::Inserted { id, .. },
    ] = findings.as_slice()
    else {
        panic!("{findings:?}");
    };
    assert_eq!(id.to_string(), "01a206b8-3efb-7d63-a6dc-8bf962cd3fd7");
}

/// C-16: The tag is there from the beginning: a change before the chaining is found as well.
#[tokio::test]
async fn an_event_that_was_changed_before_it_was_chained_is_found() {
    let mut app = TestApp::start().await;
    app.sign_in("alice").await;
    app.stop().await;
    tamper(&app, "UPDATE audit_events SET ip = '192.0.2.66', seq = NULL, hash = NULL WHERE kind = 'signed_in'").await;
    let app = app.another(&[]).await;
    let findings = verify(&app).await.findings;
    assert!(findings.iter().any(|finding| matches!(finding, ChainFinding::Changed { .. })), "{findings:?}");
}

#[tokio::test]
async fn no_statement_changes_or_removes_an_event() {
    let app = TestApp::start().await;
    app.sign_in("alice").await;
    assert_eq!(verify(&app).await.unchained, 0);
    for statement in [
        "UPDATE audit_events SET kind = 'x'",
        "UPDATE audit_events SET seq = seq + 1",
        "UPDATE audit_events SET seq = NULL, hash = NULL",
        "DELETE FROM audit_events",
        "TRUNCATE audit_events",
    ] {
        let refused = sqlx::raw_sql(statement).execute(app.db()).await.expect_err(statement).to_string();
        assert!(refused.contains("audit_events is append-only"), "{statement}: {refused}");
    }
    assert_eq!(verify(&app).await.findings, []);
}

#[tokio::test]
async fn a_month_that_was_dropped_leaves_the_rest_verifiable() {
    let app = TestApp::with(&[("HEIRLOOM_AUDIT_RETENTION", "400d")]).await;
    let long_ago = app.world.clock.now() - Duration::from_hours(500 * 24);
    app.sign_in("alice").await;
    verify(&app).await;
    // Recorded late, so that the month's places are two runs.
    record_at(&app, long_ago).await;
    verify(&app).await;
    app.sign_in("bob").await;
    verify(&app).await;
    record_at(&app, long_ago).await;
    record_at(&app, long_ago).await;
    let before = verify(&app).await;
    assert_eq!(before.findings, []);
    assert_eq!(app.count("SELECT count(*) FROM audit_events_default").await, 3, "there is no table of that month");

    let tidied = audit::tidy(&app.world).await.unwrap();
    assert_eq!((tidied.made, tidied.dropped), (1, 1));
    let after = verify(&app).await;
    assert_eq!((after.findings, after.events), (vec![], before.events - 3));
    assert_eq!(app.count("SELECT count(*) FROM audit_chain_anchors").await, 2);
    assert_eq!(audit::tidy(&app.world).await.unwrap(), audit::Tidied::default());

    // Without its anchor, what was dropped is what was removed.
    sqlx::raw_sql("DELETE FROM audit_chain_anchors WHERE first_seq <> last_seq").execute(app.db()).await.unwrap();
    assert!(matches!(verify(&app).await.findings.as_slice(), [ChainFinding::Removed { .. }]));
}

#[tokio::test]
async fn an_event_of_a_month_to_come_is_recorded_and_finds_its_table() {
    let app = TestApp::start().await;
    record_at(&app, app.world.clock.now() + Duration::from_hours(200 * 24)).await;
    // The server's background task may be doing it, or hold a lock for longer than it is waited for.
    eventually("it is moved", async || {
        drop(audit::tidy(&app.world).await);
        app.count("SELECT count(*) FROM audit_events_default").await == 0
    })
    .await;
    assert_eq!(app.count("SELECT count(*) FROM audit_events WHERE at > now() + interval '199 days'").await, 1);
    assert_eq!(verify(&app).await.findings, []);
}

#[tokio::test]
async fn an_instance_of_the_version_before_goes_on_recording() {
    let app = TestApp::start().await;
    // Events that were there before the chain began are let pass.
    assert_eq!(verify(&app).await.findings, []);
    let old = "INSERT INTO audit_events
                   (id, at, kind, actor_id, user_id, session_id, ip, user_agent, request_id, details)
               VALUES (gen_random_uuid(), now(), 'signed_in', NULL, NULL, NULL, NULL, NULL, 'x', '{}')";
    sqlx::query(old).execute(app.db()).await.unwrap();
    let findings = verify(&app).await.findings;
    assert!(matches!(findings.as_slice(), [ChainFinding::Inserted { .. }]), "nobody vouches for it: {findings:?}");
}

/// Everything that was recorded has its position.
async fn everything_is_chained(app: &TestApp) {
    eventually("everything is chained", async || {
        app.count("SELECT count(*) FROM audit_events WHERE seq IS NULL").await == 0
    })
    .await;
}

/// C-16: a database that was restored to an older state is consistent in itself. A server that has seen a later head
/// does not chain anything to the older one until an operator has said so.
#[tokio::test]
async fn a_running_server_does_not_accept_an_older_head_until_an_operator_resumes() {
    let app = TestApp::with(&[("HEIRLOOM_METRICS_BIND", "127.0.0.1:0")]).await;
    app.sign_in("alice").await;
    everything_is_chained(&app).await;
    sqlx::raw_sql(
        "CREATE TABLE old_head AS SELECT * FROM audit_chain_head;
         CREATE TABLE old_events AS SELECT id FROM audit_events",
    )
    .execute(app.db())
    .await
    .expect("SQL");
    app.sign_in("alice").await;
    everything_is_chained(&app).await;
    eventually("the server has seen the later head", async || {
        let later = app.count("SELECT max(seq) FROM audit_events").await;
        app.world.audit_head.seen().is_some_and(|seen| seen.number >= later)
    })
    .await;

    tamper(
        &app,
        "DELETE FROM audit_events WHERE id NOT IN (SELECT id FROM old_events);
         UPDATE audit_chain_head SET (seq, hash, untagged_until, tag) = (SELECT seq, hash, untagged_until, tag FROM old_head)",
    )
    .await;
    app.sign_in("alice").await;

    let refused = audit::extend(&app.world).await.expect("SQL");
    assert!(matches!(refused, audit::Extension::HeadRegressed { stored, seen } if stored < seen), "{refused:?}");
    eventually("an alarm", async || app.metrics().await.contains("heirloom_audit_chain_refused 1\n")).await;
    // Whoever verifies learns it from the server, which has recorded it.
    eventually("it is recorded", async || app.events("audit_chain_refused").await == 1).await;
    let connector = Connector::new(&app.world.config.database, None);
    let restored = audit::verify(&app.world, &connector, None).await.expect("a report");
    assert!(restored.conclusions.iter().any(|conclusion| conclusion.case == "backup_restored"), "{restored:?}");
    let operator = Operator::at_the_command_line();
    let no_restore = audit::resume(&app.world, operator, audit::Resumption::FromVisibleEnd).await.expect("SQL");
    assert_eq!(no_restore, None, "the stored head is genuine");
    let operator = Operator::at_the_command_line();
    let resumed = audit::resume(&app.world, operator, audit::Resumption::AfterRestore).await.expect("SQL");
    assert!(resumed.is_some());
    everything_is_chained(&app).await;
    eventually("no alarm", async || app.metrics().await.contains("heirloom_audit_chain_refused 0\n")).await;
    assert_eq!(app.events("audit_chain_resumed").await, 1);
    assert_eq!(verify(&app).await.findings, []);
}

/// C-16: the state before the first event has a tag too: an attacker who deletes everything cannot start the chain again.
#[tokio::test]
async fn no_one_can_put_the_chain_back_to_its_beginning() {
    let app = TestApp::start().await;
    app.sign_in("alice").await;
    everything_is_chained(&app).await;
    tamper(
        &app,
        "DELETE FROM audit_events; DELETE FROM audit_chain_anchors;
         UPDATE audit_chain_head SET seq = 0, hash = '', untagged_until = 0, tag = NULL",
    )
    .await;
    let later = app.another(&[]).await;
    later.sign_in("alice").await;
    for server in [&app, &later] {
        assert_eq!(audit::extend(&server.world).await.expect("SQL"), audit::Extension::HeadRefused);
        assert!(
            audit::verify(&server.world, &Connector::new(&server.world.config.database, None), None)
                .await
                .expect("a report")
                .findings
                .contains(&ChainFinding::HeadForged)
        );
    }
}
