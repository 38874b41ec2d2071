//! A registration in the browser: nobody has an account before it is confirmed, and only the browser that asked is signed in
//! by it.

use crate::support::{Answer, TestApp, at_once, email, password};
use serde_json::json;

const KIND: &str = "confirm-registration";
const NEW: &str = "a garden of blue lanterns";
const REQUIRED: (&str, &str) = ("HEIRLOOM_EMAIL_VERIFICATION", "required");
const MANY: (&str, &str) = ("HEIRLOOM_MAIL_LIMIT_ADDRESS", "50/h");
const LOOK: &str = "/api/v1/auth/confirmations/look";
const FLOW_COOKIE: &str = "heirloom-flow";
/// Of another browser.
const OTHER: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The cookie of the browser that asked.
#[track_caller]
fn flow_cookie(page: &Answer) -> String {
    let cookies = page.set_cookies();
    let cookie = cookies.iter().find(|cookie| cookie.name == FLOW_COOKIE).unwrap_or_else(|| panic!("{page:?}"));
    assert_eq!(cookie.attributes, ["httponly", "path=/", "samesite=strict"], "{page:?}");
    assert_eq!(cookie.max_age, Some(86_400), "{page:?}");
    cookie.value.clone()
}

/// Whether an answer signs a browser in.
fn signs_in(page: &Answer) -> bool {
    page.set_cookies().iter().any(|cookie| cookie.value.starts_with("hrt_"))
}

impl TestApp {
    /// Sends a form from a browser that holds this cookie.
    async fn browse(&self, path: &str, cookie: &str, fields: &[(&str, &str)]) -> Answer {
        let request = self.request("POST", path).header("Sec-Fetch-Site", "same-origin").form(fields);
        let cookie = format!("{FLOW_COOKIE}={cookie}");
        if cookie.ends_with('=') { request.send().await } else { request.header("Cookie", &cookie).send().await }
    }

    /// The page that asks for the code.
    async fn registering(&self, name: &str) -> Answer {
        let (email, password) = (email(name), password(name));
        let fields = [("email", &*email), ("password", &password), ("name", name), ("return_to", "/account?from=here")];
        self.browse("/register", "", &fields).await
    }

    async fn users(&self) -> i64 {
        self.count("SELECT count(*) FROM users").await
    }
}

