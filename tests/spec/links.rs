//! What a link is bound to, which changes of address say that the address is taken, and for how long undos work.

use crate::support::{Answer, MASTER_KEY, TestApp, Tokens, email, password};
use heirloom::kernel::{Duration, MasterKey, MasterKeys, SealedIds, least_uuid};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use std::sync::Arc;
use uuid::Uuid;

const LOOK: &str = "/api/v1/auth/confirmations/look";
const USE: &str = "/api/v1/auth/confirmations/use";
const FORGOT: &str = "/api/v1/auth/password/forgot";
const MY_EMAIL: &str = "/api/v1/me/email";
const CONFIRM: &str = "confirm-new-email";
const RESET: &str = "reset-password";
const CHANGED: &str = "email-changed";
const NEW: &str = "a garden of blue lanterns";
const OF_ATTACKER: &str = "the password of an attacker";
const MANY: &[(&str, &str)] = &[("HEIRLOOM_MAIL_LIMIT_ADDRESS", "50/h"), ("HEIRLOOM_MAIL_LIMIT_NETWORK", "500/h")];
const OPTIONAL: &[(&str, &str)] = &[("HEIRLOOM_EMAIL_VERIFICATION", "optional")];
const WRITE: &str = "GRANT SELECT, INSERT, UPDATE, DELETE ON confirmations TO {}; GRANT SELECT ON users TO {}";

async fn run(app: &TestApp, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(app.db()).await.expect("SQL");
}

async fn use_link(app: &TestApp, token: &str, typed: Value) -> Answer {
    let mut body = typed;
    body["token"] = token.into();
    app.post(USE, &body).await
}

async fn sign_in_with(app: &TestApp, name: &str, password: &str) -> Answer {
    app.post("/api/v1/auth/login", &json!({ "email": email(name), "password": password })).await
}

async fn ask_for_address(app: &TestApp, tokens: &Tokens, to: &str) -> Answer {
    app.request("POST", MY_EMAIL).bearer(&tokens.access_token).json(&json!({ "email": email(to) })).send().await
}

/// Changes the address of an account. Returns the link that undoes it.
async fn change_address(app: &TestApp, tokens: &Tokens, [from, to]: [&str; 2]) -> String {
    let (asked, changed) = (app.emails(CONFIRM, to).len(), app.emails(CHANGED, from).len());
    ask_for_address(app, tokens, to).await.expect(202);
    let token = app.email_number(asked + 1, CONFIRM, to).await.token();
    let signed_in = app.request("POST", USE).bearer(&tokens.access_token).json(&json!({ "token": token }));
    signed_in.send().await.expect(200);
    app.email_number(changed + 1, CHANGED, from).await.token()
}

async fn link_of_reset(app: &TestApp, name: &str) -> String {
    app.post(FORGOT, &json!({ "email": email(name) })).await.expect(202);
    app.email(RESET, name).await.token()
}

