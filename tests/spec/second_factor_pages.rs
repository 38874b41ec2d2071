//! The second step in the browser, without script; and every path that leads to a session.

use crate::support::{Answer, Enrolled, TestApp, credentials, email, holds_token, password};
use serde_json::json;

const CODE: &str = "/login/code";

impl TestApp {
    async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.request("POST", path).header("Sec-Fetch-Site", "same-origin").form(fields).send().await
    }

    /// The page that asks for a code.
    async fn code_page(&self, name: &str) -> Answer {
        let fields = [("email", &*email(name)), ("password", &password(name)), ("return_to", "/account?from=here")];
        self.form("/login", &fields).await
    }

    async fn with_an_app(&self, name: &str) -> Enrolled {
        self.person(name).await.enrol(self).await
    }
}

/// F-12, F-14, F-16.
#[tokio::test]
async fn the_second_step_works_without_script() {
    let app = TestApp::start().await;
    let alice = app.with_an_app("alice").await;
    let page = app.code_page("alice").await;
    page.expect(200).expect_no_cookie();
    assert!(page.body.contains("One more step") && page.body.contains("autocomplete=\"one-time-code\""), "{page:?}");
    assert!(!page.body.contains("?lang="), "a link to another language would lose the step: {page:?}");
    assert!(page.body.contains("Your password is right. Enter the code"), "{page:?}");
    let fields = |page: &Answer| ["challenge", "return_to", "by_password"].map(|name| (name, page.hidden(name)));
    let send = async |page: &Answer, code: &str| {
        let [challenge, return_to, first] = fields(page);
        let first = (first.0, &*first.1);
        let typed = [(challenge.0, &*challenge.1), (return_to.0, &*return_to.1), first, ("code", code)];
        app.form(CODE, &typed).await
    };
    assert!(send(&page, " ").await.expect(422).body.contains("Enter the code"));
    let wrong = send(&page, &alice.app.wrong(&app)).await;
    assert!(wrong.expect(422).expect_no_cookie().body.contains("The code is wrong"), "{wrong:?}");
    assert_eq!(fields(&wrong), fields(&page), "nothing is lost");
    assert!(wrong.body.contains("Your password is right. Enter the code"), "{wrong:?}");
    let done = send(&wrong, &alice.app.next(&app).await).await;
    assert_eq!(
        (done.expect(303).header("location"), done.set_cookies().is_empty()),
        (Some("/account?from=here"), false)
    );

    let again = send(&page, &alice.recovery_codes[0]).await;
    assert!(again.expect(410).expect_no_cookie().body.contains("Please sign in again."), "{again:?}");
    assert!(!again.body.contains("name=\"challenge\"") && again.body.contains("href=\"/login?return_to="), "{again:?}");
    let by_recovery_code = send(&app.code_page("alice").await, &alice.recovery_codes[0].to_lowercase()).await;
    assert!(!by_recovery_code.expect(303).set_cookies().is_empty());
    let opened = app.get(CODE).await;
    assert_eq!(opened.expect(303).header("location"), Some("/login"));
}

/// F-12: a foreign page cannot sign a browser in to an account of its own.
#[tokio::test]
async fn a_foreign_page_cannot_complete_a_sign_in() {
    let app = TestApp::start().await;
    let alice = app.with_an_app("alice").await;
    let challenge = app.code_page("alice").await.hidden("challenge");
    let code = alice.app.next(&app).await;
    let typed = [("challenge", &*challenge), ("code", &code)];
    let foreign = app.request("POST", CODE).header("Sec-Fetch-Site", "cross-site").form(&typed).send().await;
    foreign.expect(403).expect_no_cookie();
    app.form(CODE, &typed).await.expect(303);
}

