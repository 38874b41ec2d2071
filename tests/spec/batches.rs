//! Rotations that travel in one statement: each gets its own outcome, whatever becomes of the others.

use crate::support::{Answer, TestApp, Tokens, at_once, eventually};
use std::time::Duration;

/// Honest rotations at once.
const CROWD: usize = 64;
const OPTIONS: &[(&str, &str)] =
    &[("HEIRLOOM_MAX_SESSIONS_PER_USER", "1000"), ("HEIRLOOM_METRICS_BIND", "127.0.0.1:0")];
const KEY: &str = "9b2e1f0c-the-clients-own-key";

async fn crowd(app: &TestApp) -> Vec<Tokens> {
    let mut sessions = Vec::new();
    for _ in 0..CROWD {
        sessions.push(app.sign_in("alice").await);
    }
    sessions
}

async fn refresh_all(app: &TestApp, sessions: &[Tokens]) -> Vec<Answer> {
    at_once(sessions.iter().map(|tokens| app.refresh(&tokens.refresh_token))).await
}

/// The statements sent and the rotations in them.
async fn batches(app: &TestApp) -> (u64, u64) {
    let metrics = app.metrics().await;
    let value = |name: &str| {
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)).expect("the metric");
        line.trim().trim_end_matches(".0").parse().expect("a number")
    };
    (value("heirloom_rotation_batch_size_count"), value("heirloom_rotation_batch_size_sum"))
}

/// S-15, S-41, S-43: while the table is locked, redemptions queue up. Then they travel together.
#[tokio::test]
async fn rotations_that_wait_for_the_database_travel_together() {
    let app = TestApp::with(OPTIONS).await;
    let sessions = crowd(&app).await;
    let mut blocker = app.db().begin().await.expect("a transaction");
    sqlx::query("LOCK TABLE sessions IN EXCLUSIVE MODE").execute(&mut *blocker).await.expect("SQL");

    let release = async {
        eventually("a batch waits", async || {
            let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                AND wait_event_type = 'Lock' AND query LIKE 'WITH taken%'";
            app.count(waiting).await > 0
        })
        .await;
        blocker.rollback().await.expect("the end of a transaction");
    };
    let (answers, ()) = tokio::join!(refresh_all(&app, &sessions), release);

    for answer in &answers {
        answer.expect_tokens();
    }
    let (statements, rotations) = batches(&app).await;
    assert!(statements < rotations && rotations == 64, "{statements} statements for {rotations} rotations");
    assert_eq!(app.count("SELECT count(*) FROM sessions WHERE generation = 1").await, 64);
}

/// S-42: no other rotation waits for a locked row; its own continues when the lock is released.
#[tokio::test]
async fn a_locked_row_holds_up_only_its_own_rotation() {
    let app = TestApp::with(OPTIONS).await.with_outages();
    let sessions = crowd(&app).await;
    let (locked, others) = sessions.split_first().expect("a crowd");
    let mut blocker = app.db().begin().await.expect("a transaction");
    let lock = "SELECT 1 FROM sessions WHERE id = $1::uuid FOR UPDATE";
    sqlx::query(lock).bind(&locked.session_id).execute(&mut *blocker).await.expect("SQL");

    let honest = async {
        let mut newest = refresh_all(&app, others).await.iter().map(Answer::expect_tokens).collect::<Vec<_>>();
        for _ in 0..2 {
            newest = refresh_all(&app, &newest).await.iter().map(Answer::expect_tokens).collect();
        }
        blocker.rollback().await.expect("the end of a transaction");
    };
    let (answer, ()) = tokio::join!(app.refresh_with(&locked.refresh_token, KEY), honest);

    // On a machine where the others took longer than a lock is waited for, it is an outage, and the token is as good as
    // before (S-37).
    let again = app.refresh_with(&locked.refresh_token, KEY).await.expect_tokens();
    if answer.status == 200 {
        assert_eq!(answer.expect_tokens().refresh_token, again.refresh_token);
    } else {
        answer.expect_problem(503, "temporarily_unavailable");
    }
}

/// S-42: it continues with what the other transaction made of the row, even where the database wants transactions that see one
/// instant only.
#[tokio::test]
async fn a_rotation_continues_with_a_row_that_was_changed_meanwhile() {
    let one = TestApp::start().await;
    let stricter =
        format!("ALTER DATABASE \"{}\" SET default_transaction_isolation = 'serializable'", one.database_name());
    sqlx::raw_sql(sqlx::AssertSqlSafe(stricter)).execute(one.db()).await.expect("SQL");
    let app = one.another(&[]).await;
    let tokens = app.sign_in("alice").await;
    let mut other = one.db().begin().await.expect("a transaction");
    let touch = "UPDATE sessions SET last_used_at = last_used_at WHERE id = $1::uuid";
    sqlx::query(touch).bind(&tokens.session_id).execute(&mut *other).await.expect("SQL");

    let commit = async {
        eventually("the rotation waits", async || {
            let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                AND wait_event_type = 'Lock' AND query LIKE '%UPDATE sessions AS s%'";
            one.count(waiting).await > 0
        })
        .await;
        other.commit().await.expect("the end of a transaction");
    };
    let (answer, ()) = tokio::join!(app.refresh(&tokens.refresh_token), commit);

    answer.expect_tokens();
}

