//! GET /api/v1/me/events: what happened on one's own account, and nothing that is not one's own business.

use crate::support::{TestApp, email, password};
use serde_json::{Value, json};

const EVENTS: &str = "/api/v1/me/events";

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["kind"].as_str()).collect()
}

#[tokio::test]
async fn one_sees_what_happened_to_oneself_newest_first_and_nothing_of_others() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    app.person("bob").await;
    let wrong = json!({ "email": email("alice"), "password": "not the one" });
    app.post("/api/v1/auth/login", &wrong).await.expect_problem(401, "invalid_credentials");

    let events = alice.get(EVENTS).await.items();
    assert_eq!(kinds(&events), ["sign_in_failed", "signed_in", "user_added"]);
    assert_eq!(events[0]["by"], "unknown");
    assert_eq!(events[0]["ip"], "127.0.0.1", "the owner sees the address of every attempt");
    assert_eq!((&events[1]["by"], &events[1]["session"]["current"]), (&json!("you"), &json!(true)));

    let mut members: Vec<_> = events[0].as_object().expect("an object").keys().cloned().collect();
    members.sort();
    assert_eq!(members, ["at", "by", "id", "ip", "kind", "reason", "session", "user_agent"]);
}

#[tokio::test]
async fn a_stolen_token_is_shown_with_the_device_it_was_stolen_from() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    let phone = json!({ "email": email("alice"), "password": password("alice"), "device_name": "Phone" });
    let stolen = app.post("/api/v1/auth/login", &phone).await.expect_tokens();
    let next = app.refresh(&stolen.refresh_token).await.expect_tokens();
    app.refresh(&next.refresh_token).await.expect_tokens();
    app.refresh(&stolen.refresh_token).await.expect_problem(401, "refresh_token_reused");

    let event = alice.get(EVENTS).await.items().remove(0);
    assert_eq!(event["kind"], "refresh_token_reused");
    assert_eq!(event["by"], "unknown");
    assert_eq!(event["session"]["id"], stolen.session_id.as_str());
    assert_eq!(event["session"]["device_name"], "Phone");
}

/// The user concerned does not see what an administrator wrote, who they are, or their address.
#[tokio::test]
async fn an_administrators_words_name_and_address_stay_theirs() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let alice = app.person("alice").await;
    let other = app.sign_in("alice").await;
    let reason = "looks like a bot to me";
    admin.revoke(&json!({ "session_id": other.session_id, "reason": reason })).await.expect(200);
    admin
        .revoke(&json!({ "session_id": app.sign_in("alice").await.session_id, "reason": "signed_out" }))
        .await
        .expect(200);

    let answer = alice.get(EVENTS).await;
    let ended: Vec<_> = answer.items().into_iter().filter(|event| event["kind"] == "sessions_ended").collect();
    assert_eq!(ended.len(), 2);
    for event in ended {
        assert_eq!((&event["by"], &event["reason"]), (&json!("operator"), &json!("revoked_by_admin")));
        assert_eq!((&event["ip"], &event["user_agent"]), (&Value::Null, &Value::Null));
    }
    assert!(!answer.body.contains(reason) && !answer.body.contains(&admin.id), "{answer:?}");
}

#[tokio::test]
async fn ones_own_doings_have_their_reason() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    let other = app.sign_in("alice").await;
    alice.end_session(&other.session_id).await.expect_done();
    alice.change_password(&password("alice"), "another quiet harbour").await.expect_done();
    let events = alice.get(EVENTS).await.items();
    assert_eq!(kinds(&events)[..2], ["password_changed", "sessions_ended"]);
    assert!(events[..2].iter().all(|event| event["by"] == "you"), "{events:?}");
    assert_eq!(events[1]["reason"], "ended_by_user");
    assert_eq!(events[1]["session"]["id"], other.session_id.as_str());
}

/// What the server did by itself counts as no administrator's doing.
#[tokio::test]
async fn a_session_that_a_newer_sign_in_replaced_says_so() {
    let app = TestApp::with(&[("HEIRLOOM_MAX_SESSIONS_PER_USER", "1")]).await;
    app.sign_in("alice").await;
    let alice = app.person("alice").await;
    let event = alice.get(EVENTS).await.items().into_iter().find(|event| event["kind"] == "sessions_ended").unwrap();
    assert_eq!((&event["by"], &event["reason"]), (&json!("you"), &json!("session_limit")));
}

#[tokio::test]
async fn the_list_goes_on_page_after_page() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    for _ in 0..3 {
        app.sign_in("alice").await;
    }
    let all = alice.get(EVENTS).await.items();
    assert_eq!(all.len(), 5);
    let (mut seen, mut path) = (Vec::new(), format!("{EVENTS}?limit=2"));
    loop {
        let answer = alice.get(&path).await;
        seen.extend(answer.items());
        let Some(cursor) = answer.json()["next_cursor"].as_str().map(str::to_owned) else { break };
        path = format!("{EVENTS}?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, all);
    let foreign = alice.get("/api/v1/me/sessions?limit=1").await.text("/next_cursor");
    alice.get(&format!("{EVENTS}?cursor={foreign}")).await.expect_problem(422, "validation_failed");
}
