//! A deleted user: signed out everywhere, and only the ids in the audit log remain.

use crate::support::{Answer, TestApp, Tokens, at_once, credentials, email, eventually};
use heirloom::{
    admin::{UserDeleted, delete_user},
    kernel::Operator,
};
use heirloom_testing::Port;
use serde_json::json;

impl TestApp {
    /// As `heirloom user delete` does.
    async fn delete(&self, user: &str) -> UserDeleted {
        delete_user(&self.sessions, Operator::at_the_command_line(), user.parse().expect("an id"))
            .await
            .expect("an answer")
    }

    async fn expect_deleted(&self, user: &str) -> u64 {
        match self.delete(user).await {
            UserDeleted::Deleted(live) => live,
            refused => panic!("{refused:?}"),
        }
    }
}

async fn expect_end_on(app: &TestApp, tokens: &Tokens) {
    eventually("the server refuses the token", async || app.check(&tokens.access_token).await.status == 401).await;
    app.check(&tokens.access_token).await.expect_challenge("session_revoked");
    app.me(&tokens.access_token).await.expect_challenge("session_revoked");
}

/// S-71.
#[tokio::test]
async fn every_session_of_the_user_is_revoked_on_every_instance_also_on_one_that_starts_later() {
    let one = TestApp::start().await;
    let two = one.another(&[]).await;
    let alice = one.person("alice").await;
    let (phone, signed_out) = (two.sign_in("alice").await, two.sign_in("alice").await);
    let bob = one.sign_in("bob").await;
    // It ended a moment before: its access token lives still.
    two.sign_out(&signed_out.refresh_token).await.expect_done();

    assert_eq!(one.expect_deleted(&alice.id).await, 2);

    one.check(&alice.tokens.access_token).await.expect_challenge("session_revoked");
    let late = one.another(&[]).await;
    for app in [&one, &two, &late] {
        for tokens in [&alice.tokens, &phone, &signed_out] {
            expect_end_on(app, tokens).await;
            app.refresh(&tokens.refresh_token).await.expect_problem(401, "session_expired");
        }
        app.check(&bob.access_token).await.expect_done();
    }
    late.refresh(&bob.refresh_token).await.expect_tokens();
}

#[tokio::test]
async fn signing_in_is_answered_as_for_an_unknown_address() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    app.expect_deleted(&alice.id).await;
    let (gone, unknown) = (app.try_sign_in("alice").await, app.try_sign_in("nobody").await);
    gone.expect_problem(401, "invalid_credentials");
    assert_eq!(gone.json()["detail"], unknown.json()["detail"]);
    assert!(matches!(app.delete(&alice.id).await, UserDeleted::NotFound), "again");
}

/// C-21.
#[tokio::test]
async fn nothing_is_left_of_them_but_the_ids_in_the_audit_log() {
    let nobody = Port::reserve();
    let app = TestApp::with(&[("HEIRLOOM_SMTP_URL", &format!("smtp://{}", nobody.address()))]).await;
    let admin = app.admin("root").await;
    let alice = app.person("alice").await;
    let body = json!({ "email": email("alice"), "password": "not it", "device_name": "a violin" });
    app.post("/api/v1/auth/login", &body).await.expect(401);
    let mut wishes = credentials("alice");
    wishes["device_name"] = json!("a violin");
    app.post("/api/v1/auth/login", &wishes).await.expect(200);
    alice.patch("/api/v1/me", &json!({ "name": "Ada Lovelace" })).await.expect(200);
    admin.change(&alice.id, &json!({ "claims": { "plan": "platinum" }, "roles": ["curator"] })).await.expect(200);
    let personal = [email("alice"), "Ada Lovelace".to_owned(), "a violin".to_owned(), "platinum".to_owned()];
    let before = app.all_rows().await.join("\n");
    assert!(personal.iter().all(|word| before.contains(word)), "{before}");

    app.expect_deleted(&alice.id).await;

    let after = app.all_rows().await;
    for word in &personal {
        assert!(!after.iter().any(|row| row.contains(word)), "{word} in {after:#?}");
    }
    let naming = after.iter().filter(|row| row.contains(&alice.id));
    for row in naming {
        assert!(row.starts_with("audit_events"), "{row}");
    }
    let events = admin.events(&format!("?user_id={}", alice.id)).await;
    assert_eq!(events[0]["kind"], "user_deleted");
    assert_eq!(events[0]["details"], json!({ "sessions": 2 }));
    assert_eq!(events.last().expect("an event")["kind"], "user_added");
    for table in ["sessions", "outbox"] {
        assert!(!after.iter().any(|row| row.starts_with(table) && row.contains(&alice.id)));
    }
}

