//! POST /api/v1/auth/refresh: tokens that are refused, for whatever reason but a replay.

use crate::support::{Answer, NOBODY, TestApp, expect_end_of};
use serde_json::{Value, json};

const KEY: &str = "9b2e1f0c-the-clients-own-key";

// ahead

/// S-22.
/// An old backup restored, a fail-over that lost its tail: tokens that are live again by accident must serve nobody.
#[tokio::test]
async fn a_token_from_a_future_that_the_database_has_forgotten_ends_the_family() {
    let app = TestApp::start().await;
    let first = app.sign_in("alice").await;
    let backup = app.session_row(&first.session_id).await;
    let second = app.refresh(&first.refresh_token).await.expect_tokens();
    go_back_to(&app, &first.session_id, &backup).await;

    app.refresh(&second.refresh_token).await.expect_problem(401, "session_revoked");

    expect_end_of(&app, &[&first, &second]).await;
    assert_eq!(app.events("refresh_token_ahead").await, 1);
    assert_eq!(app.events("refresh_token_reused").await, 0);
}

/// S-22: The same generation in two pasts: the row has gone on from the backup on another way.
#[tokio::test]
async fn a_token_of_a_forgotten_branch_ends_the_family() {
    let app = TestApp::start().await;
    let first = app.sign_in("alice").await;
    let backup = app.session_row(&first.session_id).await;
    let forgotten = app.refresh(&first.refresh_token).await.expect_tokens();
    go_back_to(&app, &first.session_id, &backup).await;
    let other = app.refresh(&first.refresh_token).await.expect_tokens();
    assert_ne!(forgotten.refresh_token, other.refresh_token);

    app.refresh(&forgotten.refresh_token).await.expect_problem(401, "session_revoked");
    expect_end_of(&app, &[&first, &forgotten, &other]).await;
}

async fn go_back_to(app: &TestApp, session: &str, backup: &Value) {
    let hash = backup["secret_hash"].as_str().expect("a hash").trim_start_matches("\\x");
    let change = format!("generation = 0, secret_hash = decode('{hash}', 'hex'), rotation_nonce = NULL");
    app.alter_session(session, &change).await;
}

// expired, blocked, revoked

/// S-23, S-44, S-45.
#[tokio::test]
async fn a_session_expires_after_its_idle_or_its_absolute_lifetime() {
    let app = TestApp::start().await;
    for over in [
        "idle_expires_at = now() - interval '1 s'",
        "absolute_expires_at = now() - interval '1 s'",
        "idle_expires_at = now() - interval '1 s', absolute_expires_at = now() - interval '1 s'",
    ] {
        let first = app.sign_in("alice").await;
        let second = app.refresh_with(&first.refresh_token, KEY).await.expect_tokens();
        app.alter_session(&first.session_id, over).await;
        let row = app.session_row(&first.session_id).await;

        app.refresh(&second.refresh_token).await.expect_problem(401, "session_expired");
        // The session has expired: a stale token is neither a replay nor a retry any more.
        app.refresh(&first.refresh_token).await.expect_problem(401, "session_expired");
        app.refresh_with(&first.refresh_token, KEY).await.expect_problem(401, "session_expired");
        assert_eq!(app.session_row(&first.session_id).await, row, "no side effects");
    }
    assert_eq!(app.events("refresh_token_reused").await, 0);
}

/// S-44, S-69: The real clock, once.
#[tokio::test]
async fn a_session_that_is_not_used_ends_by_itself() {
    let app = TestApp::with(&[("HEIRLOOM_SESSION_IDLE_TTL", "1s")]).await;
    let tokens = app.sign_in("alice").await;
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    app.refresh(&tokens.refresh_token).await.expect_problem(401, "session_expired");
}

/// S-25.
#[tokio::test]
async fn a_blocked_user_gets_a_clear_answer_and_nothing_changes() {
    let app = TestApp::start().await;
    let first = app.sign_in("alice").await;
    let second = app.refresh(&first.refresh_token).await.expect_tokens();
    let row = app.session_row(&first.session_id).await;
    sqlx::query("UPDATE users SET blocked_at = now()").execute(app.db()).await.unwrap();

    app.refresh(&second.refresh_token).await.expect_problem(403, "account_blocked");
    app.refresh(&first.refresh_token).await.expect_problem(403, "account_blocked");

    assert_eq!(app.session_row(&first.session_id).await, row);
    sqlx::query("UPDATE users SET blocked_at = NULL").execute(app.db()).await.unwrap();
    app.refresh(&second.refresh_token).await.expect_tokens();
}

/// S-24, S-27.
#[tokio::test]
async fn a_token_of_an_ended_session_is_revoked_whatever_its_generation() {
    let app = TestApp::start().await;
    let first = app.sign_in("alice").await;
    let second = app.refresh(&first.refresh_token).await.expect_tokens();
    app.sign_out(&second.refresh_token).await.expect_done();
    let row = app.session_row(&first.session_id).await;
    expect_end_of(&app, &[&first, &second]).await;
    assert_eq!(app.session_row(&first.session_id).await, row);
    assert_eq!(app.events("refresh_token_reused").await, 0);
}

// invalid

