//! What happens to the audit log, `audit verify` says, running servers raise an alarm about, and an operator can resume.

use crate::support::{TestApp, credentials, eventually, logs, tamper};
use heirloom::{
    audit::{self, About, ChainFinding, Kind, Report, Resumption},
    kernel::{Duration, Operator},
    postgres::Connector,
    work::{Caller, Work},
};
use serde_json::json;
use sqlx::{AssertSqlSafe, PgConnection};
use tokio::sync::oneshot;

const METRICS: (&str, &str) = ("HEIRLOOM_METRICS_BIND", "127.0.0.1:0");
/// Locks the head as any role may that may update it.
const HOLD: &str = "BEGIN; SELECT FROM audit_chain_head FOR UPDATE";

async fn verify(app: &TestApp) -> Report {
    let connector = Connector::new(&app.world.config.database, None);
    audit::verify(&app.world, &connector, None).await.expect("a report")
}

/// As the server does by itself, at least a minute after the last time.
async fn patrol(app: &TestApp) -> Report {
    let connector = Connector::new(&app.world.config.database, None);
    audit::verify_again(&app.world, &connector).await.expect("a report")
}

fn cases(report: &Report) -> Vec<&'static str> {
    report.conclusions.iter().map(|conclusion| conclusion.case).collect()
}

async fn run(role: &mut PgConnection, sql: &'static str) {
    sqlx::raw_sql(sql).execute(role).await.expect(sql);
}

async fn everything_is_chained(app: &TestApp) {
    eventually("everything is chained", async || {
        app.count("SELECT count(*) FROM audit_events WHERE seq IS NULL").await == 0
    })
    .await;
}

async fn value(app: &TestApp, series: &str) -> f64 {
    let metrics = app.metrics().await;
    let line = metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().expect("a number"))
}

async fn expect_alarm(app: &TestApp, series: &str, event: &str) {
    eventually(series, async || value(app, series).await > 0.0).await;
    eventually(event, async || logs::so_far().contains(event)).await;
}

/// The metric and the log come first, the event that shows the gap to later verifications a moment later.
async fn expect_events_missing(app: &TestApp) {
    expect_alarm(app, "heirloom_audit_events_missing_total", "audit.events_missing").await;
    eventually("an event says so", async || app.events("audit_events_missing").await > 0).await;
}

async fn expect_silence(app: &TestApp, series: &str) {
    eventually(series, async || value(app, series).await == 0.0).await;
}

/// A role that may do with the head what the server does.
async fn holder_of(app: &TestApp) -> PgConnection {
    app.role("holder", "GRANT SELECT, UPDATE ON audit_chain_head TO {}").await
}

/// C-17: a role that holds the head can remove events before they are chained. They leave a gap among the numbers.
#[tokio::test]
async fn an_event_that_was_removed_before_it_was_chained_is_missed() {
    let app = TestApp::with(&[METRICS]).await;
    app.register("alice").await;
    everything_is_chained(&app).await;
    let mut holder = holder_of(&app).await;
    run(&mut holder, HOLD).await;
    for _ in 0..3 {
        app.sign_in("alice").await;
    }
    assert_eq!(verify(&app).await.findings, [], "waiting is not a fault");
    tamper(
        &app,
        "DELETE FROM audit_events WHERE id = (
             SELECT id FROM audit_events WHERE kind = 'signed_in' AND seq IS NULL ORDER BY id OFFSET 1 LIMIT 1)",
    )
    .await;
    app.sign_in("alice").await;

    let found = verify(&app).await;
    let [ChainFinding::Missing { first, last, .. }] = found.findings.as_slice() else { panic!("{found:?}") };
    assert_eq!((first, cases(&found)), (last, vec!["events_removed_before_chaining"]));
    expect_events_missing(&app).await;
    run(&mut holder, "ROLLBACK").await;
    everything_is_chained(&app).await;
    assert_eq!(app.events("audit_events_missing").await, 1, "it says so once");
    assert_eq!(verify(&app).await.findings, found.findings, "the chain does not heal the gap");
}

/// C-17: the last event of all has no later one that misses it: the server does.
#[tokio::test]
async fn a_server_misses_its_own_last_event() {
    let app = TestApp::with(&[METRICS]).await;
    app.register("alice").await;
    everything_is_chained(&app).await;
    let mut holder = holder_of(&app).await;
    run(&mut holder, HOLD).await;
    app.sign_in("alice").await;
    tamper(&app, "DELETE FROM audit_events WHERE kind = 'signed_in'").await;
    expect_events_missing(&app).await;
    run(&mut holder, "ROLLBACK").await;
    everything_is_chained(&app).await;
    assert_eq!(cases(&verify(&app).await), ["events_removed_before_chaining"]);
}

