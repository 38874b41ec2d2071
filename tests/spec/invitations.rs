//! Invitations: an administrator names an address and roles, and its user chooses the password.

use crate::support::{Answer, NOBODY, TestApp, at_once, email};
use serde_json::json;

const KIND: &str = "invitation";
const NEW: &str = "a garden of blue lanterns";
const USE: &str = "/api/v1/auth/confirmations/use";
const LOOK: &str = "/api/v1/auth/confirmations/look";
const USERS: &str = "/api/v1/admin/users";
const INVITATIONS: &str = "/api/v1/admin/invitations";
const BY_INVITATION: (&str, &str) = ("HEIRLOOM_REGISTRATION", "invite");
const MANY: (&str, &str) = ("HEIRLOOM_MAIL_LIMIT_ADDRESS", "50/h");

impl TestApp {
    async fn accept(&self, token: &str) -> Answer {
        self.post(USE, &json!({ "token": token, "new_password": NEW })).await
    }

    /// As if ten minutes had passed.
    async fn age_invitations(&self) {
        let sql = "UPDATE confirmations SET looked_up_at = looked_up_at - interval '11 minutes',
            created_at = created_at - interval '11 minutes' WHERE purpose = 'invite'";
        sqlx::query(sql).execute(self.db()).await.expect("SQL");
    }

    async fn sign_in_with_new(&self, name: &str) -> Answer {
        self.post("/api/v1/auth/login", &json!({ "email": email(name), "password": NEW })).await
    }
}

/// L-29, L-15.
#[tokio::test]
async fn an_invited_user_chooses_the_password_and_has_the_roles_that_were_named() {
    let app = TestApp::with(&[MANY]).await;
    let root = app.admin("root").await;
    let wanted = json!({ "email": "ALICE@example.com", "name": "Alice", "roles": ["editor", "auditor"] });
    let invited = root.post(USERS, &wanted).await;
    let invitation = &invited.expect(202).json()["invitation"];
    assert_eq!((&invitation["email"], &invitation["name"]), (&json!(email("alice")), &json!("Alice")));
    assert_eq!((&invitation["roles"], &invitation["invited_by"]), (&json!(["auditor", "editor"]), &json!(root.id)));
    let own = format!("{INVITATIONS}/{}", invitation["id"].as_str().unwrap());
    assert_eq!(&root.get(&own).await.expect(200).json()["invitation"], invitation);
    assert_eq!(&root.get(INVITATIONS).await.items()[0], invitation);

    let sent = app.email(KIND, "alice").await;
    assert!(sent.0.contains("3 days") && !sent.0.contains("127.0.0.1"), "where the administrator is: {}", sent.0);
    let token = sent.token();
    assert!(!invited.body.contains(&token), "the administrator does not get the link");
    let looked = app.post(LOOK, &json!({ "token": token })).await;
    assert_eq!((looked.text("/purpose"), looked.text("/needs/0")), ("invite".into(), "new_password".into()));
    app.post(USE, &json!({ "token": token })).await.expect_fields(&["new_password"]);
    app.post(USE, &json!({ "token": token, "new_password": "password" })).await.expect_fields(&["new_password"]);
    assert_eq!(app.count("SELECT count(*) FROM users").await, 1);

    let user = app.accept(&token).await.expect(200).expect_no_cookie().json()["user"].clone();
    assert_eq!((&user["name"], &user["email_verified"]), (&json!("Alice"), &json!(true)));
    assert_eq!(user["roles"], json!(["auditor", "editor"]));
    app.sign_in_with_new("alice").await.expect_tokens();
    app.accept(&token).await.expect_problem(410, "confirmation_expired");
    root.get(&own).await.expect_problem(404, "not_found");
    root.delete(&own).await.expect_problem(404, "not_found");
    assert_eq!((app.events("user_invited").await, app.events("user_added").await), (1, 2));
    root.post(USERS, &wanted).await.expect_problem(409, "email_taken");
}

