//! POST /api/v1/auth/logout.

use crate::support::{TestApp, at_once, credentials};
use serde_json::json;

/// S-52, S-57.
#[tokio::test]
async fn signing_out_ends_the_session_at_once() {
    let app = TestApp::start().await;
    let tokens = app.sign_in("alice").await;
    app.sign_out(&tokens.refresh_token).await.expect_done();

    app.refresh(&tokens.refresh_token).await.expect_problem(401, "session_revoked");
    app.me(&tokens.access_token).await.expect_challenge("session_revoked");
    app.check(&tokens.access_token).await.expect_challenge("session_revoked");
    assert_eq!(app.session_row(&tokens.session_id).await["revoked_reason"], "signed_out");
}

/// S-53.
#[tokio::test]
async fn signing_out_again_is_done_already() {
    let app = TestApp::start().await;
    let tokens = app.sign_in("alice").await;
    for _ in 0..3 {
        app.sign_out(&tokens.refresh_token).await.expect_done();
    }
    assert_eq!(app.events("sessions_ended").await, 1);
    at_once((0..8).map(|_| app.sign_out(&tokens.refresh_token))).await.iter().for_each(|answer| {
        answer.expect_done();
    });
}

/// S-53.
#[tokio::test]
async fn signing_out_without_a_session_is_done_already() {
    let app = TestApp::start().await;
    let tokens = app.sign_in("alice").await;
    let rows = app.all_rows().await;
    app.request("POST", "/api/v1/auth/logout").send().await.expect_done();
    app.post("/api/v1/auth/logout", &json!({})).await.expect_done();
    app.post("/api/v1/auth/logout", &json!({ "refresh_token": null })).await.expect_done();
    for unknown in ["", "hrt_nonsense", &tokens.access_token, &tokens.refresh_token[1..]] {
        app.sign_out(unknown).await.expect_done();
    }
    assert_eq!(app.all_rows().await, rows);
    app.check(&tokens.access_token).await.expect_done();
}

/// S-52: Whoever holds any token of the family may end it: at worst a thief signs himself out.
#[tokio::test]
async fn a_stale_token_signs_out_too_and_is_no_replay() {
    let app = TestApp::start().await;
    let first = app.sign_in("alice").await;
    let second = app.refresh(&first.refresh_token).await.expect_tokens();
    app.sign_out(&first.refresh_token).await.expect_done();
    app.refresh(&second.refresh_token).await.expect_problem(401, "session_revoked");
    assert_eq!(app.events("refresh_token_reused").await, 0);
}

/// S-52.
#[tokio::test]
async fn a_bearer_signs_out_its_own_session() {
    let app = TestApp::start().await;
    let here = app.person("alice").await;
    let there = app.person("alice").await;
    here.request("POST", "/api/v1/auth/logout").send().await.expect_done();

    here.check().await.expect_challenge("session_revoked");
    app.refresh(&here.tokens.refresh_token).await.expect_problem(401, "session_revoked");
    there.check().await.expect_done();
    here.request("POST", "/api/v1/auth/logout").send().await.expect_done();
}

/// S-53: The browser must be rid of the cookie whatever became of the session: name, path and flags as when it was set.
#[tokio::test]
async fn signing_out_clears_the_cookie() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    let set = browser.sign_in("alice").await.cookie().expect("a cookie");
    let tokens = browser.cookie.clone().expect("a cookie");
    let cleared = browser.sign_out().await.expect_done().cookie().expect("a cookie");

    assert_eq!((cleared.name, cleared.attributes), (set.name, set.attributes));
    assert_eq!(cleared.value, "");
    assert_eq!(cleared.max_age, Some(0));
    assert_eq!(browser.cookie, None);
    app.browser().holding(&tokens).refresh().await.expect_problem(401, "session_revoked").expect_no_cookie();
    for over in [&tokens, "hrt_nonsense", "x"] {
        let cleared = app.browser().holding(over).sign_out().await.expect_done().cookie().expect("a cookie");
        assert_eq!(cleared.max_age, Some(0));
    }
}

/// S-52, S-26: A session keeps the way it began.
#[tokio::test]
async fn a_token_by_the_wrong_transport_revokes_no_session() {
    let app = TestApp::start().await;
    let body = app.sign_in("alice").await;
    let cookie = app.browser().sign_in("alice").await.expect_tokens();
    app.sign_out(&cookie.cookie).await.expect_done();
    app.browser().holding(&body.refresh_token).sign_out().await.expect_done();
    app.check(&body.access_token).await.expect_done();
    app.check(&cookie.access_token).await.expect_done();
}

/// S-54.
#[tokio::test]
async fn signing_out_ends_no_other_session() {
    let app = TestApp::start().await;
    let (here, there, bob) = (app.sign_in("alice").await, app.sign_in("alice").await, app.sign_in("bob").await);
    app.sign_out(&here.refresh_token).await.expect_done();
    for other in [there, bob] {
        app.check(&other.access_token).await.expect_done();
        app.refresh(&other.refresh_token).await.expect_tokens();
    }
}

#[tokio::test]
async fn a_forged_bearer_revokes_no_session() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    let forged = alice.tokens.access_token.replace('.', "x.");
    let request = app.request("POST", "/api/v1/auth/logout").bearer(&forged);
    let answer = request.send().await;
    assert!(matches!(answer.status, 204 | 401), "{answer:?}");
    alice.check().await.expect_done();
}

/// S-53: a page that closes sends its last request as text; whatever the body is, the cookie and the bearer prove enough.
#[tokio::test]
async fn a_body_that_is_refused_does_not_keep_the_user_signed_in() {
    let app = TestApp::start().await;
    for (content_type, body, status) in [
        ("application/json", "{bad".to_owned(), 400),
        ("text/plain", "bye".to_owned(), 415),
        ("application/json", json!({ "token": "x" }).to_string(), 422),
        ("application/json", json!({ "refresh_token": 7 }).to_string(), 422),
        ("application/json", "x".repeat(70_000), 413),
    ] {
        let bearer = app.person("alice").await;
        let mut by_cookie = credentials("alice");
        by_cookie["transport"] = "cookie".into();
        let signed_in = app.post("/api/v1/auth/login", &by_cookie).await;
        let cookies = signed_in.set_cookies();
        let cookie = cookies.iter().find(|cookie| cookie.value.starts_with("hrt_")).expect("a token");
        let cookie = format!("{}={}", cookie.name, cookie.value);
        let request = bearer.request("POST", "/api/v1/auth/logout").header("Cookie", &cookie);
        let answer = request.body(content_type, body).send().await;
        assert_eq!(answer.status, status, "{content_type} {answer:?}");
        assert!(answer.set_cookies().iter().any(|cookie| cookie.max_age == Some(0)), "{answer:?}");
        bearer.check().await.expect_challenge("session_revoked");
        let refreshed = app.request("POST", "/api/v1/auth/refresh").header("Cookie", &cookie).send().await;
        refreshed.expect_problem(401, "session_revoked");
    }
}
