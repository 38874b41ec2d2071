//! Accounts that exist only once their address is confirmed, and addresses that are verified afterwards.

use crate::support::{Answer, Email, MailStub, TestApp, at_once, credentials, email, password};
use serde_json::{Value, json};

const REGISTER: &str = "/api/v1/auth/register";
const LOOK: &str = "/api/v1/auth/confirmations/look";
const USE: &str = "/api/v1/auth/confirmations/use";
const REQUIRED: (&str, &str) = ("HEIRLOOM_EMAIL_VERIFICATION", "required");
const OPTIONAL: (&str, &str) = ("HEIRLOOM_EMAIL_VERIFICATION", "optional");
const MANY: (&str, &str) = ("HEIRLOOM_MAIL_LIMIT_ADDRESS", "50/h");
const USERS: &str = "SELECT count(*) FROM users";
const NEW: &str = "a garden of blue lanterns";

impl TestApp {
    /// Registers with a name's usual password; no account exists yet.
    async fn ask_for_account(&self, name: &str) -> Answer {
        let body = json!({ "email": email(name), "password": password(name), "name": name });
        self.post(REGISTER, &body).await
    }

    async fn confirm(&self, body: &Value) -> Answer {
        self.post(USE, body).await
    }

    async fn change(&self, sql: &'static str) {
        sqlx::query(sql).execute(self.db()).await.expect("SQL");
    }

    /// An account whose address is not verified, as of an import.
    async fn unverified(&self, name: &str) {
        let added = sqlx::query(
            "INSERT INTO users (id, email, password_hash, created_at) SELECT gen_random_uuid(), $1, password_hash, now()
             FROM users WHERE email = $2",
        );
        let folder = self.mail_folder();
        let app = self.another(&[("HEIRLOOM_EMAIL_VERIFICATION", "off"), ("HEIRLOOM_SMTP_URL", &folder)]).await;
        app.post(REGISTER, &json!({ "email": "template@example.com", "password": password(name) })).await.expect(201);
        added.bind(email(name)).bind("template@example.com").execute(self.db()).await.expect("SQL");
        self.change("DELETE FROM users WHERE email = 'template@example.com'").await;
    }
}

/// L-21, L-5, L-6.
#[tokio::test]
async fn no_account_exists_before_confirmation_and_the_answer_is_the_same_for_an_existing_address() {
    let app = TestApp::with(&[REQUIRED]).await;
    app.unverified("bob").await;
    let (new, existing) = (app.ask_for_account("alice").await, app.ask_for_account("bob").await);
    for answer in [&new, &existing] {
        answer.expect(202).expect_no_cookie();
        assert_eq!((answer.text("/status"), answer.text("/expires_in")), ("confirmation_sent".into(), "86400".into()));
        assert_eq!(answer.json().as_object().map(serde_json::Map::len), Some(3));
    }
    app.email("confirm-registration", "alice").await;
    let notified = app.email("already-registered", "bob").await;
    assert!(!notified.0.contains("/confirm#"), "nothing to confirm: {}", notified.0);
    app.all_emails_written().await;
    assert!(
        app.emails("confirm-registration", "bob").is_empty() && app.emails("already-registered", "alice").is_empty()
    );
    assert_eq!(app.count(USERS).await, 1);
    app.try_sign_in("alice").await.expect_problem(401, "invalid_credentials");
    for answer in [&new, &existing] {
        let wrong = json!({ "flow": answer.text("/flow"), "code": "0000 0000" });
        assert_eq!(app.confirm(&wrong).await.expect_problem(422, "code_invalid").json()["attempts_left"], 4);
    }
    // What is wrong is said before anything is sent.
    let weak = json!({ "email": email("carol"), "password": "password" });
    app.post(REGISTER, &weak).await.expect_fields(&["password"]);
    assert_eq!(app.count("SELECT count(*) FROM confirmations WHERE email LIKE 'carol%'").await, 0);
}

