//! The reset of an account whose address was never verified: nothing that its creator held opens it afterwards. And undos
//! whose address is taken meanwhile.

use crate::support::{TestApp, Tokens, at_once, email, expect_end_of, password};
use serde_json::json;

const USE: &str = "/api/v1/auth/confirmations/use";
const RESEND: &str = "/api/v1/auth/confirmations/resend";
const STEP_UP: &str = "/api/v1/auth/step-up";
const CONFIRM: &str = "confirm-new-email";
const RESET: &str = "reset-password";
const CHANGED: &str = "email-changed";
/// What the reader of the address chooses.
const NEW: &str = "a garden of blue lanterns";
const KEY: &str = "the-key-of-a-lost-answer";
const OPTIONAL: (&str, &str) = ("HEIRLOOM_EMAIL_VERIFICATION", "optional");
const OFF: (&str, &str) = ("HEIRLOOM_EMAIL_VERIFICATION", "off");
const MANY: &[(&str, &str)] = &[("HEIRLOOM_MAIL_LIMIT_ADDRESS", "50/h"), ("HEIRLOOM_MAIL_LIMIT_NETWORK", "500/h")];

fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    MANY.iter().chain(more).copied().collect()
}

/// What the last resets were.
async fn takeovers(app: &TestApp) -> Vec<bool> {
    let sql = "SELECT (details->>'takeover')::bool FROM audit_events WHERE kind = 'password_reset' ORDER BY at, id";
    sqlx::query_scalar(sql).fetch_all(app.db()).await.expect("SQL")
}

/// What an attacker holds who has created the account of another user's address.
struct Attacker {
    sessions: Vec<Tokens>,
    cookie: String,
    links: Vec<String>,
    flow: String,
    code: String,
}

impl Attacker {
    /// Prepares everything that an account allows.
    async fn prepare(app: &TestApp) -> Self {
        let mut sessions = vec![app.sign_in("alice").await, app.sign_in("alice").await];
        let mut browser = app.browser();
        let wishes = json!({ "remember": true });
        browser.sign_in_with("alice", &wishes).await.expect_tokens();
        let spent = &sessions[1].refresh_token;
        sessions.push(app.refresh_with(spent, KEY).await.expect_tokens());
        let fresh = json!({ "refresh_token": sessions[2].refresh_token, "password": password("alice") });
        sessions.push(app.post(STEP_UP, &fresh).await.expect_tokens());
        app.ask_for_address(&sessions[3], "mallory").await.expect(202);
        let verify = app.request("POST", "/api/v1/me/email/verification").bearer(&sessions[0].access_token);
        verify.send().await.expect(202);
        let mut links = vec![app.email(CONFIRM, "mallory").await.token()];
        // What the address receives, should the attacker get hold of it.
        links.push(app.email("email-change-requested", "alice").await.token());
        links.push(app.email("verify-email", "alice").await.token());
        let flow = app.flow_of("alice").await;
        let code = app.email(RESET, "alice").await.code();
        Self { sessions, cookie: browser.cookie.expect("a cookie"), links, flow, code }
    }

