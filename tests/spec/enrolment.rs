//! Roles that demand a second factor: who has none sets one up before there is a session.

use crate::support::{
    Answer, Authenticator, TestApp, at_once, credentials, email, expect_end_of, forge, holds_token, password,
};
use serde_json::{Value, json};

const BEGIN: &str = "/api/v1/auth/enrol/totp";
const CONFIRM: &str = "/api/v1/auth/enrol/totp/confirm";
pub const DEMANDED: &[(&str, &str)] = &[("HEIRLOOM_SECOND_FACTOR_ROLES", "editor")];
/// Codes that may be tried at one challenge.
const ATTEMPTS: usize = 5;

impl TestApp {
    /// Users whose role demands a second factor; none of them is signed in.
    pub async fn editors(&self, names: &[&str], is_verified: bool) {
        for name in names {
            self.register(name).await;
            let sql =
                "UPDATE users SET roles = '{editor}', email_verified_at = CASE WHEN $2 THEN now() END WHERE email = $1";
            sqlx::query(sql).bind(email(name)).bind(is_verified).execute(self.db()).await.expect("SQL");
        }
    }

    pub async fn demand(&self, name: &str) -> Answer {
        let answer = self.post("/api/v1/auth/login", &credentials(name)).await;
        answer.expect_problem(401, "second_factor_enrolment_required").expect_no_cookie();
        answer
    }

    /// An app for a challenge.
    async fn new_app(&self, challenge: &str) -> Authenticator {
        let new = self.post(BEGIN, &json!({ "challenge": challenge })).await;
        assert_eq!(new.expect(200).header("cache-control"), Some("no-store"));
        Authenticator::with(&new.text("/secret"))
    }

    async fn confirm_app(&self, challenge: &str, code: &str, email_code: Option<&str>) -> Answer {
        let mut body = json!({ "challenge": challenge, "code": code });
        if let Some(email_code) = email_code {
            body["email_code"] = email_code.into();
        }
        self.post(CONFIRM, &body).await
    }

    pub async fn bears_a_session(&self) -> bool {
        self.live_sessions().await > 0
    }
}

/// F-43, F-45.
#[tokio::test]
async fn who_must_have_a_factor_sets_one_up_before_there_is_a_session() {
    let app = TestApp::with(DEMANDED).await;
    app.editors(&["alice"], true).await;
    let demand = app.demand("alice").await;
    let body = demand.json();
    assert_eq!((&body["factors"], &body["expires_in"]), (&json!(["totp", "passkey"]), &json!(600)));
    assert_eq!(body["email_code_required"], json!(true));
    assert!(body.get("access_token").is_none() && body.get("refresh_token").is_none(), "{demand:?}");
    let challenge = demand.text("/challenge");
    let device = app.new_app(&challenge).await;
    assert!(!app.bears_a_session().await);
    let code = device.code(&app, 1);
    app.confirm_app(&challenge, &code, None).await.expect_fields(&["email_code"]).expect_no_cookie();
    let sent = app.email("enrolment-code", "alice").await;
    assert!(
        !sent.0.contains("/confirm#") && !sent.0.contains("/login"),
        "nothing leads away from the page: {}",
        sent.0
    );
    let wrong = app.confirm_app(&challenge, &code, Some("0000 0000")).await;
    wrong.expect_problem(422, "code_invalid").expect_no_cookie();
    assert_eq!(
        (&wrong.json()["errors"][0]["field"], &wrong.json()["attempts_left"]),
        (&json!("email_code"), &json!(4))
    );
    let wrong = app.confirm_app(&challenge, &device.wrong(&app), Some(&sent.code())).await;
    wrong.expect_problem(422, "code_invalid");
    assert_eq!((wrong.json().get("errors"), &wrong.json()["attempts_left"]), (None, &json!(3)));
    assert!(!app.bears_a_session().await);

    let done = app.confirm_app(&challenge, &code, Some(&sent.code())).await;
    let tokens = done.expect_tokens();
    assert_eq!(done.json()["recovery_codes"].as_array().map(Vec::len), Some(10));
    let claims = forge::decode(&tokens.access_token).1;
    assert_eq!((&claims["acr"], &claims["amr"]), (&json!("urn:heirloom:acr:2"), &json!(["pwd", "otp", "mfa"])));
    app.ask_fresh(&tokens.access_token).await.expect_fields(&["email"]);
    assert_eq!((app.events("factor_added").await, app.events("signed_in").await), (1, 1));
    // From now on it is a sign-in in two steps, and the challenge is used up.
    app.confirm_app(&challenge, &device.code(&app, 1), Some(&sent.code()))
        .await
        .expect_problem(410, "challenge_expired");
    app.post("/api/v1/auth/login", &credentials("alice")).await.expect_problem(401, "second_factor_required");
    assert_eq!(app.emails("enrolment-code", "alice").len(), 1);
}

