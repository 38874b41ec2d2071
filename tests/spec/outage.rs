//! "An outage never looks like a bad token."

use crate::support::{Forge, PUBLIC_URL, Proxy, TestApp, TestDatabase, at_once, credentials, eventually};
use serde_json::json;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

const KEY: &str = "9b2e1f0c-the-clients-own-key";
const AWAY: &str = "temporarily_unavailable";

/// A server whose way to Postgres can break.
async fn behind_a_proxy(options: &[(&str, &str)]) -> (TestApp, Proxy) {
    let database = Arc::new(TestDatabase::create().await);
    let (proxy, way) = Proxy::to(&database);
    (TestApp::by_way_of(database, way, options).await, proxy)
}

/// A forged one of each kind: an access token signed by nobody, a refresh token whose tag is wrong.
fn forged(access_token: &str, refresh_token: &str) -> (String, String) {
    let other = if refresh_token.ends_with('A') { "Q" } else { "A" };
    let access_token = format!("{}.AAAA", access_token.rsplit_once('.').expect("a JWS").0);
    (access_token, format!("{}{other}", &refresh_token[..refresh_token.len() - 1]))
}

/// S-37.
#[tokio::test]
async fn while_postgres_is_down_everything_that_needs_it_is_503_and_nothing_else_fails() {
    let (app, proxy) = behind_a_proxy(&[]).await;
    let admin = app.admin("root").await;
    let alice = app.person("alice").await;
    app.get("/readyz").await.expect(200);

    proxy.go_down();

    eventually("the server notices", async || admin.check().await.status == 503).await;
    app.refresh(&alice.tokens.refresh_token).await.expect_problem(503, AWAY).expect_no_cookie();
    app.refresh_with(&alice.tokens.refresh_token, KEY).await.expect_problem(503, AWAY);
    app.post("/api/v1/auth/login", &credentials("alice")).await.expect_problem(503, AWAY);
    app.post("/api/v1/auth/register", &credentials("bob")).await.expect_problem(503, AWAY);
    app.sign_out(&alice.tokens.refresh_token).await.expect_problem(503, AWAY).expect_no_cookie();
    alice.me().await.expect_problem(503, AWAY);
    alice.check().await.expect_problem(503, AWAY);
    admin.revoke_session(&alice.tokens.session_id).await.expect_problem(503, AWAY);
    // An answer is remembered for a second.
    eventually("the outage shows", async || app.get("/readyz").await.status == 503).await;
    app.get("/readyz").await.expect_problem(503, AWAY);

    app.get("/healthz").await.expect(200);
    let jwks = app.get("/.well-known/jwks.json").await;
    assert_eq!(jwks.expect(200).json()["keys"].as_array().map(Vec::len), Some(1));
    for page in ["/login", "/register", "/static/heirloom.js"] {
        app.get(page).await.expect(200);
    }

    // "A forged one is 401 even then."
    let (access_token, refresh_token) = forged(&alice.tokens.access_token, &alice.tokens.refresh_token);
    app.check(&access_token).await.expect_challenge("access_token_invalid");
    app.refresh(&refresh_token).await.expect_problem(401, "refresh_token_invalid");
    app.request("GET", "/api/v1/me").send().await.expect_challenge("unauthenticated");

    proxy.open();

    eventually("the server is ready again", async || app.get("/readyz").await.status == 200).await;
    eventually("tokens are good again", async || alice.check().await.status == 204).await;
    let next = app.refresh(&alice.tokens.refresh_token).await.expect_tokens();
    assert_eq!(app.session_row(&next.session_id).await["generation"], 1, "nothing had been rotated meanwhile");
}