/// C-17: the client disconnects while its event is being written.
#[tokio::test]
async fn an_event_of_a_request_that_was_given_up_is_missed_too() {
    let app = TestApp::with(&[METRICS]).await;
    everything_is_chained(&app).await;
    let mut holder = holder_of(&app).await;
    run(&mut holder, HOLD).await;
    let (recorded, is_recorded) = oneshot::channel();
    let (commit, may_commit) = oneshot::channel::<()>();
    let world = app.world.clone();
    let request = tokio::spawn(async move {
        let unit = world.transaction(Caller::server(), |mut work| {
            Box::pin(async move {
                work.record(Kind::AccessDenied, About::NOBODY, json!({})).await?;
                recorded.send(()).expect("the test waits");
                may_commit.await.expect("the test lets it");
                Ok(())
            })
        });
        unit.await
    });
    is_recorded.await.expect("an event");
    request.abort();
    request.await.expect_err("given up");
    commit.send(()).expect("the unit goes on");
    eventually("it is committed", async || app.events("access_denied").await == 1).await;
    tamper(&app, "DELETE FROM audit_events WHERE kind = 'access_denied'").await;
    expect_events_missing(&app).await;
}

/// C-17: a server that stops in order chains what it recorded: no other process would miss its last event.
#[tokio::test]
async fn a_server_that_stops_leaves_no_event_unchained() {
    let mut app = TestApp::start().await;
    for _ in 0..3 {
        app.sign_in("alice").await;
        app.stop().await;
        assert_eq!(app.count("SELECT count(*) FROM audit_events WHERE seq IS NULL").await, 0);
        app = app.another(&[]).await;
    }
}

/// C-17: what is rolled back leaves no gap, nor do servers that work at once, nor a restart.
#[tokio::test]
async fn numbers_that_were_rolled_back_are_not_missed() {
    let app = TestApp::with(&[METRICS]).await;
    let other = app.another(&[]).await;
    for round in 0..4 {
        let name = format!("user{round}");
        app.register(&name).await;
        let failed = app.world.transaction(Caller::server(), |mut work| {
            Box::pin(async move {
                work.record(Kind::AccessDenied, About::NOBODY, json!({})).await?;
                work.record(Kind::AccessDenied, About::NOBODY, json!({})).await?;
                Err::<(), _>(heirloom::postgres::DatabaseError::TooSlow)
            })
        });
        failed.await.expect_err("rolled back");
        other.sign_in("alice").await;
        app.sign_in(&name).await;
    }
    assert_eq!(app.events("access_denied").await, 0);
    let later = app.another(&[]).await;
    later.sign_in("alice").await;
    everything_is_chained(&app).await;
    assert_eq!(verify(&app).await.findings, []);
    assert!(value(&app, "heirloom_audit_events_missing_total").await == 0.0);
}

/// C-17.
#[tokio::test]
async fn a_held_head_is_named_and_an_alarm() {
    let app = TestApp::with(&[METRICS]).await;
    everything_is_chained(&app).await;
    let mut holder = holder_of(&app).await;
    run(&mut holder, HOLD).await;
    let mut connection = app.db().acquire().await.expect("a connection");
    let mut work = Work::new(&mut connection, app.world.clone(), Caller::server());
    work.now -= Duration::from_mins(5);
    work.record(Kind::AccessDenied, About::NOBODY, json!({})).await.expect("an event");

    let found = verify(&app).await;
    assert!(matches!(found.findings.as_slice(), [ChainFinding::Lagging { events: 1, seconds: 300.. }]), "{found:?}");
    let role = format!("role holder_{}", app.database_name());
    assert!(found.conclusions[0].case == "chain_lagging" && found.conclusions[0].says.contains(&role), "{found:?}");
    expect_alarm(&app, "heirloom_audit_chain_lag_seconds", "audit.chain_lagging").await;
    assert!(logs::so_far().lines().any(|line| line.contains("audit.chain_lagging") && line.contains(&role)));
    run(&mut holder, "ROLLBACK").await;
    expect_silence(&app, "heirloom_audit_chain_lag_seconds").await;
    assert_eq!(verify(&app).await.findings, []);
}

