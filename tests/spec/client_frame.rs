//! The frame of the browser client: which pages may have it, what it may do, and that no other answer can be framed.
//! What it does in a browser is in `tests/browser/origins.rs`.

use crate::support::{Answer, NOBODY, TestApp, password};
use heirloom::http::paths;

const FRAME: &str = "/client/frame";
const ORIGINS: &str = "https://one.heirloom.test,https://two.heirloom.test:8443,capacitor://localhost";
const OPTIONS: &[(&str, &str)] =
    &[("HEIRLOOM_PUBLIC_URL", "https://auth.heirloom.test"), ("HEIRLOOM_ALLOWED_ORIGINS", ORIGINS)];

fn policy(answer: &Answer) -> &str {
    answer.header("content-security-policy").expect("a policy")
}

#[track_caller]
fn expect_no_frame(answer: &Answer) {
    assert!(policy(answer).ends_with("frame-ancestors 'none'"), "{answer:?}");
    assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{answer:?}");
}

/// A-87: apps have no cookie to share.
#[tokio::test]
async fn without_another_web_sites_origin_there_is_no_frame() {
    for origins in ["", "capacitor://localhost,tauri://localhost"] {
        let app = TestApp::with(&[("HEIRLOOM_ALLOWED_ORIGINS", origins)]).await;
        for accept in ["*/*", "text/html"] {
            let answer = app.request("GET", FRAME).header("Accept", accept).send().await;
            expect_no_frame(answer.expect(404));
        }
    }
}

/// A-87, C-38: exactly the allowed origins may frame it; its script may do nothing but run.
#[tokio::test]
async fn the_frame_is_for_the_pages_of_the_allowed_origins() {
    let app = TestApp::with(OPTIONS).await;
    let answer = app.get(FRAME).await;
    answer.expect(200);
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    let directives: Vec<_> = policy(&answer).split("; ").collect();
    let expected = [
        "default-src 'none'",
        "script-src 'self'",
        "form-action 'none'",
        "base-uri 'none'",
        "object-src 'none'",
        "frame-ancestors https://one.heirloom.test https://two.heirloom.test:8443",
    ];
    assert_eq!(directives, expected);
    assert_eq!(answer.header("x-frame-options"), None, "older than frame-ancestors, and cannot name two origins");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-embedder-policy", "require-corp"),
        ("cross-origin-resource-policy", "same-site"),
        ("cache-control", "public, max-age=300"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{answer:?}");
    }
    assert!(answer.header("strict-transport-security").is_some());
    assert!(answer.body.contains(r#"data-origins="https://one.heirloom.test https://two.heirloom.test:8443">"#));
}

/// A-87: nothing to see, and a script that browsers keep under its version.
#[tokio::test]
async fn the_frame_holds_one_script_and_nothing_to_see() {
    let app = TestApp::with(OPTIONS).await;
    let page = app.get(FRAME).await.body;
    assert!(!page.contains("<body") && page.matches("<script").count() == 1, "{page}");
    let (_, rest) = page.split_once("src=\"../").expect("a script");
    let (script, rest) = rest.split_once('"').expect("its end");
    assert_eq!(rest, "></script>\n", "{page}");
    let script = app.get(&format!("/{script}")).await;
    assert_eq!(script.expect(200).header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert_eq!(script.header("content-type"), Some("text/javascript; charset=utf-8"));
}

/// A-87, C-38: it is the same for every request, and remembers nobody: it cannot tell a page who is signed in.
#[tokio::test]
async fn the_frame_is_the_same_for_everyone() {
    let app = TestApp::with(OPTIONS).await;
    app.register("alice").await;
    let form = [("email", "alice@example.com"), ("password", &*password("alice"))];
    let signed_in = app.request("POST", "/login").form(&form).send().await;
    let cookie = signed_in.headers.get_all("set-cookie").iter().next().expect("a cookie").to_str().unwrap().to_owned();
    let (cookie, _) = cookie.split_once(';').expect("attributes");
    let alice = app.sign_in("alice").await;
    let without_id = |answer: Answer| {
        let mut headers = answer.headers.clone();
        headers.remove("x-request-id");
        headers.remove("date");
        (answer.status, headers, answer.body)
    };
    let plain = without_id(app.get(FRAME).await);
    assert!(!plain.1.contains_key("set-cookie"));
    assert_eq!(plain.1["vary"], "Accept-Encoding", "and depends on nothing else");
    for headers in [
        &[("Cookie", cookie)][..],
        &[("Origin", "https://one.heirloom.test")],
        &[("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Dest", "iframe")],
        &[("Referer", "https://evil.example/"), ("Accept-Language", "ko")],
        &[("Authorization", &*format!("Bearer {}", alice.access_token))],
    ] {
        let answer = app.request("GET", FRAME).headers(headers).send().await;
        assert_eq!(without_id(answer), plain, "{headers:?}");
    }
}

/// C-38, C-30: with allowed origins, too.
#[tokio::test]
async fn nothing_else_can_be_framed() {
    let app = TestApp::with(OPTIONS).await;
    for (method, path) in paths::ALL {
        let path = path.replace("{id}", NOBODY).replace("{name}", "heirloom.js").replace("{provider}", "none");
        for accept in ["*/*", "text/html"] {
            let request = app.request(method, &path).header("Accept", accept);
            let answer = request.header("Origin", "https://one.heirloom.test").send().await;
            if path != FRAME {
                expect_no_frame(&answer);
            }
        }
    }
    for (method, path) in [("POST", FRAME), ("GET", "/client/frame/"), ("GET", "/client"), ("GET", "/nowhere")] {
        let answer = app.request(method, path).header("Accept", "text/html").send().await;
        expect_no_frame(&answer);
        assert!(answer.status >= 400, "{answer:?}");
    }
}

/// A browser that has it, and one that asks for its headers, get the same headers.
#[tokio::test]
async fn an_answer_without_a_body_may_be_framed_as_well() {
    let app = TestApp::with(OPTIONS).await;
    let whole = app.get(FRAME).await;
    let tag = whole.header("etag").expect("a tag");
    let unchanged = app.request("GET", FRAME).header("If-None-Match", tag).send().await;
    let head = app.request("HEAD", FRAME).send().await;
    for answer in [unchanged.expect(304), head.expect(200)] {
        assert!(answer.body.is_empty());
        assert_eq!(policy(answer), policy(&whole));
        assert_eq!(answer.header("x-frame-options"), None);
    }
}