/// F-43: by cookie, as the first step asked for; and only from our own pages.
#[tokio::test]
async fn the_enrolment_keeps_what_the_sign_in_asked_for_and_refuses_foreign_pages() {
    let app = TestApp::with(DEMANDED).await;
    app.editors(&["alice"], false).await;
    let mut browser = app.browser();
    let wishes = json!({ "remember": false, "device_name": "Alice's laptop" });
    let demand = browser.sign_in_with("alice", &wishes).await;
    assert_eq!(demand.json()["email_code_required"], json!(false), "nobody is known to read the address");
    let challenge = demand.expect_no_cookie().text("/challenge");
    let device = app.new_app(&challenge).await;
    let body = json!({ "challenge": challenge, "code": device.code(&app, 1) });
    let foreign = app.request("POST", CONFIRM).header("Origin", "https://evil.example").json(&body).send().await;
    foreign.expect_problem(403, "origin_not_allowed").expect_no_cookie();
    let tokens = browser.send(browser.request("POST", CONFIRM).json(&body)).await.expect_tokens();
    assert!(!tokens.cookie.is_empty());
    let row = app.session_row(&tokens.session_id).await;
    assert_eq!((&row["remembered"], &row["device_name"]), (&json!(false), &json!("Alice's laptop")));
}

/// F-44, F-45: on two instances.
#[tokio::test]
async fn five_codes_of_either_kind_end_a_challenge_one_by_one_and_at_once() {
    let app = TestApp::with(DEMANDED).await;
    // Each of them writes the emails that it comes to first.
    let other = app.another(&[DEMANDED[0], ("HEIRLOOM_SMTP_URL", &app.mail_folder())]).await;
    app.editors(&["alice"], true).await;
    let challenge = app.demand("alice").await.text("/challenge");
    let device = app.new_app(&challenge).await;
    let (code, email_code) = (device.code(&app, 1), app.email("enrolment-code", "alice").await.code());
    for turn in 0..ATTEMPTS {
        let refused = if turn % 2 == 0 {
            app.confirm_app(&challenge, &code, Some("0000 0000")).await
        } else {
            app.confirm_app(&challenge, &device.wrong(&app), Some(&email_code)).await
        };
        assert_eq!(refused.expect_problem(422, "code_invalid").json()["attempts_left"], ATTEMPTS - 1 - turn);
    }
    app.confirm_app(&challenge, &code, Some(&email_code)).await.expect_problem(410, "challenge_expired");

    let challenge = app.demand("alice").await.text("/challenge");
    let device = app.new_app(&challenge).await;
    let code = device.code(&app, 1);
    let guesses = (0..20).map(|turn| {
        let server = if turn % 2 == 0 { &app } else { &other };
        server.confirm_app(&challenge, &code, Some("0000 0000"))
    });
    let guesses = at_once(guesses).await;
    assert_eq!(guesses.iter().filter(|answer| answer.status == 422).count(), ATTEMPTS, "{guesses:?}");
    assert_eq!(guesses.iter().filter(|answer| answer.status == 410).count(), 20 - ATTEMPTS, "{guesses:?}");
    assert!(!app.bears_a_session().await);
    // The code of the first email works still: no second one was sent.
    let challenge = app.demand("alice").await.text("/challenge");
    let device = app.new_app(&challenge).await;
    app.all_emails_written().await;
    app.confirm_app(&challenge, &device.code(&app, 1), Some(&email_code)).await.expect_tokens();
    assert_eq!(app.emails("enrolment-code", "alice").len(), 1);
}

