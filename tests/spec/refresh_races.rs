//! Many at once: what must hold in whatever order the requests arrive.

use crate::support::{Answer, TestApp, Tokens, at_once, credentials, email, password};
use serde_json::json;
use std::{collections::BTreeSet, time::Duration};

const KEY: &str = "9b2e1f0c-the-clients-own-key";
const OTHER_KEY: &str = "9b2e1f0c-another-clients-key";
/// Redemptions at once.
const CROWD: usize = 64;
/// How often a race is run.
const ROUNDS: usize = 12;

/// How many answers are a problem of this code.
fn count(answers: &[Answer], code: &str) -> usize {
    let refused = answers.iter().filter(|answer| answer.status != 200 && answer.json()["code"] == code);
    refused.map(|answer| answer.expect_problem(answer.status, code)).collect::<Vec<_>>().len()
}

fn rotated(answers: &[Answer]) -> Vec<Tokens> {
    answers.iter().filter(|answer| answer.status == 200).map(Answer::expect_tokens).collect()
}

/// Nothing that was ever handed out for the session works.
async fn expect_revoked(app: &TestApp, tokens: &Tokens) {
    app.refresh(&tokens.refresh_token).await.expect(401);
    app.refresh_with(&tokens.refresh_token, KEY).await.expect(401);
    app.check(&tokens.access_token).await.expect_challenge("session_revoked");
}

/// S-1, S-2, S-3.
#[tokio::test]
async fn of_sixty_four_redemptions_of_one_token_exactly_one_rotates() {
    let one = TestApp::start().await;
    let two = one.another(&[]).await;
    for round in 1..=8 {
        let first = one.sign_in("alice").await;

        let servers = [&one, &two].into_iter().cycle().take(CROWD);
        let answers = at_once(servers.map(|server| server.refresh(&first.refresh_token))).await;

        let winners = rotated(&answers);
        assert_eq!(winners.len(), 1, "the rotated one gets its answer, even if its family was revoked before that");
        assert_eq!(count(&answers, "refresh_token_reused"), 1);
        assert_eq!(count(&answers, "session_revoked"), CROWD - 2);
        assert_eq!(one.session_row(&first.session_id).await["generation"], 1);
        assert_eq!(one.events("refresh_token_reused").await, round);
        expect_revoked(&one, &first).await;
        expect_revoked(&one, &winners[0]).await;
    }
}

/// S-17, S-29.
#[tokio::test]
async fn the_same_sixty_four_with_one_key_all_get_the_same_successor() {
    let app = TestApp::start().await;
    let first = app.sign_in("alice").await;

    let answers = at_once((0..CROWD).map(|_| app.refresh_with(&first.refresh_token, KEY))).await;

    let tokens = rotated(&answers);
    assert_eq!(tokens.len(), CROWD);
    let successors: BTreeSet<_> = tokens.iter().map(|tokens| &tokens.refresh_token).collect();
    assert_eq!(successors.len(), 1, "never two live tokens in a family");
    assert_eq!(app.session_row(&first.session_id).await["generation"], 1);
    assert_eq!(app.events("refresh_token_reused").await, 0);
    at_once(tokens.iter().map(|tokens| app.check(&tokens.access_token))).await.iter().for_each(|answer| {
        answer.expect_done();
    });
    app.refresh(&tokens[0].refresh_token).await.expect_tokens();
}

/// S-19: Within the leeway the same holds without a key.
#[tokio::test]
async fn within_the_leeway_all_get_the_same_successor_too() {
    let app = TestApp::with(&[("HEIRLOOM_REUSE_LEEWAY", "60s")]).await;
    let first = app.sign_in("alice").await;
    let tokens = rotated(&at_once((0..CROWD).map(|_| app.refresh(&first.refresh_token))).await);
    assert_eq!(tokens.len(), CROWD);
    assert!(tokens.iter().all(|other| other.refresh_token == tokens[0].refresh_token));
    app.refresh(&tokens[0].refresh_token).await.expect_tokens();
}

