//! POST /api/v1/auth/register.

use crate::support::{TestApp, at_once, credentials, email, password};
use serde_json::{Value, json};

async fn register(app: &TestApp, body: &Value) -> crate::support::Answer {
    app.post("/api/v1/auth/register", body).await
}

///
#[tokio::test]
async fn a_stranger_gets_an_account_and_no_session() {
    let app = TestApp::start().await;
    let body = json!({ "email": " Mike@Example.COM ", "password": password("mike"), "name": " Mike Rosenberg " });
    let answer = register(&app, &body).await;

    answer.expect(201).expect_no_cookie();
    let user = &answer.json()["user"];
    let mut members: Vec<_> = user.as_object().expect("an object").keys().cloned().collect();
    members.sort();
    assert_eq!(members, ["blocked", "created_at", "email", "email_verified", "id", "last_login_at", "name", "roles"]);
    assert_eq!(user["email"], "mike@example.com");
    assert_eq!(user["name"], "Mike Rosenberg");
    assert_eq!(user["roles"], json!([]));
    assert_eq!(user["blocked"], false);
    assert_eq!(user["last_login_at"], Value::Null);
    assert!(user["created_at"].as_str().is_some_and(|at| at.ends_with('Z')), "UTC: {user}");
    assert_eq!(user["id"].as_str().expect("an id").as_bytes()[14], b'7', "UUIDv7: {user}");
    assert_eq!(app.count("SELECT count(*) FROM sessions").await, 0);
    assert_eq!(app.events("user_added").await, 1);
    app.try_sign_in("mike").await.expect_tokens();
}

#[tokio::test]
async fn a_name_may_be_left_out() {
    let app = TestApp::start().await;
    for (number, name) in [None, Some(Value::Null), Some(json!("")), Some(json!("  \u{200b} "))].into_iter().enumerate()
    {
        let mut body = credentials(&format!("nameless{number}"));
        if let Some(name) = name {
            body["name"] = name;
        }
        let answer = register(&app, &body).await;
        answer.expect(201);
        assert_eq!(answer.json()["user"]["name"], Value::Null);
    }
}

/// A-36, C-36.
#[tokio::test]
async fn an_address_is_taken_in_any_spelling() {
    let app = TestApp::start().await;
    app.register("alice").await;
    for address in ["alice@example.com", "ALICE@EXAMPLE.COM", " alice@example.com ", "ａｌｉｃｅ＠example.com"] {
        let body = json!({ "email": address, "password": "quite another password" });
        register(&app, &body).await.expect_problem(409, "email_taken");
    }
    app.try_sign_in("alice").await.expect_tokens();
    assert_eq!(app.count("SELECT count(*) FROM users").await, 1);
}

///
#[tokio::test]
async fn of_many_who_register_one_address_at_once_one_gets_it() {
    let app = TestApp::start().await;
    let bodies: Vec<_> =
        (0..8).map(|number| json!({ "email": email("alice"), "password": password(&number.to_string()) })).collect();
    let answers = at_once(bodies.iter().map(|body| register(&app, body))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    answers.iter().filter(|answer| answer.status != 201).for_each(|answer| {
        answer.expect_problem(409, "email_taken");
    });
    assert_eq!(app.count("SELECT count(*) FROM users").await, 1);
}

#[tokio::test]
async fn what_is_no_address_is_refused() {
    let app = TestApp::start().await;
    let long = format!("{}@example.com", "a".repeat(65));
    let longer = format!("a@{}.com", "b.".repeat(140));
    for address in
        ["", " ", "alice", "@example.com", "alice@", "a@b@c.d", "a b@c.d", "a\n@b.c", "a\0@b.c", &long, &longer]
    {
        let body = json!({ "email": address, "password": password("alice") });
        register(&app, &body).await.expect_fields(&["email"]);
    }
    assert_eq!(app.count("SELECT count(*) FROM users").await, 0);
}

/// S-73.
#[tokio::test]
async fn a_password_that_is_easy_to_guess_is_refused_with_the_reason() {
    let app = TestApp::start().await;
    let long = "x1Y".repeat(342);
    for (weak, code) in [
        ("", "too_short"),
        ("7 chars", "too_short"),
        ("ＭＭＭＭＭＭＭ", "too_short"),
        (&long, "too_long"),
        ("password", "too_common"),
        ("P@ssw0rd!", "too_common"),
        ("aaaaaaaaaaaa", "too_common"),
        ("heirloom", "too_common"),
        ("alice@example.com", "is_your_address"),
        ("ALICE@example.com", "is_your_address"),
    ] {
        let answer = register(&app, &json!({ "email": email("alice"), "password": weak })).await;
        answer.expect_fields(&["password"]);
        assert_eq!(answer.text("/errors/0/code"), code, "{weak}");
        let is_word = weak.chars().all(|character| character.is_ascii_lowercase());
        assert!(is_word || !answer.body.contains(weak), "the password is repeated: {answer:?}");
    }
    assert_eq!(app.count("SELECT count(*) FROM users").await, 0);
}

/// S-73, C-8.
#[tokio::test]
async fn a_password_of_any_script_and_of_the_full_length_will_do() {
    let app = TestApp::start().await;
    let longest: String = (0..1_024_u32).map(|number| char::from_u32(0xAC00 + number * 7).expect("Hangul")).collect();
    for (number, good) in
        ["비밀번호는 여덟 글자 이상", "🦄 gallops 🌈 home", "nul\0 and\ttab\nbattery", &longest].into_iter().enumerate()
    {
        let body = json!({ "email": email(&format!("user{number}")), "password": good });
        register(&app, &body).await.expect(201);
        app.post("/api/v1/auth/login", &body).await.expect_tokens();
    }
}

/// S-72: RFC 8265 §4: one password in both normal forms.
#[tokio::test]
async fn a_password_is_the_same_in_both_normal_forms() {
    let app = TestApp::start().await;
    register(&app, &json!({ "email": email("alice"), "password": "café crème brûlée" })).await.expect(201);
    let decomposed = "cafe\u{301} cre\u{300}me bru\u{302}le\u{301}e";
    app.post("/api/v1/auth/login", &json!({ "email": email("alice"), "password": decomposed })).await.expect_tokens();
}

///
#[tokio::test]
async fn all_invalid_fields_are_reported_at_once() {
    let app = TestApp::start().await;
    let body = json!({ "email": "no address", "password": "short", "name": "two\nlines" });
    register(&app, &body).await.expect_fields(&["email", "name", "password"]);
}

///
#[tokio::test]
async fn registration_never_creates_an_administrator() {
    let app = TestApp::start().await;
    for (member, value) in
        [("roles", json!(["admin"])), ("claims", json!({})), ("id", json!("x")), ("blocked", json!(false))]
    {
        let mut body = credentials("mallory");
        body[member] = value;
        register(&app, &body).await.expect_problem(422, "validation_failed");
    }
    assert_eq!(app.count("SELECT count(*) FROM users").await, 0);
}

///
#[tokio::test]
async fn registration_can_be_closed() {
    let app = TestApp::with(&[("HEIRLOOM_REGISTRATION", "closed")]).await;
    register(&app, &credentials("alice")).await.expect_problem(403, "registration_closed");
    let form =
        app.request("POST", "/register").form(&[("email", "alice@example.com"), ("password", &password("alice"))]);
    form.send().await.expect(403).expect_no_cookie();
    assert_eq!(app.count("SELECT count(*) FROM users").await, 0);
}