/// F-44: on two instances.
#[tokio::test]
async fn of_many_confirmations_at_once_exactly_one_signs_in() {
    let app = TestApp::with(DEMANDED).await;
    let other = app.another(DEMANDED).await;
    app.editors(&["alice"], false).await;
    let (one, two) = (app.demand("alice").await.text("/challenge"), app.demand("alice").await.text("/challenge"));
    let device = app.new_app(&one).await;
    let code = device.code(&app, 1);
    let confirm = |turn: usize| {
        let server = if turn.is_multiple_of(2) { &app } else { &other };
        server.confirm_app(if turn % 4 < 2 { &one } else { &two }, &code, None)
    };
    let answers = at_once((0..8).map(confirm)).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{answers:?}");
    for refused in answers.iter().filter(|answer| answer.status != 200) {
        assert!(matches!(refused.status, 410 | 422), "{refused:?}");
    }
    assert_eq!((app.live_sessions().await, app.events("factor_added").await), (1, 1));
    assert_eq!(app.count("SELECT count(*) FROM recovery_codes").await, 10);
}

/// F-44.
#[tokio::test]
async fn a_challenge_is_good_for_one_thing_and_void_once_something_has_changed() {
    let app = TestApp::with(DEMANDED).await;
    app.editors(&["alice"], false).await;
    let person = app.person("bob").await;
    let bob = person.enrol(&app).await;
    // That of the second step sets up nothing, and that of an enrolment signs in by no code.
    let second = app.post("/api/v1/auth/login", &credentials("bob")).await.text("/challenge");
    app.post(BEGIN, &json!({ "challenge": second })).await.expect_problem(410, "challenge_expired");
    app.confirm_app(&second, &bob.app.next(&app).await, None).await.expect_problem(410, "challenge_expired");
    let first = app.demand("alice").await.text("/challenge");
    let device = app.new_app(&first).await;
    for path in ["/api/v1/auth/login/totp", "/api/v1/auth/login/recovery-code"] {
        let body = json!({ "challenge": first, "code": device.code(&app, 1) });
        app.post(path, &body).await.expect_problem(410, "challenge_expired").expect_no_cookie();
    }
    let expect_void = async |challenge: &str, device: &Authenticator| {
        app.confirm_app(challenge, &device.code(&app, 1), None).await.expect_problem(410, "challenge_expired");
        app.post(BEGIN, &json!({ "challenge": challenge })).await.expect_problem(410, "challenge_expired");
    };
    // A factor that was set up meanwhile, elsewhere.
    let second = app.demand("alice").await.text("/challenge");
    app.confirm_app(&first, &device.code(&app, 1), None).await.expect_tokens();
    expect_void(&second, &device).await;
    sqlx::query("DELETE FROM totp_secrets").execute(app.db()).await.expect("SQL");
    let third = app.demand("alice").await.text("/challenge");
    let device = app.new_app(&third).await;
    sqlx::query("UPDATE users SET password_version = password_version + 1").execute(app.db()).await.expect("SQL");
    expect_void(&third, &device).await;
    let fourth = app.demand("alice").await.text("/challenge");
    let device = app.new_app(&fourth).await;
    sqlx::query("UPDATE sign_in_challenges SET expires_at = now()").execute(app.db()).await.expect("SQL");
    expect_void(&fourth, &device).await;
    for nonsense in ["", "AAAA", &format!("{fourth}A")] {
        expect_void(nonsense, &device).await;
    }
}