/// S-30.
/// Two who hold one token and do not know each other's key: one rotates, the other is a replay, and it ends for both.
#[tokio::test]
async fn two_keys_at_once_are_two_holders() {
    let app = TestApp::start().await;
    for _ in 0..ROUNDS {
        let first = app.sign_in("alice").await;
        let keys = (0..16).map(|number| if number % 2 == 0 { KEY } else { OTHER_KEY });
        let answers = at_once(keys.map(|key| app.refresh_with(&first.refresh_token, key))).await;

        let winners = rotated(&answers);
        assert!(!winners.is_empty());
        assert!(winners.iter().all(|tokens| tokens.refresh_token == winners[0].refresh_token), "no fork");
        assert_eq!(count(&answers, "refresh_token_reused"), 1);
        assert_eq!(count(&answers, "session_revoked") + winners.len() + 1, 16);
        assert_eq!(app.session_row(&first.session_id).await["generation"], 1);
        expect_revoked(&app, &first).await;
        for tokens in &winners {
            expect_revoked(&app, tokens).await;
        }
    }
}

/// S-1, S-29: A retry that races the use of the successor is a retry or a replay, but never a second live token.
#[tokio::test]
async fn a_retry_that_races_the_next_rotation_never_forks_the_family() {
    let app = TestApp::start().await;
    for _ in 0..ROUNDS {
        let first = app.sign_in("alice").await;
        let second = app.refresh_with(&first.refresh_token, KEY).await.expect_tokens();
        let (retried, third) = tokio::join!(
            app.refresh_with(&first.refresh_token, KEY),
            app.refresh_with(&second.refresh_token, OTHER_KEY),
        );
        if retried.status == 200 {
            assert_eq!(retried.expect_tokens().refresh_token, second.refresh_token);
            app.refresh(&third.expect_tokens().refresh_token).await.expect_tokens();
        } else {
            retried.expect_problem(401, "refresh_token_reused");
            if third.status == 200 {
                expect_revoked(&app, &third.expect_tokens()).await;
            } else {
                third.expect_problem(401, "session_revoked");
            }
        }
    }
}

/// S-1: Each generation by a crowd with one key: the family goes on, one step at a time.
#[tokio::test]
async fn crowd_after_crowd_the_family_stays_one() {
    let app = TestApp::start().await;
    let mut current = app.sign_in("alice").await;
    for generation in 1..=10 {
        let key = format!("the-key-of-generation-{generation}");
        let answers = at_once((0..8).map(|_| app.refresh_with(&current.refresh_token, &key))).await;
        let tokens = rotated(&answers);
        assert_eq!(tokens.len(), 8);
        assert!(tokens.iter().all(|other| other.refresh_token == tokens[0].refresh_token));
        assert_eq!(app.session_row(&current.session_id).await["generation"], generation);
        current = tokens[0].clone();
    }
}

/// S-5, S-36.
/// A client that hangs up in the middle and comes again with the same key is answered, however far the first
/// request came, and should it still be on its way.
#[tokio::test]
async fn a_client_that_hung_up_and_comes_again_with_its_key_is_answered() {
    let app = TestApp::start().await;
    for wait_ms in (0..12).chain(0..12) {
        let first = app.sign_in("alice").await;
        let lost = app.refresh_with(&first.refresh_token, KEY);
        drop(tokio::time::timeout(Duration::from_millis(wait_ms), lost).await);

        let second = app.refresh_with(&first.refresh_token, KEY).await.expect_tokens();

        assert_eq!(app.session_row(&first.session_id).await["generation"], 1);
        let again = app.refresh_with(&first.refresh_token, KEY).await.expect_tokens();
        assert_eq!(again.refresh_token, second.refresh_token);
    }
    assert_eq!(app.events("refresh_token_reused").await, 0);
}

/// S-77.
#[tokio::test]
async fn a_refresh_that_races_a_revoke_leaves_nothing_that_works() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    for _ in 0..ROUNDS {
        let first = app.sign_in("alice").await;
        let (refreshed, revoked) =
            tokio::join!(app.refresh(&first.refresh_token), admin.revoke_session(&first.session_id));
        revoked.expect(200);
        expect_revoked(&app, &first).await;
        if refreshed.status == 200 {
            expect_revoked(&app, &refreshed.expect_tokens()).await;
        } else {
            refreshed.expect_problem(401, "session_revoked");
        }
    }
}

/// S-77.
#[tokio::test]
async fn a_refresh_that_races_a_sign_out_leaves_nothing_that_works() {
    let app = TestApp::start().await;
    for _ in 0..ROUNDS {
        let first = app.sign_in("alice").await;
        let (refreshed, ended) = tokio::join!(app.refresh(&first.refresh_token), app.sign_out(&first.refresh_token));
        ended.expect_done();
        expect_revoked(&app, &first).await;
        if refreshed.status == 200 {
            expect_revoked(&app, &refreshed.expect_tokens()).await;
        } else {
            refreshed.expect_problem(401, "session_revoked");
        }
    }
}

