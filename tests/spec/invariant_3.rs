//! "After a reuse has been answered, no token of that family works again: not one in flight, not one handed out in the
//! same instant." What a hostile review tried (`docs/invariant-3.md`), as far as it can be repeated here.

use crate::support::{Forge, PUBLIC_URL, TestApp, Tokens, at_once, eventually, expect_end_of, forge};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const KEY: &str = "9b2e1f0c-the-clients-own-key";
/// How often a race is run.
const ROUNDS: usize = 8;

/// A family: the token of the sign-in, which is stale, and the newest.
async fn family(app: &TestApp, name: &str) -> (Tokens, Tokens) {
    let stale = app.sign_in(name).await;
    let newest = app.refresh(&stale.refresh_token).await.expect_tokens();
    (stale, newest)
}

/// The text of a request.
fn text(method: &str, path: &str, bearer: &str, body: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {bearer}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        PUBLIC_URL.trim_start_matches("http://"),
        body.len()
    )
}

/// The statuses of so many answers on one connection.
async fn statuses(stream: &mut TcpStream, number: usize) -> Vec<String> {
    let mut received = String::new();
    let status_lines = |received: &str| received.matches("HTTP/1.1 ").count();
    while status_lines(&received) < number {
        let mut buffer = [0; 4096];
        let length = stream.read(&mut buffer).await.expect("an answer");
        assert_ne!(length, 0, "the connection ended: {received}");
        received.push_str(&String::from_utf8_lossy(&buffer[..length]));
    }
    received.split("HTTP/1.1 ").skip(1).map(|answer| answer[..3].to_owned()).collect()
}

/// S-3.
/// A thief opens requests while the access token is good, keeps back the end of their bodies, and sends it once the
/// reuse has been answered.
#[tokio::test]
async fn a_request_whose_body_ends_after_the_reuse_was_answered_is_refused() {
    let app = TestApp::start().await;
    let root = app.admin("root").await;
    let alice = app.person("alice").await;
    let newest = app.refresh(&root.tokens.refresh_token).await.expect_tokens();
    let user = format!("/api/v1/admin/users/{}", alice.id);
    let mut requests = Vec::new();
    for (method, path, body) in [
        ("PATCH", "/api/v1/me", json!({ "name": "Mallory" })),
        ("POST", "/api/v1/me/password", json!({ "current_password": "a", "new_password": "an entirely other horse" })),
        ("PATCH", &user, json!({ "roles": ["admin"] })),
        ("POST", "/api/v1/admin/revoke", json!({ "user_id": alice.id })),
    ] {
        let mut stream = TcpStream::connect(app.address).await.expect("a connection");
        let request = text(method, path, &newest.access_token, &body.to_string());
        let (most, rest) = request.split_at(request.len() - 1);
        stream.write_all(most.as_bytes()).await.expect("it is sent");
        requests.push((stream, rest.to_owned()));
    }
    // They have been looked at by now: these came later, on connections of their own.
    for _ in 0..8 {
        app.check(&newest.access_token).await.expect_done();
    }

    app.refresh(&root.tokens.refresh_token).await.expect_problem(401, "refresh_token_reused");

    for (mut stream, rest) in requests {
        stream.write_all(rest.as_bytes()).await.expect("it is sent");
        assert_eq!(statuses(&mut stream, 1).await, ["401"]);
    }
    assert_eq!(app.count("SELECT count(*) FROM users WHERE name = 'Mallory' OR roles = '{admin}'").await, 1);
    alice.check().await.expect_done();
}