/// F-44: the secret belongs to the challenge. Who has the password too neither sees nor replaces the one of the owner's sign-in.
#[tokio::test]
async fn two_sign_ins_at_once_set_up_apps_of_their_own() {
    let app = TestApp::with(DEMANDED).await;
    app.editors(&["alice"], false).await;
    let (mine, other) = (app.demand("alice").await.text("/challenge"), app.demand("alice").await.text("/challenge"));
    let first = app.new_app(&mine).await;
    let second = app.new_app(&other).await;
    app.confirm_app(&mine, &second.code(&app, 1), None).await.expect_problem(422, "code_invalid");
    app.confirm_app(&other, &first.code(&app, 1), None).await.expect_problem(422, "code_invalid");
    assert!(!app.bears_a_session().await);
    // The same challenge once more: the secret before is forgotten.
    let again = app.new_app(&mine).await;
    app.confirm_app(&mine, &first.code(&app, 1), None).await.expect_problem(422, "code_invalid");
    app.confirm_app(&mine, &again.code(&app, 1), None).await.expect_tokens();
    app.confirm_app(&other, &second.code(&app, 1), None).await.expect_problem(410, "challenge_expired");
}

/// F-44, F-47: the page shows the app of its own challenge, also when another sign-in begins one.
#[tokio::test]
async fn the_page_of_an_enrolment_shows_nobody_elses_app() {
    let app = TestApp::with(DEMANDED).await;
    app.editors(&["alice"], false).await;
    let form = async |path: &str, fields: &[(&str, &str)]| {
        app.request("POST", path).header("Sec-Fetch-Site", "same-origin").form(fields).send().await
    };
    let page = form("/login", &[("email", &email("alice")), ("password", &password("alice"))]).await;
    let (challenge, secret) = (page.hidden("challenge"), shown_secret(&page));
    let thief = app.demand("alice").await.text("/challenge");
    app.new_app(&thief).await;
    let again = form("/login/enrol", &[("challenge", &challenge), ("code", "")]).await;
    assert_eq!(shown_secret(again.expect(422)), secret);
    // The pages take no challenge of the API.
    let code = Authenticator::with(&secret).code(&app, 1);
    form("/login/enrol", &[("challenge", &thief), ("code", "123456")]).await.expect(410).expect_no_cookie();
    form("/login/enrol", &[("challenge", &challenge), ("code", &code)]).await.expect(200);
}

/// F-45: a challenge from before the address was verified asks for no code, and is void.
#[tokio::test]
async fn an_address_that_is_verified_meanwhile_asks_for_its_code() {
    let app = TestApp::with(DEMANDED).await;
    app.editors(&["alice"], false).await;
    let challenge = app.demand("alice").await.text("/challenge");
    let device = app.new_app(&challenge).await;
    sqlx::query("UPDATE users SET email_verified_at = now()").execute(app.db()).await.expect("SQL");
    app.confirm_app(&challenge, &device.code(&app, 1), None).await.expect_problem(410, "challenge_expired");
    assert!(!app.bears_a_session().await);
}

fn shown_secret(page: &Answer) -> String {
    let rest = page.body.split("secret=").nth(1).expect("a link for the app");
    rest.split('&').next().expect("a secret").to_owned()
}

/// F-43, F-12: what is checked at the end of a sign-in is checked again; a factor is set up with a session or not at all.
#[tokio::test]
async fn a_user_who_was_blocked_meanwhile_sets_up_nothing() {
    let app = TestApp::with(DEMANDED).await;
    app.editors(&["alice"], false).await;
    let challenge = app.demand("alice").await.text("/challenge");
    let device = app.new_app(&challenge).await;
    sqlx::query("UPDATE users SET blocked_at = now()").execute(app.db()).await.expect("SQL");
    app.confirm_app(&challenge, &device.code(&app, 1), None).await.expect_problem(403, "account_blocked");
    assert!(!app.bears_a_session().await);
    assert_eq!(app.count("SELECT count(*) FROM totp_secrets WHERE confirmed_at IS NOT NULL").await, 0);
    assert_eq!(app.count("SELECT count(*) FROM recovery_codes").await, 0);
}

