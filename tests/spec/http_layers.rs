//! What stands around every endpoint: limits, CORS, cookies as bytes, the client's address, connections.

use crate::support::{Answer, TestApp, at_once, credentials, email, eventually};
use serde_json::json;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const ALLOWED: &str = "https://app.example.com";
/// More than an address may do at once where a password is hashed.
const FLOOD: usize = 420;
/// Sent in parts, so that the flood needs few connections.
const PART: usize = 30;

/// Requests that are refused before a password is hashed, until one is limited: how many that takes depends on how fast
/// this machine asks, since the limit allows some more each second.
async fn flood(app: &TestApp, path: &str, origin: Option<&str>) -> Vec<Answer> {
    let mut answers: Vec<Answer> = Vec::new();
    let is_limited = |answers: &[Answer]| answers.iter().any(|answer| answer.status == 429);
    let is_nowhere = |answers: &[Answer]| answers.iter().all(|answer| answer.status == 404);
    while answers.len() < FLOOD || !is_limited(&answers) && !is_nowhere(&answers) && answers.len() < 20 * FLOOD {
        let ask = |_| {
            let request = app.request("POST", path).json(&json!({}));
            match origin {
                Some(origin) => request.header("Origin", origin),
                None => request,
            }
        };
        answers.extend(at_once((0..PART).map(ask).map(crate::support::Request::send)).await);
    }
    answers
}

/// C-27: the same endpoint, in every way that its path can be written.
#[tokio::test]
async fn a_limit_belongs_to_the_endpoint_however_its_path_is_written() {
    for path in ["/api/v1/auth/login", "/api/v1/auth/%6Cogin", "/api/v1/%61uth/lo%67in", "/%61pi/v1/auth/login"] {
        let app = TestApp::with(&[("HEIRLOOM_RATE_LIMIT", "on")]).await;
        let answers = flood(&app, path, None).await;
        let is_the_endpoint = answers.iter().any(|answer| answer.status == 422);
        let is_limited = answers.iter().any(|answer| answer.status == 429);
        assert!(is_limited || !is_the_endpoint, "{path}: {:?}", answers.first());
    }
}

/// a page that may call the API can read why it was refused.
#[tokio::test]
async fn a_refusal_by_a_limit_can_be_read_by_an_allowed_page() {
    let app = TestApp::with(&[("HEIRLOOM_RATE_LIMIT", "on"), ("HEIRLOOM_ALLOWED_ORIGINS", ALLOWED)]).await;
    let answers = flood(&app, "/api/v1/auth/login", Some(ALLOWED)).await;
    let limited = answers.iter().find(|answer| answer.status == 429).expect("a limit");
    limited.expect_problem(429, "too_many_requests");
    assert_eq!(limited.header("access-control-allow-origin"), Some(ALLOWED), "{limited:?}");
    assert!(limited.header("vary").is_some_and(|vary| vary.to_lowercase().contains("origin")), "{limited:?}");
    assert!(limited.header("x-request-id").is_some() && limited.header("content-security-policy").is_some());
    assert!(limited.header("retry-after").is_some(), "{limited:?}");
}

#[tokio::test]
async fn a_browser_that_is_limited_sees_a_page() {
    let app = TestApp::with(&[("HEIRLOOM_RATE_LIMIT", "on")]).await;
    flood(&app, "/login", None).await;
    let ask = |_| app.request("POST", "/login").header("Accept", "text/html").form(&[("email", "a")]);
    let mut pages = Vec::new();
    while !pages.iter().any(|page: &Answer| page.status == 429) && pages.len() < 20 * FLOOD {
        pages.extend(at_once((0..PART).map(ask).map(crate::support::Request::send)).await);
    }
    let page = pages.iter().find(|page| page.status == 429).expect("a limit");
    assert!(page.header("content-type").is_some_and(|kind| kind.starts_with("text/html")), "{page:?}");
}

