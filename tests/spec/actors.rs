//! C-20: the actor of an event is a user, an operator, the server or nobody in particular, and no client can choose.

use crate::support::{TestApp, credentials, email, password};
use heirloom::{admin, kernel::Operator};
use serde_json::{Value, json};

/// The actor and the kind of every event, oldest first.
async fn actors(app: &TestApp) -> Vec<(String, String)> {
    let sql = "SELECT coalesce(actor, '-'), kind FROM audit_events ORDER BY id";
    sqlx::query_as(sql).fetch_all(app.db()).await.expect("SQL")
}

async fn actor_of(app: &TestApp, kind: &str) -> Vec<String> {
    actors(app).await.into_iter().filter(|(_, of)| of == kind).map(|(actor, _)| actor).collect()
}

#[tokio::test]
async fn every_event_names_its_actor() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let alice = app.person("alice").await;
    let wrong = json!({ "email": email("alice"), "password": "not the one" });
    app.post("/api/v1/auth/login", &wrong).await.expect_problem(401, "invalid_credentials");
    alice.change_password("not the one", &password("new")).await.expect_problem(422, "wrong_password");
    alice.get("/api/v1/admin/users").await.expect_problem(403, "forbidden");
    let other = app.sign_in("alice").await;
    admin.revoke_session(&other.session_id).await.expect(200);
    let stolen = app.sign_in("alice").await;
    let next = app.refresh(&stolen.refresh_token).await.expect_tokens();
    app.refresh(&next.refresh_token).await.expect_tokens();
    app.refresh(&stolen.refresh_token).await.expect_problem(401, "refresh_token_reused");

    for (kind, actor) in [
        ("signing_key_added", "server"),
        ("user_added", "anonymous"),
        ("signed_in", "user"),
        ("sign_in_failed", "anonymous"),
        ("reauthentication_failed", "user"),
        ("sessions_ended", "user"),
        ("refresh_token_reused", "anonymous"),
    ] {
        let found = actor_of(&app, kind).await;
        assert!(!found.is_empty() && found.iter().all(|one| one == actor), "{kind}: {found:?}");
    }
    let ids = "SELECT count(*) FROM audit_events WHERE (actor = 'user') IS DISTINCT FROM (actor_id IS NOT NULL)";
    assert_eq!(app.count(ids).await, 0, "a user, and only a user, has an id");
}

#[tokio::test]
async fn an_operator_and_a_stranger_are_not_the_same() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let alice = app.person("alice").await;
    let user = alice.id.parse().expect("an id");
    let deleted = admin::delete_user(&app.sessions, Operator::at_the_command_line(), user).await.expect("the database");
    assert!(matches!(deleted, admin::UserDeleted::Deleted(_)), "{deleted:?}");
    let event = admin.events("?kind=user_deleted").await.remove(0);
    assert_eq!((&event["actor"], &event["actor_id"]), (&json!("operator"), &Value::Null));
    let event = admin.events("?kind=user_added").await.remove(0);
    assert_eq!((&event["actor"], &event["actor_id"]), (&json!("anonymous"), &Value::Null));
    let event = admin.events("?kind=signed_in").await.remove(0);
    assert_eq!(event["actor"], "user");
}

/// Whatever the request id and the browser's name say.
#[tokio::test]
async fn a_client_cannot_pass_for_the_command_line_or_the_server() {
    let app = TestApp::start().await;
    for claim in ["command-line", "server", "operator"] {
        let request = app.request("POST", "/api/v1/auth/login").header("x-request-id", claim);
        let request = request.header("user-agent", claim).header("x-actor", claim);
        request.json(&credentials("nobody")).send().await.expect_problem(401, "invalid_credentials");
    }
    assert_eq!(actor_of(&app, "sign_in_failed").await, ["anonymous"; 3]);
}

/// C-15. What swallows the event here is a trigger; a rule or a policy does the same.
#[tokio::test]
async fn what_cannot_be_recorded_is_not_done() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let alice = app.person("alice").await;
    let before = app.count("SELECT count(*) FROM audit_events").await;
    let swallow = "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
                   CREATE TRIGGER swallow BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION swallow()";
    sqlx::raw_sql(swallow).execute(app.db()).await.expect("SQL");

    let user = format!("/api/v1/admin/users/{}", alice.id);
    let passwords = json!({ "current_password": password("alice"), "new_password": "another quiet harbour" });
    let requests = [
        app.request("POST", "/api/v1/auth/login").json(&credentials("alice")),
        app.request("POST", "/api/v1/auth/register").json(&credentials("bob")),
        admin.request("PATCH", &user).json(&json!({ "blocked": true })),
        admin.request("PATCH", &user).json(&json!({ "roles": ["editor"] })),
        admin.request("POST", "/api/v1/admin/revoke").json(&json!({ "user_id": alice.id })),
        admin.request("POST", "/api/v1/admin/revoke").json(&json!({ "everyone": true })),
        alice.request("POST", "/api/v1/me/password").json(&passwords),
    ];
    for (at, request) in requests.into_iter().enumerate() {
        assert_eq!(request.send_raw().await.status(), 500, "request {at}");
    }
    assert_eq!(app.count("SELECT count(*) FROM audit_events").await, before);
    assert_eq!(app.count("SELECT count(*) FROM users").await, 2);
    assert_eq!(app.count("SELECT count(*) FROM sessions WHERE revoked_at IS NULL").await, 2);
    assert_eq!(app.count("SELECT count(*) FROM users WHERE blocked_at IS NOT NULL OR roles = '{editor}'").await, 0);
    alice.me().await.expect(200);
}

/// L-26, C-20: where the event cannot be written, no email is requested, and the request counts towards no limit.
#[tokio::test]
async fn an_administrators_request_and_its_event_are_one_transaction() {
    let app = TestApp::start().await;
    let (root, alice) = (app.admin("root").await, app.person("alice").await);
    app.run_sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'disk_full'; END $$;
         CREATE TRIGGER refuse BEFORE INSERT ON audit_events FOR EACH ROW WHEN (NEW.kind = 'confirmation_requested')
         EXECUTE FUNCTION refuse()",
    )
    .await;
    let path = format!("/api/v1/admin/users/{}/password-reset", alice.id);
    root.post(&path, &json!({})).await.expect_problem(503, "temporarily_unavailable");
    assert_eq!(app.count("SELECT count(*) FROM confirmations").await, 0);
    assert_eq!(app.count("SELECT count(*) FROM email_requests").await, 0);
    app.run_sql("DROP TRIGGER refuse ON audit_events").await;
    root.post(&path, &json!({})).await.expect(202);
    app.email("reset-password", "alice").await;
}