/// S-42: a row that cannot be written makes its batch fail as a whole. The others go on alone.
#[tokio::test]
async fn a_row_that_cannot_be_written_fails_alone() {
    let app = TestApp::with(OPTIONS).await.with_outages();
    let sessions = crowd(&app).await;
    let (poisoned, others) = sessions.split_first().expect("a crowd");
    poison(&app, &poisoned.session_id, "RAISE EXCEPTION USING ERRCODE = 'disk_full'").await;

    let (answer, answers) = tokio::join!(app.refresh(&poisoned.refresh_token), refresh_all(&app, others));

    answer.expect_problem(503, "temporarily_unavailable");
    for answer in &answers {
        answer.expect_tokens();
    }
    sqlx::raw_sql("DROP TRIGGER poison ON sessions").execute(app.db()).await.expect("SQL");
    app.refresh(&poisoned.refresh_token).await.expect_tokens();
}

/// S-42: neither does a row whose writing takes longer than a request may.
#[tokio::test]
async fn a_row_whose_writing_takes_too_long_is_answered_503_alone() {
    let app = TestApp::with(OPTIONS).await.with_outages();
    let sessions = crowd(&app).await;
    let (slow, others) = sessions.split_first().expect("a crowd");
    poison(&app, &slow.session_id, "PERFORM pg_sleep(30)").await;

    let (answer, answers) = tokio::join!(app.refresh(&slow.refresh_token), refresh_all(&app, others));

    answer.expect_problem(503, "temporarily_unavailable");
    for answer in &answers {
        answer.expect_tokens();
    }
    sqlx::raw_sql("DROP TRIGGER poison ON sessions").execute(app.db()).await.expect("SQL");
    assert_eq!(app.session_row(&slow.session_id).await["generation"], 0, "S-38: it was not written later");
    app.refresh(&slow.refresh_token).await.expect_tokens();
}

/// S-38: batches wait for a connection, and then for a lock, which goes as soon as the first of their rotations is given up. What
/// was answered 503 must not be written then.
#[tokio::test]
async fn what_was_given_up_is_not_written_by_the_batch_that_it_was_in() {
    const CONNECTIONS: usize = 4;
    const WARM: i32 = 8;
    let app = TestApp::with(&[OPTIONS, &[("HEIRLOOM_DB_MAX_CONNECTIONS", "4")]].concat()).await.with_outages();
    let mut sessions = crowd(&app).await;
    // Afterwards the statements are prepared on every connection: to prepare one would wait for the lock, too.
    for _ in 0..WARM {
        sessions = refresh_all(&app, &sessions).await.iter().map(Answer::expect_tokens).collect();
    }
    let (slow, others) = sessions.split_at(CONNECTIONS);
    let ids: Vec<_> = slow.iter().map(|tokens| tokens.session_id.as_str()).collect();
    poison(&app, &ids.join("', '"), "PERFORM pg_sleep(1.5)").await;
    let given_up = tokio::sync::Notify::new();

    let refresh = async |tokens: &Tokens| {
        let answer = app.refresh(&tokens.refresh_token).await;
        if answer.status == 503 {
            given_up.notify_one();
        }
        answer
    };
    // One after another: each by a statement of its own.
    let hold_the_connections = at_once((1..).zip(slow).map(async |(place, tokens)| {
        tokio::time::sleep(Duration::from_millis(60) * place).await;
        app.refresh(&tokens.refresh_token).await
    }));
    let crowd = async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        let answers = at_once(others.iter().map(refresh)).await;
        given_up.notify_one();
        answers
    };
    let lock = async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        let mut blocker = app.db().begin().await.expect("a transaction");
        sqlx::query("LOCK TABLE sessions IN EXCLUSIVE MODE").execute(&mut *blocker).await.expect("SQL");
        given_up.notified().await;
        blocker.rollback().await.expect("the end of a transaction");
    };
    let (_, answers, ()) = tokio::join!(hold_the_connections, crowd, lock);

    let busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'
        AND pid <> pg_backend_pid() AND query LIKE '%UPDATE sessions AS s%'";
    eventually("no rotation is under way", async || app.count(busy).await == 0).await;
    for (tokens, answer) in others.iter().zip(&answers) {
        let rotated = app.session_row(&tokens.session_id).await["generation"] == WARM + 1;
        assert_eq!((answer.status == 200, answer.status == 503), (rotated, !rotated), "{answer:?}");
    }
}