    /// Tries all of it.
    async fn expect_nothing_left(&self, app: &TestApp) {
        expect_end_of(app, &self.sessions.iter().collect::<Vec<_>>()).await;
        let mut browser = app.browser().holding(&self.cookie);
        browser.refresh().await.expect_problem(401, "session_revoked");
        let (old, new) = (password("alice"), "the password of an attacker");
        for (number, session) in self.sessions.iter().enumerate() {
            let body = json!({ "refresh_token": session.refresh_token, "password": old });
            app.post(STEP_UP, &body).await.expect_problem(401, "session_revoked");
            let retried = app.refresh_with(&session.refresh_token, KEY).await;
            retried.expect_problem(401, "session_revoked");
            app.ask_for_address(session, &format!("mallory{number}")).await.expect_challenge("session_revoked");
            let change = json!({ "current_password": old, "new_password": new });
            let change = app.request("POST", "/api/v1/me/password").bearer(&session.access_token).json(&change);
            change.send().await.expect_challenge("session_revoked");
            for link in &self.links {
                let used = app.request("POST", USE).bearer(&session.access_token).json(&json!({ "token": link }));
                used.send().await.expect_problem(410, "confirmation_expired");
            }
        }
        for link in &self.links {
            for typed in [json!({ "password": old }), json!({ "new_password": new }), json!({})] {
                app.use_link(link, typed).await.expect_problem(410, "confirmation_expired");
            }
        }
        let code = json!({ "flow": self.flow, "code": self.code, "new_password": new });
        app.post(USE, &code).await.expect_problem(410, "confirmation_expired");
        app.post(RESEND, &json!({ "flow": self.flow })).await.expect(202);
        app.post(USE, &code).await.expect_problem(410, "confirmation_expired");
        for password in [&*old, new] {
            app.sign_in_as("alice", password).await.expect_problem(401, "invalid_credentials");
            app.sign_in_as("mallory", password).await.expect_problem(401, "invalid_credentials");
        }
        let open = "SELECT count(*) FROM confirmations WHERE used_at IS NULL";
        assert_eq!(app.count(open).await, 0, "nothing waits");
    }
}

/// L-7, L-20: registered by an attacker where nothing or not much was asked, or imported.
#[tokio::test]
async fn whoever_created_the_account_of_an_address_keeps_nothing_after_its_reader_resets_the_password() {
    for (option, is_imported) in [(OFF, false), (OPTIONAL, false), (OFF, true)] {
        let app = TestApp::with(&with(&[option])).await;
        if is_imported {
            app.register("alice").await;
            app.run_sql("UPDATE users SET roles = '{editor}', email_verified_at = NULL").await;
        }
        let attacker = Attacker::prepare(&app).await;
        let token = app.email(RESET, "alice").await.token();
        let done = app.use_link(&token, json!({ "new_password": NEW })).await;
        assert_eq!(done.expect(200).expect_no_cookie().json()["user"]["email_verified"], true);
        attacker.expect_nothing_left(&app).await;
        assert_eq!(app.count("SELECT count(*) FROM sessions WHERE revoked_at IS NULL").await, 0);
        let owner = app.sign_in_as("alice", NEW).await.expect_tokens();
        assert_eq!(app.me(&owner.access_token).await.text("/user/email"), email("alice"));
        assert_eq!(takeovers(&app).await, [true]);
    }
}

/// L-51: by a reset and by an undo.
#[tokio::test]
async fn the_name_that_the_maker_of_an_account_typed_goes_with_the_takeover() {
    const NAMED: &str = "SELECT count(*) FROM users WHERE name IS NOT NULL OR search_text LIKE '%squatter%'";
    for is_undone in [true, false] {
        let app = TestApp::with(MANY).await;
        let squatter = app.sign_in("alice").await;
        app.run_sql("UPDATE users SET name = 'A Squatter'").await;
        let link = if is_undone {
            app.change_address(&squatter, ["alice", "mallory"], &password("alice")).await
        } else {
            app.link_of_reset("alice").await
        };
        assert_eq!(app.count(NAMED).await, 1);
        app.use_link(&link, json!({ "new_password": NEW })).await.expect(200);
        assert_eq!(app.count(NAMED).await, 0);
    }
}

