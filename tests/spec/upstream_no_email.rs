//! Accounts without an address, where the operator allows them (`HEIRLOOM_ALLOW_NO_EMAIL`).

use crate::support::{Answer, Browser, TestApp, email, federated};
use heirloom_testing::{Member, ProviderKind, StubProvider};
use serde_json::{Value, json};

const ALLOWED: (&str, &str) = ("HEIRLOOM_ALLOW_NO_EMAIL", "true");
const NEW: &str = "a garden of blue lanterns";

impl TestApp {
    /// The access token of a browser's session, as the script of the account page gets it.
    async fn token_of(&self, browser: &Browser) -> String {
        let cookie = format!("heirloom={}", browser.cookie("heirloom").expect("signed in"));
        let request = self.request("POST", "/api/v1/auth/refresh").header("Cookie", &cookie);
        let tokens = browser.take(request.header("Sec-Fetch-Site", "same-origin").send().await);
        tokens.expect(200).text("/access_token")
    }

    async fn ask(&self, access_token: &str, method: &str, path: &str, body: Value) -> Answer {
        self.request(method, path).bearer(access_token).json(&body).send().await
    }

    async fn without_address(&self) -> i64 {
        self.count("SELECT count(*) FROM users WHERE email IS NULL AND email_verified_at IS NULL").await
    }
}

async fn come(app: &TestApp, stub: &StubProvider, member: Member) -> Browser {
    stub.member(member);
    let browser = Browser::new();
    let back = browser.sign_in(app, stub).await;
    assert_eq!(back.expect(303).header("location"), Some("/account?from=here"), "{back:?}");
    browser
}

/// U-51: without an address, or with one that does not count, and also where addresses must be verified.
#[tokio::test]
async fn a_user_without_a_proven_address_gets_an_account_without_one_and_comes_back_to_it() {
    let (app, stub) = federated(ProviderKind::Naver, &[ALLOWED, ("HEIRLOOM_EMAIL_VERIFICATION", "required")]).await;
    app.run_sql("DELETE FROM outbox").await;
    let alice = || Member::new("1001", "alice@example.com").without_email();
    let browser = come(&app, &stub, alice()).await;
    come(&app, &stub, alice()).await;
    // The address that another one typed there is nobody's here.
    come(&app, &stub, Member::new("1002", "bob@example.com").unverified().named("Bob")).await;
    assert_eq!((app.count("SELECT count(*) FROM users").await, app.without_address().await), (2, 2));
    let me = app.me(&app.token_of(&browser).await).await;
    let user = &me.expect(200).json()["user"];
    assert_eq!((&user["email"], &user["email_verified"]), (&Value::Null, &json!(false)));
    assert_eq!(app.count("SELECT count(*) FROM outbox").await, 0, "there is nobody to write to");
    assert_eq!(app.events("user_added").await, 2);
    let brought = json!({ "access_token": stub.access_token() });
    app.post("/api/v1/auth/upstream/op/token", &brought).await.expect_tokens();
}

/// U-51, U-22 (F2): an account with the address is not touched, whatever the provider says of it.
#[tokio::test]
async fn an_address_that_does_not_count_leads_to_no_account_that_has_it() {
    let (app, stub) = federated(ProviderKind::Naver, &[ALLOWED]).await;
    let bob = app.sign_in("bob").await;
    come(&app, &stub, Member::new("1001", "bob@example.com")).await;
    let of_bob = "SELECT count(*) FROM identities JOIN users ON users.id = user_id WHERE users.email IS NOT NULL";
    assert_eq!((app.without_address().await, app.count(of_bob).await), (1, 0));
    app.me(&bob.access_token).await.expect(200);
    // One that a trusted provider has proven is as before.
    let (app, stub) = federated(ProviderKind::Oidc, &[ALLOWED]).await;
    app.register("alice").await;
    app.run_sql("UPDATE users SET email_verified_at = now()").await;
    let browser = Browser::new();
    assert_eq!(browser.sign_in(&app, &stub).await.expect(303).header("location"), Some("/connect"));
    // Without the option, an address is asked for.
    let (app, stub) = federated(ProviderKind::Naver, &[]).await;
    assert_eq!(Browser::new().sign_in(&app, &stub).await.expect(303).header("location"), Some("/connect"));
    assert_eq!(app.count("SELECT count(*) FROM users").await, 0);
}