/// F-46: also where the session is of another instance.
#[tokio::test]
async fn granting_a_role_that_demands_a_factor_revokes_the_sessions_without_one() {
    let app = TestApp::with(DEMANDED).await;
    let other = app.another(DEMANDED).await;
    let root = app.admin("root").await;
    let (alice, elsewhere) = (app.person("alice").await, other.sign_in("alice").await);
    let bob = app.person("bob").await;
    bob.enrol(&app).await;
    let weak = app.sign_in("carol").await;
    for id in [&alice.id, &bob.id] {
        root.change(id, &json!({ "roles": ["reader"] })).await.expect(200);
    }
    app.refresh(&weak.refresh_token).await.expect_tokens();
    let tokens = app.refresh(&alice.tokens.refresh_token).await.expect_tokens();
    let strong = app.refresh(&bob.tokens.refresh_token).await.expect_tokens();
    for id in [&alice.id, &bob.id] {
        root.change(id, &json!({ "roles": ["editor", "reader"] })).await.expect(200);
    }
    expect_end_of(&app, &[&tokens, &elsewhere]).await;
    app.refresh(&strong.refresh_token).await.expect_tokens();
    let ended = root.events("?kind=sessions_ended").await;
    assert_eq!(ended.len(), 1, "{ended:?}");
    assert_eq!(ended[0]["details"], json!({ "reason": "second_factor_required", "sessions": 2 }));
    app.demand("alice").await;
}

/// F-43: every path that leads to a session. Of a user who must have a factor and has none, none does.
#[tokio::test]
async fn no_path_leads_to_a_session_of_who_must_have_a_factor_and_has_none() {
    let app = TestApp::with(DEMANDED).await;
    app.editors(&["alice"], true).await;
    let expect_none = async |path: &str, answer: Answer| {
        answer.expect_no_cookie();
        assert!(!answer.body.contains("access_token") && !holds_token(&answer.body), "{path}: {answer:?}");
        assert!(!app.bears_a_session().await, "{path}");
    };
    let form = async |path: &str, fields: &[(&str, &str)]| {
        app.request("POST", path).header("Sec-Fetch-Site", "same-origin").form(fields).send().await
    };
    for transport in ["body", "cookie"] {
        let mut body: Value = credentials("alice");
        body["transport"] = transport.into();
        expect_none("login", app.post("/api/v1/auth/login", &body).await).await;
    }
    let typed = [("email", &*email("alice")), ("password", &password("alice")), ("new_email", "a@example.com")];
    expect_none("the page", form("/login", &typed).await).await;
    expect_none("address", form("/account/address", &typed).await).await;
    expect_none("deletion", form("/account/delete", &typed).await).await;
    expect_none("a new app", form("/account/app", &typed).await).await;
    let mut body = credentials("alice");
    body["password"] = "a garden of blue lanterns".into();
    expect_none("register", app.post("/api/v1/auth/register", &body).await).await;
    app.post("/api/v1/auth/password/forgot", &json!({ "email": email("alice") })).await.expect(202);
    let token = app.email("reset-password", "alice").await.token();
    let body = json!({ "token": token, "new_password": "a garden of blue lanterns" });
    expect_none("reset", app.post("/api/v1/auth/confirmations/use", &body).await).await;
    let body = json!({ "email": email("alice"), "password": "a garden of blue lanterns" });
    expect_none("login after a reset", app.post("/api/v1/auth/login", &body).await).await;
    // An invitation with the role.
    let root = app.admin("root").await;
    let invitation = json!({ "email": email("newcomer"), "roles": ["editor"] });
    root.post("/api/v1/admin/users", &invitation).await.expect(202);
    let token = app.email("invitation", "newcomer").await.token();
    let fields = [("token", &*token), ("password", "a garden of blue lanterns")];
    form("/confirm", &fields).await.expect(200).expect_no_cookie();
    let body = json!({ "email": email("newcomer"), "password": "a garden of blue lanterns" });
    let refused = app.post("/api/v1/auth/login", &body).await;
    refused.expect_problem(401, "second_factor_enrolment_required").expect_no_cookie();
    // A new account without the role enters, and loses that when it gets the role (F-46).
    assert_eq!(app.live_sessions().await, 1, "the administrator's");
}

