//! What the undo of a change of address takes back: what a thief prepared before the change, what came with the new address, and
//! the emails that would follow the address.

use crate::support::{
    Browser, Email, MailStub, Person, TestApp, Tokens, all_sent, email, eventually, federated, password, readable,
    with_mail,
};
use heirloom_testing::{ProviderKind, StubProvider};
use serde_json::{Value, json};

const OIDC: ProviderKind = ProviderKind::Oidc;
const NEW: &str = "a garden of blue lanterns";
const UNTRUSTED: (&str, &str) = ("HEIRLOOM_UPSTREAM_OP_TRUSTS_EMAIL", "false");
const VERIFY: &str = "UPDATE users SET email_verified_at = now()";
const REUSED: &str = "token-reused";

/// Connects the provider to the account of a session.
async fn connect(app: &TestApp, stub: &StubProvider, tokens: &Tokens) {
    let browser = Browser::new();
    let request = app.request("POST", "/api/v1/me/identities/op").bearer(&tokens.access_token);
    let begun = browser.take(request.header("Sec-Fetch-Site", "same-origin").send().await);
    let callback = stub.visit(&begun.expect(200).text("/authorize_url")).await;
    assert_eq!(browser.come_back(app, &callback).await.expect(303).header("location"), Some("/account"));
    assert_eq!(app.count("SELECT count(*) FROM identities").await, 1);
}

/// Changes the address, and undoes that.
async fn change_and_undo(app: &TestApp, tokens: &Tokens, name: &str) {
    let undo = app.change_address(tokens, [name, "thief"], &password(name)).await;
    app.use_link(&undo, json!({ "new_password": NEW })).await.expect(200);
}

/// L-46: as after a reset, what was connected in the thirty days before the change opens nothing afterwards.
#[tokio::test]
async fn an_identity_that_was_connected_before_the_change_goes_with_its_undo() {
    for (age, left) in [("0 days", 0), ("29 days", 0), ("31 days", 1)] {
        let (app, stub) = federated(OIDC, &[UNTRUSTED]).await;
        let thief = app.sign_in("bob").await;
        app.run_sql(VERIFY).await;
        connect(&app, &stub, &thief).await;
        app.run_sql(&format!("UPDATE identities SET created_at = created_at - interval '{age}'")).await;
        change_and_undo(&app, &thief, "bob").await;
        assert_eq!(app.count("SELECT count(*) FROM identities").await, left, "{age}");
        let browser = Browser::new();
        browser.sign_in(&app, &stub).await.expect(303);
        assert_eq!(browser.is_signed_in(), left == 1, "{age}");
    }
}

/// An owner with an app and recovery codes that are forty days old, and a session of theirs that a thief holds.
async fn stolen_session(app: &TestApp) -> Person<'_> {
    let alice = app.person("alice").await;
    app.run_sql(VERIFY).await;
    alice.enrol(app).await;
    app.run_sql(
        "UPDATE totp_secrets SET confirmed_at = now() - interval '40 days';
         UPDATE recovery_codes SET created_at = now() - interval '40 days'",
    )
    .await;
    alice
}

async fn factors_left(app: &TestApp) -> [i64; 3] {
    let mut left = [0; 3];
    let counts =
        ["SELECT count(*) FROM totp_secrets", "SELECT count(*) FROM passkeys", "SELECT count(*) FROM recovery_codes"];
    for (place, sql) in left.iter_mut().zip(counts) {
        *place = app.count(sql).await;
    }
    left
}

/// F-20: a day is suspect, and so is all of the time in which the session lived that requested the change. With a passkey the
/// recovery codes go.
#[tokio::test]
async fn a_passkey_that_was_added_before_the_change_goes_with_its_undo() {
    for (session, passkey, left) in
        [("0 days", "0 days", [1, 0, 0]), ("20 days", "10 days", [1, 0, 0]), ("20 days", "30 days", [1, 1, 10])]
    {
        let app = TestApp::start().await;
        let alice = stolen_session(&app).await;
        alice.add_passkey().await;
        app.run_sql(&format!("UPDATE passkeys SET created_at = now() - interval '{passkey}'")).await;
        let older = format!("created_at = created_at - interval '{session}', authenticated_at = now()");
        app.alter_session(&alice.tokens.session_id, &older).await;
        change_and_undo(&app, &alice.tokens, "alice").await;
        assert_eq!(factors_left(&app).await, left, "{session}, {passkey}");
    }
}