/// L-29, A-44.
#[tokio::test]
async fn only_administrators_invite_and_what_is_wrong_sends_nothing() {
    let app = TestApp::start().await;
    let root = app.admin("root").await;
    let alice = app.person("alice").await;
    let wanted = json!({ "email": email("bob"), "roles": ["admin"] });
    alice.post(USERS, &wanted).await.expect_problem(403, "forbidden");
    alice.get(INVITATIONS).await.expect_problem(403, "forbidden");
    app.post(USERS, &wanted).await.expect_challenge("unauthenticated");
    let wrong = json!({ "email": "nobody", "name": "a\nb", "roles": ["Not A Role"] });
    root.post(USERS, &wrong).await.expect_fields(&["email", "name", "roles"]);
    root.post(USERS, &json!({})).await.expect(422);
    root.post(USERS, &json!({ "email": email("alice") })).await.expect_problem(409, "email_taken");
    assert_eq!(app.count("SELECT count(*) FROM confirmations").await, 0);
    for path in [NOBODY, "1"] {
        root.delete(&format!("{INVITATIONS}/{path}")).await.expect_problem(404, "not_found");
    }
}

/// L-29, S-86.
#[tokio::test]
async fn an_invitation_with_roles_needs_a_fresh_session() {
    let app = TestApp::with(&[MANY]).await;
    let root = app.admin("root").await;
    app.grow_old(&root.tokens.session_id).await;
    let with_roles = json!({ "email": email("alice"), "roles": ["editor"] });
    root.post(USERS, &with_roles).await.expect_step_up();
    assert_eq!(app.count("SELECT count(*) FROM confirmations").await, 0);
    root.post(USERS, &json!({ "email": email("alice"), "roles": [] })).await.expect(202);
}

/// L-31: until it is used.
#[tokio::test]
async fn a_revoked_invitation_and_one_of_a_former_administrator_confirm_nothing() {
    let app = TestApp::with(&[MANY]).await;
    let (root, other) = (app.admin("root").await, app.admin("other").await);
    let invite = async |name: &str| {
        let answer = other.post(USERS, &json!({ "email": email(name), "roles": ["admin"] })).await;
        answer.expect(202).text("/invitation/id")
    };
    let revoked = invite("alice").await;
    let token = app.email(KIND, "alice").await.token();
    root.delete(&format!("{INVITATIONS}/{revoked}")).await.expect_done();
    app.accept(&token).await.expect_problem(410, "confirmation_expired");
    root.delete(&format!("{INVITATIONS}/{revoked}")).await.expect_problem(404, "not_found");
    assert_eq!(app.events("invitation_revoked").await, 1);

    for (name, change) in [("bob", json!({ "roles": [] })), ("carol", json!({ "blocked": true }))] {
        let other = app.admin("other").await;
        other.post(USERS, &json!({ "email": email(name), "roles": ["admin"] })).await.expect(202);
        let token = app.email(KIND, name).await.token();
        root.change(&other.id, &change).await.expect(200);
        app.accept(&token).await.expect_problem(410, "confirmation_expired");
        app.sign_in_with_new(name).await.expect_problem(401, "invalid_credentials");
    }
    assert_eq!(app.count("SELECT count(*) FROM users").await, 2);
}

/// L-29, L-3, L-6: the invitation is void once the address has an account.
#[tokio::test]
async fn an_invitation_gives_no_roles_to_an_account_that_was_created_meanwhile() {
    let app = TestApp::with(&[MANY]).await;
    let root = app.admin("root").await;
    root.post(USERS, &json!({ "email": email("alice"), "roles": ["admin"] })).await.expect(202);
    let token = app.email(KIND, "alice").await.token();
    app.register("alice").await;
    app.accept(&token).await.expect_problem(410, "confirmation_expired");
    let me = app.person("alice").await.me().await;
    assert_eq!(me.json()["user"]["roles"], json!([]));
}