/// S-3.
#[tokio::test]
async fn what_is_pipelined_behind_the_replay_is_refused() {
    let app = TestApp::start().await;
    let (stale, newest) = family(&app, "alice").await;
    let refresh = |tokens: &Tokens| {
        text("POST", "/api/v1/auth/refresh", "", &json!({ "refresh_token": tokens.refresh_token }).to_string())
    };
    let check = |tokens: &Tokens| text("GET", "/api/v1/auth/check", &tokens.access_token, "");
    let mut stream = TcpStream::connect(app.address).await.expect("a connection");
    let all = [refresh(&stale), check(&newest), refresh(&newest), check(&stale)].concat();
    stream.write_all(all.as_bytes()).await.expect("it is sent");

    assert_eq!(statuses(&mut stream, 4).await, ["401"; 4]);
    assert_eq!(app.events("refresh_token_reused").await, 1);
    expect_end_of(&app, &[&stale, &newest]).await;
}

/// S-3: Retries are being computed on both servers while the replay ends the family on one.
#[tokio::test]
async fn retries_that_race_the_replay_on_two_servers_hand_out_nothing_that_lives() {
    let one = TestApp::start().await;
    let two = one.another(&[]).await;
    for round in 0..ROUNDS {
        let stale = one.sign_in("alice").await;
        one.refresh_with(&stale.refresh_token, KEY).await.expect_tokens();
        let retries = at_once((0..6).map(|number| {
            let app = if number % 2 == 0 { &one } else { &two };
            app.refresh_with(&stale.refresh_token, KEY)
        }));
        let replays_on = if round % 2 == 0 { &one } else { &two };
        let (answers, replayed) = tokio::join!(retries, replays_on.refresh(&stale.refresh_token));
        replayed.expect_problem(401, "refresh_token_reused");

        let handed_out: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
        for tokens in handed_out.into_iter().map(|answer| answer.expect_tokens()) {
            expect_end_of(replays_on, &[&tokens]).await;
            for app in [&one, &two] {
                app.refresh(&tokens.refresh_token).await.expect_problem(401, "session_revoked");
                // It has just said so of the refresh token.
                app.check(&tokens.access_token).await.expect_challenge("session_revoked");
            }
        }
    }
}

/// S-57.
/// What the database reports about the refresh token holds for the access token at once, even before the notification.
#[tokio::test]
async fn a_server_that_calls_a_session_ended_takes_no_access_token_of_it() {
    let app = TestApp::start().await;
    let alice = app.sign_in("alice").await;
    eventually("the server listens", async || app.check(&alice.access_token).await.status == 204).await;
    // As seen by a server to which the notification is still on its way. A listener that reconnects just now, as it does
    // on a busy machine, reads the row and knows earlier.
    app.alter_session(&alice.session_id, "revoked_at = now(), revoked_reason = 'refresh_token_reused'").await;
    app.refresh(&alice.refresh_token).await.expect_problem(401, "session_revoked");
    app.check(&alice.access_token).await.expect_challenge("session_revoked");
}

/// S-47: `ACCESS_TOKEN_TTL` was lowered: what was signed before must not outlive what is remembered of the ends.
#[tokio::test]
async fn an_access_token_lives_no_longer_than_those_of_today() {
    let app = TestApp::with(&[("HEIRLOOM_ACCESS_TOKEN_TTL", "10m")]).await;
    let alice = app.sign_in("alice").await;
    let forge = Forge::of(&app).await;
    let (_, mut claims) = forge::decode(&alice.access_token);
    let now = claims["iat"].as_i64().expect("a time");
    claims["exp"] = (now + 3_600).into();
    app.check(&forge.sign(&forge.header(), &claims)).await.expect_done();
    claims["iat"] = (now - 660).into();
    claims["nbf"] = (now - 660).into();
    app.check(&forge.sign(&forge.header(), &claims)).await.expect_challenge("access_token_expired");
}

/// S-3.
/// The database's clock was an hour ahead when the family last rotated, and is right again: an access token of then is
/// good in an hour, and the family must still be known to be dead.
#[tokio::test]
async fn an_end_is_never_dated_before_the_last_rotation() {
    let app = TestApp::start().await;
    let (stale, _newest) = family(&app, "alice").await;
    app.alter_session(&stale.session_id, "last_used_at = now() + interval '1 hour'").await;
    app.refresh(&stale.refresh_token).await.expect_problem(401, "refresh_token_reused");
    let row = app.session_row(&stale.session_id).await;
    assert_eq!(row["revoked_at"], row["last_used_at"]);
}