/// L-28, L-41: without script, by the code.
#[tokio::test]
async fn a_user_types_the_code_and_is_signed_in_where_the_account_was_asked_for() {
    let app = TestApp::with(&[REQUIRED]).await;
    let page = app.registering("alice").await;
    let (flow, browser) = (page.expect(200).hidden("flow"), flow_cookie(&page));
    assert!(!signs_in(&page) && !page.body.contains("alice"), "{page:?}");
    assert!(!page.body.contains("name=\"password\""), "the password was typed: {page:?}");
    let code = app.email(KIND, "alice").await.code();
    let typed = |flow: &str, code: &str| {
        [("flow", flow.to_owned()), ("purpose", "register".to_owned()), ("code", code.to_owned())]
    };
    let send = async |fields: [(&'static str, String); 3]| {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        app.browse("/confirm", &browser, &fields).await
    };
    let wrong = send(typed(&flow, "0000 0000")).await;
    assert!(wrong.expect(422).body.contains("This code is wrong."), "{wrong:?}");
    assert!(!wrong.body.contains("name=\"password\""), "the same page again: {wrong:?}");
    assert_eq!(app.users().await, 0);

    let done = send(typed(&wrong.hidden("flow"), &code)).await;
    assert_eq!(done.expect(303).header("location"), Some("/account?from=here"));
    assert!(signs_in(&done), "{done:?}");
    assert_eq!((app.users().await, app.count("SELECT count(*) FROM sessions").await), (1, 1));
    app.try_sign_in("alice").await.expect_tokens();
    let again = send(typed(&flow, &code)).await;
    assert!(again.expect(410).body.contains("Request a new e\u{2011}mail") && !signs_in(&again), "{again:?}");
}

/// L-28: the link, in the browser that asked and in others.
#[tokio::test]
async fn a_link_is_confirmed_by_a_button_in_the_browser_that_asked_and_by_a_new_password_elsewhere() {
    let app = TestApp::with(&[REQUIRED, MANY]).await;
    for (name, is_here) in [("alice", true), ("bob", false)] {
        let browser = flow_cookie(&app.registering(name).await);
        let token = app.email(KIND, name).await.token();
        for other in ["", OTHER, "x", "%00"] {
            let looked = app.browse("/confirm", other, &[("step", "look"), ("token", &token)]).await;
            assert!(looked.expect(200).body.contains("name=\"password\""), "{looked:?}");
            let pressed = app.browse("/confirm", other, &[("token", &token)]).await;
            assert!(pressed.expect(422).body.contains("name=\"password\"") && !signs_in(&pressed), "{pressed:?}");
        }
        let looked = app.browse("/confirm", &browser, &[("step", "look"), ("token", &token)]).await;
        assert!(!looked.expect(200).body.contains("name=\"password\""), "{looked:?}");
        let request = app.request("POST", LOOK).header("Cookie", &format!("{FLOW_COOKIE}={browser}"));
        assert_eq!(request.json(&json!({ "token": token })).send().await.json()["needs"], json!(["button"]));
        let before = app.users().await;
        if is_here {
            let foreign = app.request("POST", "/confirm").header("Cookie", &format!("{FLOW_COOKIE}={browser}"));
            let foreign = foreign.header("Sec-Fetch-Site", "cross-site").form(&[("token", &token)]);
            foreign.send().await.expect(403);
            assert_eq!(app.users().await, before, "another site cannot press the button");
            let done = app.browse("/confirm", &browser, &[("token", &token)]).await;
            assert_eq!(done.expect(303).header("location"), Some("/account?from=here"));
            assert!(signs_in(&done), "{done:?}");
            app.try_sign_in(name).await.expect_tokens();
        } else {
            let done = app.browse("/confirm", OTHER, &[("token", &token), ("password", NEW)]).await;
            assert!(done.expect(200).body.contains("Your account was created.") && !signs_in(&done), "{done:?}");
            app.try_sign_in(name).await.expect_problem(401, "invalid_credentials");
            app.post("/api/v1/auth/login", &json!({ "email": email(name), "password": NEW })).await.expect_tokens();
        }
        assert_eq!(app.users().await, before + 1);
    }
}

/// L-28: a code that is typed elsewhere than in the browser that asked signs nobody in.
#[tokio::test]
async fn the_code_signs_in_no_other_browser() {
    let app = TestApp::with(&[REQUIRED]).await;
    let page = app.registering("alice").await;
    let code = app.email(KIND, "alice").await.code();
    let done = app.browse("/confirm", OTHER, &[("flow", &page.hidden("flow")), ("code", &code)]).await;
    assert!(done.expect(200).body.contains("Your account was created.") && !signs_in(&done), "{done:?}");
    app.try_sign_in("alice").await.expect_tokens();
}

/// L-28, L-6: an attacker who registers the address of another user waits in vain.
#[tokio::test]
async fn the_browser_of_an_attacker_is_not_signed_in_when_the_owner_confirms_elsewhere() {
    let app = TestApp::with(&[REQUIRED, MANY]).await;
    let attacker = app.registering("alice").await;
    let owner = app.registering("alice").await;
    let (at, own) = (flow_cookie(&attacker), flow_cookie(&owner));
    assert_ne!(at, own);
    app.all_emails_written().await;
    let sent = app.emails(KIND, "alice");
    // One email, whose link is of the attacker's request: the owner's browser is not the one that asked.
    assert_eq!(sent.len(), 1);
    app.browse("/confirm", &own, &[("token", &sent[0].token())]).await.expect(422);
    let done = app.browse("/confirm", &own, &[("token", &sent[0].token()), ("password", NEW)]).await;
    assert!(!signs_in(done.expect(200)), "{done:?}");
    for _ in 0..2 {
        let late = app.browse("/confirm", &at, &[("token", &sent[0].token())]).await;
        assert!(!signs_in(late.expect(410)), "{late:?}");
    }
    assert_eq!(app.count("SELECT count(*) FROM sessions").await, 0);
    let waits = app.post(LOOK, &json!({ "flow": attacker.hidden("flow") })).await.text("/status");
    assert_eq!(waits, "completed", "the page that waits goes to the sign-in");
}

/// L-5, L-21: the page, its headers and its cookie are the same for an address that has an account.
#[tokio::test]
async fn the_page_does_not_tell_whether_the_address_has_an_account() {
    let app = TestApp::with(&[REQUIRED]).await;
    let open = app.another(&[("HEIRLOOM_SMTP_URL", &app.mail_folder())]).await;
    open.register("alice").await;
    let shape = |page: &Answer| {
        let names: Vec<_> = page.headers.keys().map(ToString::to_string).collect();
        (page.status, page.body.replace(&page.hidden("flow"), ""), names)
    };
    let (known, unknown) = (app.registering("alice").await, app.registering("nobody").await);
    assert_eq!(shape(known.expect(200)), shape(unknown.expect(200)));
    app.all_emails_written().await;
    let (known_cookie, unknown_cookie) = (flow_cookie(&known), flow_cookie(&unknown));
    let wrong = async |page: &Answer, cookie: &str| {
        let fields = [("flow", &*page.hidden("flow")), ("purpose", "register"), ("code", "1234 5678")];
        shape(app.browse("/confirm", cookie, &fields).await.expect(422))
    };
    assert_eq!(wrong(&known, &known_cookie).await, wrong(&unknown, &unknown_cookie).await);
    let again = async |page: &Answer, cookie: &str| {
        let fields = [("flow", &*page.hidden("flow")), ("purpose", "register"), ("step", "again")];
        shape(app.browse("/confirm", cookie, &fields).await.expect(200))
    };
    assert_eq!(again(&known, &known_cookie).await, again(&unknown, &unknown_cookie).await);
    app.all_emails_written().await;
    assert_eq!((app.emails("already-registered", "alice").len(), app.emails(KIND, "nobody").len()), (1, 1));
}

/// L-6: another user has the address by now.
#[tokio::test]
async fn a_registration_of_an_address_that_was_taken_meanwhile_creates_nothing_and_keeps_no_hash() {
    let app = TestApp::with(&[REQUIRED, MANY]).await;
    let page = app.registering("alice").await;
    let sent = app.email(KIND, "alice").await;
    let open = app.another(&[("HEIRLOOM_SMTP_URL", &app.mail_folder())]).await;
    open.post("/api/v1/auth/register", &json!({ "email": email("alice"), "password": NEW })).await.expect(201);
    let late = app.browse("/confirm", &flow_cookie(&page), &[("token", &sent.token())]).await;
    assert!(!signs_in(late.expect(410)), "{late:?}");
    let by_code = json!({ "flow": page.hidden("flow"), "code": sent.code() });
    app.post("/api/v1/auth/confirmations/use", &by_code).await.expect_problem(410, "confirmation_expired");
    app.try_sign_in("alice").await.expect_problem(401, "invalid_credentials");
    open.post("/api/v1/auth/login", &json!({ "email": email("alice"), "password": NEW })).await.expect_tokens();
    assert_eq!(app.count("SELECT count(*) FROM confirmations WHERE payload ? 'password_hash'").await, 0);
    assert_eq!(app.users().await, 1);
}

/// L-2: on two instances, by the button, by passwords and by the code, all at once.
#[tokio::test]
async fn of_many_confirmations_at_once_one_creates_the_account() {
    let one = TestApp::with(&[REQUIRED, MANY]).await;
    let two = one.another(&[REQUIRED, MANY, ("HEIRLOOM_SMTP_URL", &one.mail_folder())]).await;
    for round in 0..3 {
        let name = format!("alice{round}");
        let page = one.registering(&name).await;
        let (flow, browser) = (page.hidden("flow"), flow_cookie(&page));
        let sent = one.email(KIND, &name).await;
        let (token, code) = (sent.token(), sent.code());
        let tries = (0..9).map(async |number| {
            let app = if number % 2 == 0 { &one } else { &two };
            match number % 3 {
                0 => app.browse("/confirm", &browser, &[("token", &token)]).await,
                1 => app.browse("/confirm", OTHER, &[("token", &token), ("password", NEW)]).await,
                _ => app.browse("/confirm", &browser, &[("flow", &flow), ("code", &code)]).await,
            }
        });
        let answers = at_once(tries).await;
        let done = answers.iter().filter(|answer| matches!(answer.status, 200 | 303)).count();
        assert_eq!(done, 1, "{answers:?}");
        assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 303 | 410)), "{answers:?}");
        let sessions = answers.iter().filter(|answer| signs_in(answer)).count();
        assert!(sessions <= 1, "{answers:?}");
        assert_eq!(one.users().await, round + 1);
    }
}
