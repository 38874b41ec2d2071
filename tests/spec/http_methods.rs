//! What every answer has in common, and how malformed requests are answered. Bodies are in `http_bodies.rs`.

use crate::support::{Answer, NOBODY, Request, TestApp, credentials, email, eventually, password};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

// methods and paths

/// RFC 9110 §15.5.6.
#[tokio::test]
async fn an_unsupported_method_gets_the_allowed_ones() {
    let app = TestApp::start().await;
    for (method, path, allowed) in [
        ("GET", "/api/v1/auth/login", "POST"),
        ("DELETE", "/api/v1/auth/refresh", "POST"),
        ("HEAD", "/api/v1/auth/refresh", "POST"),
        ("POST", "/api/v1/me", "DELETE, GET, HEAD, PATCH"),
        ("PUT", "/api/v1/me/sessions", "DELETE, GET, HEAD"),
        ("GET", "/api/v1/me/sessions/x", "DELETE"),
        ("POST", "/.well-known/jwks.json", "GET, HEAD"),
        ("DELETE", "/healthz", "GET, HEAD"),
        ("PATCH", "/login", "GET, HEAD, POST"),
        ("TRACE", "/healthz", "GET, HEAD"),
        ("BREW", "/healthz", "GET, HEAD"),
        ("POST", "/static/heirloom.js", "GET, HEAD"),
    ] {
        let answer = app.request(method, path).send().await;
        answer.expect(405);
        if method != "HEAD" {
            answer.expect_problem(405, "method_not_allowed");
        }
        let mut allow: Vec<_> = answer.header("allow").expect("Allow").split(", ").collect();
        allow.sort_unstable();
        assert_eq!(allow.join(", "), allowed, "{answer:?}");
    }
}

///
#[tokio::test]
async fn an_unknown_path_gets_a_problem_for_programs_and_a_page_for_browsers() {
    let app = TestApp::start().await;
    for path in [
        "/nowhere",
        "/api",
        "/api/",
        "/api/v1",
        "/api/v2/me",
        "/api/v1/auth",
        "/api/v1/auth/login/",
        "/static",
        "/static/",
        "/static/nothing.js",
        "/static/../Cargo.toml",
        "/static/%2e%2e/Cargo.toml",
        "/.env",
        "//healthz",
        "/HEALTHZ",
    ] {
        app.get(path).await.expect_problem(404, "not_found");
    }
    let page = app.request("GET", "/nowhere").header("Accept", "text/html,*/*;q=0.8").send().await;
    page.expect(404);
    assert!(page.header("content-type").is_some_and(|kind| kind.starts_with("text/html")), "{page:?}");
    let api = app.request("GET", "/api/v1/nowhere").header("Accept", "text/html,*/*;q=0.8").send().await;
    api.expect_problem(404, "not_found");
}

/// RFC 9110 §9.3.2.
#[tokio::test]
async fn head_is_get_without_a_body() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    for path in [
        "/healthz",
        "/readyz",
        "/.well-known/jwks.json",
        "/login",
        "/static/heirloom.js",
        "/api/v1/me",
        "/api/v1/admin/users",
        "/api/v1/auth/check",
    ] {
        let get = admin.get(path).await;
        let head = admin.request("HEAD", path).send().await;
        assert_eq!((head.status, &*head.body), (get.status, ""), "{head:?}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
    }
}

///
#[tokio::test]
async fn no_path_query_or_header_is_our_mistake() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let odd = [
        "%00",
        "%ff%fe",
        "%C0%AE%C0%AE",
        "..%2f..%2f",
        "%0d%0aSet-Cookie:%20a=b",
        "%F0%9F%A6%84",
        "'%20OR%201=1",
        "%",
        "%zz",
        "+",
    ];
    for odd in odd {
        for path in [
            format!("/api/v1/admin/users/{odd}"),
            format!("/api/v1/me/sessions/{odd}"),
            format!("/static/{odd}"),
            format!("/{odd}"),
            format!("/api/{odd}"),
            format!("/api/v1/admin/users?q={odd}"),
            format!("/api/v1/admin/users?{odd}"),
            format!("/api/v1/admin/audit?kind={odd}&since={odd}"),
            format!("/login?return_to={odd}&reason={odd}"),
        ] {
            let answer = admin.get(&path).await;
            assert!(answer.status < 500 && !answer.headers.contains_key("set-cookie"), "{path}: {answer:?}");
        }
    }
    for (name, value) in [
        ("User-Agent", "x".repeat(6_000)),
        ("User-Agent", "ünï©ödé \u{1f984}".to_owned()),
        ("X-Forwarded-For", "x, ,,, 1.2.3.4.5, ::1]".to_owned()),
        ("Forwarded", "for=\"[;\";;,=,for=_x".to_owned()),
        ("Cookie", "heirloom".to_owned()),
        ("Cookie", ";;;=;heirloom==;".to_owned()),
        ("Cookie", "heirloom=\u{1f984}".to_owned()),
        ("Origin", "\u{1f984}".to_owned()),
        ("Sec-Fetch-Site", "\u{1f984}".to_owned()),
        ("Idempotency-Key", "\u{1f984}\u{1f984}\u{1f984}\u{1f984}\u{1f984}".to_owned()),
        ("Accept", "\u{1f984};q=x".to_owned()),
        ("If-None-Match", "\"".to_owned()),
        ("Authorization", "Bearer \u{1f984}".to_owned()),
    ] {
        for (method, path) in [
            ("POST", "/api/v1/auth/refresh"),
            ("GET", "/api/v1/me"),
            ("GET", "/static/heirloom.js"),
            ("GET", "/nowhere"),
        ] {
            let answer = app.request(method, path).header(name, &value).send().await;
            assert!(answer.status < 500, "{name}: {value}: {answer:?}");
        }
    }
    let body = json!({ "email": email("root"), "password": password("root") });
    let request = app.request("POST", "/api/v1/auth/login").header("User-Agent", "a\tb\u{1f984}").json(&body);
    request.send().await.expect_tokens();
}