#[tokio::test]
async fn the_next_user_with_the_address_gets_nothing_else() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    app.expect_deleted(&alice.id).await;
    let body = json!({ "email": email("alice"), "password": "another garden by night", "name": "Alice" });
    let next = app.post("/api/v1/auth/register", &body).await;
    assert_ne!(next.expect(201).json()["user"]["id"], json!(alice.id));
    app.try_sign_in("alice").await.expect_problem(401, "invalid_credentials");
    let wishes = json!({ "email": email("alice"), "password": "another garden by night" });
    let tokens = app.post("/api/v1/auth/login", &wishes).await.expect_tokens();
    let sessions = app.request("GET", "/api/v1/me/sessions").bearer(&tokens.access_token).send().await.items();
    assert_eq!(sessions.len(), 1);
    app.me(&alice.tokens.access_token).await.expect_challenge("session_revoked");
}

///
#[tokio::test]
async fn the_last_administrator_stays_also_when_two_go_at_once() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    assert!(matches!(app.delete(&admin.id).await, UserDeleted::LastAdmin));
    app.check(&admin.tokens.access_token).await.expect_done();
    assert_eq!((app.events("access_denied").await, app.events("user_deleted").await), (1, 0));

    let other = app.admin("deputy").await;
    let gone = at_once([app.delete(&admin.id), app.delete(&other.id)]).await;
    let deleted = gone.iter().filter(|answer| matches!(answer, UserDeleted::Deleted(_))).count();
    assert_eq!(deleted, 1, "{gone:?}");
    assert_eq!(app.count("SELECT count(*) FROM users WHERE 'admin' = ANY (roles)").await, 1);
}

/// S-71, C-34: Whatever runs beside it comes wholly before it, and dies with it, or wholly after it, and finds nobody.
#[tokio::test]
async fn signing_in_refreshing_and_replaying_beside_it_leaves_nothing_alive() {
    let nobody = Port::reserve();
    let smtp = format!("smtp://{}", nobody.address());
    let options = [("HEIRLOOM_SMTP_URL", smtp.as_str()), ("HEIRLOOM_RATE_LIMIT", "off")];
    let one = TestApp::with(&options).await;
    let two = one.another(&options).await;
    for round in 0..12 {
        let name = format!("person{round}");
        let person = one.person(&name).await;
        let mut current = Vec::new();
        let mut stale = Vec::new();
        for _ in 0..4 {
            current.push(one.sign_in(&name).await);
            let first = one.sign_in(&name).await;
            two.refresh(&first.refresh_token).await.expect_tokens();
            stale.push(first);
        }
        let refreshing = at_once(current.iter().map(|tokens| two.refresh(&tokens.refresh_token)));
        let replaying = at_once(stale.iter().map(|tokens| one.refresh(&tokens.refresh_token)));
        let signing_in = at_once((0..4).map(|_| two.try_sign_in(&name)));
        let (refreshed, replayed, signed_in, _) =
            tokio::join!(refreshing, replaying, signing_in, one.expect_deleted(&person.id));

        assert!(replayed.iter().all(|answer| answer.status == 401), "{replayed:?}");
        let answers = refreshed.iter().chain(&signed_in);
        assert!(answers.clone().all(|answer| matches!(answer.status, 200 | 401)), "{refreshed:?} {signed_in:?}");
        let handed_out: Vec<Tokens> =
            answers.filter(|answer| answer.status == 200).map(|answer| answer.expect_tokens()).collect();
        for tokens in current.iter().chain(&stale).chain(&handed_out) {
            expect_end_on(&one, tokens).await;
            expect_end_on(&two, tokens).await;
            assert_eq!(one.refresh(&tokens.refresh_token).await.status, 401);
        }
    }
    assert_eq!(one.count("SELECT count(*) FROM sessions").await, 0);
}

