//! A role that may do nothing but connect to the database: whatever it sends, no session is lost and no request refused.

use crate::support::{TestApp, Tokens, eventually, logs};
use sqlx::{
    AssertSqlSafe, PgPool,
    postgres::{PgListener, PgPoolOptions},
};

const CHANNELS: [&str; 2] = ["heirloom_revocations", "heirloom_signing_keys"];
const METRICS: (&str, &str) = ("HEIRLOOM_METRICS_BIND", "127.0.0.1:0");

/// A pool of connections of a role that may do nothing but connect.
async fn stranger_to(app: &TestApp) -> PgPool {
    PgPoolOptions::new().max_connections(1).connect_lazy_with(app.role_options("stranger", "").await)
}

async fn notify(stranger: &PgPool, channel: &str, payload: &str) {
    let notify = sqlx::query("SELECT pg_notify($1, $2)").bind(channel).bind(payload);
    notify.execute(stranger).await.expect("everyone may notify");
}

/// The value of a series; nothing was counted if there is none.
fn value(metrics: &str, series: &str) -> u64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(series));
    line.map_or(0, |value| value.trim().parse().expect("a number"))
}

async fn rejected(app: &TestApp, channel: &str, reason: &str) -> u64 {
    let series = format!("heirloom_notifications_rejected_total{{channel=\"{channel}\",reason=\"{reason}\"}}");
    value(&app.metrics().await, &series)
}

/// Everything that was sent has been read by now.
async fn everything_is_read(app: &TestApp, stranger: &PgPool) {
    let before = rejected(app, CHANNELS[1], "not_genuine").await;
    notify(stranger, CHANNELS[1], "the last one").await;
    eventually("it is read", async || rejected(app, CHANNELS[1], "not_genuine").await > before).await;
}

async fn expect_untouched(app: &TestApp, tokens: &Tokens) -> Tokens {
    app.check(&tokens.access_token).await.expect_done();
    let next = app.refresh(&tokens.refresh_token).await.expect_tokens();
    app.check(&next.access_token).await.expect_done();
    app.sign_in("newcomer").await;
    assert_eq!(app.count("SELECT count(*) FROM everyone_revocations").await, 0);
    assert_eq!(app.count("SELECT count(*) FROM sessions WHERE revoked_at IS NOT NULL").await, 0);
    let metrics = app.metrics().await;
    assert_eq!(value(&metrics, "heirloom_revocation_set_entries"), 0);
    expect_trust(app).await;
    next
}

async fn expect_trust(app: &TestApp) {
    eventually("the set is trusted", async || value(&app.metrics().await, "heirloom_revocation_set_trusted") == 1)
        .await;
}

async fn feed_losses(app: &TestApp) -> u64 {
    value(&app.metrics().await, "heirloom_revocation_feed_losses_total")
}

/// What a stranger knows: session ids and user ids stand in every access token, and our source is public.
fn forgeries(session: &str, user: &str) -> Vec<String> {
    let (session, user) = (session.replace('-', ""), user.replace('-', ""));
    vec![
        format!("s:{session}"),
        format!("a:{user}:2147483647"),
        "e:253370764800000000".to_owned(),
        "e:1".to_owned(),
        format!("s:{session} a:{user}:7 e:253370764800000000"),
        format!("n1.s:{session}"),
        "n1.".to_owned(),
        format!("n1.{}", "A".repeat(7_000)),
        "nonsense".to_owned(),
        String::new(),
        " ".to_owned(),
        "\u{1}\u{7f}\u{202e}한국어 🦄".to_owned(),
        "x".repeat(7_999),
        "s:".repeat(3_999),
    ]
}

/// S-64, C-9.
#[tokio::test]
async fn forged_notifications_change_nothing() {
    let app = TestApp::with(&[METRICS]).await;
    let alice = app.person("alice").await;
    let stranger = stranger_to(&app).await;
    // A machine that stands still may lose the feed as well: then once more.
    eventually("the feed outlives them", async || {
        expect_trust(&app).await;
        let losses = feed_losses(&app).await;
        for payload in forgeries(&alice.tokens.session_id, &alice.id) {
            for channel in CHANNELS {
                notify(&stranger, channel, &payload).await;
            }
        }
        everything_is_read(&app, &stranger).await;
        feed_losses(&app).await == losses
    })
    .await;
    let next = expect_untouched(&app, &alice.tokens).await;
    // It changes nothing later either: a lost feed connects again and writes back what it knows to be revoked.
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
               WHERE datname = current_database() AND application_name = 'heirloom listener'";
    let losses = feed_losses(&app).await;
    eventually("the feed is cut", async || app.count(cut).await >= 1).await;
    eventually("that is noticed", async || feed_losses(&app).await > losses).await;
    expect_trust(&app).await;
    app.refresh(&next.refresh_token).await.expect_tokens();
    assert_eq!(app.count("SELECT count(*) FROM sessions WHERE revoked_at IS NOT NULL").await, 0);
}