/// F-20: a thief who renews the recovery codes knows all of them. The event does not say that a factor was removed.
#[tokio::test]
async fn recovery_codes_that_were_renewed_before_the_change_go_with_its_undo() {
    for is_renewed in [true, false] {
        let app = TestApp::start().await;
        let alice = stolen_session(&app).await;
        if is_renewed {
            alice.post("/api/v1/me/recovery-codes", &json!({})).await.expect(200);
        }
        change_and_undo(&app, &alice.tokens, "alice").await;
        assert_eq!(factors_left(&app).await, [1, 0, if is_renewed { 0 } else { 10 }]);
        assert_eq!(app.events("recovery_codes_removed").await, i64::from(is_renewed));
        assert_eq!(app.events("factor_removed").await, 0);
    }
}

async fn roles_of(app: &TestApp, name: &str) -> Vec<String> {
    let found = sqlx::query_scalar("SELECT roles FROM users WHERE email = $1").bind(email(name));
    found.fetch_one(app.db()).await.expect("SQL")
}

/// L-48: what was granted to the reader of the new address is not for the reader of an address that was never verified.
#[tokio::test]
async fn roles_that_were_granted_since_the_change_go_with_a_takeover() {
    let app = TestApp::start().await;
    let root = app.admin("root").await;
    let id = app.person("alice").await.id;
    root.change(&id, &json!({ "roles": ["editor", "writer"], "claims": { "plan": "free" } })).await.expect(200);
    let alice = app.sign_in("alice").await;
    let undo = app.change_address(&alice, ["alice", "new"], &password("alice")).await;
    app.run_sql(
        "INSERT INTO outbox (id, user_id, notice, details, created_at, due_at)
         SELECT gen_random_uuid(), id, 'identity-linked', '{}', now(), now() + interval '1 hour' FROM users
         WHERE email = 'new@example.com'",
    )
    .await;
    let granted = json!({ "roles": ["editor", "admin"], "claims": { "plan": "pro", "region": "eu" } });
    root.change(&id, &granted).await.expect(200);
    let changed = app.events("roles_changed").await;
    let done = app.use_link(&undo, json!({ "new_password": NEW })).await;
    assert_eq!(done.expect(200).text("/user/email"), email("alice"));
    assert_eq!(roles_of(&app, "alice").await, ["editor"], "and what was taken away since stays away");
    assert_eq!(app.events("roles_changed").await, changed + 1);
    let owner = app.sign_in_as("alice", NEW).await.expect_tokens();
    assert_eq!(root.user(&id).await["claims"], json!({ "plan": "free" }));
    assert_eq!(app.me(&owner.access_token).await.json()["user"]["roles"], json!(["editor"]));
    let note = app.email("email-change-undone", "new").await;
    assert!(!note.0.contains("alice") && !note.0.contains("/end-sessions"), "{}", note.0);
    // What was written to the reader of the new address, and waited, is still for them (L-49).
    app.run_sql("UPDATE outbox SET due_at = now()").await;
    app.email("identity-linked", "new").await;
    app.all_emails_written().await;
    assert!(app.emails("email-change-undone", "alice").is_empty() && app.emails("identity-linked", "alice").is_empty());
}

/// L-48, A-45: without an administrator, nobody could create another one here.
#[tokio::test]
async fn the_last_administrator_stays_one_after_a_takeover() {
    let app = TestApp::start().await;
    let alice = app.sign_in("alice").await;
    let undo = app.change_address(&alice, ["alice", "new"], &password("alice")).await;
    app.run_sql("UPDATE users SET roles = '{admin,editor}'").await;
    app.use_link(&undo, json!({ "new_password": NEW })).await.expect(200);
    assert_eq!(roles_of(&app, "alice").await, ["admin"]);
    let reason: Value = sqlx::query_scalar("SELECT details -> 'reason' FROM audit_events WHERE kind = 'access_denied'")
        .fetch_one(app.db())
        .await
        .expect("an event");
    assert_eq!(reason, "last_admin");
}

