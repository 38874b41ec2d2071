//! POST /api/v1/auth/refresh: rotated, retried, within the leeway, reused (RFC 9700 §4.14.2).

use crate::support::{TestApp, expect_end_of, forge};
use serde_json::json;

const KEY: &str = "9b2e1f0c-the-clients-own-key";
const OTHER_KEY: &str = "9b2e1f0c-another-clients-key";

// rotated

/// S-16, A-34.
#[tokio::test]
async fn the_current_token_is_redeemed_for_a_new_pair() {
    let app = TestApp::start().await;
    let first = app.sign_in("alice").await;
    let second = app.refresh(&first.refresh_token).await.expect_tokens();

    assert_eq!(second.session_id, first.session_id);
    assert_ne!(second.refresh_token, first.refresh_token);
    assert_ne!(second.access_token, first.access_token);
    assert_eq!(second.refresh_expires_in, first.refresh_expires_in);
    app.check(&second.access_token).await.expect_done();
    app.refresh(&second.refresh_token).await.expect_tokens();
}

/// S-34.
#[tokio::test]
async fn the_access_token_from_before_a_rotation_lives_on() {
    let app = TestApp::start().await;
    let first = app.sign_in("alice").await;
    app.refresh(&first.refresh_token).await.expect_tokens();
    app.check(&first.access_token).await.expect_done();
}

/// S-44, S-45.
#[tokio::test]
async fn a_rotation_moves_the_idle_lifetime_and_never_the_absolute_one() {
    let app = TestApp::start().await;
    let person = app.person("alice").await;
    let session = &person.tokens.session_id;
    app.alter_session(session, "idle_expires_at = now() + interval '1 min', last_used_at = now() - interval '1 h'")
        .await;
    let before = app.session_row(session).await;

    let request = app.request("POST", "/api/v1/auth/refresh").header("User-Agent", "Later/2.0");
    request.json(&json!({ "refresh_token": person.tokens.refresh_token })).send().await.expect_tokens();

    let after = app.session_row(session).await;
    assert_eq!(after["generation"], 1);
    assert_eq!(after["absolute_expires_at"], before["absolute_expires_at"]);
    assert_eq!(after["created_at"], before["created_at"]);
    assert!(after["idle_expires_at"].as_str() > before["idle_expires_at"].as_str());
    assert!(after["last_used_at"].as_str() > before["last_used_at"].as_str());
    let seen = &person.sessions().await[0];
    assert_eq!(seen["generation"], 1);
    assert_eq!(seen["user_agent"], "Later/2.0");
}

/// S-7, S-45.
#[tokio::test]
async fn a_rotation_never_passes_the_absolute_lifetime() {
    let app = TestApp::start().await;
    let first = app.sign_in("alice").await;
    app.alter_session(&first.session_id, "absolute_expires_at = now() + interval '90 s'").await;

    let second = app.refresh(&first.refresh_token).await.expect_tokens();

    assert!(second.refresh_expires_in <= 90, "{second:?}");
    assert!(second.expires_in <= 90, "{second:?}");
    let (_, claims) = forge::decode(&second.access_token);
    let row = app.session_row(&first.session_id).await;
    assert!(row["idle_expires_at"].as_str() <= row["absolute_expires_at"].as_str(), "{row}");
    assert!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap() <= 90, "{claims}");
}

/// S-62.
#[tokio::test]
async fn a_changed_role_takes_effect_at_the_next_rotation() {
    let app = TestApp::start().await;
    let first = app.sign_in("alice").await;
    sqlx::query("UPDATE users SET roles = '{editor}'").execute(app.db()).await.unwrap();
    let second = app.refresh(&first.refresh_token).await.expect_tokens();
    assert_eq!(forge::decode(&second.access_token).1["roles"], json!(["editor"]));
}

/// S-16.
#[tokio::test]
async fn a_key_is_no_hindrance_to_the_next_rotation() {
    let app = TestApp::start().await;
    let first = app.sign_in("alice").await;
    let second = app.refresh_with(&first.refresh_token, KEY).await.expect_tokens();
    let third = app.refresh_with(&second.refresh_token, KEY).await.expect_tokens();
    app.refresh(&third.refresh_token).await.expect_tokens();
}

// retried

