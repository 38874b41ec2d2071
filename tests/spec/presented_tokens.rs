//! Refresh tokens that a request presents besides the one that it is about: planted cookies, cookies of another path, the
//! session that a sign-in replaces.

use crate::support::{Answer, Request, SetCookie, TestApp, credentials};
use serde_json::json;

/// Signs in by cookie. Returns the cookie as `name=value`, and the answer.
async fn sign_in(app: &TestApp, name: &str, cookies: &[&str]) -> (String, Answer) {
    app.register(name).await;
    let mut body = credentials(name);
    body["transport"] = "cookie".into();
    let request = app.request("POST", "/api/v1/auth/login").json(&body);
    let answer = with_cookies(request, cookies).send().await;
    answer.expect(200);
    (token_cookie(&answer), answer)
}

fn with_cookies(request: Request, cookies: &[&str]) -> Request {
    if cookies.is_empty() { request } else { request.header("Cookie", &cookies.join("; ")) }
}

fn token_cookie(answer: &Answer) -> String {
    let cookies = answer.set_cookies();
    let set = cookies.iter().find(|cookie| cookie.value.starts_with("hrt_")).expect("a token in a cookie");
    format!("{}={}", set.name, set.value)
}

async fn refresh(app: &TestApp, cookies: &[&str]) -> Answer {
    with_cookies(app.request("POST", "/api/v1/auth/refresh"), cookies).send().await
}

/// the answer expires the cookies of every path, so that the browser is not stuck.
#[tokio::test]
async fn two_different_tokens_are_refused_and_the_browser_forgets_them() {
    let app = TestApp::start().await;
    let (alice, _) = sign_in(&app, "alice", &[]).await;
    let (mallory, _) = sign_in(&app, "mallory", &[]).await;
    let answer = refresh(&app, &[&alice, &mallory]).await;
    answer.expect_problem(400, "ambiguous_token");
    let expired = answer.set_cookies();
    for path in ["path=/api/v1/auth", "path=/api/v1", "path=/api", "path=/"] {
        let forgets = |cookie: &SetCookie| cookie.max_age == Some(0) && cookie.attributes.iter().any(|it| it == path);
        assert!(expired.iter().any(forgets), "{path}: {answer:?}");
    }
    refresh(&app, &[&alice, &alice]).await.expect(200);
}

/// after an operator has changed the cookie's path, a browser that still sends the old cookie is not stuck.
#[tokio::test]
async fn a_cookie_of_another_path_does_not_interfere() {
    let before = TestApp::start().await;
    for path in ["/api", "/", "/api/v1"] {
        let after = before.another(&[("HEIRLOOM_COOKIE_PATH", path)]).await;
        let (old, _) = sign_in(&before, "alice", &[]).await;
        refresh(&after, &[&old]).await.expect_problem(401, "refresh_token_missing");
        let (new, answer) = sign_in(&after, "alice", &[&old]).await;
        let old_name = old.split('=').next().unwrap_or_default();
        assert_ne!(new.split('=').next(), Some(old_name), "the path is part of the name");
        let forgets = |cookie: &SetCookie| cookie.name == old_name && cookie.max_age == Some(0);
        assert!(answer.set_cookies().iter().any(forgets), "{answer:?}");
        // The browser may send the old cookie all the same.
        let again = refresh(&after, &[&old, &new]).await;
        again.expect(200);
        refresh(&after, &[&token_cookie(&again), &old]).await.expect(200);
        refresh(&before, &[&old]).await.expect_problem(401, "session_revoked");
    }
}

/// S-51, A-26: a browser has one session, and a planted cookie keeps no user from signing in.
#[tokio::test]
async fn a_sign_in_replaces_the_session_whose_token_it_presents() {
    let app = TestApp::start().await;
    let (first, _) = sign_in(&app, "alice", &[]).await;
    let (planted, _) = sign_in(&app, "mallory", &[]).await;
    let (second, _) = sign_in(&app, "alice", &[&first, &planted, "heirloom=hrt_nonsense"]).await;
    for old in [&first, &planted] {
        let refused = refresh(&app, &[old]).await;
        refused.expect_problem(401, "session_revoked");
        assert_eq!(refused.text("/reason"), "replaced");
    }
    refresh(&app, &[&second]).await.expect(200);
    assert_eq!(app.count("SELECT count(*) FROM sessions WHERE revoked_reason = 'replaced'").await, 2);
}

/// S-51: by the form as well.
#[tokio::test]
async fn the_form_replaces_the_session_too() {
    let app = TestApp::start().await;
    let (first, _) = sign_in(&app, "alice", &[]).await;
    let fields = [("email", "alice@example.com"), ("password", &*crate::support::password("alice"))];
    let answer = with_cookies(app.request("POST", "/login").form(&fields), &[&first]).send().await;
    answer.expect(303);
    refresh(&app, &[&first]).await.expect_problem(401, "session_revoked");
    refresh(&app, &[&token_cookie(&answer)]).await.expect(200);
}

/// A sign-in whose password is wrong ends nothing.
#[tokio::test]
async fn a_sign_in_that_fails_replaces_nothing() {
    let app = TestApp::start().await;
    let (first, _) = sign_in(&app, "alice", &[]).await;
    let body = json!({ "email": "alice@example.com", "password": "not the password", "transport": "cookie" });
    let request = app.request("POST", "/api/v1/auth/login").json(&body);
    with_cookies(request, &[&first]).send().await.expect_problem(401, "invalid_credentials");
    refresh(&app, &[&first]).await.expect(200);
}

/// S-52, S-53.
#[tokio::test]
async fn signing_out_ends_everything_that_the_request_proves_to_hold() {
    let app = TestApp::start().await;
    let (cookie, _) = sign_in(&app, "alice", &[]).await;
    let (planted, _) = sign_in(&app, "mallory", &[]).await;
    let body = app.sign_in("alice").await;
    let bearer = app.person("alice").await;
    let request = bearer.request("POST", "/api/v1/auth/logout").json(&json!({ "refresh_token": body.refresh_token }));
    let answer = with_cookies(request, &[&cookie, &planted, "heirloom=nonsense"]).send().await;
    answer.expect_done();
    for ended in [&cookie, &planted] {
        refresh(&app, &[ended]).await.expect_problem(401, "session_revoked");
    }
    app.refresh(&body.refresh_token).await.expect_problem(401, "session_revoked");
    bearer.check().await.expect_challenge("session_revoked");
}

/// S-53: an access token that proves nothing does not keep the user signed in.
#[tokio::test]
async fn signing_out_with_a_useless_bearer_is_done() {
    let app = TestApp::start().await;
    for bearer in ["nonsense", "a.b.c", ""] {
        let request = app.request("POST", "/api/v1/auth/logout").bearer(bearer);
        request.send().await.expect_done();
    }
}