/// L-43, F-18: what needs a fresh session is asked for with both factors.
#[tokio::test]
async fn the_forms_that_sign_in_for_one_request_ask_for_a_code_too() {
    let app = TestApp::start().await;
    let alice = app.with_an_app("alice").await;
    let sessions = app.live_sessions().await;
    let (from, secret, to) = (email("alice"), password("alice"), email("alice.new"));
    let typed = [("email", &*from), ("password", &*secret), ("new_email", &*to)];
    let asked = app.form("/account/address", &typed).await;
    assert!(asked.expect(401).expect_no_cookie().body.contains("name=\"code\""), "{asked:?}");
    assert!(asked.body.contains(&to) && !asked.body.contains(&secret), "what was typed, but the password");
    let wrong = app.form("/account/address", &[typed.as_slice(), &[("code", &alice.app.wrong(&app))]].concat()).await;
    assert!(wrong.expect(422).body.contains("The code is wrong"), "{wrong:?}");
    assert_eq!(app.count("SELECT count(*) FROM confirmations").await, 0, "nothing was requested");
    let code = alice.app.next(&app).await;
    app.form("/account/address", &[typed.as_slice(), &[("code", &code)]].concat()).await.expect(200).expect_no_cookie();
    assert_eq!(app.live_sessions().await, sessions, "the sign-in was for one request");

    let typed = [("email", &*from), ("password", &*secret)];
    app.form("/account/delete", &typed).await.expect(401);
    assert_eq!(app.live_sessions().await, sessions);
    let code = [("code", &*alice.recovery_codes[0])];
    app.form("/account/delete", &[typed.as_slice(), &code].concat()).await.expect(303);
    assert_eq!(app.count("SELECT count(*) FROM users").await, 0);
}

/// F-18: every path that leads to a session. Of a user with a second factor, none does without it.
#[tokio::test]
async fn no_path_leads_to_a_session_with_the_password_alone() {
    let app = TestApp::start().await;
    app.with_an_app("alice").await;
    // A user who reads the address: of an account whose address was never verified, a reset removes the factors (F-20).
    sqlx::query("UPDATE users SET email_verified_at = now()").execute(app.db()).await.expect("SQL");
    let expect_none = async |path: &str, answer: Answer| {
        answer.expect_no_cookie();
        assert!(!answer.body.contains("access_token") && !holds_token(&answer.body), "{path}: {answer:?}");
        let found = app.count("SELECT count(*) FROM sessions WHERE revoked_at IS NULL AND NOT 'mfa' = ANY (amr)").await;
        assert_eq!(found, 0, "{path}");
    };
    for transport in ["body", "cookie"] {
        let mut body = credentials("alice");
        body["transport"] = transport.into();
        expect_none("login", app.post("/api/v1/auth/login", &body).await).await;
    }
    expect_none("the page", app.code_page("alice").await).await;
    let typed = [("email", &*email("alice")), ("password", &password("alice")), ("new_email", "a@example.com")];
    expect_none("address", app.form("/account/address", &typed).await).await;
    expect_none("deletion", app.form("/account/delete", &typed).await).await;
    expect_none("a new app", app.form("/account/app", &typed).await).await;
    // A registration with the address of an account.
    let mut body = credentials("alice");
    body["password"] = "a garden of blue lanterns".into();
    expect_none("register", app.post("/api/v1/auth/register", &body).await).await;
    let typed = [("email", &*email("alice")), ("password", "a garden of blue lanterns"), ("name", "A")];
    expect_none("register page", app.form("/register", &typed).await).await;
    // A reset of the password.
    app.post("/api/v1/auth/password/forgot", &json!({ "email": email("alice") })).await.expect(202);
    let token = app.email("reset-password", "alice").await.token();
    let body = json!({ "token": token, "new_password": "a garden of blue lanterns" });
    expect_none("reset", app.post("/api/v1/auth/confirmations/use", &body).await).await;
    let body = json!({ "email": email("alice"), "password": "a garden of blue lanterns" });
    let login = app.post("/api/v1/auth/login", &body).await;
    login.expect_problem(401, "second_factor_required");
    expect_none("login after a reset", login).await;
}
