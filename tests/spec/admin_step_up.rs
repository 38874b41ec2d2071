//! What an administrator does to others needs a fresh session, where a stolen access token could do harm by it.

use crate::support::{Admin, Answer, TestApp, email, eventually, expect_end_of, password};
use serde_json::{Value, json};

const USERS: &str = "/api/v1/admin/users";
const KEY: &str = "the-key-of-this-step-up";

/// Everything that needs it: method, path and body.
fn sensitive(user: &str) -> Vec<(&'static str, String, Value)> {
    let person = format!("{USERS}/{user}");
    let changes = [
        json!({ "blocked": true }),
        json!({ "blocked": true, "blocked_reason": "laptop lost" }),
        json!({ "blocked": false }),
        json!({ "roles": ["editor"] }),
        json!({ "roles": [] }),
        json!({ "claims": { "plan": "gold" } }),
        json!({}),
    ];
    let changes = changes.map(|body| ("PATCH", person.clone(), body));
    let invitation = json!({ "email": email("newcomer"), "roles": ["admin"] });
    let others = [
        ("POST", USERS.to_owned(), invitation),
        ("POST", "/api/v1/admin/revoke".to_owned(), json!({ "everyone": true })),
        ("POST", "/api/v1/admin/revoke".to_owned(), json!({ "everyone": true, "reason": "a leak" })),
    ];
    changes.into_iter().chain(others).collect()
}

/// An administrator whose sign-in was a while ago.
async fn stale_admin(app: &TestApp) -> Admin<'_> {
    let root = app.admin("root").await;
    app.grow_old(&root.tokens.session_id).await;
    root
}

/// S-86, S-84: and afterwards the same request goes on.
#[tokio::test]
async fn what_an_administrator_does_to_others_needs_a_fresh_session() {
    let app = TestApp::with(&[("HEIRLOOM_MAIL_LIMIT_ADDRESS", "100/h")]).await;
    let (alice, root) = (app.person("alice").await, stale_admin(&app).await);
    for (method, path, body) in sensitive(&alice.id) {
        root.request(method, &path).json(&body).send().await.expect_step_up();
    }
    let (revoked, invited) =
        ("SELECT count(*) FROM sessions WHERE revoked_at IS NOT NULL", "SELECT count(*) FROM confirmations");
    assert_eq!((app.count(revoked).await, app.count(invited).await), (0, 0));
    let untouched =
        "SELECT count(*) FROM users WHERE email = 'alice@example.com' AND roles = '{}' AND blocked_at IS NULL
        AND claims = '{}'";
    assert_eq!(app.count(untouched).await, 1);
    let mut token = root.tokens.refresh_token.clone();
    for (method, path, body) in sensitive(&alice.id) {
        app.grow_old(&root.tokens.session_id).await;
        root.request(method, &path).json(&body).send().await.expect_step_up();
        let next = app.step_up_with(&token, &password("root"), KEY).await.expect_tokens();
        let answer = app.request(method, &path).bearer(&next.access_token).json(&body).send().await;
        assert!(matches!(answer.status, 200 | 202), "{answer:?}");
        token.clone_from(&next.refresh_token);
        if body["everyone"] == true {
            expect_end_of(&app, &[&next]).await;
            break;
        }
    }
}

/// S-86: the row decides: a token from before the step-up is as good as the one from after it, and one session's step-up is
/// none of another.
#[tokio::test]
async fn a_step_up_is_for_its_own_session_only() {
    let app = TestApp::start().await;
    let (alice, root) = (app.person("alice").await, stale_admin(&app).await);
    let phone = app.sign_in("root").await;
    root.block(&alice.id).await.expect_step_up();
    let elsewhere = app.step_up_with(&phone.refresh_token, &password("root"), KEY).await;
    elsewhere.expect_tokens();
    root.block(&alice.id).await.expect_step_up();
    // Neither does the step-up of another user, by whatever password.
    let theirs = app.step_up_with(&alice.tokens.refresh_token, &password("root"), KEY).await;
    theirs.expect_problem(422, "wrong_password");
    app.step_up_with(&alice.tokens.refresh_token, &password("alice"), KEY).await.expect_tokens();
    let wrong = app.step_up_with(&root.tokens.refresh_token, &password("alice"), KEY).await;
    wrong.expect_problem(422, "wrong_password");
    root.block(&alice.id).await.expect_step_up();
    app.step_up_with(&root.tokens.refresh_token, &password("root"), KEY).await.expect_tokens();
    root.block(&alice.id).await.expect(200);
}

/// S-86, S-81: a step-up that is sent again proves nothing new.
#[tokio::test]
async fn a_step_up_that_is_repeated_with_its_key_makes_no_session_fresh_again() {
    let app = TestApp::start().await;
    let (alice, root) = (app.person("alice").await, stale_admin(&app).await);
    let step_up = async || app.step_up_with(&root.tokens.refresh_token, &password("root"), KEY).await.expect_tokens();
    let first = step_up().await;
    root.change(&alice.id, &json!({ "roles": ["editor"] })).await.expect(200);
    app.grow_old(&root.tokens.session_id).await;
    let again = step_up().await;
    assert_eq!(again.refresh_token, first.refresh_token);
    for token in [&first.access_token, &again.access_token] {
        let request = app.request("PATCH", &format!("{USERS}/{}", alice.id)).bearer(token);
        request.json(&json!({ "roles": [] })).send().await.expect_step_up();
    }
    assert_eq!(app.events("stepped_up").await, 1);
    app.step_up_with(&first.refresh_token, &password("root"), "the-next-key-is-another").await.expect_tokens();
    root.change(&alice.id, &json!({ "roles": [] })).await.expect(200);
}