/// L-7, S-77: on two instances, while the attacker goes on with everything.
#[tokio::test]
async fn nothing_that_an_attacker_begins_during_the_takeover_outlives_it() {
    let one = TestApp::with(MANY).await;
    let folder = one.mail_folder();
    let two = one.another(&with(&[("HEIRLOOM_SMTP_URL", &folder)])).await;
    for round in 0..4 {
        let (name, to) = (format!("person{round}"), format!("mallory{round}"));
        let old = password(&name);
        let sessions = [one.sign_in(&name).await, one.sign_in(&name).await, one.sign_in(&name).await];
        one.flow_of(&name).await;
        let token = one.email(RESET, &name).await.token();
        let answers = at_once((0..12).map(async |number| {
            let app = if number % 2 == 0 { &one } else { &two };
            match number {
                5 => app.use_link(&token, json!({ "new_password": NEW })).await,
                0 | 6 => app.refresh(&sessions[0].refresh_token).await,
                1 | 7 => {
                    let body = json!({ "refresh_token": sessions[1].refresh_token, "password": old });
                    app.post(STEP_UP, &body).await
                }
                2 | 8 => app.ask_for_address(&sessions[2], &to).await,
                _ => app.sign_in_as(&name, &old).await,
            }
        }))
        .await;
        answers[5].expect(200);
        let opened = answers.iter().filter_map(|answer| answer.json()["access_token"].as_str().map(str::to_owned));
        for access_token in opened.chain(sessions.iter().map(|session| session.access_token.clone())) {
            for app in [&one, &two] {
                heirloom_testing::eventually("the access token is rejected", async || {
                    app.check(&access_token).await.status == 401
                })
                .await;
            }
        }
        one.all_emails_written().await;
        for link in one.emails(CONFIRM, &to) {
            let used = two.use_link(&link.token(), json!({ "password": old })).await;
            used.expect_problem(410, "confirmation_expired");
        }
        assert_eq!(one.count("SELECT count(*) FROM sessions WHERE revoked_at IS NULL").await, 0);
        assert_eq!(one.count("SELECT count(*) FROM confirmations WHERE used_at IS NULL").await, 0);
        two.sign_in_as(&name, &old).await.expect_problem(401, "invalid_credentials");
    }
}

/// L-7, L-37: the attacker moves the account away in the same moment. Whoever comes first, the reader of the address gets the
/// account: by the reset, or by the undo.
#[tokio::test]
async fn a_change_of_address_that_races_the_takeover_can_be_undone_by_the_reader_of_the_old_one() {
    let one = TestApp::with(MANY).await;
    let folder = one.mail_folder();
    let two = one.another(&with(&[("HEIRLOOM_SMTP_URL", &folder)])).await;
    for round in 0..6 {
        let (name, to) = (format!("person{round}"), format!("mallory{round}"));
        let attacker = one.sign_in(&name).await;
        one.ask_for_address(&attacker, &to).await.expect(202);
        let change = one.email(CONFIRM, &to).await.token();
        one.flow_of(&name).await;
        let reset = one.email(RESET, &name).await.token();
        let (changed, taken) = tokio::join!(
            one.use_link(&change, json!({ "password": password(&name) })),
            two.use_link(&reset, json!({ "new_password": NEW })),
        );
        if taken.status == 200 {
            // The password may have been checked before it was replaced, or after.
            assert!(matches!(changed.status, 410 | 422), "{changed:?}");
        } else {
            changed.expect(200);
            taken.expect_problem(410, "confirmation_expired");
            let undo = one.email(CHANGED, &name).await.token();
            two.use_link(&undo, json!({ "new_password": NEW })).await.expect(200);
        }
        expect_end_of(&two, &[&attacker]).await;
        for address in [&name, &to] {
            one.sign_in_as(address, &password(&name)).await.expect_problem(401, "invalid_credentials");
        }
        one.sign_in_as(&name, NEW).await.expect_tokens();
        one.sign_in_as(&to, NEW).await.expect_problem(401, "invalid_credentials");
    }
}

/// L-7, L-37: the reset of a verified account takes no undo away: the thief of a changed account may have requested it.
#[tokio::test]
async fn a_reset_voids_an_undo_only_where_the_address_was_never_verified() {
    for is_verified in [true, false] {
        let app = TestApp::with(MANY).await;
        let thief = app.sign_in("alice").await;
        let undo = app.change_address(&thief, ["alice", "thief"], &password("alice")).await;
        if !is_verified {
            // As of an import, or a table that was restored.
            app.run_sql("UPDATE users SET email_verified_at = NULL").await;
        }
        app.flow_of("thief").await;
        let reset = app.email(RESET, "thief").await.token();
        app.use_link(&reset, json!({ "new_password": "nine lanterns at night" })).await.expect(200);
        assert_eq!(takeovers(&app).await, [!is_verified]);
        let undone = app.use_link(&undo, json!({ "new_password": NEW })).await;
        if is_verified {
            assert_eq!(undone.expect(200).text("/user/email"), email("alice"));
            app.sign_in_as("alice", NEW).await.expect_tokens();
        } else {
            undone.expect_problem(410, "confirmation_expired");
            app.sign_in_as("thief", "nine lanterns at night").await.expect_tokens();
        }
    }
}

