//! Several servers on one database: what one revokes, all refuse.

use crate::support::{TestApp, at_once, eventually, password};
use heirloom::{
    factors::{CodeCheck, FactorCode},
    kernel::Client,
};
use serde_json::json;

/// Soon: S-58 promises a second, and a test measures nothing.
async fn expect_end_on(app: &TestApp, access_token: &str) {
    expect_refusal_on(app, access_token, "session_revoked").await;
}

async fn expect_refusal_on(app: &TestApp, access_token: &str, code: &str) {
    eventually("the other server refuses the token", async || {
        let answer = app.check(access_token).await;
        assert!(matches!(answer.status, 204 | 401), "{answer:?}");
        answer.status == 401
    })
    .await;
    app.check(access_token).await.expect_challenge(code);
    app.me(access_token).await.expect_challenge(code);
}

/// S-12.
#[tokio::test]
async fn tokens_of_one_server_are_good_on_the_other() {
    let one = TestApp::start().await;
    let two = one.another(&[]).await;
    let first = one.sign_in("alice").await;
    two.check(&first.access_token).await.expect_done();
    let second = two.refresh(&first.refresh_token).await.expect_tokens();
    let third = one.refresh(&second.refresh_token).await.expect_tokens();
    assert_eq!(one.get("/.well-known/jwks.json").await.json(), two.get("/.well-known/jwks.json").await.json());
    two.refresh(&second.refresh_token).await.expect_problem(401, "refresh_token_reused");
    one.refresh(&third.refresh_token).await.expect_problem(401, "session_revoked");
}

/// S-2, across servers.
#[tokio::test]
async fn of_redemptions_on_two_servers_at_once_one_rotates() {
    let one = TestApp::start().await;
    let two = one.another(&[]).await;
    for key in [None, Some("9b2e1f0c-the-clients-own-key")] {
        let first = one.sign_in("alice").await;
        let answers = at_once((0..32).map(|number| {
            let app = if number % 2 == 0 { &one } else { &two };
            let token = &first.refresh_token;
            async move {
                match key {
                    Some(key) => app.refresh_with(token, key).await,
                    None => app.refresh(token).await,
                }
            }
        }))
        .await;
        let successors: Vec<_> = answers
            .iter()
            .filter(|answer| answer.status == 200)
            .map(|answer| answer.expect_tokens().refresh_token)
            .collect();
        assert_eq!(successors.len(), if key.is_some() { 32 } else { 1 });
        assert!(successors.iter().all(|token| *token == successors[0]));
        assert_eq!(one.session_row(&first.session_id).await["generation"], 1);
        let after = two.refresh(&successors[0]).await;
        assert_eq!(after.status, if key.is_some() { 200 } else { 401 });
    }
}

/// S-55, S-58.
#[tokio::test]
async fn whatever_ends_a_session_on_one_server_ends_it_on_the_other() {
    let one = TestApp::start().await;
    let two = one.another(&[]).await;
    let admin = one.admin("root").await;

    let signed_out = one.sign_in("a").await;
    two.check(&signed_out.access_token).await.expect_done();
    one.sign_out(&signed_out.refresh_token).await.expect_done();
    expect_end_on(&two, &signed_out.access_token).await;

    let revoked = one.sign_in("b").await;
    admin.revoke_session(&revoked.session_id).await.expect(200);
    expect_end_on(&two, &revoked.access_token).await;

    let blocked = one.person("c").await;
    admin.block(&blocked.id).await.expect(200);
    expect_end_on(&two, &blocked.tokens.access_token).await;

    let replayed = one.sign_in("d").await;
    let next = one.refresh(&replayed.refresh_token).await.expect_tokens();
    one.refresh(&replayed.refresh_token).await.expect_problem(401, "refresh_token_reused");
    expect_end_on(&two, &replayed.access_token).await;
    expect_end_on(&two, &next.access_token).await;

    let (here, there) = (one.person("e").await, two.sign_in("a").await);
    let other = one.sign_in("e").await;
    here.change_password(&password("e"), "an entirely different horse").await.expect_done();
    expect_end_on(&two, &other.access_token).await;
    two.check(&here.tokens.access_token).await.expect_done();
    two.check(&there.access_token).await.expect_done();
}