/// A sibling host may set such a cookie, and Chromium sends it.
#[tokio::test]
async fn a_cookie_whose_name_only_looks_like_ours_is_another_cookie() {
    let app = TestApp::start().await;
    let mut mallory = app.browser();
    let planted = mallory.sign_in("mallory").await.expect_tokens().cookie;
    let mut alice = app.browser();
    let cookie = alice.sign_in("alice").await.expect_tokens().cookie;
    let name = alice.cookie_name;
    let refresh = |cookies: String| {
        let request = app.request("POST", "/api/v1/auth/refresh").header("Sec-Fetch-Site", "same-origin");
        request.header("Cookie", &cookies).send()
    };
    for space in ["\u{2000}", "\u{a0}", "\u{85}", "\u{3000}", "\u{2028}", "\u{feff}"] {
        let alone = refresh(format!("{space}{name}={planted}")).await;
        alone.expect_problem(401, "refresh_token_missing");
    }
    let beside = refresh(format!("\u{2000}{name}={planted}; {name}={cookie}")).await;
    assert_eq!(beside.status, 200, "it is not in the way either: {beside:?}");
}

#[tokio::test]
async fn a_media_type_may_have_spaces_around_its_parameters() {
    let app = TestApp::start().await;
    app.register("alice").await;
    let body = credentials("alice").to_string();
    for media_type in ["application/json ; charset=utf-8", "Application/JSON;\tcharset=\"UTF-8\"", "application/json;"]
    {
        let request = app.request("POST", "/api/v1/auth/login").body(media_type, body.clone());
        request.send().await.expect_tokens();
    }
    for media_type in ["application/json; charset=latin1", "text/plain", "application/jsonx"] {
        let request = app.request("POST", "/api/v1/auth/login").body(media_type, body.clone());
        request.send().await.expect_problem(415, "unsupported_media_type");
    }
}

/// a client behind a proxy that sets one header cannot choose its address by the other.
#[tokio::test]
async fn the_header_that_the_proxy_does_not_set_is_not_believed() {
    let app = TestApp::with(&[("HEIRLOOM_TRUSTED_PROXIES", "127.0.0.0/8")]).await;
    app.register("alice").await;
    let sign_in = app.request("POST", "/api/v1/auth/login").json(&credentials("alice"));
    let headers = [("X-Forwarded-For", "203.0.113.7"), ("Forwarded", "for=8.8.8.8")];
    sign_in.headers(&headers).send().await.expect_tokens();
    let admin = app.admin("root").await;
    let events = admin.events("?kind=signed_in").await;
    let addresses: Vec<_> = events.iter().filter_map(|event| event["ip"].as_str()).collect();
    assert!(addresses.contains(&"203.0.113.7") && !addresses.contains(&"8.8.8.8"), "{addresses:?}");
}

/// C-29: the caller's id can neither pose as the operator nor hide what belongs together.
#[tokio::test]
async fn a_callers_request_id_does_not_replace_ours_in_the_audit_log() {
    let app = TestApp::start().await;
    app.register("alice").await;
    let sign_in = app.request("POST", "/api/v1/auth/login").json(&credentials("alice"));
    sign_in.header("X-Request-Id", "command-line").send().await.expect_tokens();
    let admin = app.admin("root").await;
    let events = admin.events("?kind=signed_in").await;
    let event = events.iter().find(|event| event["details"]["given_request_id"] == "command-line").expect("the event");
    assert_eq!(event["request_id"].as_str().map(str::len), Some(36), "{event}");
    assert!(!event.to_string().contains(&email("alice")));
}

/// C-29: over the limit, a connection gets one refusal and is closed; the others go on.
#[tokio::test]
async fn an_address_may_not_open_any_number_of_connections() {
    let app = TestApp::with(&[("HEIRLOOM_RATE_LIMIT", "on")]).await;
    // Not at the first attempt where a worker has not counted its connections when another one answers.
    eventually("a connection too many is refused", async || one_too_many_is_refused(&app).await).await;
}

async fn one_too_many_is_refused(app: &TestApp) -> bool {
    const LIMIT: usize = 1_000;
    let mut open = Vec::new();
    for _ in 0..LIMIT + 50 {
        open.push(TcpStream::connect(app.address).await.expect("a connection"));
    }
    let last = open.last_mut().expect("a connection");
    last.write_all(b"GET /login HTTP/1.1\r\nHost: heirloom.test\r\n\r\n").await.expect("a request");
    let mut status = [0; 12];
    last.read_exact(&mut status).await.expect("an answer");
    if &status != b"HTTP/1.1 429" {
        return false;
    }
    let mut rest = Vec::new();
    let until_closed = last.read_to_end(&mut rest);
    tokio::time::timeout(Duration::from_mins(1), until_closed).await.expect("it is closed").expect("an answer");
    true
}