/// S-64.
#[tokio::test]
async fn a_flood_of_forged_notifications_is_counted_and_not_logged_one_by_one() {
    let app = TestApp::with(&[METRICS]).await;
    let alice = app.sign_in("alice").await;
    let stranger = stranger_to(&app).await;
    let flood = "SELECT pg_notify('heirloom_revocations', 's:' || n) FROM generate_series(1, 1000) AS n";
    sqlx::query(flood).execute(&stranger).await.expect("everyone may notify");
    let others = "SELECT pg_notify('heirloom_channel_' || n, 'x') FROM generate_series(1, 3000) AS n";
    sqlx::query(others).execute(&stranger).await.expect("everyone may notify");
    everything_is_read(&app, &stranger).await;
    assert_eq!(rejected(&app, CHANNELS[0], "not_genuine").await, 1_000);
    expect_untouched(&app, &alice).await;
    let lines = logs::so_far();
    assert!(lines.matches("sessions.notifications_rejected").count() < 100, "one line for each server of this process");
}

/// S-64, C-9.
#[tokio::test]
async fn who_listens_learns_no_id_and_can_replay_nothing() {
    let app = TestApp::with(&[METRICS]).await;
    let (alice, bob) = (app.person("alice").await, app.person("bob").await);
    let root = app.admin("root").await;
    let options = app.role_options("stranger", "").await;
    let stranger = PgPoolOptions::new().max_connections(2).connect_lazy_with(options);
    let mut listener = PgListener::connect_with(&stranger).await.expect("everyone may listen");
    listener.listen_all(CHANNELS).await.expect("everyone may listen");
    let mut recorded = Vec::new();
    app.sign_out(&alice.tokens.refresh_token).await.expect_done();
    recorded.push(listener.recv().await.expect("a notification").payload().to_owned());
    root.change(&bob.id, &serde_json::json!({ "roles": ["editor"] })).await.expect(200);
    recorded.push(listener.recv().await.expect("a notification").payload().to_owned());
    for payload in &recorded {
        for id in [&alice.tokens.session_id, &alice.id, &bob.id] {
            assert!(!payload.contains(id.as_str()) && !payload.contains(&id.replace('-', "")), "{payload}");
        }
    }

    let fresh = app.refresh(&bob.tokens.refresh_token).await.expect_tokens();
    let again = app.sign_in("alice").await;
    for payload in &recorded {
        let (first, rest) = payload.split_at(payload.len() - 1);
        let bent = format!("{first}{}", if rest == "A" { "Q" } else { "A" });
        for channel in CHANNELS {
            notify(&stranger, channel, payload).await;
            notify(&stranger, channel, &bent).await;
            notify(&stranger, channel, &format!("{payload}{payload}")).await;
        }
    }
    everything_is_read(&app, &stranger).await;
    app.check(&fresh.access_token).await.expect_done();
    app.check(&again.access_token).await.expect_done();
    app.refresh(&again.refresh_token).await.expect_tokens();
    app.check(&alice.tokens.access_token).await.expect_challenge("session_revoked");
}

/// An instance of the version before sends notifications that are not sealed.
#[tokio::test]
async fn what_is_not_believed_is_looked_up_in_the_tables() {
    let app = TestApp::with(&[METRICS]).await;
    let (alice, bob) = (app.sign_in("alice").await, app.sign_in("bob").await);
    let stranger = stranger_to(&app).await;
    app.alter_session(&alice.session_id, "revoked_at = clock_timestamp(), revoked_reason = 'admin'").await;
    notify(&stranger, CHANNELS[0], &format!("s:{} s:{}", alice.session_id, bob.session_id)).await;
    eventually("the tables are read", async || app.check(&alice.access_token).await.status == 401).await;
    app.check(&bob.access_token).await.expect_done();
}

/// S-65.
#[tokio::test]
async fn a_revocation_of_all_sessions_in_the_future_is_refused_and_ignored() {
    let app = TestApp::with(&[METRICS]).await;
    let alice = app.sign_in("alice").await;
    let future = "INSERT INTO everyone_revocations (revoked_at) VALUES ('9999-01-01T00:00:00Z')";
    let refused = sqlx::query(future).execute(app.db()).await.expect_err("it is in the future");
    assert_eq!(refused.into_database_error().expect("an answer").code().as_deref(), Some("23514"));
    // As if it had been there before there was a trigger.
    let past = format!("SET session_replication_role = replica; {future}; RESET session_replication_role");
    sqlx::raw_sql(AssertSqlSafe(past)).execute(app.db()).await.expect("SQL");
    let other = app.another(&[METRICS]).await;
    for server in [&app, &other] {
        server.check(&alice.access_token).await.expect_done();
        let bob = server.sign_in("bob").await;
        server.check(&bob.access_token).await.expect_done();
    }
}

/// The lock that sqlx takes while it migrates: CRC-32 (IEEE) of the database's name, times a number of its own.
fn lock_of_the_library(database: &str) -> i64 {
    let crc = database.bytes().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(crc & 1)))
    });
    0x3d32_ad9e * i64::from(!crc)
}