/// S-58.
#[tokio::test]
async fn more_sessions_at_once_than_one_notification_holds_all_end() {
    let one = TestApp::with(&[("HEIRLOOM_MAX_SESSIONS_PER_USER", "10000")]).await;
    let two = one.another(&[]).await;
    let admin = one.admin("root").await;
    let first = one.person("alice").await;
    // 400 ids of 35 characters; Postgres allows 8,000 bytes a notification.
    let clones = "INSERT INTO sessions (id, user_id, created_at, absolute_expires_at, transport, remembered, idle_expires_at,
                                        last_used_at, generation, secret_hash)
        SELECT gen_random_uuid(), user_id, created_at, absolute_expires_at, transport, remembered, idle_expires_at,
               last_used_at, generation, secret_hash FROM sessions CROSS JOIN generate_series(1, 400) WHERE user_id = $1::uuid";
    sqlx::query(clones).bind(&first.id).execute(one.db()).await.unwrap();
    let last = one.sign_in("alice").await;

    let answer = admin.revoke(&json!({ "user_id": first.id })).await;

    assert_eq!(answer.expect(200).json(), json!({ "revoked": 402 }));
    expect_end_on(&two, &first.tokens.access_token).await;
    expect_end_on(&two, &last.access_token).await;
}

/// S-62.
#[tokio::test]
async fn a_changed_role_cuts_off_tokens_on_every_server() {
    let one = TestApp::start().await;
    let two = one.another(&[]).await;
    let admin = one.admin("root").await;
    let alice = one.person("alice").await;
    let elsewhere = two.sign_in("alice").await;

    admin.change(&alice.id, &json!({ "roles": ["editor"] })).await.expect(200);
    alice.check().await.expect_challenge("access_token_expired");
    expect_refusal_on(&two, &alice.tokens.access_token, "access_token_expired").await;
    expect_refusal_on(&two, &elsewhere.access_token, "access_token_expired").await;

    let next = two.refresh(&elsewhere.refresh_token).await.expect_tokens();
    for app in [&one, &two] {
        assert_eq!(app.check(&next.access_token).await.expect_done().header("x-auth-roles"), Some("editor"));
    }
}

/// S-55, S-58.
#[tokio::test]
async fn the_end_of_everyone_is_one_on_every_server() {
    let one = TestApp::start().await;
    let two = one.another(&[]).await;
    let admin = one.admin("root").await;
    let people = [one.sign_in("alice").await, two.sign_in("bob").await];
    admin.revoke(&json!({ "everyone": true })).await.expect(200);
    for tokens in &people {
        expect_end_on(&two, &tokens.access_token).await;
        two.refresh(&tokens.refresh_token).await.expect_problem(401, "session_revoked");
    }
    let again = two.sign_in("alice").await;
    for app in [&one, &two] {
        app.check(&again.access_token).await.expect_done();
    }
}

/// S-59: What was revoked before a server started is loaded at its start.
#[tokio::test]
async fn a_server_that_starts_later_refuses_what_was_revoked_before() {
    let one = TestApp::start().await;
    let admin = one.admin("root").await;
    let ended = one.sign_in("alice").await;
    let changed = one.person("bob").await;
    let blocked = one.person("carol").await;
    one.sign_out(&ended.refresh_token).await.expect_done();
    admin.change(&changed.id, &json!({ "roles": ["editor"] })).await.expect(200);
    admin.block(&blocked.id).await.expect(200);

    let two = one.another(&[]).await;
    for _ in 0..10 {
        for tokens in [&ended, &blocked.tokens] {
            two.check(&tokens.access_token).await.expect_challenge("session_revoked");
        }
        two.check(&changed.tokens.access_token).await.expect_challenge("access_token_expired");
        two.check(&admin.tokens.access_token).await.expect_done();
    }

    admin.revoke(&json!({ "everyone": true })).await.expect(200);
    let three = one.another(&[]).await;
    three.check(&admin.tokens.access_token).await.expect_challenge("session_revoked");
    let again = three.sign_in("alice").await;
    one.check(&again.access_token).await.expect_done();
}

const NEW: &str = "bmV3IG1hc3RlciBrZXkgb2YgdGhlIHRlc3Qgc3VpdGU=";
const OLD: &str = "dGhlIG1hc3RlciBrZXkgb2YgdGhlIHRlc3Qgc3VpdGU=";

