//! What Kakao says of its users by itself.

use crate::support::{Answer, Browser, TestApp, federated};
use heirloom_testing::{Endpoint, Fault, Member, ProviderKind, StubProvider};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

const PATH: &str = "/api/v1/events/kakao";
const DISABLED: &str = "https://schemas.openid.net/secevent/risc/event-type/account-disabled";

#[expect(clippy::disallowed_methods, reason = "Kakao has a clock of its own")]
fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// What Kakao would state of a member.
fn claims(stub: &StubProvider, member: &str, jti: &str, event: &str) -> Value {
    json!({
        "iss": stub.issuer(), "aud": stub.client_id(), "iat": now(), "jti": jti, "sub": member,
        "events": { event: { "subject": { "subject_type": "iss-sub", "iss": stub.issuer(), "sub": member } } },
    })
}

fn signed(stub: &StubProvider, claims: &Value) -> String {
    stub.sign(&json!({ "typ": "secevent+jwt" }), claims)
}

impl TestApp {
    /// As Kakao's server does: without an `Origin`, cookies or a token of ours.
    async fn hears(&self, token: &str) -> Answer {
        self.request("POST", PATH).body("application/secevent+jwt", token.to_owned()).send().await
    }

    async fn refuses(&self, token: &str, err: &str) {
        let answer = self.hears(token).await;
        assert_eq!(answer.expect(400).text("/err"), err);
        assert_eq!(answer.header("content-language"), Some("en"));
    }
}

/// A server that knows Kakao, with one user who is signed in through it.
async fn with_kakao() -> (TestApp, StubProvider, Browser) {
    let (app, stub) = federated(ProviderKind::Kakao, &[]).await;
    let browser = Browser::new();
    browser.sign_in(&app, &stub).await.expect(303);
    assert!(browser.is_signed_in());
    (app, stub, browser)
}

/// U-40: each event that says so, and no other one.
#[tokio::test]
async fn an_event_ends_the_sessions_that_were_opened_through_the_identity() {
    for (event, ends) in [
        (DISABLED, true),
        ("https://schemas.openid.net/secevent/risc/event-type/sessions-revoked", true),
        ("https://schemas.openid.net/secevent/risc/event-type/credential-compromise", true),
        ("https://schemas.kakao.com/events/oauth/tokens-revoked", true),
        ("https://schemas.kakao.com/events/oauth/user-unlinked", true),
        ("https://schemas.kakao.com/events/oauth/user-linked", false),
        ("https://schemas.openid.net/secevent/risc/event-type/account-enabled", false),
        ("https://example.com/account-disabled", false),
    ] {
        let (app, stub, _alice) = with_kakao().await;
        app.hears(&signed(&stub, &claims(&stub, "1001", "one", event))).await.expect(202);
        assert_eq!(app.live_sessions().await == 0, ends, "{event}");
        let reason = "SELECT count(*) FROM sessions WHERE revoked_reason = 'ended_by_provider'";
        assert_eq!(app.count(reason).await, i64::from(ends), "{event}");
        let recorded =
            "SELECT count(*) FROM audit_events WHERE kind = 'sessions_ended' AND details ->> 'provider' = 'op'";
        assert_eq!(app.count(recorded).await, i64::from(ends), "{event}");
    }
}

/// U-40: neither the sessions of others, nor those of the user that were opened otherwise, nor later ones.
#[tokio::test]
async fn an_event_ends_no_other_session() {
    let (app, stub, _alice) = with_kakao().await;
    stub.member(Member::new("1002", "ben@example.com"));
    Browser::new().sign_in(&app, &stub).await.expect(303);
    let here = "UPDATE sessions SET identity_issuer = NULL, identity_subject = NULL WHERE identity_subject = '1001'";
    sqlx::query(here).execute(app.db()).await.unwrap();
    stub.member(Member::new("1001", "alice@example.com"));
    Browser::new().sign_in(&app, &stub).await.expect(303);
    assert_eq!(app.live_sessions().await, 3);

    // It happened before the session was opened.
    let mut earlier = claims(&stub, "1001", "earlier", DISABLED);
    earlier["toe"] = json!(now() - 3600);
    app.hears(&signed(&stub, &earlier)).await.expect(202);
    earlier["jti"] = json!("issued earlier");
    (earlier["toe"], earlier["iat"]) = (Value::Null, json!(now() - 3600));
    app.hears(&signed(&stub, &earlier)).await.expect(202);
    app.hears(&signed(&stub, &claims(&stub, "7777", "nobody", DISABLED))).await.expect(202);
    assert_eq!(app.live_sessions().await, 3);
    // It will have happened in a year: those of today end, those of tomorrow do not.
    let mut later = claims(&stub, "1001", "later", DISABLED);
    later["toe"] = json!(now() + 365 * 86_400);
    app.hears(&signed(&stub, &later)).await.expect(202);
    assert_eq!(app.live_sessions().await, 2);
    Browser::new().sign_in(&app, &stub).await.expect(303);
    app.hears(&signed(&stub, &later)).await.expect(202);
    assert_eq!(app.live_sessions().await, 3);
}