/// S-63.
/// ADR 0020, when the last rotation was lost together with the end: then even the replayed token is the current one.
#[tokio::test]
async fn a_family_stays_revoked_when_its_last_rotation_is_lost_too() {
    let app = TestApp::start().await;
    let other = app.another(&[]).await;
    for (server, keyed) in [(&app, false), (&other, false), (&app, true), (&other, true)] {
        let stale = app.sign_in("alice").await;
        sqlx::raw_sql("DROP TABLE IF EXISTS backup; CREATE TABLE backup AS SELECT * FROM sessions")
            .execute(app.db())
            .await
            .expect("SQL");
        let newest = app.refresh(&stale.refresh_token).await.expect_tokens();
        app.refresh(&stale.refresh_token).await.expect_problem(401, "refresh_token_reused");
        eventually("the other server knows", async || other.check(&newest.access_token).await.status == 401).await;
        let back = "UPDATE sessions AS s SET generation = b.generation, secret_hash = b.secret_hash,
                           rotation_nonce = b.rotation_nonce, revoked_at = NULL, revoked_reason = NULL
                    FROM backup AS b WHERE b.id = s.id AND s.revoked_reason = 'refresh_token_reused'";
        assert_eq!(sqlx::query(back).execute(app.db()).await.expect("SQL").rows_affected(), 1);

        let presented = if keyed {
            server.refresh_with(&stale.refresh_token, KEY).await
        } else {
            server.refresh(&stale.refresh_token).await
        };

        presented.expect_problem(401, "session_revoked");
        expect_end_of(server, &[&stale, &newest]).await;
    }
}

/// S-63 (ADR 0020), for a revocation of everyone's sessions.
#[tokio::test]
async fn the_end_of_everyone_that_the_database_forgot_is_ended_again() {
    let app = TestApp::start().await;
    let root = app.admin("root").await;
    let alice = app.sign_in("alice").await;
    root.revoke(&json!({ "everyone": true })).await.expect(200);
    let later = app.sign_in("bob").await;
    let forgotten = "UPDATE sessions SET revoked_at = NULL, revoked_reason = NULL; DELETE FROM everyone_revocations";
    sqlx::raw_sql(forgotten).execute(app.db()).await.expect("SQL");
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
               WHERE datname = current_database() AND application_name = 'heirloom listener'";
    assert!(app.count(cut).await >= 1);

    eventually("it is ended again", async || {
        app.session_row(&alice.session_id).await["revoked_reason"] == "revocation_lost"
    })
    .await;
    assert_eq!(app.count("SELECT count(*) FROM everyone_revocations").await, 1);
    // Who came afterwards stays.
    app.refresh(&later.refresh_token).await.expect_tokens();
}

/// S-21, S-56: The end cannot be written: the reuse is not answered as one, and the next replay is.
#[tokio::test]
async fn a_revocation_that_could_not_be_written_is_not_answered_as_one() {
    let app = TestApp::start().await.with_outages();
    let (stale, newest) = family(&app, "alice").await;
    let mut transaction = app.db().begin().await.expect("SQL");
    sqlx::raw_sql("SELECT FROM sessions FOR UPDATE").execute(&mut *transaction).await.expect("SQL");
    app.refresh(&stale.refresh_token).await.expect_problem(503, "temporarily_unavailable");
    transaction.rollback().await.expect("SQL");

    app.check(&newest.access_token).await.expect_done();
    app.refresh(&stale.refresh_token).await.expect_problem(401, "refresh_token_reused");
    expect_end_of(&app, &[&stale, &newest]).await;
}