/// F-57: a server that runs with both master keys seals the secrets of apps again; then the current one is enough.
#[tokio::test]
async fn an_app_outlives_the_master_key_under_which_it_was_set_up() {
    let one = TestApp::start().await;
    let alice = one.person("alice").await;
    let app = alice.enrol(&one).await.app;
    let sealed = async || -> Vec<u8> {
        sqlx::query_scalar("SELECT sealed FROM totp_secrets").fetch_one(one.db()).await.expect("a secret")
    };
    let before = sealed().await;
    let two = one.another(&[("HEIRLOOM_MASTER_KEY", NEW), ("HEIRLOOM_MASTER_KEY_PREVIOUS", OLD)]).await;
    eventually("it is sealed again", async || sealed().await != before).await;

    let three = one.another(&[("HEIRLOOM_MASTER_KEY", NEW)]).await;
    for server in [&two, &three] {
        let code = app.next(server).await;
        let user = alice.id.parse().expect("an id");
        let checked = server.factors.check(user, FactorCode::Totp(&code), &Client::server()).await;
        assert!(matches!(checked, Ok(CodeCheck::Right(..))), "{checked:?}");
    }
}

/// S-12 (RFC 7517): earlier keys still verify, and an instance with only the old master key cannot read the new ones.
#[tokio::test]
async fn a_changed_master_key_revokes_no_session() {
    let one = TestApp::start().await;
    let first = one.sign_in("alice").await;
    let stale = one.sign_in("alice").await;
    one.refresh(&stale.refresh_token).await.expect_tokens();
    let retried = one.sign_in("alice").await;
    let kept = one.refresh_with(&retried.refresh_token, "9b2e1f0c-the-clients-own-key").await.expect_tokens();

    let two = one.another(&[("HEIRLOOM_MASTER_KEY", NEW), ("HEIRLOOM_MASTER_KEY_PREVIOUS", OLD)]).await;

    two.check(&first.access_token).await.expect_done();
    let again = two.refresh_with(&retried.refresh_token, "9b2e1f0c-the-clients-own-key").await.expect_tokens();
    two.refresh(&again.refresh_token).await.expect_tokens();
    one.refresh(&kept.refresh_token).await.expect_problem(401, "refresh_token_reused");
    two.refresh(&stale.refresh_token).await.expect_problem(401, "refresh_token_reused");
    let next = two.refresh(&first.refresh_token).await.expect_tokens();
    two.refresh(&next.refresh_token).await.expect_tokens();
    one.refresh(&next.refresh_token).await.expect_problem(401, "refresh_token_invalid");
}

/// What a fail-over to a standby does that had not received the last transactions (ADR 0020).
async fn forget_every_end(app: &TestApp) {
    let forgotten = "UPDATE sessions SET revoked_at = NULL, revoked_reason = NULL";
    sqlx::query(forgotten).execute(app.db()).await.expect("SQL");
}

/// S-63, S-3: across a fail-over.
#[tokio::test]
async fn a_family_stays_revoked_when_the_database_loses_the_revocation() {
    let app = TestApp::start().await;
    let other = app.another(&[]).await;
    for (server, key) in [(&app, None), (&other, None), (&app, Some("a-key-of-nobody-in-particular"))] {
        let stolen = app.sign_in("alice").await;
        let newest = app.refresh(&stolen.refresh_token).await.expect_tokens();
        app.refresh(&stolen.refresh_token).await.expect_problem(401, "refresh_token_reused");
        expect_end_on(&other, &newest.access_token).await;

        forget_every_end(&app).await;
        let presented = match key {
            None => server.refresh(&newest.refresh_token).await,
            Some(key) => server.refresh_with(&newest.refresh_token, key).await,
        };
        presented.expect_problem(401, "session_revoked");
        assert_eq!(app.session_row(&newest.session_id).await["revoked_reason"], "revocation_lost");
    }
    // And another user's session is not affected.
    let bob = app.sign_in("bob").await;
    app.refresh(&bob.refresh_token).await.expect_tokens();
}

/// S-61, S-63.
#[tokio::test]
async fn what_the_database_forgot_is_ended_again_when_the_feed_connects_anew() {
    let app = TestApp::start().await;
    let alice = app.sign_in("alice").await;
    app.sign_out(&alice.refresh_token).await.expect(204);
    forget_every_end(&app).await;
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
               WHERE datname = current_database() AND application_name = 'heirloom listener'";
    assert!(app.count(cut).await >= 1);
    eventually("it is ended again", || async {
        app.session_row(&alice.session_id).await["revoked_reason"] == "revocation_lost"
    })
    .await;
}