/// F-47.
#[tokio::test]
async fn a_factor_is_set_up_without_script() {
    let app = TestApp::with(DEMANDED).await;
    app.editors(&["alice"], true).await;
    let form = async |path: &str, fields: &[(&str, &str)]| {
        app.request("POST", path).header("Sec-Fetch-Site", "same-origin").form(fields).send().await
    };
    let page =
        form("/login", &[("email", &email("alice")), ("password", &password("alice")), ("return_to", "/account?a=b")])
            .await;
    page.expect(200).expect_no_cookie();
    assert!(page.body.contains("Set up a second factor") && page.body.contains("<svg"), "{page:?}");
    assert_eq!(app.get("/login/enrol").await.expect(303).header("location"), Some("/login"));
    let kept = ["challenge", "return_to"].map(|name| (name, page.hidden(name)));
    let send = async |code: &str, email_code: &str| {
        let mut fields: Vec<(&str, &str)> = kept.iter().map(|(name, value)| (*name, &**value)).collect();
        fields.extend([("code", code), ("email_code", email_code)]);
        form("/login/enrol", &fields).await
    };
    let secret = shown_secret(&page);
    let device = Authenticator::with(&secret);
    let email_code = app.email("enrolment-code", "alice").await.code();
    assert!(send("", "").await.expect(422).body.contains("Enter the code that the app shows."));
    assert!(send(&device.code(&app, 1), " ").await.expect(422).body.contains("Enter the code from the"));
    let wrong = send(&device.wrong(&app), &email_code).await;
    assert!(wrong.expect(422).expect_no_cookie().body.contains("The code is wrong"), "{wrong:?}");
    assert!(wrong.body.contains("<svg"), "nothing is lost");
    let wrong = send(&device.code(&app, 1), "0000 0000").await;
    assert!(wrong.expect(422).body.contains("This code is wrong. Check the newest"), "{wrong:?}");
    // Nobody else's text becomes a picture or a link, and a foreign page is shown nothing.
    let evil = format!("https://evil.example/?secret={secret}");
    let hostile = [("challenge", &*kept[0].1), ("secret", &*secret), ("uri", &evil), ("email_code", "")];
    let shown = form("/login/enrol", &hostile).await;
    assert!(shown.expect(422).body.contains("<svg") && !shown.body.contains("evil.example"), "{shown:?}");
    let cross = app.request("POST", "/login/enrol").header("Sec-Fetch-Site", "cross-site").form(&hostile).send().await;
    cross.expect(403).expect_no_cookie();
    for kept in ["evil.example", &*secret, &*kept[0].1, "<svg"] {
        assert!(!cross.body.contains(kept), "{cross:?}");
    }
    assert!(!app.bears_a_session().await);

    let done = send(&device.code(&app, 1), &email_code).await;
    assert!(!done.expect(200).set_cookies().is_empty(), "{done:?}");
    assert!(done.body.contains("10-") && done.body.contains("href=\"&#x2f;account?a=b\""), "{done:?}");
    assert_eq!(done.header("cache-control"), Some("no-store"));
    let over = send(&device.code(&app, 1), &email_code).await;
    assert!(over.expect(410).expect_no_cookie().body.contains("Please sign in again."), "{over:?}");
}