/// L-9: an attacker with an account, and a role that may write to the table, turns the own genuine links against another
/// user.
#[tokio::test]
async fn a_link_whose_row_was_given_another_user_or_address_is_void() {
    let app = TestApp::with(MANY).await;
    app.sign_in("alice").await;
    let mallory = app.sign_in("mallory").await;
    let undo = change_address(&app, &mallory, ["mallory", "mallory.new"]).await;
    let reset = link_of_reset(&app, "mallory.new").await;
    app.all_emails_written().await;
    let mut role = app.role("writer", WRITE).await;
    let before: Vec<(Uuid, Uuid, String)> =
        sqlx::query_as("SELECT id, user_id, email FROM confirmations").fetch_all(&mut role).await.expect("it may read");
    let versions = "password_version = CASE WHEN c.password_version IS NOT NULL THEN u.password_version END,
                    email_version = CASE WHEN c.email_version IS NOT NULL THEN u.email_version END";
    for what in ["user_id = u.id, email = u.email", "user_id = u.id", "email = u.email"] {
        let sql = format!(
            "UPDATE confirmations AS c SET {what}, {versions} FROM users AS u
             WHERE u.email = 'alice@example.com' AND c.used_at IS NULL"
        );
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut role).await.expect("it may write");
        for link in [&undo, &reset] {
            app.post(LOOK, &json!({ "token": link })).await.expect_problem(410, "confirmation_expired");
            let used = use_link(&app, link, json!({ "new_password": OF_ATTACKER })).await;
            used.expect_problem(410, "confirmation_expired");
        }
        for (id, user, email) in &before {
            let back = "UPDATE confirmations AS c SET user_id = $2, email = $3,
                            password_version = CASE WHEN c.password_version IS NOT NULL THEN u.password_version END,
                            email_version = CASE WHEN c.email_version IS NOT NULL THEN u.email_version END
                        FROM users AS u WHERE u.id = $2 AND c.id = $1";
            sqlx::query(back).bind(id).bind(user).bind(email).execute(&mut role).await.expect("it may write");
        }
    }
    for name in ["alice", "mallory", "mallory.new"] {
        sign_in_with(&app, name, OF_ATTACKER).await.expect_problem(401, "invalid_credentials");
    }
    // What was refused was the other row, not the link.
    use_link(&app, &reset, json!({ "new_password": NEW })).await.expect(200);
    use_link(&app, &undo, json!({ "new_password": NEW })).await.expect(200);
    sign_in_with(&app, "mallory", NEW).await.expect_tokens();
    sign_in_with(&app, "alice", &password("alice")).await.expect_tokens();
}

/// L-9: links of earlier versions work as long as they lived, whatever their row says.
#[tokio::test]
async fn a_link_that_an_earlier_version_sent_works_until_it_expires() {
    let app = TestApp::with(MANY).await;
    let masters = MasterKeys { current: Arc::new(MasterKey::from_bytes(MASTER_KEY)), previous: Arc::default() };
    let earlier = SealedIds::new(&masters, "heirloom/confirmation/reset_password/v1");
    for (name, minutes, works) in [("alice", 0, true), ("bob", 29, true), ("carol", 31, false), ("dora", 60_000, false)]
    {
        app.register(name).await;
        link_of_reset(&app, name).await;
        let id = least_uuid(app.world.clock.now() - Duration::from_mins(minutes));
        app.all_emails_written().await;
        run(&app, "DELETE FROM outbox").await;
        let sql = "UPDATE confirmations SET id = $1, expires_at = now() + interval '1 year' WHERE email = $2";
        sqlx::query(sql).bind(id).bind(email(name)).execute(app.db()).await.expect("SQL");
        let token = earlier.write(id).expect("a token");
        let looked = app.post(LOOK, &json!({ "token": token })).await;
        let used = use_link(&app, &token, json!({ "new_password": NEW })).await;
        if works {
            looked.expect(200);
            used.expect(200);
        } else {
            looked.expect_problem(410, "confirmation_expired");
            used.expect_problem(410, "confirmation_expired");
            app.try_sign_in(name).await.expect_tokens();
        }
    }
}

