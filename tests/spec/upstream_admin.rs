//! Administrators see with what a user signs in, and disconnect it. A dead provider harms nobody who is signed in.

use crate::support::{Browser, NOBODY, federated};
use heirloom_testing::{Endpoint, Fault, ProviderKind};
use serde_json::json;

/// U-43.
#[tokio::test]
async fn an_administrator_disconnects_a_user_and_ends_what_came_through_it() {
    let (app, stub) = federated(ProviderKind::Oidc, &[]).await;
    Browser::new().sign_in(&app, &stub).await.expect(303);
    let root = app.admin("root").await;
    let alice: uuid::Uuid = sqlx::query_scalar("SELECT user_id FROM identities").fetch_one(app.db()).await.unwrap();
    let path = format!("/api/v1/admin/users/{alice}/identities");
    let listed = root.get(&path).await.expect(200).json();
    assert_eq!((&listed["items"][0]["provider"], &listed["next_cursor"]), (&json!("op"), &json!(null)));
    assert_eq!(listed["items"][0]["email"], "alice@example.com");

    for unknown in ["another", "%00", "%F0%9F%A6%84"] {
        root.delete(&format!("{path}/{unknown}")).await.expect_problem(404, "not_found");
    }
    assert_eq!(app.live_sessions().await, 2);
    // As if it had been opened while the request waited for it: by the database's clock, later than the request.
    app.run_sql("UPDATE sessions SET created_at = created_at + interval '1 minute' WHERE identity_subject IS NOT NULL")
        .await;
    assert_eq!(root.delete(&format!("{path}/op")).await.expect(200).json(), json!({ "revoked": 1 }));
    assert_eq!(app.live_sessions().await, 1, "the administrator's own");
    assert_eq!(app.count("SELECT count(*) FROM identities").await, 0);
    assert_eq!(root.get(&path).await.json()["items"], json!([]));
    let events = root.events("?kind=identity_unlinked").await;
    assert_eq!(events[0]["details"], json!({ "provider": "op", "reason": "removed_by_admin" }));
    assert_eq!((&events[0]["user_id"], &events[0]["actor_id"]), (&json!(alice), &json!(root.id)));
    let emails = "SELECT count(*) FROM outbox WHERE notice = 'identity-unlinked'";
    assert_eq!(app.count(emails).await, 1);
    root.delete(&format!("{path}/op")).await.expect_problem(404, "not_found");
    root.get(&format!("/api/v1/admin/users/{NOBODY}/identities")).await.expect_problem(404, "not_found");
    // The identity is free again, and opens no account that has an owner.
    let again = Browser::new().sign_in(&app, &stub).await;
    assert_eq!(again.expect(303).header("location"), Some("/connect"));
}

/// U-9 (F5): while browsers wait for a provider that does not answer, everyone else refreshes and signs in.
#[tokio::test]
async fn a_dead_provider_harms_nobody_who_is_signed_in() {
    let (app, stub) = federated(ProviderKind::Oidc, &[]).await;
    stub.edit(|does| drop(does.faults.insert(Endpoint::Discovery, Fault::Slow)));
    let waiting: Vec<_> = (0..40).map(|_| app.get("/auth/upstream/op")).collect();
    let waiting = futures_util::future::join_all(waiting);
    let others = async {
        let mut tokens = app.sign_in("alice").await;
        for _ in 0..40 {
            tokens = app.refresh(&tokens.refresh_token).await.expect_tokens();
            app.check(&tokens.access_token).await.expect_done();
        }
        app.get("/readyz").await.expect(200);
    };
    let (answers, ()) = tokio::join!(waiting, others);
    for answer in answers {
        let location = answer.expect(303).header("location").unwrap();
        assert!(location.starts_with("/login?reason=upstream_failed"), "{location}");
    }
}
