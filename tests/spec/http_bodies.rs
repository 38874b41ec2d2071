//! What becomes of a request's body, and of what stands in it.

use crate::support::{NOBODY, TestApp, credentials, email, password};
use serde_json::{Value, json};

/// Endpoints that read JSON, and a valid body for each from an authorised user.
const READERS: [(&str, &str); 7] = [
    ("POST", "/api/v1/auth/register"),
    ("POST", "/api/v1/auth/login"),
    ("POST", "/api/v1/auth/refresh"),
    ("PATCH", "/api/v1/me"),
    ("POST", "/api/v1/me/password"),
    ("POST", "/api/v1/admin/revoke"),
    // The last: the bearer is signed out whatever the body is (S-53).
    SIGN_OUT,
];
const SIGN_OUT: (&str, &str) = ("POST", "/api/v1/auth/logout");

// bodies

/// A-11.
#[tokio::test]
async fn a_body_of_more_than_64_kib_is_too_large() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let of_size = |bytes: usize| format!("{{\"email\":\"{}\"}}", "x".repeat(bytes - r#"{"email":""}"#.len()));
    for (method, path) in READERS {
        let send = |body: String| admin.request(method, path).body("application/json", body).send();
        send(of_size(64 * 1024 + 1)).await.expect_problem(413, "payload_too_large");
        send(of_size(2_000_000)).await.expect_problem(413, "payload_too_large");
        let fits = send(of_size(64 * 1024)).await;
        assert_ne!(fits.status, 413, "{fits:?}");
    }
    let form = format!("email=a&password={}", "x".repeat(70_000));
    let answer = app.request("POST", "/login").body("application/x-www-form-urlencoded", form).send().await;
    assert!((400..500).contains(&answer.status), "{answer:?}");
}

/// A-12.
#[tokio::test]
async fn a_body_that_is_not_json_in_utf_8_is_of_the_wrong_type() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let body = credentials("root").to_string();
    for (method, path) in READERS {
        for content_type in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/json; charset=latin1",
            "application/jsonx",
            "text/json",
            "application/xml",
            "nonsense",
        ] {
            let answer = admin.request(method, path).body(content_type, body.clone()).send().await;
            answer.expect_problem(415, "unsupported_media_type");
            if (method, path) != SIGN_OUT {
                answer.expect_no_cookie();
            }
        }
        let untyped = admin.request(method, path).untyped_body(body.clone()).send().await;
        untyped.expect_problem(415, "unsupported_media_type");
    }
    for content_type in ["application/json; charset=utf-8", "APPLICATION/JSON", "application/json; charset=\"UTF-8\""] {
        let request = app.request("POST", "/api/v1/auth/login").body(content_type, body.clone());
        request.send().await.expect_tokens();
    }
}

/// A-13.
#[tokio::test]
async fn a_body_that_is_no_json_is_malformed() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let deep_object = format!("{}1{}", "{\"email\":".repeat(5_000), "}".repeat(5_000));
    let bodies: [&[u8]; 13] = [
        b"{",
        b"{\"email\":",
        b"{\"email\":\"a\",}",
        b"{'email':'a'}",
        b"{\"email\":\"a\"} x",
        b"{\"email\":\"a\"}{}",
        b"nonsense",
        b"\xff\xfe{}",
        b"{\"email\":\"\xff\"}",
        b"{\"email\":\"\\ud800\"}",
        b"{\"email\":NaN}",
        deep.as_bytes(),
        deep_object.as_bytes(),
    ];
    for (method, path) in READERS {
        for body in bodies {
            let answer = admin.request(method, path).body("application/json", body.to_vec()).send().await;
            let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
            // Where a field is wrong first, the error names the field.
            assert!(matches!(answer.status, 400 | 422), "{method} {path} {shown}: {answer:?}");
            answer.expect_problem(
                answer.status,
                if answer.status == 400 { "malformed_request" } else { "validation_failed" },
            );
        }
        for broken in [&b"{"[..], b"nonsense", b"{} x", b"\xff\xfe{}"] {
            let answer = admin.request(method, path).body("application/json", broken.to_vec()).send().await;
            if !(method == "POST" && broken == b"{} x" && answer.status == 422) {
                answer.expect_problem(400, "malformed_request");
            }
        }
    }
    for path in ["/api/v1/auth/login", "/api/v1/auth/register"] {
        app.request("POST", path).body("application/json", "").send().await.expect_problem(400, "malformed_request");
    }
}

