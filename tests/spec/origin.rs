//! Where a request comes from, and the cookie: RFC 6265bis, Fetch Metadata, CORS.

use crate::support::{TestApp, credentials, password};
use serde_json::{Value, json};

const ALLOWED: &str = "http://app.heirloom.test";
const OTHER: &str = "http://evil.example";
const OPTIONS: &[(&str, &str)] = &[("HEIRLOOM_ALLOWED_ORIGINS", "http://app.heirloom.test,https://other.example:8443")];

type Headers = &'static [(&'static str, &'static str)];

/// What a request may say of where it comes from, and whether it may use the cookie.
const MATRIX: &[(Headers, bool)] = &[
    // No browser omits both on a cross-site POST: this is none.
    (&[], true),
    (&[("Origin", "http://heirloom.test")], true),
    (&[("Origin", ALLOWED)], true),
    (&[("Origin", "https://other.example:8443")], true),
    (&[("Origin", OTHER)], false),
    (&[("Origin", "null")], false),
    (&[("Origin", "")], false),
    (&[("Origin", "https://heirloom.test")], false),
    (&[("Origin", "http://heirloom.test:8080")], false),
    (&[("Origin", "http://heirloom.test/")], false),
    (&[("Origin", "http://heirloom.test.evil.example")], false),
    (&[("Origin", "http://evil.example/http://heirloom.test")], false),
    (&[("Origin", "http://sub.heirloom.test")], false),
    (&[("Origin", "https://other.example")], false),
    (&[("Origin", "http://heirloom.test"), ("Origin", OTHER)], false),
    (&[("Origin", OTHER), ("Origin", "http://heirloom.test")], false),
    (&[("Origin", "http://heirloom.test http://evil.example")], false),
    (&[("Sec-Fetch-Site", "same-origin")], true),
    (&[("Sec-Fetch-Site", "none")], true),
    (&[("Sec-Fetch-Site", "same-site")], false),
    (&[("Sec-Fetch-Site", "cross-site")], false),
    (&[("Sec-Fetch-Site", "same-origin"), ("Origin", "http://heirloom.test")], true),
    (&[("Sec-Fetch-Site", "same-site"), ("Origin", ALLOWED)], true),
    (&[("Sec-Fetch-Site", "same-site"), ("Origin", "http://heirloom.test")], true),
    (&[("Sec-Fetch-Site", "same-site"), ("Origin", OTHER)], false),
    (&[("Sec-Fetch-Site", "same-site"), ("Origin", "null")], false),
    (&[("Sec-Fetch-Site", "cross-site"), ("Origin", ALLOWED)], false),
    (&[("Sec-Fetch-Site", "cross-site"), ("Origin", "http://heirloom.test")], false),
    (&[("Sec-Fetch-Site", "cross-site"), ("Origin", OTHER)], false),
    (&[("Sec-Fetch-Site", "none"), ("Origin", OTHER)], false),
    (&[("Sec-Fetch-Site", "same-origin"), ("Origin", OTHER)], false),
    // What browsers send from our own pages where a proxy adds `Referrer-Policy: no-referrer`.
    (&[("Sec-Fetch-Site", "same-origin"), ("Origin", "null")], true),
    (&[("Sec-Fetch-Site", "none"), ("Origin", "null")], false),
    (&[("Sec-Fetch-Site", "cross-site"), ("Origin", "null")], false),
    (&[("Sec-Fetch-Site", "Same-Origin"), ("Origin", "null")], false),
    (&[("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "cross-site"), ("Origin", "null")], false),
    (&[("Sec-Fetch-Site", "same-origin"), ("Origin", "null"), ("Origin", "null")], false),
    (&[("Sec-Fetch-Site", "same-origin"), ("Origin", "null"), ("Origin", OTHER)], false),
    (&[("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "cross-site")], false),
];

///
#[tokio::test]
async fn the_cookie_is_used_and_set_only_for_pages_of_ours() {
    let app = TestApp::with(OPTIONS).await;
    app.register("alice").await;
    for (headers, may) in MATRIX {
        let mut cookie = app.browser();
        cookie.sign_in("alice").await.expect_tokens();
        let cookie = cookie.cookie.expect("a cookie");
        let browser = || app.browser().saying(headers);

        let answers = [
            browser().sign_in_with("alice", &json!({})).await,
            browser().holding(&cookie).refresh().await,
            browser().holding("hrt_nonsense").sign_out().await,
        ];
        for answer in answers {
            if *may {
                assert!(answer.cookie().is_some() && answer.status < 300, "{headers:?}: {answer:?}");
            } else {
                answer.expect_problem(403, "origin_not_allowed").expect_no_cookie();
            }
        }
    }
}

///
#[tokio::test]
async fn the_forms_are_held_to_the_same() {
    let app = TestApp::with(OPTIONS).await;
    app.register("alice").await;
    for (number, (headers, may)) in MATRIX.iter().enumerate() {
        let login = [("email", "alice@example.com"), ("password", &password("alice"))];
        let login = app.request("POST", "/login").headers(headers).form(&login).send().await;
        let email = format!("new{number}@example.com");
        let register = [("email", &*email), ("password", &password("alice"))];
        let register = app.request("POST", "/register").headers(headers).form(&register).send().await;
        for answer in [login, register] {
            assert_eq!(answer.status, if *may { 303 } else { 403 }, "{headers:?}: {answer:?}");
            assert_eq!(answer.cookie().is_some(), *may, "{headers:?}: {answer:?}");
        }
    }
    let may = MATRIX.iter().filter(|(_, may)| *may).count();
    assert_eq!(app.count("SELECT count(*) FROM users").await, 1 + i64::try_from(may).unwrap());
}

/// A refusal changes nothing: the token is as good as before, and the session lives.
#[tokio::test]
async fn a_foreign_page_neither_rotates_nor_signs_out() {
    let app = TestApp::with(OPTIONS).await;
    let mut browser = app.browser();
    let tokens = browser.sign_in("alice").await.expect_tokens();
    let rows = app.all_rows().await;
    for headers in [&[("Origin", OTHER)][..], &[("Sec-Fetch-Site", "cross-site")], &[("Origin", "null")]] {
        let mut foreign = app.browser().saying(headers).holding(&tokens.cookie);
        foreign.refresh().await.expect_problem(403, "origin_not_allowed").expect_no_cookie();
        foreign.sign_out().await.expect_problem(403, "origin_not_allowed").expect_no_cookie();
    }
    assert_eq!(app.all_rows().await, rows);
    browser.refresh().await.expect_tokens();
}

// the cookie

///
#[tokio::test]
async fn over_http_the_cookie_is_a_plain_one() {
    let app = TestApp::start().await;
    let cookie = app.browser().sign_in("alice").await.cookie().expect("a cookie");
    assert_eq!(cookie.name, "heirloom");
    assert_eq!(cookie.attributes, ["httponly", "path=/api/v1/auth", "samesite=strict"]);
    assert_eq!(cookie.max_age, Some(14 * 24 * 3_600));
}

/// RFC 6265bis §4.1.3: the prefix makes browsers hold the cookie to TLS, `__Host-` also to this host.
#[tokio::test]
async fn over_https_the_cookie_is_secure() {
    const HTTPS: (&str, &str) = ("HEIRLOOM_PUBLIC_URL", "https://heirloom.test");
    for (options, name, attributes) in [
        (&[HTTPS][..], "__Secure-heirloom", ["httponly", "path=/api/v1/auth", "samesite=strict", "secure"]),
        (
            &[HTTPS, ("HEIRLOOM_COOKIE_PATH", "/")],
            "__Host-heirloom",
            ["httponly", "path=/", "samesite=strict", "secure"],
        ),
        (
            &[HTTPS, ("HEIRLOOM_COOKIE_SAMESITE", "Lax")],
            "__Secure-heirloom",
            ["httponly", "path=/api/v1/auth", "samesite=lax", "secure"],
        ),
        (
            &[HTTPS, ("HEIRLOOM_COOKIE_SAMESITE", "None")],
            "__Secure-heirloom",
            ["httponly", "path=/api/v1/auth", "samesite=none", "secure"],
        ),
    ] {
        let app = TestApp::with(options).await;
        let mut browser = app.browser();
        browser.cookie_name = name;
        let signed_in = browser.sign_in("alice").await;
        let refreshed = browser.refresh().await;
        let signed_out = browser.sign_out().await;
        assert_eq!(refreshed.status, 200, "{refreshed:?}");
        for answer in [signed_in, refreshed, signed_out] {
            let cookie = answer.cookie().expect("a cookie");
            assert_eq!((&*cookie.name, cookie.attributes), (name, attributes.map(str::to_owned).to_vec()));
        }
    }
}

/// a cookie of another name, as under another configuration, does not count.
#[tokio::test]
async fn a_cookie_of_another_name_does_not_count() {
    let app = TestApp::with(&[("HEIRLOOM_PUBLIC_URL", "https://heirloom.test")]).await;
    let tokens = app.browser().sign_in("alice").await.expect_tokens();
    for name in ["heirloom", "__Host-heirloom", "__secure-heirloom", "x__Secure-heirloom"] {
        let request =
            app.request("POST", "/api/v1/auth/refresh").header("Cookie", &format!("{name}={}", tokens.cookie));
        request.send().await.expect_problem(401, "refresh_token_missing");
    }
}

/// S-46.
#[tokio::test]
async fn a_cookie_that_is_not_remembered_ends_with_the_browser() {
    let app = TestApp::start().await;
    app.register("alice").await;
    let mut browser = app.browser();
    let signed_in = browser.sign_in_with("alice", &json!({ "remember": false })).await;
    let refreshed = browser.refresh().await;
    for answer in [signed_in, refreshed] {
        let cookie = answer.cookie().expect("a cookie");
        assert_eq!((cookie.max_age, cookie.has_expires), (None, false));
        assert_eq!(answer.expect_tokens().refresh_expires_in, 12 * 3_600);
    }
}

/// also on a retry, and whatever else the request holds.
#[tokio::test]
async fn a_token_that_came_in_the_cookie_leaves_in_the_cookie() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    let first = browser.sign_in("alice").await.expect_tokens();
    let refresh = |body: Option<Value>| {
        let request = app.browser().holding(&first.cookie).request("POST", "/api/v1/auth/refresh");
        let request = request.header("Idempotency-Key", "9b2e1f0c-the-clients-own-key");
        match body {
            Some(body) => request.json(&body).send(),
            None => request.send(),
        }
    };
    let second = refresh(None).await.expect_tokens();
    let again = refresh(Some(json!({}))).await.expect_tokens();
    let doubled = refresh(Some(json!({ "refresh_token": first.cookie }))).await.expect_tokens();
    for answer in [&second, &again, &doubled] {
        assert_eq!(answer.refresh_token, "");
        assert_eq!(answer.cookie, second.cookie);
    }
}

/// Cookie tossing: who guesses which of two is meant may be led to the wrong session.
#[tokio::test]
async fn two_tokens_in_one_request_are_ambiguous() {
    let app = TestApp::start().await;
    let one = app.browser().sign_in("alice").await.expect_tokens().cookie;
    let two = app.browser().sign_in("mallory").await.expect_tokens().cookie;
    let body = app.sign_in("alice").await.refresh_token;
    let rows = app.all_rows().await;
    {
        let post = || app.request("POST", "/api/v1/auth/refresh");
        let requests = [
            post().header("Cookie", &format!("heirloom={one}; heirloom={two}")),
            post().header("Cookie", &format!("heirloom={one}")).header("Cookie", &format!("heirloom={two}")),
            post().header("Cookie", &format!("a=b; heirloom={one}; c=d;heirloom={two}")),
            post().header("Cookie", &format!("heirloom={one}")).json(&json!({ "refresh_token": body })),
            post().header("Cookie", &format!("heirloom={one}")).json(&json!({ "refresh_token": two })),
            post().header("Cookie", &format!("heirloom={one}")).json(&json!({ "refresh_token": "hrt_nonsense" })),
        ];
        for request in requests {
            request.send().await.expect_problem(400, "ambiguous_token");
        }
    }
    assert_eq!(app.all_rows().await, rows);
    let among_others = format!("theme=dark; heirloom={one}; __Secure-heirloom=x; heirloom2=y; =z; q");
    app.request("POST", "/api/v1/auth/refresh").header("Cookie", &among_others).send().await.expect_tokens();
}

/// Signing in again in the same browser: the new session takes the cookie's place.
#[tokio::test]
async fn a_new_sign_in_takes_the_cookies_place() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    let alice = browser.sign_in("alice").await.expect_tokens();
    let bob = browser.sign_in("bob").await.expect_tokens();
    assert_eq!(browser.refresh().await.expect_tokens().session_id, bob.session_id);
    let replaced = app.browser().holding(&alice.cookie).refresh().await;
    replaced.expect_problem(401, "session_revoked");
}

// CORS

///
#[tokio::test]
async fn pages_of_allowed_origins_may_call_and_no_others() {
    let app = TestApp::with(OPTIONS).await;
    let preflight = |origin: &str, method: &str, headers: &str| {
        app.request("OPTIONS", "/api/v1/auth/refresh")
            .header("Origin", origin)
            .header("Access-Control-Request-Method", method)
            .header("Access-Control-Request-Headers", headers)
            .send()
    };
    for (origin, method) in
        [(ALLOWED, "POST"), ("https://other.example:8443", "DELETE"), (ALLOWED, "PATCH"), (ALLOWED, "GET")]
    {
        let answer = preflight(origin, method, "authorization, content-type, idempotency-key").await;
        assert!(answer.status < 300, "{answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
        assert!(answer.header("access-control-allow-methods").is_some_and(|methods| methods.contains(method)));
        let allowed = answer.header("access-control-allow-headers").unwrap_or_default().to_lowercase();
        for header in ["authorization", "content-type", "idempotency-key"] {
            assert!(allowed.contains(header), "{answer:?}");
        }
        assert!(answer.header("vary").is_some_and(|vary| vary.to_lowercase().contains("origin")), "{answer:?}");
    }
    for origin in [OTHER, "null", "http://app.heirloom.test.evil.example", "https://app.heirloom.test"] {
        let answer = preflight(origin, "POST", "content-type").await;
        assert_eq!(answer.header("access-control-allow-origin"), None, "{answer:?}");
        //
        assert!(answer.header("vary").is_some_and(|vary| vary.to_lowercase().contains("origin")), "{answer:?}");
        answer.expect_problem(403, "origin_not_allowed");
    }
    let answer = preflight(ALLOWED, "PUT", "content-type").await;
    assert!(answer.status >= 400, "{answer:?}");
    assert!(
        !answer.text("/detail").contains("HEIRLOOM_ALLOWED_ORIGINS"),
        "it is the method that is not allowed: {answer:?}"
    );
}

///
#[tokio::test]
async fn an_app_may_call_with_the_token_in_the_body_and_never_with_the_cookie() {
    let apps = "capacitor://localhost,tauri://localhost,chrome-extension://abcdefghijklmnopabcdefghijklmnop";
    let app = TestApp::with(&[("HEIRLOOM_ALLOWED_ORIGINS", apps)]).await;
    app.register("alice").await;
    for origin in apps.split(',') {
        let preflight = app
            .request("OPTIONS", "/api/v1/auth/login")
            .header("Origin", origin)
            .header("Access-Control-Request-Method", "POST")
            .header("Access-Control-Request-Headers", "content-type");
        assert_eq!(preflight.send().await.header("access-control-allow-origin"), Some(origin));
        let sign_in =
            |body: Value| app.request("POST", "/api/v1/auth/login").header("Origin", origin).json(&body).send();
        let answer = sign_in(credentials("alice")).await;
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin), "{answer:?}");
        let tokens = answer.expect_tokens();
        assert!(tokens.cookie.is_empty(), "{answer:?}");
        let mut with_cookie = credentials("alice");
        with_cookie["transport"] = json!("cookie");
        sign_in(with_cookie).await.expect_problem(403, "origin_not_allowed").expect_no_cookie();
        let body = json!({ "refresh_token": tokens.refresh_token });
        let refresh = app.request("POST", "/api/v1/auth/refresh").header("Origin", origin).json(&body);
        let next = refresh.header("Sec-Fetch-Site", "cross-site").send().await.expect_tokens();
        let body = json!({ "refresh_token": next.refresh_token });
        let refresh = app.request("POST", "/api/v1/auth/refresh").header("Origin", origin).json(&body);
        let refused = refresh.header("Cookie", "heirloom=any").send().await;
        refused.expect_problem(403, "origin_not_allowed").expect_no_cookie();
    }
}

/// headers that instrumentation and client libraries add are allowed.
#[tokio::test]
async fn a_preflight_may_ask_for_any_header() {
    let app = TestApp::with(OPTIONS).await;
    for headers in [
        "content-type,x-requested-with",
        "authorization, content-type, idempotency-key, traceparent, tracestate, baggage, sentry-trace",
        "x-datadog-trace-id,x-b3-traceid,ngsw-bypass,cache-control,pragma",
    ] {
        let preflight = app.request("OPTIONS", "/api/v1/auth/refresh").headers(&[
            ("Origin", ALLOWED),
            ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Headers", headers),
        ]);
        let answer = preflight.send().await;
        answer.expect(200);
        let allowed = answer.header("access-control-allow-headers").unwrap_or_default().to_lowercase();
        let missing: Vec<_> = headers.split(',').map(str::trim).filter(|name| !allowed.contains(name)).collect();
        assert!(missing.is_empty(), "{missing:?}: {answer:?}");
    }
}

/// Fetch §3.2: only a page that is allowed may read an answer; that of an error too.
#[tokio::test]
async fn an_allowed_page_may_read_the_answers() {
    let app = TestApp::with(OPTIONS).await;
    app.register("alice").await;
    let login = |origin: &str, body: Value| {
        app.request("POST", "/api/v1/auth/login").header("Origin", origin).json(&body).send()
    };
    for body in [credentials("alice"), json!({ "email": "alice@example.com", "password": "wrong" }), json!({})] {
        let answer = login(ALLOWED, body.clone()).await;
        assert_eq!(answer.header("access-control-allow-origin"), Some(ALLOWED), "{answer:?}");
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
        let exposed = answer.header("access-control-expose-headers").unwrap_or_default().to_lowercase();
        assert!(exposed.contains("x-request-id") && exposed.contains("retry-after"), "{answer:?}");
        let foreign = login(OTHER, body).await;
        assert_eq!(foreign.header("access-control-allow-origin"), None, "{foreign:?}");
    }
    let alice = app.person("alice").await;
    let foreign = alice.request("GET", "/api/v1/me").header("Origin", OTHER).send().await;
    assert_eq!(foreign.header("access-control-allow-origin"), None, "{foreign:?}");
    let missing = app.request("GET", "/api/v1/nowhere").header("Origin", ALLOWED).send().await;
    assert_eq!(missing.header("access-control-allow-origin"), Some(ALLOWED), "{missing:?}");
}