// headers of every answer

/// Answers of every sort, good and bad.
async fn all_sorts(app: &TestApp) -> Vec<Answer> {
    let admin = app.admin("root").await;
    let mut browser = app.browser();
    vec![
        app.get("/healthz").await,
        app.get("/readyz").await,
        app.get("/.well-known/jwks.json").await,
        app.get("/login").await,
        app.get("/").await,
        app.get("/static/heirloom.js").await,
        app.get("/static/nothing").await,
        app.get("/nowhere").await,
        app.request("GET", "/nowhere").header("Accept", "text/html").send().await,
        app.get("/api/v1/me").await,
        app.request("PUT", "/api/v1/me").send().await,
        app.request("OPTIONS", "/api/v1/me").send().await,
        app.request("POST", "/api/v1/auth/login").body("text/plain", "x").send().await,
        app.request("POST", "/api/v1/auth/login").body("application/json", "{").send().await,
        app.try_sign_in("root").await,
        app.request("POST", "/login").form(&[("email", "x")]).send().await,
        browser.sign_in("alice").await,
        browser.refresh().await,
        browser.sign_out().await,
        admin.check().await,
        admin.me().await,
        admin.get("/api/v1/admin/users").await,
        admin.get("/api/v1/admin/users?limit=0").await,
        admin.change(NOBODY, &json!({})).await,
    ]
}

/// C-30: ASVS 5 §3.4.
#[tokio::test]
async fn every_answer_has_the_security_headers() {
    for (public_url, has_hsts) in [("http://heirloom.test", false), ("https://heirloom.test", true)] {
        let app = TestApp::with(&[("HEIRLOOM_PUBLIC_URL", public_url)]).await;
        for answer in all_sorts(&app).await {
            let policy = answer.header("content-security-policy").unwrap_or_default();
            for directive in [
                "default-src 'none'",
                "script-src 'self'",
                "frame-ancestors 'none'",
                "base-uri 'none'",
                "object-src 'none'",
                "form-action 'self'",
            ] {
                assert!(policy.contains(directive), "no {directive}: {answer:?} {policy}");
            }
            assert!(!policy.contains("unsafe"), "{policy}");
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{answer:?}");
            assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{answer:?}");
            assert!(
                answer.header("referrer-policy").is_some_and(|policy| matches!(
                    policy,
                    "no-referrer" | "same-origin" | "strict-origin-when-cross-origin"
                )),
                "{answer:?}"
            );
            assert_eq!(answer.header("cross-origin-opener-policy"), Some("same-origin"), "{answer:?}");
            assert!(answer.header("permissions-policy").is_some(), "{answer:?}");
            assert_eq!(answer.header("strict-transport-security").is_some(), has_hsts, "{answer:?}");
            assert!(answer.header("cache-control").is_some(), "{answer:?}");
            assert!(answer.header("server").is_none() && answer.header("x-powered-by").is_none(), "{answer:?}");
        }
    }
}

///
#[tokio::test]
async fn only_what_is_public_may_be_kept() {
    let app = TestApp::start().await;
    for answer in all_sorts(&app).await {
        let kept = answer.to.ends_with("jwks.json") || (answer.to.contains("/static/") && answer.status == 200);
        let said = answer.header("cache-control").unwrap_or_default();
        assert_eq!(said == "no-store", !kept, "{answer:?}");
    }
}

///
#[tokio::test]
async fn a_sane_request_id_is_repeated_and_any_other_replaced() {
    let app = TestApp::start().await;
    let ask = |id: &str| app.request("GET", "/healthz").header("X-Request-Id", id).send();
    let longest = "x".repeat(128);
    for sane in ["a", "7f3b-11", "01890000-0000-7000-8000-000000000000", "trace/span:1.2+3=4_5", &longest] {
        assert_eq!(ask(sane).await.header("x-request-id"), Some(sane));
    }
    let too_long = "x".repeat(129);
    for insane in ["", " ", "two words", "<script>", "a,b", "a\"b", "ünï", "a;b", "$(id)", "{}", &too_long] {
        let answer = ask(insane).await;
        let id = answer.header("x-request-id").expect("an id");
        assert!(id != insane && id.len() == 36, "{insane:?}: {answer:?}");
    }
    let (one, two) = (app.get("/healthz").await, app.get("/healthz").await);
    assert_ne!(one.header("x-request-id"), two.header("x-request-id"));
    let refused = app.request("POST", "/api/v1/auth/refresh").header("X-Request-Id", "mine").send().await;
    assert_eq!(refused.header("x-request-id"), Some("mine"));
}