/// S-17, S-29.
#[tokio::test]
async fn the_same_request_again_gets_the_same_refresh_token() {
    let app = TestApp::start().await;
    let first = app.sign_in("alice").await;
    let second = app.refresh_with(&first.refresh_token, KEY).await.expect_tokens();
    let row = app.session_row(&first.session_id).await;

    for _ in 0..3 {
        let again = app.refresh_with(&first.refresh_token, KEY).await.expect_tokens();
        assert_eq!(again.refresh_token, second.refresh_token);
        assert_eq!(again.session_id, second.session_id);
        assert_ne!(again.access_token, second.access_token, "a fresh access token");
        app.check(&again.access_token).await.expect_done();
    }
    assert_eq!(app.session_row(&first.session_id).await, row, "a retry has no side effects");
    app.refresh(&second.refresh_token).await.expect_tokens();
}

/// S-18.
/// S-17, S-18: a laptop that was suspended in the middle of a refresh comes back hours or days later.
#[tokio::test]
async fn a_retry_with_the_key_is_honoured_for_as_long_as_the_session_lives() {
    let app = TestApp::start().await;
    for age in ["125 s", "1 hour", "13 days"] {
        let first = app.sign_in("alice").await;
        let second = app.refresh_with(&first.refresh_token, KEY).await.expect_tokens();
        app.alter_session(&first.session_id, &format!("last_used_at = last_used_at - interval '{age}'")).await;
        let again = app.refresh_with(&first.refresh_token, KEY).await;
        assert_eq!(again.expect_tokens().refresh_token, second.refresh_token, "{age}");
        app.refresh(&second.refresh_token).await.expect_tokens();
        app.refresh_with(&first.refresh_token, KEY).await.expect_problem(401, "refresh_token_reused");
    }
}

/// S-17, S-23: the key does not outlive the session.
#[tokio::test]
async fn a_retry_of_an_expired_session_is_expired() {
    let app = TestApp::start().await;
    let first = app.sign_in("alice").await;
    app.refresh_with(&first.refresh_token, KEY).await.expect_tokens();
    app.alter_session(&first.session_id, "idle_expires_at = now()").await;
    app.refresh_with(&first.refresh_token, KEY).await.expect_problem(401, "session_expired");
}

/// S-18
#[tokio::test]
async fn an_operator_can_limit_how_late_a_retry_may_come() {
    let app = TestApp::with(&[("HEIRLOOM_RETRY_WINDOW", "1h")]).await;
    for (age, is_retry) in [("50 minutes", true), ("61 minutes", false)] {
        let first = app.sign_in("alice").await;
        let second = app.refresh_with(&first.refresh_token, KEY).await.expect_tokens();
        app.alter_session(&first.session_id, &format!("last_used_at = last_used_at - interval '{age}'")).await;
        let again = app.refresh_with(&first.refresh_token, KEY).await;
        if is_retry {
            assert_eq!(again.expect_tokens().refresh_token, second.refresh_token);
        } else {
            again.expect_problem(401, "refresh_token_reused");
            expect_end_of(&app, &[&first, &second]).await;
        }
    }
}

/// S-18.
#[tokio::test]
async fn the_window_can_be_shut() {
    let app = TestApp::with(&[("HEIRLOOM_RETRY_WINDOW", "0s")]).await;
    let first = app.sign_in("alice").await;
    app.refresh_with(&first.refresh_token, KEY).await.expect_tokens();
    app.refresh_with(&first.refresh_token, KEY).await.expect_problem(401, "refresh_token_reused");
}

/// S-30, S-20: a thief with the old token does not know the key that the client chose.
#[tokio::test]
async fn a_retry_with_another_key_or_none_is_a_replay() {
    let app = TestApp::start().await;
    for replay in [Some(OTHER_KEY), None] {
        let first = app.sign_in("alice").await;
        let second = app.refresh_with(&first.refresh_token, KEY).await.expect_tokens();
        let answer = match replay {
            Some(key) => app.refresh_with(&first.refresh_token, key).await,
            None => app.refresh(&first.refresh_token).await,
        };
        answer.expect_problem(401, "refresh_token_reused");
        expect_end_of(&app, &[&first, &second]).await;
    }
}