/// L-48: after an undo of a verified address, roles are as they are: its owner was here before.
#[tokio::test]
async fn the_owner_of_a_verified_address_keeps_the_roles_of_later() {
    let app = TestApp::start().await;
    let alice = app.sign_in("alice").await;
    app.run_sql(VERIFY).await;
    let undo = app.change_address(&alice, ["alice", "new"], &password("alice")).await;
    app.run_sql("UPDATE users SET roles = '{editor}'").await;
    app.use_link(&undo, json!({ "new_password": NEW })).await.expect(200);
    assert_eq!(roles_of(&app, "alice").await, ["editor"]);
    app.email("email-change-undone", "new").await;
}

/// L-49: one that waits for its first attempt.
#[tokio::test]
async fn an_email_that_waits_goes_to_the_address_that_the_user_had_when_it_was_enqueued() {
    let app = TestApp::start().await;
    let thief = app.sign_in("alice").await;
    app.run_sql(
        "INSERT INTO outbox (id, user_id, notice, details, created_at, due_at)
         SELECT gen_random_uuid(), id, 'identity-linked', '{}', now(), now() + interval '1 hour' FROM users",
    )
    .await;
    app.change_address(&thief, ["alice", "thief"], &password("alice")).await;
    app.change_address(&thief, ["thief", "other"], &password("alice")).await;
    app.run_sql("UPDATE outbox SET due_at = now()").await;
    app.email("identity-linked", "alice").await;
    app.all_emails_written().await;
    for name in ["thief", "other"] {
        assert!(app.emails("identity-linked", name).is_empty(), "{name}");
    }
}

async fn link_to(stub: &MailStub, name: &str) -> Email {
    let found = || {
        let to = format!("To: {}", email(name));
        stub.emails().iter().map(|sent| readable(sent)).find(|sent| sent.contains(&to) && sent.contains("/confirm#"))
    };
    eventually("the email arrives", || async { found().is_some() }).await;
    Email(found().expect("an email"))
}

/// L-49: and one that the mail server has postponed.
#[tokio::test]
async fn an_email_that_was_postponed_does_not_follow_the_address() {
    let (app, stub, _) = with_mail().await;
    let (thief, other) = (app.sign_in("alice").await, app.sign_in("alice").await);
    stub.refuse(format!("RCPT TO:<{}>", email("alice")), "450 later\r\n");
    app.refresh(&other.refresh_token).await.expect_tokens();
    app.refresh(&other.refresh_token).await.expect_problem(401, "refresh_token_reused");
    let postponed = "SELECT count(*) FROM outbox WHERE notice = 'token-reused' AND attempts = 1 AND due_at > now()";
    eventually("it is postponed", || async { app.count(postponed).await == 1 }).await;
    app.ask_for_address(&thief, "thief").await.expect(202);
    let confirm = link_to(&stub, "thief").await.token();
    app.use_link(&confirm, json!({ "password": password("alice") })).await.expect(200);
    stub.refuse_nothing();
    app.run_sql("UPDATE outbox SET due_at = now() WHERE sent_at IS NULL").await;
    all_sent(&app).await;
    let of_kind = "SELECT email FROM outbox WHERE notice = $1 AND sent_at IS NOT NULL";
    let sent: Option<String> = sqlx::query_scalar(of_kind).bind(REUSED).fetch_one(app.db()).await.expect("SQL");
    assert_eq!(sent, Some(email("alice")));
    let warned = |name: &str| {
        let to = format!("To: {}", email(name));
        let emails = stub.emails();
        emails.iter().filter(|sent| sent.contains(&to) && readable(sent).contains("we revoked one of your")).count()
    };
    assert_eq!((warned("alice"), warned("thief")), (1, 0));
}