/// L-2: two invitations of one address, used at once on two instances.
#[tokio::test]
async fn of_many_uses_one_creates_the_account() {
    let one = TestApp::with(&[MANY]).await;
    let two = one.another(&[MANY, ("HEIRLOOM_SMTP_URL", &one.mail_folder())]).await;
    let root = one.admin("root").await;
    for roles in [json!(["editor"]), json!(["auditor"])] {
        root.post(USERS, &json!({ "email": email("alice"), "roles": roles })).await.expect(202);
        one.age_invitations().await;
    }
    let tokens = [one.email(KIND, "alice").await.token(), one.email_number(2, KIND, "alice").await.token()];
    let tries = (0..8).map(async |number| {
        let app = if number % 2 == 0 { &one } else { &two };
        app.accept(&tokens[number / 2 % 2]).await
    });
    let answers = at_once(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{answers:?}");
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 410)), "{answers:?}");
    assert_eq!(one.count("SELECT count(*) FROM users").await, 2);
    assert!(root.get(INVITATIONS).await.items().is_empty());
}

/// A-37, L-29: by invitation only.
#[tokio::test]
async fn by_invitation_only_those_register_who_were_invited() {
    let app = TestApp::with(&[BY_INVITATION, ("HEIRLOOM_EMAIL_VERIFICATION", "required"), MANY]).await;
    let body = json!({ "email": email("alice"), "password": NEW });
    app.post("/api/v1/auth/register", &body).await.expect_problem(403, "registration_closed");
    let form = [("email", "alice@example.com"), ("password", NEW)];
    app.request("POST", "/register").header("Sec-Fetch-Site", "same-origin").form(&form).send().await.expect(403);
    assert_eq!(app.count("SELECT count(*) FROM confirmations").await, 0);
    assert!(!app.get("/login").await.expect(200).body.contains("/register"), "the sign-in page does not lead there");
}

/// L-17, L-29: by the address and by the network, on all instances together.
#[tokio::test]
async fn invitations_are_limited_by_address_and_by_network() {
    let options = [
        ("HEIRLOOM_MAIL_LIMIT_ADDRESS", "2/h"),
        ("HEIRLOOM_MAIL_LIMIT_NETWORK", "4/h"),
        ("HEIRLOOM_METRICS_BIND", "127.0.0.1:0"),
    ];
    let one = TestApp::with(&options).await;
    let two = one.another(&options).await;
    let root = one.admin("root").await;
    let token = &root.tokens.access_token;
    let invite = async |app: &TestApp, name: &str| {
        app.request("POST", USERS).bearer(token).json(&json!({ "email": email(name) })).send().await
    };
    for app in [&one, &two] {
        invite(app, "alice").await.expect(202);
    }
    // The network is counted first: this is its third one.
    invite(&one, "ALICE").await.expect_problem(429, "too_many_requests");
    invite(&two, "bob").await.expect(202);
    let refused = invite(&one, "carol").await;
    refused.expect_problem(429, "too_many_requests");
    assert!(refused.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()), "{refused:?}");
    // A request of a stranger from there counts towards the same limit.
    one.post("/api/v1/auth/password/forgot", &json!({ "email": email("dora") }))
        .await
        .expect_problem(429, "too_many_requests");
    let invited = "SELECT count(DISTINCT email) FROM confirmations WHERE purpose = 'invite'";
    assert_eq!(one.count(invited).await, 2);
    let metrics = one.metrics().await;
    for limit in ["mail_address", "mail_network"] {
        assert!(metrics.contains(&format!("heirloom_requests_limited_total{{limit=\"{limit}\"}}")), "{metrics}");
    }
}

