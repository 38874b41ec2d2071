//! What a role of the database can do, by its privileges: the table in SECURITY.md, row by row. A role without any is
//! in `strangers.rs`.

use crate::support::{TestApp, eventually};
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