/// L-21: the client that asked.
#[tokio::test]
async fn the_code_completes_a_registration_with_the_password_that_was_typed() {
    let app = TestApp::with(&[REQUIRED]).await;
    let flow = app.ask_for_account("alice").await.text("/flow");
    let code = app.email("confirm-registration", "alice").await.code();
    let done = app.confirm(&json!({ "flow": flow, "code": code })).await;
    assert_eq!(done.expect(200).expect_no_cookie().text("/purpose"), "register");
    let user = &done.json()["user"];
    assert_eq!(
        (&user["email"], &user["email_verified"], &user["name"]),
        (&json!(email("alice")), &json!(true), &json!("alice"))
    );
    let tokens = app.try_sign_in("alice").await.expect_tokens();
    assert_eq!(app.me(&tokens.access_token).await.json()["user"]["email_verified"], true);
    assert_eq!(app.post(LOOK, &json!({ "flow": flow })).await.text("/status"), "completed");
    app.confirm(&json!({ "flow": flow, "code": code })).await.expect_problem(410, "confirmation_expired");
    let hashes = "SELECT count(*) FROM confirmations WHERE payload ? 'password_hash'";
    assert_eq!(app.count(hashes).await, 0, "the hash stands in the account only");
    assert_eq!((app.events("user_added").await, app.events("confirmation_used").await), (1, 1));
}

/// L-21, L-6: an attacker registers the victim's address first, and waits.
#[tokio::test]
async fn whoever_confirms_elsewhere_chooses_the_password() {
    let app = TestApp::with(&[REQUIRED, MANY]).await;
    let attackers = json!({ "email": email("alice"), "password": "the attacker knows this one", "name": "Mallory" });
    let flow = app.post(REGISTER, &attackers).await.expect(202).text("/flow");
    let sent = app.email("confirm-registration", "alice").await;
    let looked = app.post(LOOK, &json!({ "token": sent.token() })).await;
    assert_eq!(looked.expect(200).json()["needs"], json!(["new_password"]));
    app.confirm(&json!({ "token": sent.token() })).await.expect_fields(&["new_password"]);
    assert_eq!(app.count(USERS).await, 0, "a button alone does nothing");

    let chosen = json!({ "token": sent.token(), "new_password": NEW, "name": "Alice" });
    assert_eq!(app.confirm(&chosen).await.expect(200).json()["user"]["name"], "Alice");
    let sign_in = async |password: &str| {
        app.post("/api/v1/auth/login", &json!({ "email": email("alice"), "password": password })).await
    };
    sign_in("the attacker knows this one").await.expect_problem(401, "invalid_credentials");
    sign_in(NEW).await.expect_tokens();
    app.confirm(&json!({ "flow": flow, "code": sent.code() })).await.expect_problem(410, "confirmation_expired");
}

/// L-6, L-16, L-18, L-2: on two instances.
#[tokio::test]
async fn of_many_registrations_of_one_address_one_becomes_an_account() {
    let one = TestApp::with(&[REQUIRED, MANY]).await;
    let two = one.another(&[REQUIRED, MANY, ("HEIRLOOM_SMTP_URL", &one.mail_folder())]).await;
    let mut flows = Vec::new();
    for number in 0..6 {
        let app = if number % 2 == 0 { &one } else { &two };
        let body = json!({ "email": email("alice"), "password": format!("garden number {number} of lanterns") });
        flows.push(app.post(REGISTER, &body).await.expect(202).text("/flow"));
    }
    one.all_emails_written().await;
    let sent = one.email("confirm-registration", "alice").await;
    assert_eq!(one.emails("confirm-registration", "alice").len(), 1, "whichever instance looks a request up");
    // The code that was sent completes every flow of the address; the account is the first one's.
    let tries = flows.iter().enumerate().map(async |(number, flow)| {
        let app = if number % 2 == 0 { &two } else { &one };
        app.confirm(&json!({ "flow": flow, "code": sent.code() })).await
    });
    let answers = at_once(tries).await;
    let winners: Vec<_> = answers.iter().enumerate().filter(|(_, answer)| answer.status == 200).collect();
    assert_eq!(winners.len(), 1, "{answers:?}");
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 410)), "{answers:?}");
    assert_eq!(one.count(USERS).await, 1);
    let body = json!({ "email": email("alice"), "password": format!("garden number {} of lanterns", winners[0].0) });
    two.post("/api/v1/auth/login", &body).await.expect_tokens();
    one.confirm(&json!({ "token": sent.token(), "new_password": NEW }))
        .await
        .expect_problem(410, "confirmation_expired");
}