/// C-17, C-18.
#[tokio::test]
async fn a_head_that_was_reset_or_removed_is_told_apart_and_can_be_resumed() {
    let app = TestApp::with(&[METRICS]).await;
    let mut writer =
        app.role("writer", "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}").await;
    for (sql, case) in [
        ("UPDATE audit_chain_head SET seq = 0, hash = '', untagged_until = 0, tag = NULL", "head_reset"),
        ("DELETE FROM audit_chain_head", "head_missing"),
        ("UPDATE audit_chain_head SET tag = '\\x00'", "head_forged"),
    ] {
        app.sign_in("alice").await;
        everything_is_chained(&app).await;
        run(&mut writer, sql).await;
        assert_eq!(cases(&verify(&app).await), [case]);
        expect_alarm(&app, "heirloom_audit_chain_refused", "audit.head_refused").await;
        let resumed = audit::resume(&app.world, Operator::at_the_command_line(), Resumption::FromVisibleEnd).await;
        assert!(resumed.expect("SQL").is_some(), "{case}");
        eventually("it goes on", async || {
            drop(audit::extend(&app.world).await.expect("SQL"));
            verify(&app).await.findings.is_empty()
        })
        .await;
    }
}

/// C-18: what was written behind the end, with a head to match, is not followed: nothing counts as removed afterwards.
#[tokio::test]
async fn a_head_that_was_forged_at_a_higher_place_leaves_no_gap_after_resuming() {
    let app = TestApp::with(&[METRICS]).await;
    let mut writer =
        app.role("writer", "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}").await;
    app.sign_in("alice").await;
    everything_is_chained(&app).await;
    let before = app.count("SELECT max(seq) FROM audit_events").await;
    for place in [1_000, 1_001, 1_003, i64::MAX] {
        // Chained under a key that nobody names, and as if by us.
        let hash = if place % 2 == 0 { "'\\x00'" } else { "(SELECT hash FROM audit_events WHERE seq = 1 LIMIT 1)" };
        let insert = format!(
            "INSERT INTO audit_events (id, at, kind, details, seq, hash)
             VALUES (gen_random_uuid(), now(), 'signed_in', '{{}}', {place}, {hash})"
        );
        sqlx::raw_sql(AssertSqlSafe(insert)).execute(&mut writer).await.expect("it may insert");
    }
    run(&mut writer, "UPDATE audit_chain_head SET seq = 4000, hash = '\\x00', tag = '\\x0011223344'").await;
    assert!(cases(&verify(&app).await).contains(&"head_forged"));

    let resumed = audit::resume(&app.world, Operator::at_the_command_line(), Resumption::FromVisibleEnd).await;
    assert_eq!(resumed.expect("SQL").map(|head| head.seq), Some(before));
    app.sign_in("alice").await;
    everything_is_chained(&app).await;
    let found = verify(&app).await;
    let are_inserted =
        found.findings.iter().all(|finding| matches!(finding, ChainFinding::Inserted { seq: Some(1_000..), .. }));
    assert!(found.findings.len() == 4 && are_inserted, "{found:?}");
    let fingerprint = found.fingerprint().expect("findings that last");
    audit::accept(&app.world, Operator::at_the_command_line(), fingerprint).await.expect("SQL");
    everything_is_chained(&app).await;
    assert_eq!(patrol(&app).await.alarming(), 0);
}

/// C-17: an older head that is genuine.
#[tokio::test]
async fn a_head_that_was_set_back_is_told_from_a_forged_one() {
    let mut app = TestApp::with(&[METRICS]).await;
    app.sign_in("alice").await;
    everything_is_chained(&app).await;
    sqlx::raw_sql("CREATE TABLE old_head AS SELECT * FROM audit_chain_head").execute(app.db()).await.expect("SQL");
    app.sign_in("alice").await;
    everything_is_chained(&app).await;
    app.stop().await;
    let back = "UPDATE audit_chain_head SET (seq, hash, untagged_until, tag) = (SELECT seq, hash, untagged_until, tag FROM old_head)";
    sqlx::raw_sql(back).execute(app.db()).await.expect("SQL");
    let other = app.another(&[]).await;
    assert!(cases(&verify(&other).await).contains(&"head_set_back"));
}

/// C-17: servers verify the log by themselves; an operator accepts what cannot be undone, and nothing else with it.
#[tokio::test]
async fn a_rewritten_month_is_an_alarm_until_an_operator_accepts_it() {
    let app = TestApp::with(&[METRICS]).await;
    for _ in 0..3 {
        app.sign_in("alice").await;
    }
    everything_is_chained(&app).await;
    assert_eq!(cases(&patrol(&app).await), [""; 0]);
    assert!(value(&app, "heirloom_audit_findings").await == 0.0);
    tamper(&app, "UPDATE audit_events SET ip = '192.0.2.66' WHERE kind = 'signed_in'").await;
    let report = patrol(&app).await;
    assert_eq!((cases(&report), report.findings.len()), (vec!["month_rewritten"], 3));
    assert!(report.conclusions[0].says.contains(&app.world.clock.now().format("3 events of %Y-%m").to_string()));
    expect_alarm(&app, "heirloom_audit_findings", "audit.findings").await;

    let fingerprint = report.fingerprint().expect("findings that last");
    audit::accept(&app.world, Operator::at_the_command_line(), fingerprint).await.expect("SQL");
    everything_is_chained(&app).await;
    let accepted = patrol(&app).await;
    assert_eq!((accepted.accepted, accepted.findings.len(), accepted.alarming()), (true, 3, 0));
    expect_silence(&app, "heirloom_audit_findings").await;

    tamper(&app, "UPDATE audit_events SET ip = '192.0.2.66' WHERE kind = 'user_added'").await;
    let more = patrol(&app).await;
    assert_eq!((more.accepted, more.alarming()), (false, 4));
    expect_alarm(&app, "heirloom_audit_findings", "audit.findings").await;
}