/// L-32: nothing is changed or used up; also where the address is reserved (L-38).
#[tokio::test]
async fn a_change_whose_address_was_taken_meanwhile_says_so_and_works_once_it_is_free() {
    for is_reserved in [false, true] {
        let app = TestApp::with(MANY).await;
        let (alice, bob) = (app.sign_in("alice").await, app.sign_in("bob").await);
        ask_for_address(&app, &alice, "wanted").await.expect(202);
        let link = app.email(CONFIRM, "wanted").await.token();
        change_address(&app, &bob, ["bob", "wanted"]).await;
        if is_reserved {
            change_address(&app, &bob, ["wanted", "bob"]).await;
        }
        let right = || json!({ "password": password("alice") });
        use_link(&app, &link, json!({ "password": "not it" })).await.expect_problem(422, "wrong_password");
        for _ in 0..2 {
            use_link(&app, &link, right()).await.expect_problem(409, "email_taken");
            let page = app.request("POST", "/confirm").form(&[("token", &*link), ("password", &password("alice"))]);
            let page = page.send().await;
            assert!(page.expect(409).body.contains("already has an account"), "{page:?}");
            assert!(page.body.contains(&link), "the page asks again: {page:?}");
        }
        let me = app.me(&alice.access_token).await;
        assert_eq!((me.text("/user/email"), me.text("/pending_email/email")), (email("alice"), email("wanted")));
        assert!(app.emails(CHANGED, "alice").is_empty());
        if !is_reserved {
            change_address(&app, &bob, ["wanted", "bob"]).await;
        }
        run(&app, "UPDATE confirmations SET expires_at = now() WHERE purpose = 'undo_email_change'").await;
        assert_eq!(use_link(&app, &link, right()).await.expect(200).text("/user/email"), email("wanted"));
        use_link(&app, &link, right()).await.expect_problem(410, "confirmation_expired");
    }
}

/// L-44: an account that has left an address twice. The owner's first undo limits every later one, whichever of the two is
/// found first.
#[tokio::test]
async fn of_two_undos_that_restore_an_address_the_first_to_expire_limits_the_later_ones() {
    let app = TestApp::with(MANY).await;
    let thief = app.sign_in("alice").await;
    let first = change_address(&app, &thief, ["alice", "one"]).await;
    run(
        &app,
        "UPDATE confirmations SET expires_at = expires_at - interval '6 days' WHERE purpose = 'undo_email_change'",
    )
    .await;
    let mut later = vec![change_address(&app, &thief, ["one", "alice"]).await];
    later.push(change_address(&app, &thief, ["alice", "two"]).await);
    later.push(change_address(&app, &thief, ["two", "three"]).await);
    later.push(change_address(&app, &thief, ["three", "alice"]).await);
    let longest = "SELECT count(*) FROM confirmations
        WHERE purpose = 'undo_email_change' AND expires_at > now() + interval '1 day'";
    assert_eq!(app.count(longest).await, 0);
    run(
        &app,
        "UPDATE confirmations SET expires_at = expires_at - interval '1 day' WHERE purpose = 'undo_email_change'",
    )
    .await;
    for link in later.iter().chain([&first]) {
        let late = use_link(&app, link, json!({ "new_password": OF_ATTACKER })).await;
        late.expect_problem(410, "confirmation_expired");
    }
}

/// L-38, L-7: an attacker has registered the address where it need not be verified, and moved the account away. Its reader
/// gets the address by the undo, and after its expiry by a registration.
#[tokio::test]
async fn an_address_that_was_never_verified_is_reserved_for_its_reader_by_the_undo() {
    for is_undone in [true, false] {
        let options: Vec<_> = MANY.iter().chain(OPTIONAL).copied().collect();
        let app = TestApp::with(&options).await;
        let attacker = app.sign_in("alice").await;
        let undo = change_address(&app, &attacker, ["alice", "mallory"]).await;
        let register =
            async || app.post("/api/v1/auth/register", &json!({ "email": email("alice"), "password": NEW })).await;
        register().await.expect_problem(409, "email_taken");
        if is_undone {
            let done = use_link(&app, &undo, json!({ "new_password": NEW })).await;
            assert_eq!(done.expect(200).json()["user"]["email_verified"], true);
            app.refresh(&attacker.refresh_token).await.expect_problem(401, "session_revoked");
        } else {
            run(&app, "UPDATE confirmations SET expires_at = now() WHERE purpose = 'undo_email_change'").await;
            register().await.expect(201);
        }
        sign_in_with(&app, "alice", NEW).await.expect_tokens();
        sign_in_with(&app, "alice", &password("alice")).await.expect_problem(401, "invalid_credentials");
    }
}