/// L-37, L-38: an instance of an earlier version has given the reserved address to another user. The refusal changes nothing.
#[tokio::test]
async fn an_undo_whose_address_is_taken_is_refused_and_works_once_the_address_is_free() {
    let app = TestApp::with(MANY).await;
    let alice = app.sign_in("alice").await;
    let first = app.change_address(&alice, ["alice", "second"], &password("alice")).await;
    let second = app.change_address(&alice, ["second", "third"], &password("alice")).await;
    app.all_emails_written().await;
    app.run_sql("INSERT INTO users (id, email, password_hash, created_at) VALUES (gen_random_uuid(), 'alice@example.com', '!', now())",
    )
    .await;
    let before = app.all_rows().await;
    let undo = async |token: &str| app.use_link(token, json!({ "new_password": NEW })).await;
    for _ in 0..2 {
        let refused = undo(&first).await;
        refused.expect_problem(409, "email_taken");
        let page = app.request("POST", "/confirm").form(&[("token", &*first), ("password", NEW)]).send().await;
        assert!(page.expect(409).body.contains("already has an account"), "{page:?}");
        assert!(page.body.contains(&first), "the page asks again: {page:?}");
    }
    undo(&first).await.expect_problem(409, "email_taken");
    assert_eq!(app.all_rows().await, before);
    app.check(&alice.access_token).await.expect_done();
    // The undo of the later change works meanwhile.
    assert_eq!(undo(&second).await.expect(200).text("/user/email"), email("second"));
    app.run_sql("DELETE FROM users WHERE email = 'alice@example.com'").await;
    assert_eq!(undo(&first).await.expect(200).text("/user/email"), email("alice"));
    undo(&first).await.expect_problem(410, "confirmation_expired");
    app.sign_in_as("alice", NEW).await.expect_tokens();
}

/// L-37, L-2: with many uses at once, while the address is taken and freed.
#[tokio::test]
async fn of_many_undos_one_succeeds_and_none_is_lost_to_a_taken_address() {
    let one = TestApp::with(MANY).await;
    let folder = one.mail_folder();
    let two = one.another(&with(&[("HEIRLOOM_SMTP_URL", &folder)])).await;
    let alice = one.sign_in("alice").await;
    let undo = one.change_address(&alice, ["alice", "second"], &password("alice")).await;
    let add = "INSERT INTO users (id, email, password_hash, created_at) VALUES (gen_random_uuid(), 'alice@example.com', '!', now())
        ON CONFLICT DO NOTHING";
    let (answers, ()) = tokio::join!(
        at_once((0..12).map(async |number| {
            let app = if number % 2 == 0 { &one } else { &two };
            app.use_link(&undo, json!({ "new_password": NEW })).await
        })),
        async {
            for _ in 0..6 {
                two.run_sql(add).await;
                two.run_sql("DELETE FROM users WHERE email = 'alice@example.com' AND password_hash = '!'").await;
            }
        }
    );
    let done = answers.iter().filter(|answer| answer.status == 200).count();
    assert!(done <= 1 && answers.iter().all(|answer| matches!(answer.status, 200 | 409 | 410)), "{answers:?}");
    if done == 0 {
        assert!(answers.iter().all(|answer| answer.status == 409), "used up by a refusal: {answers:?}");
        one.use_link(&undo, json!({ "new_password": NEW })).await.expect(200);
    }
    assert_eq!(one.events("email_change_undone").await, 1);
    two.sign_in_as("alice", NEW).await.expect_tokens();
}