/// U-51: what needs an address says so, and the account goes without it.
#[tokio::test]
async fn an_account_without_an_address_does_without_emails_and_passwords() {
    let (app, stub) = federated(ProviderKind::Naver, &[ALLOWED]).await;
    let browser = come(&app, &stub, Member::new("1001", "alice@example.com").without_email()).await;
    let access = app.token_of(&browser).await;
    let ask = async |method: &str, path: &str, body: Value| app.ask(&access, method, path, body).await;
    ask("POST", "/api/v1/me/email/verification", json!({})).await.expect_problem(409, "email_required");
    ask("POST", "/api/v1/me/password", json!({ "new_password": NEW })).await.expect_problem(409, "email_required");
    ask("DELETE", "/api/v1/me/identities/op", json!({})).await.expect_problem(409, "last_credential");
    // Not even a password that was there would open it.
    app.run_sql("UPDATE users SET password_hash = 'x'").await;
    ask("DELETE", "/api/v1/me/identities/op", json!({})).await.expect_problem(409, "last_credential");
    app.run_sql("UPDATE users SET password_hash = '!'").await;
    let enrolled = app.enrol(&access).await;
    assert!(enrolled.recovery_codes.len() == 10, "an app names the account by its id");
    ask("GET", "/api/v1/me/events", Value::Null).await.expect(200);
    ask("DELETE", "/api/v1/me", json!({ "email": email("alice") })).await.expect_fields(&["email"]);
    ask("DELETE", "/api/v1/me", json!({})).await.expect(204);
    assert_eq!(app.count("SELECT count(*) FROM users").await, 0);
}

/// U-51, U-47: an address is added as it is changed, and nobody has to undo it.
#[tokio::test]
async fn a_user_without_an_address_adds_one() {
    let (app, stub) = federated(ProviderKind::Naver, &[ALLOWED]).await;
    let browser = come(&app, &stub, Member::new("1001", "alice@example.com").without_email()).await;
    let access = app.token_of(&browser).await;
    let wanted = json!({ "email": email("alice") });
    app.ask(&access, "POST", "/api/v1/me/email", wanted.clone()).await.expect(202);
    let token = app.email("confirm-new-email", "alice").await.token();
    let confirm = json!({ "token": token });
    app.ask(&access, "POST", "/api/v1/auth/confirmations/use", confirm).await.expect(200);
    let user = app.me(&access).await.expect(200).json()["user"].clone();
    assert_eq!((&user["email"], &user["email_verified"]), (&json!(email("alice")), &json!(true)));
    assert_eq!(app.count("SELECT count(*) FROM confirmations WHERE purpose = 'undo_email_change'").await, 0);
    app.ask(&access, "DELETE", "/api/v1/me", json!({})).await.expect_fields(&["email"]);
    app.ask(&access, "POST", "/api/v1/me/password", json!({ "new_password": NEW })).await.expect(204);
    app.sign_in_as("alice", NEW).await.expect_tokens();
    come(&app, &stub, Member::new("1001", "alice@example.com").without_email()).await;
    assert_eq!(app.count("SELECT count(*) FROM users").await, 1);
}

/// U-51, A-51: administrators see and manage such users.
#[tokio::test]
async fn administrators_see_users_without_an_address() {
    let (app, stub) = federated(ProviderKind::Naver, &[ALLOWED]).await;
    come(&app, &stub, Member::new("1001", "x@example.com").without_email().named("Minji Kim")).await;
    let root = app.admin("root").await;
    let found = root.get("/api/v1/admin/users?q=minji").await.items();
    assert_eq!((found.len(), &found[0]["email"], &found[0]["name"]), (1, &Value::Null, &json!("Minji Kim")));
    let id = found[0]["id"].as_str().unwrap().to_owned();
    let reset = root.post(&format!("/api/v1/admin/users/{id}/password-reset"), &json!({})).await;
    reset.expect_problem(409, "email_required");
    let document = app.get("/api/openapi.json").await.json();
    let described = &document["paths"]["/api/v1/admin/users/{id}/password-reset"]["post"]["responses"]["409"];
    assert!(described.to_string().contains("email_required"), "{described}");
    root.block(&id).await.expect(200);
    assert_eq!(
        Browser::new().sign_in(&app, &stub).await.expect(303).header("location").unwrap().split('&').next(),
        Some("/login?reason=account_blocked")
    );
}