/// L-22, L-24, L-25.
#[tokio::test]
async fn where_verification_is_optional_the_account_exists_at_once_and_the_link_needs_its_user() {
    let app = TestApp::with(&[OPTIONAL, MANY]).await;
    let (alice, bob) = (app.person("alice").await, app.person("bob").await);
    assert_eq!(alice.me().await.json()["user"]["email_verified"], false);
    let token = app.email("verify-email", "alice").await.token();
    let needs = async |bearer: &str| {
        let request = app.request("POST", LOOK).bearer(bearer).json(&json!({ "token": token }));
        request.send().await.expect(200).json()["needs"].clone()
    };
    assert_eq!(needs(&bob.tokens.access_token).await, json!(["password"]));
    assert_eq!(needs(&alice.tokens.access_token).await, json!(["button"]));
    app.confirm(&json!({ "token": token })).await.expect_fields(&["password"]);
    bob.post(USE, &json!({ "token": token })).await.expect_fields(&["password"]);
    app.confirm(&json!({ "token": token, "password": password("bob") })).await.expect_problem(422, "wrong_password");
    assert_eq!(alice.me().await.json()["user"]["email_verified"], false);
    let done = alice.post(USE, &json!({ "token": token })).await;
    assert_eq!(done.expect(200).json()["user"]["email_verified"], true);
    app.confirm(&json!({ "token": token, "password": password("alice") }))
        .await
        .expect_problem(410, "confirmation_expired");

    let token = app.email("verify-email", "bob").await.token();
    app.confirm(&json!({ "token": token, "password": password("bob") })).await.expect(200);
    // Verified: nothing more is sent.
    alice.post("/api/v1/me/email/verification", &json!({})).await.expect(202);
    app.all_emails_written().await;
    assert_eq!(app.emails("verify-email", "alice").len(), 1);

    let root = app.admin("root").await;
    let found =
        async |query: &str| root.get(&format!("/api/v1/admin/users?email_verified={query}")).await.items().len();
    assert_eq!((found("true").await, found("false").await), (2, 1));
    root.get("/api/v1/admin/users?email_verified=maybe").await.expect_problem(422, "validation_failed");
}

/// L-23.
#[tokio::test]
async fn an_unverified_user_signs_in_only_after_verifying_where_that_is_required() {
    let app = TestApp::with(&[REQUIRED, MANY]).await;
    app.unverified("alice").await;
    let wrong = json!({ "email": email("alice"), "password": "not this one at all" });
    app.post("/api/v1/auth/login", &wrong).await.expect_problem(401, "invalid_credentials");
    app.all_emails_written().await;
    assert!(app.emails("verify-email", "alice").is_empty(), "a wrong password sends nothing");
    app.post("/api/v1/auth/login", &credentials("alice")).await.expect_problem(403, "email_not_verified");
    assert_eq!(app.count("SELECT count(*) FROM sessions").await, 0);
    let token = app.email("verify-email", "alice").await.token();
    app.confirm(&json!({ "token": token, "password": password("alice") })).await.expect(200);
    app.try_sign_in("alice").await.expect_tokens();
}

