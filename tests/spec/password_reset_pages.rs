//! A forgotten password in the browser: the pages work without script by the code, and nothing happens by opening them.

use crate::support::{Answer, TestApp, email, password};

const KIND: &str = "reset-password";
const NEW: &str = "a garden of blue lanterns";

impl TestApp {
    async fn send_form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.request("POST", path).form(fields).send().await
    }

    /// The page that asks for the code.
    async fn forgot_page(&self, name: &str) -> Answer {
        self.send_form("/forgot", &[("email", &email(name))]).await
    }
}

/// L-12, L-15, L-41, L-45: without script.
#[tokio::test]
async fn a_user_who_forgot_the_password_types_the_code_of_the_email() {
    let app = TestApp::start().await;
    let session = app.sign_in("alice").await;
    assert!(app.get("/login").await.body.contains("href=\"/forgot\""));
    app.get("/forgot").await.expect(200);
    let page = app.forgot_page("Alice").await;
    let flow = page.expect(200).hidden("flow");
    assert!(!page.body.contains("alice") && !page.body.contains("Alice"), "{page:?}");
    let code = app.email(KIND, "alice").await.code();

    let wrong = app.send_form("/confirm", &[("flow", &flow), ("code", "0000 0000"), ("password", NEW)]).await;
    assert!(wrong.expect(422).body.contains("This code is wrong."), "{wrong:?}");
    let empty = app.send_form("/confirm", &[("flow", &flow), ("code", " "), ("password", NEW)]).await;
    assert!(empty.expect(422).body.contains("Enter the code"), "{empty:?}");
    let weak =
        app.send_form("/confirm", &[("flow", &wrong.hidden("flow")), ("code", &code), ("password", "password")]).await;
    assert!(weak.expect(422).body.contains("easy to guess"), "{weak:?}");
    assert!(weak.body.contains(&format!("value=\"{code}\"")) && !weak.body.contains("value=\"password\""), "{weak:?}");
    app.try_sign_in("alice").await.expect(200);

    let done = app.send_form("/confirm", &[("flow", &weak.hidden("flow")), ("code", &code), ("password", NEW)]).await;
    assert!(done.expect(200).body.contains("Your new password is set."), "{done:?}");
    done.expect_no_cookie();
    app.check(&session.access_token).await.expect_problem(401, "session_revoked");
    app.try_sign_in("alice").await.expect_problem(401, "invalid_credentials");
    let body = serde_json::json!({ "email": email("alice"), "password": NEW });
    app.post("/api/v1/auth/login", &body).await.expect_tokens();

    let again = app.send_form("/confirm", &[("flow", &flow), ("code", &code), ("password", NEW)]).await;
    assert!(again.expect(410).body.contains("Request a new e\u{2011}mail"), "{again:?}");
    assert!(again.body.contains("href=\"/login\""), "a second press may come after the first was done: {again:?}");
}

/// L-1, L-5: the page is the same for an address that nobody has.
#[tokio::test]
async fn the_page_does_not_tell_who_has_an_account() {
    let app = TestApp::start().await;
    app.register("alice").await;
    let shape = |page: &Answer| page.body.replace(&page.hidden("flow"), "");
    let (known, unknown) = (app.forgot_page("alice").await, app.forgot_page("nobody").await);
    assert_eq!(shape(known.expect(200)), shape(unknown.expect(200)));
    let typed = async |page: &Answer| {
        let flow = page.hidden("flow");
        app.send_form("/confirm", &[("flow", &flow), ("code", "1234 5678"), ("password", NEW)]).await
    };
    app.all_emails_written().await;
    let (known, unknown) = (typed(&known).await, typed(&unknown).await);
    assert_eq!(shape(known.expect(422)), shape(unknown.expect(422)));
    let nonsense = app.send_form("/forgot", &[("email", "nobody")]).await;
    assert!(nonsense.expect(422).body.contains("not a valid e\u{2011}mail address"), "{nonsense:?}");
}

/// L-1, A-83: what a program can do that scans emails.
#[tokio::test]
async fn opening_the_link_or_sending_its_form_empty_changes_nothing() {
    let app = TestApp::start().await;
    let session = app.sign_in("alice").await;
    app.forgot_page("alice").await.expect(200);
    let token = app.email(KIND, "alice").await.token();
    for path in ["/confirm", &format!("/confirm?token={token}"), &format!("/confirm?{token}")] {
        let page = app.get(path).await;
        assert!(!page.expect(200).body.contains(&token), "{page:?}");
        app.request("HEAD", path).send().await;
    }
    let pressed = app.send_form("/confirm", &[("token", &token)]).await;
    assert_eq!(pressed.expect(422).hidden("token"), token);
    assert!(pressed.body.contains("a…e@example.com"), "{pressed:?}");
    let foreign = app.request("POST", "/confirm").header("Sec-Fetch-Site", "cross-site");
    foreign.form(&[("token", &*token), ("password", NEW)]).send().await.expect(403);
    app.check(&session.access_token).await.expect_done();
    let body = serde_json::json!({ "email": email("alice"), "password": password("alice") });
    app.post("/api/v1/auth/login", &body).await.expect_tokens();

    let done = app.send_form("/confirm", &[("token", &token), ("password", NEW)]).await;
    assert!(done.expect(200).body.contains("Your new password is set."), "{done:?}");
    let used = app.send_form("/confirm", &[("token", &token), ("password", NEW)]).await;
    assert!(used.expect(410).body.contains("This link does not work"), "{used:?}");
    app.send_form("/confirm", &[("token", "AAAA"), ("password", NEW)]).await.expect(404);
    app.send_form("/confirm", &[("flow", "AAAA"), ("code", "1234 5678"), ("password", NEW)]).await.expect(404);
}

/// L-40: both parts, in the language of the page that asked.
#[tokio::test]
async fn the_email_is_text_and_html_in_the_language_of_the_page() {
    let app = TestApp::start().await;
    app.register("mina").await;
    let page =
        app.request("POST", "/forgot").header("Accept-Language", "ko").form(&[("email", &email("mina"))]).send().await;
    assert!(page.expect(200).body.contains("이메일을 확인해 주세요"), "{page:?}");
    let sent = app.email(KIND, "mina").await;
    let (token, code) = (sent.token(), sent.code());
    let (_, parts) = sent.0.split_once("Content-Type: multipart/alternative").expect("two parts");
    let (text, html) = parts.split_once("Content-Type: text/html; charset=utf-8").expect("HTML");
    for part in [text, html] {
        assert!(part.contains(&token) && part.contains(&code) && part.contains("비밀번호 재설정"), "{part}");
        assert!(part.contains("30분") && part.contains("127.0.0.1"), "{part}");
    }
}
