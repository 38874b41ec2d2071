//! What a role of the database can do, by its privileges: the table in SECURITY.md, row by row. A role without any is
//! in `strangers.rs`.

use crate::support::{TestApp, eventually};
use heirloom::{audit, postgres::Connector};
use sqlx::{PgConnection, Row};

const READ: &str = "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}";
const WRITE: &str = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}";

/// The SQLSTATE with which a statement is refused.
async fn refusal(role: &mut PgConnection, sql: &'static str) -> String {
    let refused = sqlx::raw_sql(sql).execute(role).await.expect_err(sql);
    refused.into_database_error().expect("an answer").code().expect("a code").into_owned()
}

async fn expect_denied(role: &mut PgConnection, statements: &[&'static str]) {
    for sql in statements {
        assert_eq!(refusal(role, sql).await, "42501", "{sql}");
    }
}

#[tokio::test]
async fn without_privileges_a_role_reads_writes_and_locks_nothing_of_ours() {
    let app = TestApp::start().await;
    let mut role = app.role("stranger", "").await;
    expect_denied(
        &mut role,
        &[
            "SELECT FROM users",
            "SELECT FROM sessions",
            "SELECT FROM signing_keys",
            "SELECT FROM locks FOR UPDATE",
            "UPDATE sessions SET revoked_at = now()",
            "INSERT INTO everyone_revocations VALUES (now())",
            "UPDATE background_tasks SET done_at = now()",
            "BEGIN; LOCK TABLE everyone_revocations IN ACCESS SHARE MODE",
            "ROLLBACK; BEGIN; LOCK TABLE sessions",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_role_that_reads_changes_nothing_and_holds_up_no_request() {
    let app = TestApp::start().await;
    let root = app.admin("root").await;
    let alice = app.sign_in("alice").await;
    let mut role = app.role("reader", READ).await;
    expect_denied(
        &mut role,
        &[
            "UPDATE sessions SET revoked_at = now()",
            "UPDATE users SET roles = '{admin}'",
            "INSERT INTO everyone_revocations VALUES (now())",
            "DELETE FROM departed_sessions",
            "SELECT FROM sessions FOR UPDATE",
            "SELECT FROM sessions FOR KEY SHARE",
            "SELECT FROM locks FOR UPDATE",
            "BEGIN; LOCK TABLE everyone_revocations IN ROW SHARE MODE",
            "ROLLBACK; BEGIN; LOCK TABLE everyone_revocations IN SHARE MODE",
        ],
    )
    .await;
    let read = "ROLLBACK; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM users, sessions, signing_keys, locks,
                everyone_revocations, audit_events, background_tasks";
    sqlx::raw_sql(read).execute(&mut role).await.expect("it may read");

    let next = app.refresh(&alice.refresh_token).await.expect_tokens();
    app.sign_in("bob").await;
    app.sweep().await;
    app.rotate_keys().await;
    root.revoke(&serde_json::json!({ "everyone": true })).await.expect(200);
    app.refresh(&next.refresh_token).await.expect_problem(401, "session_revoked");
}

/// It holds no secret that would open a session: of tokens there are hashes, and of keys what the master key sealed.
#[tokio::test]
async fn a_role_that_reads_finds_no_token() {
    let app = TestApp::start().await;
    let alice = app.sign_in("alice").await;
    let mut role = app.role("reader", READ).await;
    let rows = sqlx::query("SELECT s::text AS row FROM sessions AS s UNION ALL SELECT k::text FROM signing_keys AS k");
    for row in rows.fetch_all(&mut role).await.expect("it may read") {
        let text: String = row.get("row");
        assert!(!text.contains(&alice.refresh_token) && !text.contains("PRIVATE"), "{text}");
    }
}

#[tokio::test]
async fn a_role_that_writes_is_the_operator_but_for_what_the_master_key_guards() {
    let app = TestApp::start().await;
    let other = app.another(&[]).await;
    let alice = app.person("alice").await;
    let bob = app.sign_in("bob").await;
    let mut role = app.role("writer", WRITE).await;

    // It cannot date an end of everyone in the future, nor change the rules.
    let future = "INSERT INTO everyone_revocations VALUES (now() + interval '1 minute')";
    assert_eq!(refusal(&mut role, future).await, "23514");
    expect_denied(&mut role, &["LOCK TABLE locks IN ACCESS EXCLUSIVE MODE; DROP TABLE locks"]).await;
    let rules = "ALTER TABLE everyone_revocations DISABLE TRIGGER USER";
    assert_eq!(refusal(&mut role, rules).await, "42501");

    // What it writes takes effect: a revocation when the token is refreshed, a role with the next access token.
    let write = "UPDATE sessions SET revoked_at = now(), revoked_reason = 'admin' WHERE user_id <> $1::uuid";
    sqlx::query(write).bind(&alice.id).execute(&mut role).await.expect("it may write");
    app.refresh(&bob.refresh_token).await.expect_problem(401, "session_revoked");
    let write = "UPDATE users SET roles = '{auditor}' WHERE id = $1::uuid";
    sqlx::query(write).bind(&alice.id).execute(&mut role).await.expect("it may write");
    let next = app.refresh(&alice.tokens.refresh_token).await.expect_tokens();
    assert_eq!(app.check(&next.access_token).await.expect_done().header("x-auth-roles"), Some("auditor"));

    // What an instance knows to be revoked stays revoked.
    app.sign_out(&next.refresh_token).await.expect_done();
    eventually("the other server knows", async || other.check(&next.access_token).await.status == 401).await;
    let undo = "UPDATE sessions SET revoked_at = NULL, revoked_reason = NULL";
    sqlx::raw_sql(undo).execute(&mut role).await.expect("it may write");
    for server in [&app, &other] {
        server.refresh(&next.refresh_token).await.expect_problem(401, "session_revoked");
        server.check(&next.access_token).await.expect_challenge("session_revoked");
    }

    // A session of its own making: it may write any hash, but no token without the master key passes.
    let planted = "UPDATE sessions SET revoked_at = NULL, secret_hash = sha256('known to the writer')";
    sqlx::raw_sql(planted).execute(&mut role).await.expect("it may write");
    let (first, rest) = bob.refresh_token.split_at(bob.refresh_token.len() / 2);
    let forged = format!("{first}{}", rest.chars().rev().collect::<String>());
    app.refresh(&forged).await.expect_problem(401, "refresh_token_invalid");
}

const AUDIT_TABLES: [&str; 4] = ["audit_events", "audit_chain_head", "audit_chain_anchors", "audit_retention"];

async fn findings(app: &TestApp) -> Vec<audit::ChainFinding> {
    let connector = Connector::new(&app.world.config.database, None);
    audit::verify(&app.world, &connector, None).await.expect("a report").findings
}

async fn refused_as(role: &mut PgConnection, sql: String, code: &str) {
    let refused = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.clone())).execute(role).await.expect_err(&sql);
    assert_eq!(refused.into_database_error().expect("an answer").code().as_deref(), Some(code), "{sql}");
}

async fn everything_is_chained(app: &TestApp) {
    eventually("everything is chained", async || {
        app.count("SELECT count(*) FROM audit_events WHERE seq IS NULL").await == 0
    })
    .await;
}

/// C-9, C-10: the audit log, for roles that may connect, and that may read.
#[tokio::test]
async fn who_may_connect_or_read_changes_and_locks_nothing_of_the_audit_log() {
    let app = TestApp::start().await;
    app.sign_in("alice").await;
    let mut stranger = app.role("stranger", "").await;
    let mut reader = app.role("reader", READ).await;
    for table in AUDIT_TABLES {
        refused_as(&mut stranger, format!("SELECT FROM {table}"), "42501").await;
        for role in [&mut stranger, &mut reader] {
            refused_as(role, format!("SELECT FROM {table} FOR UPDATE"), "42501").await;
            refused_as(role, format!("INSERT INTO {table} DEFAULT VALUES"), "42501").await;
            refused_as(role, format!("DELETE FROM {table}"), "42501").await;
            refused_as(role, format!("TRUNCATE {table}"), "42501").await;
            refused_as(role, format!("BEGIN; LOCK TABLE {table} IN ROW EXCLUSIVE MODE"), "42501").await;
            sqlx::raw_sql("ROLLBACK").execute(&mut *role).await.expect("SQL");
            let trigger = "EXECUTE FUNCTION suppress_redundant_updates_trigger()";
            refused_as(role, format!("CREATE TRIGGER t BEFORE INSERT ON {table} {trigger}"), "42501").await;
        }
    }
    for role in [&mut stranger, &mut reader] {
        expect_denied(
            role,
            &[
                "UPDATE audit_events SET seq = 1, hash = ''",
                "UPDATE audit_chain_head SET seq = 0",
                "SELECT audit_prepare_months()",
                "SELECT audit_drop_month('2020-01-01')",
                "SELECT audit_lock_months()",
            ],
        )
        .await;
    }
    // Reading, for however long, holds up neither recording nor the chain.
    let read = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM audit_events, audit_chain_head";
    sqlx::raw_sql(read).execute(&mut reader).await.expect("it may read");
    app.sign_in("bob").await;
    everything_is_chained(&app).await;
    assert_eq!(findings(&app).await, []);
}

/// C-11: a role that writes cannot change or remove an event; what it inserts or does to the head is found.
#[tokio::test]
async fn a_role_that_writes_removes_no_event_and_what_it_inserts_is_found() {
    let app = TestApp::start().await;
    app.sign_in("alice").await;
    everything_is_chained(&app).await;
    let mut role = app.role("writer", WRITE).await;
    for sql in [
        "DELETE FROM audit_events",
        "UPDATE audit_events SET kind = 'x'",
        "UPDATE audit_events SET seq = NULL, hash = NULL",
        "SET heirloom.moves_audit_events = 'on'; DELETE FROM audit_events",
        "DELETE FROM audit_events_default; DELETE FROM audit_events WHERE seq = 1",
        "SELECT audit_drop_month(date_trunc('month', now())::date)",
    ] {
        refused_as(&mut role, sql.to_owned(), "23001").await;
    }
    expect_denied(
        &mut role,
        &[
            "TRUNCATE audit_events",
            "DROP TRIGGER audit_events_append_only ON audit_events",
            "ALTER TABLE audit_events DISABLE TRIGGER USER",
            "SET session_replication_role = replica",
            "DROP TABLE audit_events",
            "SELECT audit_lock_months()",
            "CREATE OR REPLACE FUNCTION refuse_to_change_audit_events() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$",
        ],
    )
    .await;
    assert_eq!(findings(&app).await, []);
    // An event of its own, whole but for the master key; and one that is put into a place of its choice.
    let invented = "INSERT INTO audit_events (id, at, kind, series, number, settled, rolled_back, tag)
                    SELECT gen_random_uuid(), now(), 'user_unblocked', series, number + 1, settled, '{}', tag
                    FROM audit_events ORDER BY id DESC LIMIT 1;
                    INSERT INTO audit_events (id, at, kind, seq, hash) VALUES (gen_random_uuid(), now(), 'x', 99, '\\x00')";
    sqlx::raw_sql(invented).execute(&mut role).await.expect("it may write");
    let found = findings(&app).await;
    let named = |wanted: fn(&audit::ChainFinding) -> bool| found.iter().filter(|finding| wanted(finding)).count();
    assert_eq!(named(|finding| matches!(finding, audit::ChainFinding::Changed { .. })), 1, "{found:?}");
    assert_eq!(named(|finding| matches!(finding, audit::ChainFinding::Inserted { seq: Some(99), .. })), 1, "{found:?}");
    assert_eq!(found.len(), 2, "{found:?}");
}

/// C-11: an event that a writer moves to a place before the server does.
#[tokio::test]
async fn a_place_that_a_role_gives_to_an_event_is_found() {
    let app = TestApp::start().await;
    app.sign_in("alice").await;
    everything_is_chained(&app).await;
    let mut role = app.role("writer", WRITE).await;
    let mut holder = app.role("holder", WRITE).await;
    let hold = "BEGIN; SELECT FROM audit_chain_head FOR UPDATE";
    sqlx::raw_sql(hold).execute(&mut holder).await.expect("a lock");
    app.sign_in("alice").await;
    let place = "UPDATE audit_events SET seq = 1000, hash = '\\x00' WHERE seq IS NULL";
    assert!(sqlx::raw_sql(place).execute(&mut role).await.expect("it may write").rows_affected() > 0);
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.expect("SQL");
    assert!(!findings(&app).await.is_empty());
}

/// C-11: the owner can do everything, and nothing without being found.
#[tokio::test]
async fn what_the_owner_does_to_the_audit_log_is_found() {
    for sql in [
        "DELETE FROM audit_events WHERE seq = 2",
        "UPDATE audit_events SET details = '{\"a\": 1}' WHERE seq = 2",
        "UPDATE audit_events SET number = number + 1 WHERE seq = 2",
        "UPDATE audit_events SET settled = 0, rolled_back = '{1,2,3}' WHERE kind = 'signed_in'",
        "UPDATE audit_events SET series = NULL, number = NULL, settled = NULL, rolled_back = NULL WHERE seq = 2",
        "UPDATE audit_events SET series = gen_random_uuid() WHERE seq = 2",
        "UPDATE audit_events SET seq = 10 - seq WHERE seq < 3",
        "DELETE FROM audit_events; DELETE FROM audit_chain_anchors",
        "INSERT INTO audit_chain_anchors VALUES (1, 2, '\\x00', '2020-01-01', now(), '\\x00'); DELETE FROM audit_events WHERE seq <= 2",
        "ALTER TABLE audit_events ENABLE ROW LEVEL SECURITY",
        "CREATE RULE quiet AS ON INSERT TO audit_chain_anchors DO INSTEAD NOTHING",
    ] {
        let app = TestApp::start().await;
        app.sign_in("alice").await;
        everything_is_chained(&app).await;
        let sql = format!("DROP TRIGGER audit_events_append_only ON audit_events; {sql}");
        // The server reads the same tables: Postgres may end one of two that wait for each other.
        eventually(&sql, async || sqlx::raw_sql(sqlx::AssertSqlSafe(sql.clone())).execute(app.db()).await.is_ok())
            .await;
        assert_ne!(findings(&app).await, [], "{sql}");
    }
}