/// S-77, C-34.
#[tokio::test]
async fn a_refresh_that_races_a_block_leaves_nothing_that_works() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let alice = app.person("alice").await.id;
    for _ in 0..ROUNDS {
        let first = app.sign_in("alice").await;
        let (refreshed, blocked) = tokio::join!(app.refresh(&first.refresh_token), admin.block(&alice));
        blocked.expect(200);
        let mut handed_out = vec![first.clone()];
        if refreshed.status == 200 {
            handed_out.push(refreshed.expect_tokens());
        } else {
            refreshed.expect_problem(403, "account_blocked");
        }
        for tokens in &handed_out {
            app.refresh(&tokens.refresh_token).await.expect_problem(403, "account_blocked");
            app.check(&tokens.access_token).await.expect_challenge("session_revoked");
        }
        admin.change(&alice, &json!({ "blocked": false })).await.expect(200);
        for tokens in &handed_out {
            expect_revoked(&app, tokens).await;
        }
    }
}

/// S-77, C-34.
#[tokio::test]
async fn a_sign_in_that_races_a_block_leaves_no_live_session() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let alice = app.person("alice").await.id;
    for _ in 0..ROUNDS {
        let (one, two, blocked) = tokio::join!(app.try_sign_in("alice"), app.try_sign_in("alice"), admin.block(&alice));
        blocked.expect(200);
        assert_eq!(admin.user(&alice).await["live_sessions"], 0);
        admin.change(&alice, &json!({ "blocked": false })).await.expect(200);
        for answer in [one, two] {
            if answer.status == 200 {
                expect_revoked(&app, &answer.expect_tokens()).await;
            } else {
                answer.expect_problem(403, "account_blocked");
            }
        }
    }
}

/// S-77.
#[tokio::test]
async fn a_sign_in_that_races_a_password_change_leaves_no_live_session() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    let passwords = [password("alice"), "an entirely different horse".to_owned()];
    for round in 0..ROUNDS {
        let (old, new) = (&passwords[round % 2], &passwords[(round + 1) % 2]);
        let body = json!({ "email": email("alice"), "password": old });
        let (one, two, changed) = tokio::join!(
            app.post("/api/v1/auth/login", &body),
            app.post("/api/v1/auth/login", &body),
            alice.change_password(old, new),
        );
        changed.expect_done();
        let live = alice.sessions().await;
        assert_eq!(live.len(), 1, "{live:?}");
        assert_eq!(live[0]["current"], true);
        for answer in [one, two] {
            if answer.status == 200 {
                expect_revoked(&app, &answer.expect_tokens()).await;
            } else {
                answer.expect_problem(401, "invalid_credentials");
            }
        }
    }
    app.refresh(&alice.tokens.refresh_token).await.expect_tokens();
}

/// S-77.
#[tokio::test]
async fn a_sign_in_that_races_the_end_of_everyone_is_before_it_or_after_it() {
    let app = TestApp::start().await;
    app.register("alice").await;
    let everyone = json!({ "everyone": true });
    for round in 0..ROUNDS {
        let admin = app.admin(&format!("root{round}")).await;
        let (signed_in, ended) = tokio::join!(app.try_sign_in("alice"), admin.revoke(&everyone));
        ended.expect(200);
        let tokens = signed_in.expect_tokens();
        let row = app.session_row(&tokens.session_id).await;
        if row["revoked_at"].is_null() {
            app.check(&tokens.access_token).await.expect_done();
            app.refresh(&tokens.refresh_token).await.expect_tokens();
        } else {
            expect_revoked(&app, &tokens).await;
        }
    }
}

/// S-78.
#[tokio::test]
async fn two_password_changes_at_once_leave_one_password() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    let other = app.person("alice").await;
    let (new_one, new_two) = ("the first different horse", "the second different horse");
    let old = password("alice");
    let (one, two) = tokio::join!(alice.change_password(&old, new_one), other.change_password(&old, new_two));
    let changed = [one, two].iter().filter(|answer| answer.status == 204).count();
    assert_eq!(changed, 1);

    let mut right = 0;
    for password in [&old, new_one, new_two] {
        let body = json!({ "email": email("alice"), "password": password });
        right += usize::from(app.post("/api/v1/auth/login", &body).await.status == 200);
    }
    assert_eq!(right, 1);
    assert_ne!(app.post("/api/v1/auth/login", &credentials("alice")).await.status, 200);
}