/// U-40, U-44: the session that disconnects the identity stays, and may be a thief's. Whoever gets the identity then hides nothing.
#[tokio::test]
async fn an_event_ends_the_session_that_disconnected_the_identity() {
    for is_connected_again in [false, true] {
        let (app, stub) = federated(ProviderKind::Kakao, &[]).await;
        let brought = json!({ "id_token": stub.id_token("a-nonce"), "nonce": "a-nonce" });
        let tokens = app.post("/api/v1/auth/upstream/op/token", &brought).await.expect_tokens();
        let password = json!({ "new_password": "a garden of blue lanterns" });
        let first = app.request("POST", "/api/v1/me/password").bearer(&tokens.access_token).json(&password);
        first.send().await.expect(204);
        let disconnected = app.request("DELETE", "/api/v1/me/identities/op").bearer(&tokens.access_token);
        disconnected.send().await.expect(204);
        if is_connected_again {
            stub.member(Member::new("1001", "ben@example.com"));
            Browser::new().sign_in(&app, &stub).await.expect(303);
        }
        assert_eq!(app.live_sessions().await, 1 + i64::from(is_connected_again));
        app.hears(&signed(&stub, &claims(&stub, "1001", "one", DISABLED))).await.expect(202);
        assert_eq!(app.live_sessions().await, 0, "{is_connected_again}");
        assert_eq!(app.events("sessions_ended").await, 1 + i64::from(is_connected_again));
    }
}

/// U-40: what concerns nobody is accepted (RFC 8935 §2.2), or its sender would send it again and again.
#[tokio::test]
async fn an_event_about_nobody_is_accepted_and_changes_nothing() {
    const VERIFICATION: &str = "https://schemas.openid.net/secevent/risc/event-type/verification";
    let (app, stub, _alice) = with_kakao().await;
    for (number, events) in [
        json!({ VERIFICATION: { "state": "a-test-of-the-delivery" } }),
        json!({ VERIFICATION: {} }),
        json!({ DISABLED: {} }),
        json!({ DISABLED: { "subject": { "subject_type": "email", "email": "alice@example.com" } } }),
        json!({ DISABLED: { "subject": { "iss": "https://another.example", "sub": "1001" } } }),
        json!({ DISABLED: "no object" }),
    ]
    .into_iter()
    .enumerate()
    {
        let mut claims = claims(&stub, "1001", &format!("event {number}"), DISABLED);
        claims["events"] = events.clone();
        claims.as_object_mut().unwrap().remove("sub");
        let answer = app.hears(&signed(&stub, &claims)).await;
        assert!(answer.expect(202).body.is_empty(), "{events}");
    }
    assert_eq!((app.live_sessions().await, app.events("sessions_ended").await), (1, 0));
    // What it states of a user must be possible.
    for subject in [json!(""), json!("x".repeat(256)), json!("a\nb"), json!(1001)] {
        let mut claims = claims(&stub, "1001", "impossible", DISABLED);
        claims["sub"] = subject;
        app.refuses(&signed(&stub, &claims), "invalid_request").await;
    }
}

/// U-41.
#[tokio::test]
async fn an_event_that_came_before_changes_nothing() {
    let (app, stub, _alice) = with_kakao().await;
    let event = signed(&stub, &claims(&stub, "1001", "the one", DISABLED));
    app.hears(&event).await.expect(202);
    Browser::new().sign_in(&app, &stub).await.expect(303);
    let before = app.all_rows().await;
    app.hears(&event).await.expect(202);
    // The same `jti` under a new signature, of a later time.
    let mut again = claims(&stub, "1001", "the one", DISABLED);
    again["iat"] = json!(now() + 30);
    app.hears(&signed(&stub, &again)).await.expect(202);
    assert_eq!(app.all_rows().await, before);
    assert_eq!(app.live_sessions().await, 1);
}