/// L-18, L-29: the invitation that was sent gives what was named last, and its link is the one.
#[tokio::test]
async fn a_repeated_invitation_sends_no_second_email_within_ten_minutes_and_replaces_what_is_given() {
    let app = TestApp::with(&[MANY]).await;
    let (root, other) = (app.admin("root").await, app.admin("other").await);
    let first = root.post(USERS, &json!({ "email": email("alice"), "name": "Alice", "roles": ["editor"] })).await;
    let id = first.expect(202).text("/invitation/id");
    let token = app.email(KIND, "alice").await.token();
    let again = other.post(USERS, &json!({ "email": "ALICE@example.com", "roles": ["auditor"] })).await;
    assert_eq!(again.expect(202).text("/invitation/id"), id);
    assert_eq!(again.json()["invitation"]["roles"], json!(["auditor"]));
    assert_eq!(again.json()["invitation"]["invited_by"], json!(other.id));
    app.all_emails_written().await;
    assert_eq!((app.emails(KIND, "alice").len(), root.get(INVITATIONS).await.items().len()), (1, 1));
    // The one who invited first may be gone.
    root.change(&other.id, &json!({ "roles": [] })).await.expect(200);
    app.accept(&token).await.expect_problem(410, "confirmation_expired");
    let next = root.post(USERS, &json!({ "email": email("alice"), "roles": ["reader"] })).await;
    assert_ne!(next.expect(202).text("/invitation/id"), id, "that one was used up");
    let user = app.accept(&app.email_number(2, KIND, "alice").await.token()).await.expect(200).json()["user"].clone();
    assert_eq!(user["roles"], json!(["reader"]));
    assert_eq!(app.events("user_invited").await, 3);
}

/// L-18, L-29: not where the earlier one cannot be used any more, or was sent longer ago.
#[tokio::test]
async fn an_invitation_is_sent_again_once_the_earlier_one_is_revoked_or_ten_minutes_old() {
    let app = TestApp::with(&[MANY]).await;
    let root = app.admin("root").await;
    let invite = async || {
        let answer = root.post(USERS, &json!({ "email": email("alice") })).await;
        answer.expect(202).text("/invitation/id")
    };
    let first = invite().await;
    app.email(KIND, "alice").await;
    root.delete(&format!("{INVITATIONS}/{first}")).await.expect_done();
    let second = invite().await;
    let token = app.email_number(2, KIND, "alice").await.token();
    app.age_invitations().await;
    let third = invite().await;
    app.email_number(3, KIND, "alice").await;
    assert!(first != second && second != third && invite().await == third);
    // The earlier email's link works until one of them is used.
    app.accept(&token).await.expect(200);
    app.all_emails_written().await;
    assert_eq!(app.emails(KIND, "alice").len(), 3);
    assert!(root.get(INVITATIONS).await.items().is_empty());
}

/// L-18, L-2: two administrators at once, on two instances; and roles that are taken back while the link is used.
#[tokio::test]
async fn of_invitations_at_once_one_is_sent_and_the_account_has_the_roles_that_are_named_in_the_end() {
    let one = TestApp::with(&[MANY, ("HEIRLOOM_MAIL_LIMIT_NETWORK", "500/h")]).await;
    let two =
        one.another(&[MANY, ("HEIRLOOM_MAIL_LIMIT_NETWORK", "500/h"), ("HEIRLOOM_SMTP_URL", &one.mail_folder())]).await;
    let root = one.admin("root").await;
    let token = &root.tokens.access_token;
    for round in 0..4 {
        let name = format!("person{round}");
        let invite = async |app: &TestApp, role: &str| {
            let body = json!({ "email": email(&name), "roles": [role] });
            app.request("POST", USERS).bearer(token).json(&body).send().await
        };
        let answers =
            at_once((0..6).map(async |number| invite(if number % 2 == 0 { &one } else { &two }, "editor").await)).await;
        let ids: std::collections::BTreeSet<_> =
            answers.iter().map(|answer| answer.expect(202).text("/invitation/id")).collect();
        assert_eq!(ids.len(), 1, "{answers:?}");
        let link = one.email(KIND, &name).await.token();
        let (accepted, changed) = tokio::join!(two.accept(&link), invite(&one, "reader"));
        let roles = accepted.expect(200).json()["user"]["roles"].clone();
        if changed.status == 202 {
            assert_eq!(roles, json!(["reader"]));
        } else {
            changed.expect_problem(409, "email_taken");
            assert_eq!(roles, json!(["editor"]));
        }
        one.all_emails_written().await;
        assert_eq!(one.emails(KIND, &name).len(), 1);
    }
}