/// L-37, L-20, L-31: an intruder who was an administrator comes back by no invitation. Those of others stay.
#[tokio::test]
async fn invitations_that_an_intruder_has_sent_end_with_the_takeover_and_with_the_undo() {
    for is_undone in [true, false] {
        let app = TestApp::with(MANY).await;
        let (root, alice) = (app.admin("root").await, app.admin("alice").await);
        let invite = async |tokens: &Tokens, name: &str| {
            let body = json!({ "email": email(name), "roles": ["admin"] });
            app.request("POST", "/api/v1/admin/users")
                .bearer(&tokens.access_token)
                .json(&body)
                .send()
                .await
                .expect(202);
            app.email("invitation", name).await.token()
        };
        let give_back = if is_undone {
            app.change_address(&alice.tokens, ["alice", "thief"], &password("alice")).await
        } else {
            app.flow_of("alice").await;
            app.email(RESET, "alice").await.token()
        };
        let (thiefs, others) = (invite(&alice.tokens, "mallory").await, invite(&root.tokens, "bob").await);
        app.use_link(&give_back, json!({ "new_password": NEW })).await.expect(200);
        let accept = async |link: &str| app.use_link(link, json!({ "new_password": NEW })).await;
        accept(&thiefs).await.expect_problem(410, "confirmation_expired");
        accept(&others).await.expect(200);
        assert_eq!(app.events("invitation_revoked").await, 1);
        let owner = app.sign_in_as("alice", NEW).await.expect_tokens();
        assert_eq!(app.me(&owner.access_token).await.json()["user"]["roles"], json!(["admin"]));
    }
}

/// L-7, L-44: A thief has changed the address and changed it back: the undo of the second change is sent to the thief.
#[tokio::test]
async fn a_reset_at_the_restored_address_voids_the_undo_that_a_thief_has() {
    let app = TestApp::with(MANY).await;
    let thief = app.sign_in("alice").await;
    let of_owner = app.change_address(&thief, ["alice", "thief"], &password("alice")).await;
    let between = app.change_address(&thief, ["thief", "other"], &password("alice")).await;
    let of_thief = app.change_address(&thief, ["other", "alice"], &password("alice")).await;
    app.flow_of("alice").await;
    let reset = app.email(RESET, "alice").await.token();
    app.use_link(&reset, json!({ "new_password": NEW })).await.expect(200);
    for link in [between, of_thief] {
        let refused = app.use_link(&link, json!({ "new_password": "nine lanterns at night" })).await;
        assert!([404, 410].contains(&refused.status), "{}", refused.status);
    }
    app.sign_in_as("alice", NEW).await.expect_tokens();
    // The owner's own still works.
    let undone = app.use_link(&of_owner, json!({ "new_password": "a lighthouse of amber" })).await;
    assert_eq!(undone.expect(200).text("/user/email"), email("alice"));
}

/// L-44: Otherwise the thief would wait until the owner's link has expired.
#[tokio::test]
async fn the_undo_of_a_change_back_expires_no_later_than_that_of_the_change() {
    const OPEN: &str = "SELECT count(*) FROM confirmations WHERE purpose = 'undo_email_change' AND expires_at > now()";
    const LONG: &str = "SELECT count(*) FROM confirmations
        WHERE purpose = 'undo_email_change' AND expires_at > now() + interval '1 day'";
    let app = TestApp::with(MANY).await;
    let thief = app.sign_in("alice").await;
    app.change_address(&thief, ["alice", "thief"], &password("alice")).await;
    app.run_sql("UPDATE confirmations SET expires_at = now() + interval '1 day' WHERE purpose = 'undo_email_change'")
        .await;
    app.change_address(&thief, ["thief", "other"], &password("alice")).await;
    assert_eq!(app.count(LONG).await, 1, "a further change is undone for the whole time");
    app.change_address(&thief, ["other", "alice"], &password("alice")).await;
    assert_eq!(app.count(OPEN).await, 3);
    assert_eq!(app.count(LONG).await, 0);
}