/// S-60.
/// A cable is pulled: no connection ends, nothing answers. For a while the set of what was revoked is still whole; after
/// that a good token is 503, never 401.
#[tokio::test]
async fn a_connection_that_broke_silently_is_noticed() {
    let (app, proxy) = behind_a_proxy(&[]).await;
    let alice = app.person("alice").await;
    proxy.fall_silent();

    app.refresh(&alice.tokens.refresh_token).await.expect_problem(503, AWAY);
    eventually("the set is no longer trusted", async || {
        let answer = alice.check().await;
        assert!(matches!(answer.status, 204 | 503), "never 401 for a good token: {answer:?}");
        answer.status == 503
    })
    .await;
    alice.check().await.expect_problem(503, AWAY);
    app.get("/healthz").await.expect(200);
    let (access_token, _) = forged(&alice.tokens.access_token, &alice.tokens.refresh_token);
    app.check(&access_token).await.expect_challenge("access_token_invalid");

    proxy.open();
    eventually("tokens are good again", async || alice.check().await.status == 204).await;
    // What was answered 503 was not written later, by nobody.
    app.refresh(&alice.tokens.refresh_token).await.expect_tokens();
}

/// more sign-ins at once than may ask the database at once; those that wait for their turn are answered too.
#[tokio::test]
async fn sign_ins_do_not_queue_up_behind_a_database_that_hangs() {
    const AT_ONCE: usize = 120;
    let (app, proxy) = behind_a_proxy(&[("HEIRLOOM_RATE_LIMIT", "on"), ("HEIRLOOM_DB_MAX_CONNECTIONS", "4")]).await;
    app.register("alice").await;
    proxy.fall_silent();

    let answered = AtomicUsize::new(0);
    let sign_in = async || {
        let answer = app.try_sign_in("alice").await;
        answered.fetch_add(1, Ordering::Relaxed);
        answer
    };
    let all = eventually("each is answered", async || answered.load(Ordering::Relaxed) == AT_ONCE);
    let (answers, ()) = tokio::join!(at_once((0..AT_ONCE).map(|_| sign_in())), all);
    for answer in answers {
        answer.expect_problem(503, AWAY);
    }
}

/// S-58, A-41: with the tables locked against every reader, tokens are still verified.
#[tokio::test]
async fn checking_a_token_reads_no_table() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let alice = app.person("alice").await;
    let ended = app.sign_in("alice").await;
    let changed = app.person("bob").await;
    admin.revoke_session(&ended.session_id).await.expect(200);
    admin.change(&changed.id, &json!({ "roles": ["editor"] })).await.expect(200);
    eventually("the server listens", async || alice.check().await.status == 204).await;
    let mut transaction = app.db().begin().await.unwrap();
    sqlx::raw_sql("LOCK TABLE sessions, users, signing_keys IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *transaction)
        .await
        .unwrap();

    for _ in 0..20 {
        alice.check().await.expect_done();
        app.check(&ended.access_token).await.expect_challenge("session_revoked");
        changed.check().await.expect_challenge("access_token_expired");
    }
    app.get("/.well-known/jwks.json").await.expect(200);

    transaction.rollback().await.unwrap();
}

/// S-37, S-38.
#[tokio::test]
async fn a_rotation_that_waits_too_long_is_given_up_for_good() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    let mut transaction = app.db().begin().await.unwrap();
    sqlx::raw_sql("SELECT FROM sessions FOR UPDATE").execute(&mut *transaction).await.unwrap();

    let answers = at_once((0..4).map(|_| app.refresh(&alice.tokens.refresh_token))).await;
    for answer in answers {
        answer.expect_problem(503, AWAY);
    }
    transaction.rollback().await.unwrap();

    eventually("nobody waits for the row any more", async || {
        app.count(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
        .await
            == 0
    })
    .await;
    assert_eq!(app.session_row(&alice.tokens.session_id).await["generation"], 0);
    app.refresh(&alice.tokens.refresh_token).await.expect_tokens();
}

///
#[tokio::test]
async fn a_database_that_only_reads_is_an_outage() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    let name = app.database_name();
    let sql = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(app.db()).await.unwrap();
    hang_up_on(&app, "application_name = 'heirloom'").await;

    app.refresh(&alice.tokens.refresh_token).await.expect_problem(503, AWAY);
    app.try_sign_in("alice").await.expect_problem(503, AWAY);
    // Several connections of the pool were ended: each may cost one answer of 503.
    eventually("what only reads works", async || alice.me().await.status == 200).await;

    let sql = format!("ALTER DATABASE {name} RESET default_transaction_read_only");
    let mut connection = app.db().acquire().await.unwrap();
    sqlx::raw_sql("SET default_transaction_read_only = off").execute(&mut *connection).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut *connection).await.unwrap();
    drop(connection);
    hang_up_on(&app, "application_name = 'heirloom'").await;
    eventually("it writes again", async || app.refresh(&alice.tokens.refresh_token).await.status == 200).await;
}