// behind a proxy

///
#[tokio::test]
async fn only_a_trusted_proxy_is_believed() {
    let seen_from = async |app: &TestApp, headers: &[(&str, &str)]| -> String {
        app.register("alice").await;
        let login = |request: Request| request.headers(headers).json(&credentials("alice")).send();
        let tokens = login(app.request("POST", "/api/v1/auth/login")).await.expect_tokens();
        let row = app.session_row(&tokens.session_id).await;
        row["ip"].as_str().expect("an address").trim_end_matches("/32").trim_end_matches("/128").to_owned()
    };
    let app = TestApp::start().await;
    assert_eq!(seen_from(&app, &[("X-Forwarded-For", "203.0.113.7")]).await, "127.0.0.1");
    assert_eq!(seen_from(&app, &[("Forwarded", "for=203.0.113.7")]).await, "127.0.0.1");
    let app = app.stranger(&[("HEIRLOOM_TRUSTED_PROXIES", "127.0.0.0/8")]).await;
    assert_eq!(seen_from(&app, &[]).await, "127.0.0.1");
    assert_eq!(seen_from(&app, &[("X-Forwarded-For", "6.6.6.6, 203.0.113.7")]).await, "203.0.113.7");
    assert_eq!(
        seen_from(&app, &[("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-For", "203.0.113.7, 127.0.0.2")]).await,
        "203.0.113.7"
    );
    assert_eq!(seen_from(&app, &[("X-Forwarded-For", "203.0.113.7, nonsense")]).await, "127.0.0.1");
    let forwarded = [("HEIRLOOM_TRUSTED_PROXIES", "127.0.0.0/8"), ("HEIRLOOM_CLIENT_ADDRESS_HEADER", "Forwarded")];
    let app = app.stranger(&forwarded).await;
    assert_eq!(seen_from(&app, &[("Forwarded", "for=\"[2001:db8::7]:443\"")]).await, "2001:db8::7");
}

// beneath HTTP

/// Says something over a bare connection and reads whatever comes back.
async fn say(app: &TestApp, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    drop(tokio::time::timeout(std::time::Duration::from_mins(1), reading).await);
    String::from_utf8_lossy(&answer).into_owned()
}

/// RFC 9112 §6.3: two lengths, or a length and chunks, are two requests to two readers (request smuggling).
#[tokio::test]
async fn a_request_that_can_be_read_two_ways_is_refused() {
    let app = TestApp::start().await;
    let head = "POST /api/v1/auth/refresh HTTP/1.1\r\nHost: heirloom.test\r\nConnection: close\r\n";
    for framing in [
        "Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}   ",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Content-Length: -1\r\n\r\n",
        "Content-Length: +5\r\n\r\n{}   ",
        "Content-Length: 0x5\r\n\r\n{}   ",
        "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    ] {
        let answer = say(&app, format!("{head}{framing}").as_bytes()).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{framing:?}: {answer}");
    }
    app.get("/healthz").await.expect(200);
}

///
#[tokio::test]
async fn what_is_no_http_is_no_harm() {
    let app = TestApp::start().await;
    let long_path = format!("GET /{} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "x".repeat(500_000));
    let long_head = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(10_000));
    let garbage: [&[u8]; 6] = [
        b"\0\0\0\0\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        long_path.as_bytes(),
        long_head.as_bytes(),
    ];
    for garbage in garbage {
        let mut stream = TcpStream::connect(app.address).await.unwrap();
        drop(stream.write_all(garbage).await);
        drop(stream.shutdown().await);
        app.get("/healthz").await.expect(200);
    }
}

/// S-40.
/// A client that goes away in the middle leaves nothing half-done: the session that it may have opened is whole, and so
/// is every connection to Postgres.
#[tokio::test]
async fn clients_that_hang_up_leave_nothing_half_done() {
    let app = TestApp::with(&[("HEIRLOOM_DB_MAX_CONNECTIONS", "2")]).await;
    app.register("alice").await;
    let body = credentials("alice").to_string();
    let request = format!(
        "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    for wait_ms in [0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20] {
        let mut stream = TcpStream::connect(app.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(wait_ms)).await;
        drop(stream);
    }
    for _ in 0..4 {
        let tokens = app.sign_in("alice").await;
        app.refresh(&tokens.refresh_token).await.expect_tokens();
    }
    // One statement, and so one moment: the last of them may still be at work.
    let alone = "SELECT (SELECT count(*) FROM sessions)
        - (SELECT count(*) FROM audit_events WHERE kind = 'signed_in')";
    assert_eq!(app.count(alone).await, 0, "each session with its event");
    let idle = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'";
    eventually("no connection stays in a transaction", async || app.count(idle).await == 0).await;
}