/// S-86, A-44, S-62: a step-up gives no role.
#[tokio::test]
async fn who_is_no_longer_an_administrator_is_refused_whatever_they_prove() {
    let app = TestApp::start().await;
    let (alice, root, other) = (app.person("alice").await, stale_admin(&app).await, app.admin("other").await);
    let stepped = app.step_up_with(&root.tokens.refresh_token, &password("root"), KEY).await.expect_tokens();
    other.change(&root.id, &json!({ "roles": [] })).await.expect(200);
    root.block(&alice.id).await.expect_challenge("access_token_expired");
    let late = app.step_up_with(&stepped.refresh_token, &password("root"), "the-key-after-that").await.expect_tokens();
    let request = app.request("PATCH", &format!("{USERS}/{}", alice.id)).bearer(&late.access_token);
    request.json(&json!({ "blocked": true })).send().await.expect_problem(403, "forbidden");
    other.block(&root.id).await.expect(200);
    app.step_up_with(&late.refresh_token, &password("root"), KEY).await.expect_problem(403, "account_blocked");
    assert_eq!(other.user(&alice.id).await["blocked"], false);
}

/// S-86: the row is read within a second of a change on another instance, too: an access token that is still accepted there
/// does nothing sensitive.
#[tokio::test]
async fn the_row_says_who_is_an_administrator_and_not_the_token() {
    let app = TestApp::start().await;
    let (alice, root) = (app.person("alice").await, app.admin("root").await);
    sqlx::query("UPDATE users SET roles = '{}' WHERE email = $1").bind(email("root")).execute(app.db()).await.unwrap();
    root.get(USERS).await.expect(200);
    root.block(&alice.id).await.expect_challenge("access_token_expired");
    root.revoke(&json!({ "everyone": true })).await.expect_challenge("access_token_expired");
    let invitation = json!({ "email": email("newcomer"), "roles": ["admin"] });
    root.post(USERS, &invitation).await.expect_challenge("access_token_expired");
    root.check().await.expect_done();
}

/// S-86: what happens between the check of a request and its transaction decides.
#[tokio::test]
async fn a_session_that_grows_stale_or_is_revoked_while_its_request_waits_changes_nothing() {
    let app = TestApp::start().await;
    let (alice, other) = (app.person("alice").await, app.admin("other").await);
    let meanwhile = [
        ("UPDATE sessions SET created_at = created_at - interval '11 minutes' WHERE id = $1::uuid", "step_up_required"),
        (
            "UPDATE sessions SET revoked_at = now(), revoked_reason = 'signed_out' WHERE id = $1::uuid",
            "session_revoked",
        ),
        (
            "UPDATE users SET roles = '{}' WHERE id = (SELECT user_id FROM sessions WHERE id = $1::uuid)",
            "access_token_expired",
        ),
    ];
    for (change, code) in meanwhile {
        // A lock that is not given within two seconds is an outage: on a busy machine, once more.
        let mut answer = waits_for(&app, &alice.id, change).await;
        while answer.status == 503 {
            answer = waits_for(&app, &alice.id, change).await;
        }
        assert_eq!(answer.text("/code"), code, "{answer:?}");
        assert_eq!(other.user(&alice.id).await["roles"], json!([]));
    }
    assert_eq!(app.events("roles_changed").await, 0);
}

/// A change of roles that waits for its lock while `meanwhile` is committed.
async fn waits_for(app: &TestApp, alice: &str, meanwhile: &'static str) -> Answer {
    const WAITING: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND wait_event_type = 'Lock' AND query LIKE 'SELECT name FROM locks%'";
    let root = app.admin("root").await;
    let mut holder = app.db().begin().await.unwrap();
    sqlx::query("SELECT FROM locks WHERE name = 'admins' FOR UPDATE").execute(&mut *holder).await.unwrap();
    let asks = async { root.change(alice, &json!({ "roles": ["editor"] })).await };
    let session = root.tokens.session_id.clone();
    let interferes = async move {
        eventually("the request waits", async || app.count(WAITING).await > 0).await;
        let changed = sqlx::query(meanwhile).bind(&session).execute(&mut *holder).await.unwrap();
        assert_eq!(changed.rows_affected(), 1);
        holder.commit().await.unwrap();
    };
    tokio::join!(asks, interferes).0
}

/// S-86: what lessens harm at once, and what harms nobody, needs no proof.
#[tokio::test]
async fn a_stale_session_still_reads_revokes_some_sessions_and_invites_without_roles() {
    let app = TestApp::with(&[("HEIRLOOM_MAIL_LIMIT_ADDRESS", "100/h")]).await;
    let root = stale_admin(&app).await;
    let (alice, bob, carol) = (app.person("alice").await, app.person("bob").await, app.person("carol").await);
    for path in ["overview", "users", "invitations", "sessions", "audit"] {
        root.get(&format!("/api/v1/admin/{path}")).await.expect(200);
    }
    root.revoke_session(&alice.tokens.session_id).await.expect(200);
    root.revoke(&json!({ "user_id": bob.id })).await.expect(200);
    root.revoke(&json!({ "refresh_token": carol.tokens.refresh_token, "everyone": false })).await.expect(200);
    expect_end_of(&app, &[&alice.tokens, &bob.tokens, &carol.tokens]).await;
    root.request("POST", &format!("{USERS}/{}/password-reset", alice.id)).send().await.expect(202);
    let invited = root.post(USERS, &json!({ "email": email("newcomer") })).await;
    let invitation = invited.expect(202).text("/invitation/id");
    root.delete(&format!("/api/v1/admin/invitations/{invitation}")).await.expect_done();
    root.revoke(&json!({ "everyone": true, "user_id": bob.id })).await.expect_fields(&["session_id"]);
}