/// A-2.
#[tokio::test]
async fn a_field_that_is_unknown_missing_doubled_or_of_a_wrong_type_is_not_valid() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    for (method, path) in READERS {
        for body in [json!({ "nonsense": 1 }), json!("text"), json!(7), json!(null)] {
            let answer = admin.request(method, path).json(&body).send().await;
            assert_eq!(answer.status, 422, "{method} {path} {body}: {answer:?}");
            answer.expect_problem(422, "validation_failed");
        }
    }
    let login = |body: &'static str| app.request("POST", "/api/v1/auth/login").body("application/json", body).send();
    login("{}").await.expect_problem(422, "validation_failed");
    login(r#"{"email":"a@b.c"}"#).await.expect_problem(422, "validation_failed");
    login(r#"{"email":"a@b.c","email":"root@example.com","password":"x"}"#)
        .await
        .expect_problem(422, "validation_failed");
    login(r#"{"email":"a@b.c","password":"x","\u0065mail":"root@example.com"}"#)
        .await
        .expect_problem(422, "validation_failed");
    login(r#"{"email":["a@b.c"],"password":"x"}"#).await.expect_fields(&["email"]);
    login(r#"{"email":{"$ne":""},"password":"x"}"#).await.expect_fields(&["email"]);
    login(r#"{"email":null,"password":"x"}"#).await.expect_fields(&["email"]);
}

/// A-2: A request is an object: what the third place of an array means is nobody's to guess.
#[tokio::test]
async fn an_array_is_no_request() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    for (method, path) in READERS {
        for body in [json!([]), json!([{}]), json!([null])] {
            admin.request(method, path).json(&body).send().await.expect_problem(422, "validation_failed");
        }
    }
    let positional = json!([email("root"), password("root"), "body", true, null]);
    app.post("/api/v1/auth/login", &positional).await.expect_problem(422, "validation_failed");
    let token = app.sign_in("root").await.refresh_token;
    app.post("/api/v1/auth/refresh", &json!([token])).await.expect_problem(422, "validation_failed");
}

/// A-2: A field of a wrong type is a field that is not valid, also where one of a few words belongs.
#[tokio::test]
async fn a_word_of_a_wrong_type_is_not_valid() {
    let app = TestApp::start().await;
    for value in [
        json!(7),
        json!(null),
        json!(true),
        json!([]),
        json!(["body"]),
        json!({}),
        json!({ "body": null }),
        json!("Body"),
    ] {
        let body = json!({ "email": "a@b.c", "password": "x", "transport": value });
        app.post("/api/v1/auth/login", &body).await.expect_fields(&["transport"]);
    }
}

/// A-4: What a client got wrong may be a secret: it is not repeated.
#[tokio::test]
async fn no_problem_repeats_a_value() {
    let app = TestApp::start().await;
    let secret = 7_316_429_885_u64;
    for body in [
        json!({ "email": "a@b.c", "password": secret }),
        json!({ "email": "a@b.c", "password": [secret.to_string()] }),
        json!({ "email": "a@b.c", "password": { "x": secret } }),
        json!({ "email": "a@b.c", "password": "x", "remember": secret.to_string() }),
        json!({ "email": "a@b.c", "password": "x", "transport": secret.to_string() }),
    ] {
        let answer = app.post("/api/v1/auth/login", &body).await;
        assert!(!answer.expect_problem(422, "validation_failed").body.contains(&secret.to_string()), "{answer:?}");
    }
    let token = app.post("/api/v1/auth/refresh", &json!({ "refresh_token": secret })).await;
    assert!(!token.expect_problem(422, "validation_failed").body.contains(&secret.to_string()), "{token:?}");
}

/// A-16: Strange values in every field: refused by name, never a mistake of the server's.
#[tokio::test]
async fn no_value_of_any_field_is_our_mistake() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let alice = app.person("alice").await;
    let user = format!("/api/v1/admin/users/{}", alice.id);
    let strange = [
        json!("\0"),
        json!("a\0b"),
        json!("\u{feff}"),
        json!("\u{202e}"),
        json!("x".repeat(60_000)),
        json!("김".repeat(20_000)),
        json!("'; DROP TABLE users; --"),
        json!("%s%n${jndi:ldap://x}{{7*7}}"),
        json!("\u{10ffff}"),
        json!("\u{1f9d1}\u{200d}"),
        json!(""),
        json!(null),
        json!(true),
        json!(-1),
        json!(1e308),
        json!(i64::MAX),
        json!([]),
        json!({}),
        json!(["\0"]),
        json!({ "\0": "\0" }),
        json!(NOBODY),
        json!("00000000-0000-0000-0000-000000000000"),
    ];
    let fields: [(&str, &str, Value, &[&str]); 8] = [
        ("POST", "/api/v1/auth/register", credentials("new"), &["email", "password", "name"]),
        (
            "POST",
            "/api/v1/auth/login",
            credentials("alice"),
            &["email", "password", "device_name", "transport", "remember"],
        ),
        ("POST", "/api/v1/auth/refresh", json!({}), &["refresh_token"]),
        ("POST", "/api/v1/auth/logout", json!({}), &["refresh_token"]),
        ("PATCH", "/api/v1/me", json!({}), &["name"]),
        (
            "POST",
            "/api/v1/me/password",
            json!({ "current_password": "wrong", "new_password": "an entirely different horse" }),
            &["current_password", "new_password"],
        ),
        ("PATCH", &user, json!({}), &["roles", "blocked_reason", "claims"]),
        ("POST", "/api/v1/admin/revoke", json!({}), &["session_id", "user_id", "refresh_token", "reason"]),
    ];
    for (method, path, whole, names) in fields {
        for name in names {
            for value in &strange {
                let mut body = whole.clone();
                body[*name] = value.clone();
                // Signing out as a bearer would end the rest of the test.
                let request =
                    if path.contains("/auth/") { app.request(method, path) } else { admin.request(method, path) };
                let answer = request.json(&body).send().await;
                assert!(answer.status < 500, "{method} {path} {name}={value}: {answer:?}");
            }
        }
    }
    admin.check().await.expect_done();
}