/// A trigger that does this when the session's row is written.
async fn poison(app: &TestApp, session: &str, action: &str) {
    let sql = format!(
        "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN IF NEW.id IN ('{session}') THEN {action}; END IF; RETURN NEW; END $$;
         CREATE TRIGGER poison BEFORE UPDATE ON sessions FOR EACH ROW EXECUTE FUNCTION poison();"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(app.db()).await.expect("SQL");
}

/// S-43, S-2, S-3 and S-20 in the middle of a crowd: the race ends its own family and no other.
#[tokio::test]
async fn a_race_for_one_token_among_honest_rotations_revokes_one_family() {
    let one = TestApp::with(OPTIONS).await;
    let two = one.another(OPTIONS).await;
    for _ in 0..4 {
        let sessions = crowd(&one).await;
        let stolen = one.sign_in("bob").await;

        let servers = || [&one, &two].into_iter().cycle();
        let race = at_once(servers().take(CROWD).map(|server| server.refresh(&stolen.refresh_token)));
        let honest = servers().zip(&sessions).map(|(server, tokens)| server.refresh(&tokens.refresh_token));
        let (race, honest) = tokio::join!(race, at_once(honest));

        let winners = race.iter().filter(|answer| answer.status == 200).count();
        let reuses = race.iter().filter(|answer| answer.json()["code"] == "refresh_token_reused").count();
        assert_eq!((winners, reuses), (1, 1));
        for answer in &race {
            if answer.status == 200 {
                one.refresh(&answer.expect_tokens().refresh_token).await.expect_problem(401, "session_revoked");
            }
        }
        for answer in &honest {
            answer.expect_tokens();
        }
    }
}

/// S-42, S-17, S-39: the connections are cut again and again. Whatever was committed is known by its nonce or by the key.
#[tokio::test]
async fn a_batch_whose_connection_is_cut_signs_no_one_out() {
    let app = TestApp::with(OPTIONS).await;
    let mut newest = crowd(&app).await;
    for _ in 0..4 {
        let cutter = async {
            for _ in 0..5 {
                let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND query LIKE '%UPDATE sessions AS s%' AND pid <> pg_backend_pid()";
                sqlx::query(cut).execute(app.db()).await.expect("SQL");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let refreshes = at_once(newest.iter().map(|tokens| app.refresh_with(&tokens.refresh_token, KEY)));
        let (answers, ()) = tokio::join!(refreshes, cutter);
        let mut next = Vec::new();
        for (tokens, answer) in newest.iter().zip(answers) {
            // An outage: the same request again. Each answer of 503 takes a dead connection out of the pool.
            let mut answer = answer;
            while answer.status == 503 {
                answer = app.refresh_with(&tokens.refresh_token, KEY).await;
            }
            next.push(answer.expect_tokens());
        }
        newest = next;
    }
    assert_eq!(app.events("refresh_token_reused").await, 0);
}

/// The statement of a batch, as it is in the code.
fn statement_of_batches() -> &'static str {
    let code = include_str!("../../src/sessions/store/rotation.rs");
    let (_, rest) = code.split_once("r#\"WITH taken").expect("the statement");
    let (statement, _) = rest.split_once("\"#").expect("its end");
    statement
}

/// S-41: Postgres keeps one plan for batches of any size. To plan each small batch costs more than to execute it.
#[tokio::test]
async fn batches_of_any_size_share_one_plan() {
    let app = TestApp::start().await;
    let mut connection = app.db().acquire().await.expect("a connection");
    let prepare = sqlx::AssertSqlSafe(format!("PREPARE batch AS WITH taken{}", statement_of_batches()));
    sqlx::raw_sql(prepare).execute(&mut *connection).await.expect("SQL");
    // Postgres plans the first five executions one by one, and then compares.
    let execute =
        "EXECUTE batch ('{1,2}', '{01890000-0000-7000-8000-000000000000,01890000-0000-7000-8000-000000000001}',
        '{0,0}', ARRAY['a', 'b']::bytea[], '{body,body}', ARRAY['a', 'b']::bytea[], ARRAY['a', 'b']::bytea[],
        '{NULL,NULL}', '{NULL,NULL}', 60, 60, now() + interval '1 minute')";
    for _ in 0..7 {
        sqlx::raw_sql(execute).execute(&mut *connection).await.expect("SQL");
    }
    let kept = "SELECT generic_plans FROM pg_prepared_statements WHERE name = 'batch'";
    let kept: i64 = sqlx::query_scalar(kept).fetch_one(&mut *connection).await.expect("SQL");
    assert_eq!(kept, 2, "executions by the plan that was kept");
}