/// L-23: the operator names a mail server later, which makes verification required by default. Sessions go on; the next
/// sign-in asks once.
#[tokio::test]
async fn users_who_registered_while_nothing_was_asked_verify_once_when_it_becomes_required() {
    let mut before = TestApp::with(&[MANY]).await;
    let (stub, address) = MailStub::open().await;
    let url = format!("smtp://{address}");
    let (alice, bob) = (before.sign_in("alice").await, before.sign_in("bob").await);
    before.stop().await;
    let options = [("HEIRLOOM_EMAIL_VERIFICATION", ""), ("HEIRLOOM_SMTP_URL", &*url), MANY];
    let after = before.another(&options).await;
    let session = after.refresh(&alice.refresh_token).await.expect_tokens();
    assert_eq!(after.me(&session.access_token).await.json()["user"]["email_verified"], false);
    after.try_sign_in("alice").await.expect_problem(403, "email_not_verified");
    let form = [("email", &*email("alice")), ("password", &*password("alice"))];
    let page = after.request("POST", "/login").header("Sec-Fetch-Site", "same-origin").form(&form).send().await;
    assert!(page.expect(403).expect_no_cookie().body.contains("e\u{2011}mail"), "{page:?}");
    let token = Email(stub.email(1).await).token();
    after.confirm(&json!({ "token": token, "password": password("alice") })).await.expect(200);
    for _ in 0..2 {
        after.try_sign_in("alice").await.expect_tokens();
    }
    after.refresh(&session.refresh_token).await.expect_tokens();
    assert_eq!(stub.emails().len(), 1, "once, by one email");

    // By the operator's word, too, and not where nothing is asked.
    after.try_sign_in("bob").await.expect_problem(403, "email_not_verified");
    let off = after.another(&[("HEIRLOOM_SMTP_URL", &*url), MANY]).await;
    off.try_sign_in("bob").await.expect_tokens();
    after.change("UPDATE users SET email_verified_at = now() WHERE email LIKE 'bob%'").await;
    after.try_sign_in("bob").await.expect_tokens();
    after.refresh(&bob.refresh_token).await.expect_tokens();
}

/// L-23, L-7, A-82: an unverified user receives the email of a reset, too, and the reset verifies.
#[tokio::test]
async fn a_reset_verifies_the_address() {
    let app = TestApp::with(&[REQUIRED]).await;
    app.unverified("alice").await;
    app.post("/api/v1/auth/password/forgot", &json!({ "email": email("alice") })).await.expect(202);
    let token = app.email("reset-password", "alice").await.token();
    app.confirm(&json!({ "token": token, "new_password": NEW })).await.expect(200);
    app.post("/api/v1/auth/login", &json!({ "email": email("alice"), "password": NEW })).await.expect_tokens();
}

///
#[tokio::test]
async fn where_registration_is_closed_nobody_asks_for_an_account() {
    let app = TestApp::with(&[("HEIRLOOM_REGISTRATION", "closed"), REQUIRED]).await;
    app.ask_for_account("alice").await.expect_problem(403, "registration_closed");
    let form = [("email", "alice@example.com"), ("password", NEW)];
    app.request("POST", "/register").header("Sec-Fetch-Site", "same-origin").form(&form).send().await.expect(403);
    assert_eq!(app.count("SELECT count(*) FROM confirmations").await, 0);
}

/// L-6: the page too.
#[tokio::test]
async fn the_page_creates_no_account_before_confirmation_either() {
    let app = TestApp::with(&[REQUIRED]).await;
    let form = [("email", "alice@example.com"), ("password", NEW), ("name", "Alice")];
    let answer = app.request("POST", "/register").header("Sec-Fetch-Site", "same-origin").form(&form).send().await;
    assert!(
        answer.status < 400 && answer.cookie().is_none_or(|cookie| !cookie.value.starts_with("hrt_")),
        "{answer:?}"
    );
    assert_eq!((app.count(USERS).await, app.count("SELECT count(*) FROM sessions").await), (0, 0));
    let token = app.email("confirm-registration", "alice").await.token();
    app.confirm(&json!({ "token": token, "new_password": NEW })).await.expect(200);
}
