//! What a link is bound to, which changes of address say that the address is taken, and for how long undos work.

use crate::support::{MASTER_KEY, TestApp, email, password};
use heirloom::kernel::{Duration, MasterKey, MasterKeys, SealedIds, least_uuid};
use serde_json::json;
use sqlx::AssertSqlSafe;
use std::sync::Arc;
use uuid::Uuid;

const LOOK: &str = "/api/v1/auth/confirmations/look";
const CONFIRM: &str = "confirm-new-email";
const CHANGED: &str = "email-changed";
const NEW: &str = "a garden of blue lanterns";
const OF_ATTACKER: &str = "the password of an attacker";
const MANY: &[(&str, &str)] = &[("HEIRLOOM_MAIL_LIMIT_ADDRESS", "50/h"), ("HEIRLOOM_MAIL_LIMIT_NETWORK", "500/h")];
const OPTIONAL: &[(&str, &str)] = &[("HEIRLOOM_EMAIL_VERIFICATION", "optional")];
const WRITE: &str = "GRANT SELECT, INSERT, UPDATE, DELETE ON confirmations TO {}; GRANT SELECT ON users TO {}";

/// L-9: an attacker with an account, and a role that may write to the table, turns the own genuine links against another
/// user.
#[tokio::test]
async fn a_link_whose_row_was_given_another_user_or_address_is_void() {
    let app = TestApp::with(MANY).await;
    app.sign_in("alice").await;
    let mallory = app.sign_in("mallory").await;
    let undo = app.change_address(&mallory, ["mallory", "mallory.new"], &password("mallory")).await;
    let reset = app.link_of_reset("mallory.new").await;
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
            let used = app.use_link(link, json!({ "new_password": OF_ATTACKER })).await;
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
        app.sign_in_as(name, OF_ATTACKER).await.expect_problem(401, "invalid_credentials");
    }
    // What was refused was the other row, not the link.
    app.use_link(&reset, json!({ "new_password": NEW })).await.expect(200);
    app.use_link(&undo, json!({ "new_password": NEW })).await.expect(200);
    app.sign_in_as("mallory", NEW).await.expect_tokens();
    app.sign_in_as("alice", &password("alice")).await.expect_tokens();
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
        app.link_of_reset(name).await;
        let id = least_uuid(app.world.clock.now() - Duration::from_mins(minutes));
        app.all_emails_written().await;
        app.run_sql("DELETE FROM outbox").await;
        let sql = "UPDATE confirmations SET id = $1, expires_at = now() + interval '1 year' WHERE email = $2";
        sqlx::query(sql).bind(id).bind(email(name)).execute(app.db()).await.expect("SQL");
        let token = earlier.write(id).expect("a token");
        let looked = app.post(LOOK, &json!({ "token": token })).await;
        let used = app.use_link(&token, json!({ "new_password": NEW })).await;
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
        app.ask_for_address(&alice, "wanted").await.expect(202);
        let link = app.email(CONFIRM, "wanted").await.token();
        app.change_address(&bob, ["bob", "wanted"], &password("bob")).await;
        if is_reserved {
            app.change_address(&bob, ["wanted", "bob"], &password("bob")).await;
        }
        let right = || json!({ "password": password("alice") });
        app.use_link(&link, json!({ "password": "not it" })).await.expect_problem(422, "wrong_password");
        for _ in 0..2 {
            app.use_link(&link, right()).await.expect_problem(409, "email_taken");
            let page = app.request("POST", "/confirm").form(&[("token", &*link), ("password", &password("alice"))]);
            let page = page.send().await;
            assert!(page.expect(409).body.contains("already has an account"), "{page:?}");
            assert!(page.body.contains(&link), "the page asks again: {page:?}");
        }
        let me = app.me(&alice.access_token).await;
        assert_eq!((me.text("/user/email"), me.text("/pending_email/email")), (email("alice"), email("wanted")));
        assert!(app.emails(CHANGED, "alice").is_empty());
        if !is_reserved {
            app.change_address(&bob, ["wanted", "bob"], &password("bob")).await;
        }
        app.run_sql("UPDATE confirmations SET expires_at = now() WHERE purpose = 'undo_email_change'").await;
        assert_eq!(app.use_link(&link, right()).await.expect(200).text("/user/email"), email("wanted"));
        app.use_link(&link, right()).await.expect_problem(410, "confirmation_expired");
    }
}

/// L-44: an account that has left an address twice. The owner's first undo limits every later one, whichever of the two is
/// found first.
#[tokio::test]
async fn of_two_undos_that_restore_an_address_the_first_to_expire_limits_the_later_ones() {
    let app = TestApp::with(MANY).await;
    let thief = app.sign_in("alice").await;
    let first = app.change_address(&thief, ["alice", "one"], &password("alice")).await;
    app.run_sql(
        "UPDATE confirmations SET expires_at = expires_at - interval '6 days' WHERE purpose = 'undo_email_change'",
    )
    .await;
    let mut later = vec![app.change_address(&thief, ["one", "alice"], &password("alice")).await];
    later.push(app.change_address(&thief, ["alice", "two"], &password("alice")).await);
    later.push(app.change_address(&thief, ["two", "three"], &password("alice")).await);
    later.push(app.change_address(&thief, ["three", "alice"], &password("alice")).await);
    let longest = "SELECT count(*) FROM confirmations
        WHERE purpose = 'undo_email_change' AND expires_at > now() + interval '1 day'";
    assert_eq!(app.count(longest).await, 0);
    app.run_sql(
        "UPDATE confirmations SET expires_at = expires_at - interval '1 day' WHERE purpose = 'undo_email_change'",
    )
    .await;
    for link in later.iter().chain([&first]) {
        let late = app.use_link(link, json!({ "new_password": OF_ATTACKER })).await;
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
        let undo = app.change_address(&attacker, ["alice", "mallory"], &password("alice")).await;
        let register =
            async || app.post("/api/v1/auth/register", &json!({ "email": email("alice"), "password": NEW })).await;
        register().await.expect_problem(409, "email_taken");
        if is_undone {
            let done = app.use_link(&undo, json!({ "new_password": NEW })).await;
            assert_eq!(done.expect(200).json()["user"]["email_verified"], true);
            app.refresh(&attacker.refresh_token).await.expect_problem(401, "session_revoked");
        } else {
            app.run_sql("UPDATE confirmations SET expires_at = now() WHERE purpose = 'undo_email_change'").await;
            register().await.expect(201);
        }
        app.sign_in_as("alice", NEW).await.expect_tokens();
        app.sign_in_as("alice", &password("alice")).await.expect_problem(401, "invalid_credentials");
    }
}