/// S-6, S-11.
#[tokio::test]
async fn what_is_not_a_token_of_ours_is_invalid_and_changes_no_row() {
    let app = TestApp::start().await;
    let tokens = app.sign_in("alice").await;
    let stranger = app.stranger(&[("HEIRLOOM_MASTER_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")]).await;
    let foreign = stranger.sign_in("alice").await.refresh_token;
    let rows = app.all_rows().await;

    let real = &tokens.refresh_token;
    let mut forged = vec![foreign, String::new(), "hrt_".to_owned(), "x".repeat(10_000), format!("hrt_{NOBODY}")];
    forged.extend([
        format!("{real}A"),
        format!(" {real}"),
        format!("{real}\n"),
        format!("{real}="),
        real.to_uppercase(),
    ]);
    forged.extend([
        real[..real.len() - 1].to_owned(),
        real[4..].to_owned(),
        real.replace("hrt_", "hrt-"),
        format!("{real}\0"),
    ]);
    forged.extend((4..real.len()).map(|at| with_other_character(real, at)));
    forged.push(tokens.access_token.clone());
    for token in &forged {
        app.refresh(token).await.expect_problem(401, "refresh_token_invalid").expect_no_cookie();
    }

    assert_eq!(app.all_rows().await, rows);
    app.refresh(real).await.expect_tokens();
}

/// The text with the character at `at` changed in its highest bit of six, which every decoder must see.
fn with_other_character(text: &str, at: usize) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let value = ALPHABET.find(&text[at..=at]).expect("base64url");
    let other = &ALPHABET[value ^ 32..=value ^ 32];
    format!("{}{other}{}", &text[..at], &text[at + 1..])
}

/// S-23: it was ours. The sweep has deleted the row.
#[tokio::test]
async fn a_genuine_token_of_a_session_without_a_row_is_expired() {
    let app = TestApp::start().await;
    let tokens = app.sign_in("alice").await;
    let second = app.refresh(&tokens.refresh_token).await.expect_tokens();
    sqlx::query("DELETE FROM sessions").execute(app.db()).await.unwrap();
    for token in [&tokens.refresh_token, &second.refresh_token] {
        app.refresh(token).await.expect_problem(401, "session_expired");
    }
}

///
#[tokio::test]
async fn no_token_at_all_is_missing() {
    let app = TestApp::start().await;
    let refresh = || app.request("POST", "/api/v1/auth/refresh");
    refresh().send().await.expect_problem(401, "refresh_token_missing").expect_no_cookie();
    refresh().json(&json!({})).send().await.expect_problem(401, "refresh_token_missing");
    refresh().json(&json!({ "refresh_token": null })).send().await.expect_problem(401, "refresh_token_missing");
    refresh().header("Cookie", "heirloom=").send().await.expect_problem(401, "refresh_token_missing");
    let access_token = app.sign_in("alice").await.access_token;
    refresh().bearer(&access_token).send().await.expect_problem(401, "refresh_token_missing");
}

// how a token travels

/// S-26.
#[tokio::test]
async fn a_token_that_comes_the_wrong_way_is_invalid_and_changes_nothing() {
    let app = TestApp::start().await;
    let body = app.sign_in("alice").await;
    let mut browser = app.browser();
    let cookie = browser.sign_in("alice").await.expect_tokens();
    let second = app.refresh(&body.refresh_token).await.expect_tokens();
    let rows = app.all_rows().await;

    app.refresh(&cookie.cookie).await.expect_problem(401, "refresh_token_invalid");
    for token in [&body.refresh_token, &second.refresh_token] {
        let mut other = app.browser().holding(token);
        other.refresh().await.expect_problem(401, "refresh_token_invalid").expect_no_cookie();
    }

    assert_eq!(app.all_rows().await, rows);
    browser.refresh().await.expect_tokens();
    app.refresh(&second.refresh_token).await.expect_tokens();
}

/// S-35.
#[tokio::test]
async fn a_refusal_never_sets_or_clears_the_cookie() {
    let app = TestApp::start().await;
    let refuse = async |token: &str, code: &str| -> Answer {
        let answer = app.browser().holding(token).refresh().await;
        answer.expect_problem(if code == "account_blocked" { 403 } else { 401 }, code);
        answer
    };
    let mut browser = app.browser();
    let first = browser.sign_in("alice").await.expect_tokens();
    browser.refresh().await.expect_tokens();
    refuse("hrt_nonsense", "refresh_token_invalid").await.expect_no_cookie();
    refuse(&first.cookie, "refresh_token_reused").await.expect_no_cookie();
    refuse(&first.cookie, "session_revoked").await.expect_no_cookie();

    let blocked = browser.sign_in("alice").await.expect_tokens();
    sqlx::query("UPDATE users SET blocked_at = now()").execute(app.db()).await.unwrap();
    refuse(&blocked.cookie, "account_blocked").await.expect_no_cookie();
    sqlx::query("UPDATE users SET blocked_at = NULL").execute(app.db()).await.unwrap();
    app.alter_session(&blocked.session_id, "idle_expires_at = now() - interval '1 s'").await;
    refuse(&blocked.cookie, "session_expired").await.expect_no_cookie();
}