/// S-30.
#[tokio::test]
async fn a_key_that_the_rotation_did_not_have_makes_no_retry() {
    let app = TestApp::with(&[("HEIRLOOM_REUSE_LEEWAY", "60s")]).await;
    let first = app.sign_in("alice").await;
    let second = app.refresh(&first.refresh_token).await.expect_tokens();
    app.refresh_with(&first.refresh_token, KEY).await.expect_problem(401, "refresh_token_reused");
    expect_end_of(&app, &[&first, &second]).await;
}

/// S-31: once the successor is used, the client that presents the token before it is not the one that holds it.
#[tokio::test]
async fn a_retry_ends_with_the_use_of_the_successor() {
    let app = TestApp::start().await;
    let first = app.sign_in("alice").await;
    let second = app.refresh_with(&first.refresh_token, KEY).await.expect_tokens();
    let third = app.refresh_with(&second.refresh_token, OTHER_KEY).await.expect_tokens();
    app.refresh_with(&first.refresh_token, KEY).await.expect_problem(401, "refresh_token_reused");
    expect_end_of(&app, &[&first, &second, &third]).await;
}

/// S-31, S-28: Two rotations with one key: a retry of the first must not be taken for one of the second.
#[tokio::test]
async fn one_key_used_twice_does_not_revive_an_older_token() {
    let app = TestApp::start().await;
    let first = app.sign_in("alice").await;
    let second = app.refresh_with(&first.refresh_token, KEY).await.expect_tokens();
    let third = app.refresh_with(&second.refresh_token, KEY).await.expect_tokens();
    assert_eq!(app.refresh_with(&second.refresh_token, KEY).await.expect_tokens().refresh_token, third.refresh_token);
    app.refresh_with(&first.refresh_token, KEY).await.expect_problem(401, "refresh_token_reused");
    expect_end_of(&app, &[&third]).await;
}

/// S-32.
#[tokio::test]
async fn a_key_that_could_be_guessed_is_refused_and_nothing_changes() {
    let app = TestApp::start().await;
    let first = app.sign_in("alice").await;
    let row = app.session_row(&first.session_id).await;
    let long = "k".repeat(256);
    for key in ["", "123456789012345", "with a space in between", &long, "dürfen-umlaute-sein?"] {
        let answer = app.refresh_with(&first.refresh_token, key).await;
        answer.expect_fields(&["Idempotency-Key"]).expect_no_cookie();
    }
    let twice =
        app.request("POST", "/api/v1/auth/refresh").headers(&[("Idempotency-Key", KEY), ("Idempotency-Key", KEY)]);
    let twice = twice.json(&json!({ "refresh_token": first.refresh_token })).send().await;
    twice.expect_fields(&["Idempotency-Key"]);
    assert_eq!(app.session_row(&first.session_id).await, row);

    let mut current = first;
    for key in ["1234567890123456", &"k".repeat(255), "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"] {
        current = app.refresh_with(&current.refresh_token, key).await.expect_tokens();
    }
}

// within leeway

/// S-19.
#[tokio::test]
async fn within_the_leeway_a_retired_token_gets_the_successor_that_exists() {
    let app = TestApp::with(&[("HEIRLOOM_REUSE_LEEWAY", "60s")]).await;
    let first = app.sign_in("alice").await;
    let second = app.refresh(&first.refresh_token).await.expect_tokens();
    let row = app.session_row(&first.session_id).await;
    let again = app.refresh(&first.refresh_token).await.expect_tokens();
    assert_eq!(again.refresh_token, second.refresh_token);
    assert_eq!(app.session_row(&first.session_id).await, row);

    app.alter_session(&first.session_id, "last_used_at = last_used_at - interval '61 s'").await;
    app.refresh(&first.refresh_token).await.expect_problem(401, "refresh_token_reused");
    expect_end_of(&app, &[&first, &second]).await;
}

/// S-19, S-31.
#[tokio::test]
async fn the_leeway_too_ends_with_the_use_of_the_successor() {
    let app = TestApp::with(&[("HEIRLOOM_REUSE_LEEWAY", "60s")]).await;
    let first = app.sign_in("alice").await;
    let second = app.refresh(&first.refresh_token).await.expect_tokens();
    let third = app.refresh(&second.refresh_token).await.expect_tokens();
    app.refresh(&first.refresh_token).await.expect_problem(401, "refresh_token_reused");
    expect_end_of(&app, &[&second, &third]).await;
}