/// U-42: the code says why, and nothing is changed.
#[tokio::test]
async fn an_event_that_is_not_genuine_is_refused_with_the_reason_and_changes_nothing() {
    let (app, stub, _alice) = with_kakao().await;
    let before = app.all_rows().await;
    let good = claims(&stub, "1001", "one", DISABLED);
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        signed(&stub, &claims)
    };
    app.refuses("", "invalid_request").await;
    app.refuses("not-a-token", "invalid_request").await;
    app.refuses(&stub.id_token("a-nonce"), "invalid_request").await;
    app.refuses(&with("iss", json!("https://kauth.kakao.example")), "invalid_issuer").await;
    app.refuses(&with("aud", json!("another-client")), "invalid_audience").await;
    app.refuses(&with("iat", json!(now() + 600)), "invalid_request").await;
    app.refuses(&with("jti", json!("")), "invalid_request").await;
    app.refuses(&with("events", json!({})), "invalid_request").await;
    app.refuses(&stub.sign(&json!({ "kid": "a-kid-of-nobody" }), &good), "invalid_key").await;
    app.refuses(&stub.sign(&json!({ "alg": "HS256" }), &good), "invalid_key").await;
    app.refuses(&stub.sign(&json!({ "alg": "none" }), &good), "invalid_key").await;
    let genuine = signed(&stub, &good);
    let (message, signature) = genuine.rsplit_once('.').unwrap();
    let forged = message.replace(message.split('.').nth(1).unwrap(), other_claims(&stub, &good).as_str());
    app.refuses(&format!("{forged}.{signature}"), "authentication_failed").await;
    assert_eq!(app.all_rows().await, before);

    for (media_type, code) in
        [("application/json", "unsupported_media_type"), ("application/jwt", "unsupported_media_type")]
    {
        app.request("POST", PATH).body(media_type, genuine.clone()).send().await.expect_problem(415, code);
    }
    app.hears(&"x".repeat(70_000)).await.expect_problem(413, "payload_too_large");
    assert_eq!(app.live_sessions().await, 1);
}

/// The claims of another event, as a part of a token.
fn other_claims(stub: &StubProvider, claims: &Value) -> String {
    let mut other = claims.clone();
    other["sub"] = json!("1002");
    signed(stub, &other).split('.').nth(1).unwrap().to_owned()
}

/// U-42: an outage looks like one, and the event is taken when it comes again.
#[tokio::test]
async fn where_kakaos_keys_cannot_be_fetched_the_event_is_not_judged() {
    let (app, stub) = federated(ProviderKind::Kakao, &[]).await;
    stub.edit(|does| drop(does.faults.insert(Endpoint::Jwks, Fault::Status(500))));
    let event = signed(&stub, &claims(&stub, "1001", "one", DISABLED));
    app.hears(&event).await.expect_problem(502, "upstream_failed");
    stub.edit(|does| does.faults.clear());
    app.hears(&event).await.expect(202);
    // Without Kakao there is nobody whose events could be genuine.
    let (other, _google) = federated(ProviderKind::Google, &[]).await;
    other.hears(&event).await.expect_problem(404, "not_found");
}

/// U-18, U-42, U-9: keys that are new while none can be fetched are not forged ones.
#[tokio::test]
async fn while_kakaos_keys_cannot_be_fetched_a_token_of_a_new_key_is_not_judged() {
    let (app, stub, _alice) = with_kakao().await;
    stub.rotate_keys();
    stub.edit(|does| drop(does.faults.insert(Endpoint::Jwks, Fault::Status(500))));
    let event = signed(&stub, &claims(&stub, "1001", "one", DISABLED));
    let brought = json!({ "id_token": stub.id_token("a-nonce"), "nonce": "a-nonce" });
    // The first time Kakao is asked; afterwards it is not.
    for _ in 0..2 {
        app.hears(&event).await.expect_problem(502, "upstream_failed");
        app.post("/api/v1/auth/upstream/op/token", &brought).await.expect_problem(502, "upstream_failed");
        let back = Browser::new().sign_in(&app, &stub).await;
        let to = back.expect(303).header("location").unwrap();
        assert!(to.starts_with("/login?reason=upstream_failed"), "{to}");
    }
    assert_eq!(stub.seen_at(Endpoint::Jwks).len(), 2);
    assert_eq!(app.live_sessions().await, 1);
}