/// S-69.
#[tokio::test]
async fn what_departed_is_forgotten_when_no_access_token_of_it_can_live() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    app.expect_deleted(&alice.id).await;
    let kept = "SELECT count(*) FROM departed_sessions";
    app.sweep().await;
    assert_eq!(app.count(kept).await, 1);
    let age = "UPDATE departed_sessions SET revoked_at = now() - interval '31 days'";
    sqlx::query(age).execute(app.db()).await.expect("aged");
    app.sweep().await;
    assert_eq!(app.count(kept).await, 0);
}

async fn delete_me(app: &TestApp, access_token: &str, email: &str) -> Answer {
    app.request("DELETE", "/api/v1/me").bearer(access_token).json(&json!({ "email": email })).send().await
}

/// L-30, S-71: by the user, also on another instance.
#[tokio::test]
async fn a_user_deletes_the_own_account_and_every_session_of_it_on_every_instance() {
    let one = TestApp::start().await;
    let two = one.another(&[]).await;
    let alice = one.person("alice").await;
    let phone = two.sign_in("alice").await;
    let bob = one.sign_in("bob").await;
    for other in ["", "alice", "bob@example.com", "alice@example.com.evil.example"] {
        delete_me(&one, &alice.tokens.access_token, other).await.expect_fields(&["email"]);
    }
    alice.check().await.expect_done();
    // In any spelling of the address.
    delete_me(&one, &alice.tokens.access_token, " Alice@EXAMPLE.com ").await.expect_done();
    one.check(&alice.tokens.access_token).await.expect_challenge("session_revoked");
    for app in [&one, &two] {
        for tokens in [&alice.tokens, &phone] {
            expect_end_on(app, tokens).await;
            app.refresh(&tokens.refresh_token).await.expect_problem(401, "session_expired");
        }
        app.check(&bob.access_token).await.expect_done();
    }
    delete_me(&one, &alice.tokens.access_token, &email("alice")).await.expect_challenge("session_revoked");
    one.try_sign_in("alice").await.expect_problem(401, "invalid_credentials");
    assert_eq!((one.events("user_deleted_self").await, one.events("user_deleted").await), (1, 0));
    let left = one.all_rows().await.into_iter().filter(|row| row.contains("alice@example.com")).collect::<Vec<_>>();
    assert_eq!(left, Vec::<String>::new());
    // The address is free again.
    let body = json!({ "email": email("alice"), "password": "a garden of blue lanterns" });
    one.post("/api/v1/auth/register", &body).await.expect(201);
}

/// L-30, A-45, S-84.
#[tokio::test]
async fn a_stale_session_and_the_last_administrator_delete_nothing() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    app.grow_old(&alice.tokens.session_id).await;
    delete_me(&app, &alice.tokens.access_token, &email("alice")).await.expect_step_up();
    let root = app.admin("root").await;
    delete_me(&app, &root.tokens.access_token, &email("root")).await.expect_problem(409, "last_admin");
    root.check().await.expect_done();
    let second = app.admin("second").await;
    let answers = at_once([&root, &second].map(async |admin| {
        let name = admin.me().await.text("/user/email");
        delete_me(&app, &admin.tokens.access_token, &name).await.status
    }))
    .await;
    assert!(answers.contains(&204) && answers.contains(&409), "two at once leave one: {answers:?}");
    assert_eq!(app.events("user_deleted_self").await, 1);
}

/// L-30, C-34: of a deletion and a step-up or sign-in at the same moment, no live session is left.
#[tokio::test]
async fn nothing_that_races_the_deletion_leaves_a_session() {
    let app = TestApp::start().await;
    for round in 0..5 {
        let name = format!("person{round}");
        let person = app.person(&name).await;
        let (token, address) = (&person.tokens.access_token, email(&name));
        let (deleted, opened, again) =
            tokio::join!(delete_me(&app, token, &address), app.try_sign_in(&name), delete_me(&app, token, &address));
        let statuses = [deleted.status, again.status];
        assert!(statuses.contains(&204) && statuses.iter().all(|status| matches!(status, 204 | 401)), "{statuses:?}");
        assert!(matches!(opened.status, 200 | 401), "{opened:?}");
        if opened.status == 200 {
            expect_end_on(&app, &opened.expect_tokens()).await;
        }
    }
    assert_eq!(app.events("user_deleted_self").await, 5);
}