/// S-19, S-30.
#[tokio::test]
async fn the_leeway_is_not_for_rotations_made_with_a_key() {
    let app = TestApp::with(&[("HEIRLOOM_REUSE_LEEWAY", "60s")]).await;
    let first = app.sign_in("alice").await;
    let second = app.refresh_with(&first.refresh_token, KEY).await.expect_tokens();
    app.refresh(&first.refresh_token).await.expect_problem(401, "refresh_token_reused");
    expect_end_of(&app, &[&first, &second]).await;
}

// reused

/// S-20 (RFC 9700 §4.14.2): a refresh token presented twice has two holders; the server cannot know which one is the
/// thief. It ends the session for both.
#[tokio::test]
async fn a_replayed_refresh_token_ends_the_session_for_both_holders() {
    let app = TestApp::start().await;
    let first = app.sign_in("alice").await;
    let stolen = first.refresh_token.clone();
    let rotated = app.refresh(&stolen).await.expect_tokens();

    app.refresh(&stolen).await.expect_problem(401, "refresh_token_reused");
    app.refresh(&rotated.refresh_token).await.expect_problem(401, "session_revoked");
    app.me(&rotated.access_token).await.expect_problem(401, "session_revoked");
    expect_end_of(&app, &[&first, &rotated]).await;
}

/// S-20.
#[tokio::test]
async fn a_replay_of_every_earlier_generation_ends_the_family() {
    const GENERATIONS: usize = 5;
    let app = TestApp::start().await;
    for replayed in (0..GENERATIONS).rev() {
        let mut family = vec![app.sign_in("alice").await];
        for generation in 0..GENERATIONS {
            family.push(app.refresh(&family[generation].refresh_token).await.expect_tokens());
        }
        app.refresh(&family[replayed].refresh_token).await.expect_problem(401, "refresh_token_reused");
        expect_end_of(&app, &family.iter().collect::<Vec<_>>()).await;
    }
}

/// S-21.
#[tokio::test]
async fn a_replay_is_recorded_with_its_generation_and_where_it_came_from() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let alice = app.person("alice").await;
    let second = app.refresh(&alice.tokens.refresh_token).await.expect_tokens();
    app.refresh(&second.refresh_token).await.expect_tokens();
    let thief = app.request("POST", "/api/v1/auth/refresh").header("User-Agent", "Thief/1.0");
    let thief = thief.header("X-Request-Id", "the-replay").json(&json!({ "refresh_token": second.refresh_token }));
    thief.send().await.expect_problem(401, "refresh_token_reused");
    app.refresh(&second.refresh_token).await.expect_problem(401, "session_revoked");

    let events = admin.events("?kind=refresh_token_reused").await;
    assert_eq!(events.len(), 1, "one replay, one event: {events:?}");
    let event = &events[0];
    assert_eq!(event["user_id"], alice.id.as_str());
    assert_eq!(event["session_id"], second.session_id.as_str());
    assert_eq!(event["details"]["generation"], 1);
    assert_eq!(event["user_agent"], "Thief/1.0");
    assert_eq!(event["ip"], "127.0.0.1");
    assert_ne!(event["request_id"], "the-replay", "the id is ours");
    assert_eq!(event["details"]["given_request_id"], "the-replay", "the caller's is beside it");
    let sessions = admin.list_sessions(&format!("?user_id={}", alice.id)).await;
    assert_eq!(sessions[0]["state"], "revoked");
    assert_eq!(sessions[0]["revoked_reason"], "refresh_token_reused");
}

/// S-20.
#[tokio::test]
async fn a_replay_touches_no_other_session() {
    let app = TestApp::start().await;
    let laptop = app.sign_in("alice").await;
    let phone = app.sign_in("alice").await;
    let bob = app.sign_in("bob").await;
    app.refresh(&phone.refresh_token).await.expect_tokens();
    app.refresh(&phone.refresh_token).await.expect_problem(401, "refresh_token_reused");
    for other in [laptop, bob] {
        app.check(&other.access_token).await.expect_done();
        app.refresh(&other.refresh_token).await.expect_tokens();
    }
}