/// Ends connections of this test's server.
async fn hang_up_on(app: &TestApp, condition: &str) {
    let sql = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid() AND {condition}"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(app.db()).await.unwrap();
}

/// S-5: Postgres was restarted, and the connections in the pool are dead: a few answers of 503 at worst.
#[tokio::test]
async fn broken_connections_in_the_pool_cost_no_session() {
    let app = TestApp::start().await;
    let mut current = app.sign_in("alice").await;
    for generation in 1..4 {
        at_once((0..8).map(|_| app.me(&current.access_token))).await;
        hang_up_on(&app, "application_name = 'heirloom'").await;
        let token = &current.refresh_token;
        eventually("the pool is whole again", async || {
            let answer = app.refresh_with(token, KEY).await;
            assert!(matches!(answer.status, 200 | 503), "{answer:?}");
            answer.status == 200
        })
        .await;
        current = app.refresh_with(token, KEY).await.expect_tokens();
        assert_eq!(app.session_row(&current.session_id).await["generation"], generation);
    }
}

/// S-5, S-39: the connection is lost after Postgres has rotated and before the server knows.
#[tokio::test]
async fn a_lost_answer_of_postgres_costs_no_session() {
    let (app, proxy) = behind_a_proxy(&[("HEIRLOOM_DB_MAX_CONNECTIONS", "1")]).await;
    let mut current = app.sign_in("alice").await;
    // Postgres has prepared the statement now: what is lost from here on was executed.
    current = app.refresh(&current.refresh_token).await.expect_tokens();
    for generation in [2, 4, 6] {
        proxy.lose_next_answer();
        current = app.refresh(&current.refresh_token).await.expect_tokens();
        assert!(proxy.has_lost_it());
        assert_eq!(app.session_row(&current.session_id).await["generation"], generation, "rotated once");
        current = app.refresh(&current.refresh_token).await.expect_tokens();
    }
}

/// S-61: The listening connection breaks; what is revoked meanwhile is not missed.
#[tokio::test]
async fn a_missed_revocation_is_applied_later() {
    let app = TestApp::start().await;
    let other = app.another(&[]).await;
    let admin = app.admin("root").await;
    for round in 0..5 {
        let alice = app.sign_in(&format!("alice{round}")).await;
        let bob = app.sign_in(&format!("bob{round}")).await;
        other.check(&alice.access_token).await.expect_done();
        hang_up_on(&other, "application_name = 'heirloom listener'").await;
        admin.revoke_session(&alice.session_id).await.expect(200);
        app.check(&alice.access_token).await.expect_challenge("session_revoked");
        eventually("the other server makes up for it", async || {
            let answer = other.check(&bob.access_token).await;
            assert!(matches!(answer.status, 204 | 503), "never 401 for a good token: {answer:?}");
            other.check(&alice.access_token).await.status == 401
        })
        .await;
    }
}

/// S-11, A-20: a genuine token for another audience does not need the database either.
#[tokio::test]
async fn forged_tokens_are_refused_before_the_database_is_asked() {
    let (app, proxy) = behind_a_proxy(&[]).await;
    let alice = app.person("alice").await;
    let forge = Forge::of(&app).await;
    let (_, mut claims) = crate::support::forge::decode(&alice.tokens.access_token);
    claims["iss"] = format!("{PUBLIC_URL}.evil.example").into();
    let foreign = forge.sign(&forge.header(), &claims);
    proxy.go_down();
    eventually("the server notices", async || alice.check().await.status == 503).await;
    app.check(&foreign).await.expect_challenge("access_token_invalid");
}