/// C-15, C-17: B8: what swallows an event stops the change, and is named.
#[tokio::test]
async fn a_swallowed_event_stops_the_change_and_is_an_alarm() {
    let app = TestApp::with(&[METRICS]).await;
    app.register("alice").await;
    let swallow = "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$";
    sqlx::raw_sql(swallow).execute(app.db()).await.expect("SQL");
    for (set, by, undo) in [
        (
            "CREATE TRIGGER quiet BEFORE INSERT ON audit_events FOR EACH ROW WHEN (NEW.kind = 'signed_in')
             EXECUTE FUNCTION swallow()",
            "the trigger quiet",
            "DROP TRIGGER quiet ON audit_events",
        ),
        (
            "CREATE RULE quiet AS ON INSERT TO audit_events WHERE NEW.kind = 'signed_in' DO INSTEAD NOTHING",
            "the rule quiet",
            "DROP RULE quiet ON audit_events",
        ),
    ] {
        let before = value(&app, "heirloom_audit_events_unwritten_total").await;
        sqlx::raw_sql(set).execute(app.db()).await.expect(set);
        let refused = app.request("POST", "/api/v1/auth/login").json(&credentials("alice")).send_raw().await;
        assert_eq!(refused.status(), 500);
        assert_eq!(app.count("SELECT count(*) FROM sessions").await, 0, "no change without its event");
        assert!(value(&app, "heirloom_audit_events_unwritten_total").await > before);
        expect_alarm(&app, "heirloom_audit_events_unwritten_total", "audit.event_not_written").await;
        let found = verify(&app).await;
        let [ChainFinding::Silenced { table, by: named }, ..] = found.findings.as_slice() else { panic!("{found:?}") };
        assert_eq!((table.starts_with("audit_events"), named.as_str()), (true, by));
        assert!(cases(&found).iter().all(|case| *case == "inserts_silenced"), "{found:?}");
        sqlx::raw_sql(undo).execute(app.db()).await.expect(undo);
        assert_eq!(verify(&app).await.findings, []);
    }
    app.sign_in("alice").await;
}

/// C-17: what removes the event after it was written.
#[tokio::test]
async fn an_event_that_vanishes_with_its_commit_is_an_alarm() {
    let app = TestApp::with(&[METRICS]).await;
    app.register("alice").await;
    everything_is_chained(&app).await;
    tamper(
        &app,
        "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN DELETE FROM audit_events WHERE id = NEW.id; RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER quiet AFTER INSERT ON audit_events DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
         WHEN (NEW.kind = 'signed_in') EXECUTE FUNCTION swallow()",
    )
    .await;
    app.sign_in("alice").await;
    expect_alarm(&app, "heirloom_audit_events_missing_total", "audit.events_missing").await;
    everything_is_chained(&app).await;
    let found = verify(&app).await;
    assert!(cases(&found).contains(&"inserts_silenced") && cases(&found).contains(&"events_removed_before_chaining"));
}

/// C-17: a trigger on the head, which would keep it where it is.
#[tokio::test]
async fn a_head_that_cannot_be_moved_is_an_error_and_nothing_is_chained() {
    let app = TestApp::with(&[METRICS]).await;
    everything_is_chained(&app).await;
    sqlx::raw_sql(
        "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
         CREATE TRIGGER quiet BEFORE INSERT OR UPDATE ON audit_chain_head FOR EACH ROW EXECUTE FUNCTION swallow()",
    )
    .execute(app.db())
    .await
    .expect("SQL");
    app.sign_in("alice").await;
    audit::extend(&app.world).await.expect_err("the head does not move");
    assert!(app.count("SELECT count(*) FROM audit_events WHERE seq IS NULL").await > 0);
    sqlx::raw_sql("DROP TRIGGER quiet ON audit_chain_head").execute(app.db()).await.expect("SQL");
    everything_is_chained(&app).await;
    assert_eq!(verify(&app).await.findings, []);
}