/// Every advisory lock that this or an earlier version knows by name, and others.
async fn hold_advisory_locks(stranger: &PgPool, app: &TestApp, session: &str) {
    let named = "SELECT pg_advisory_lock(hashtext('heirloom.' || name)) FROM unnest(
                     ARRAY['everyone', 'sweep', 'signing_keys', 'admins', 'audit_months', 'audit_chain', 'migrations']) AS name";
    sqlx::query(named).execute(stranger).await.expect("everyone may lock");
    let denied = "SELECT pg_advisory_lock(hashtext('access_denied'), hashtext($1))";
    sqlx::query(denied).bind(session).execute(stranger).await.expect("everyone may lock");
    let library = sqlx::query("SELECT pg_advisory_lock($1)").bind(lock_of_the_library(app.database_name()));
    library.execute(stranger).await.expect("everyone may lock");
    sqlx::query("SELECT pg_advisory_lock(n) FROM generate_series(0, 100) AS n").execute(stranger).await.expect("SQL");
}

/// As before the migration that created them.
async fn forget_the_locks(app: &TestApp) {
    let undone = "DROP TABLE locks, background_tasks, repeated_events;
                  DELETE FROM heirloom_migrations WHERE version = 20261128143100";
    sqlx::raw_sql(undone).execute(app.db()).await.expect("SQL");
}

/// S-66.
#[tokio::test]
async fn advisory_locks_hold_up_nothing() {
    let app = TestApp::start().await;
    let root = app.admin("root").await;
    let alice = app.person("alice").await;
    let stranger = stranger_to(&app).await;
    hold_advisory_locks(&stranger, &app, &alice.tokens.session_id).await;

    app.sign_in("bob").await;
    root.change(&alice.id, &serde_json::json!({ "roles": ["editor"] })).await.expect(200);
    app.refresh(&alice.tokens.refresh_token).await.expect_tokens();
    let again = app.sign_in("alice").await;
    // The answer does not wait for the event on a busy machine: then once more.
    eventually("the denial is recorded", async || {
        let denied = app.request("GET", "/api/v1/admin/users").bearer(&again.access_token).send().await;
        denied.expect_problem(403, "forbidden");
        app.events("access_denied").await == 1
    })
    .await;
    let expired = app.sign_in("carol").await;
    app.alter_session(&expired.session_id, "idle_expires_at = now() - interval '1 hour'").await;
    app.sweep().await;
    assert_eq!(app.count("SELECT count(*) FROM sessions WHERE idle_expires_at < now()").await, 0);
    app.rotate_keys().await;
    root.revoke(&serde_json::json!({ "everyone": true })).await.expect(200);
    forget_the_locks(&app).await;
    let other = app.another(&[]).await;
    other.sign_in("alice").await;
}

#[tokio::test]
async fn a_lock_that_is_held_too_long_is_an_outage_whose_cause_is_logged() {
    let app = TestApp::start().await.with_outages();
    let root = app.admin("root").await;
    let alice = app.person("alice").await;
    let mut holder = app.role("holder", "GRANT SELECT, UPDATE ON locks TO {}").await;
    sqlx::raw_sql("BEGIN; SELECT FROM locks FOR UPDATE").execute(&mut holder).await.expect("a lock");

    let changed = root.change(&alice.id, &serde_json::json!({ "roles": ["editor"] })).await;

    changed.expect_problem(503, "temporarily_unavailable");
    let role = format!("role holder_{}", app.database_name());
    assert!(logs::so_far().lines().any(|line| line.contains(&role) && line.contains("unavailable")), "{role}");
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.expect("SQL");
    root.change(&alice.id, &serde_json::json!({ "roles": ["editor"] })).await.expect(200);
}

#[tokio::test]
async fn metrics_show_how_long_ago_background_tasks_ran() {
    let app = TestApp::with(&[METRICS]).await;
    let tasks = ["sweep", "audit_chain", "audit_months", "signing_keys", "signing_key_rotation"];
    for task in tasks {
        for gauge in ["age", "interval"] {
            let series = format!("heirloom_background_task_{gauge}_seconds{{task=\"{task}\"}}");
            eventually(&series, async || app.metrics().await.contains(&series)).await;
        }
    }
    // Whatever stops the sweep: what counts is when it was last done, also for a server that has just started.
    sqlx::raw_sql("UPDATE background_tasks SET done_at = now() - interval '1 hour'")
        .execute(app.db())
        .await
        .expect("SQL");
    let other = app.another(&[METRICS]).await;
    let age = "heirloom_background_task_age_seconds{task=\"sweep\"}";
    eventually("it is known", async || other.metrics().await.contains(age)).await;
    let metrics = other.metrics().await;
    let line = metrics.lines().find_map(|line| line.strip_prefix(age)).expect("a line");
    assert!(line.trim().parse::<f64>().expect("a number") >= 3_600.0, "{line}");
}
