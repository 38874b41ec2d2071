//! Another address for an account: requested in a fresh session, confirmed from the new address, undone from the old one.

use crate::support::{TestApp, Tokens, at_once, email, eventually, expect_end_of, password};
use serde_json::{Value, json};

const MINE: &str = "/api/v1/me/email";
const LOOK: &str = "/api/v1/auth/confirmations/look";
const USE: &str = "/api/v1/auth/confirmations/use";
/// The emails: to the new address, and two to the old one.
const CONFIRM: &str = "confirm-new-email";
const REQUESTED: &str = "email-change-requested";
const CHANGED: &str = "email-changed";
const NEW: &str = "a garden of blue lanterns";
const MANY: &[(&str, &str)] = &[("HEIRLOOM_MAIL_LIMIT_ADDRESS", "50/h"), ("HEIRLOOM_MAIL_LIMIT_NETWORK", "500/h")];

impl TestApp {
    async fn address_of(&self, tokens: &Tokens) -> String {
        self.me(&tokens.access_token).await.expect(200).text("/user/email")
    }
}

/// As if the time in which a change can be undone had passed.
const UNDO_HAS_EXPIRED: &str = "UPDATE confirmations SET expires_at = now() WHERE purpose = 'undo_email_change'";

/// L-39, L-32, L-33, L-4.
#[tokio::test]
async fn an_address_changes_once_its_reader_has_confirmed_it_and_typed_the_password() {
    let app = TestApp::start().await;
    let (laptop, phone) = (app.sign_in("alice").await, app.sign_in("alice").await);
    let asked = app.ask_for_address(&laptop, "alice.new").await;
    assert_eq!(asked.expect(202).json(), json!({ "status": "confirmation_sent", "expires_in": 3_600 }));
    let me = app.me(&laptop.access_token).await;
    assert_eq!(me.text("/user/email"), email("alice"), "nothing is changed yet");
    assert_eq!(me.text("/pending_email/email"), email("alice.new"));

    let (sent, note) = (app.email(CONFIRM, "alice.new").await, app.email(REQUESTED, "alice").await);
    assert!(!note.0.contains("alice.new"), "the old address does not learn the new one: {}", note.0);
    let token = sent.token();
    let looked = app.post(LOOK, &json!({ "token": token })).await;
    assert_eq!(looked.expect(200).text("/purpose"), "change_email");
    assert_eq!(looked.json()["needs"], json!(["password"]));
    app.use_link(&token, json!({})).await.expect_fields(&["password"]);
    app.use_link(&token, json!({ "new_password": NEW })).await.expect_fields(&["password"]);
    app.use_link(&token, json!({ "password": "not it" })).await.expect_problem(422, "wrong_password");
    assert_eq!(app.address_of(&laptop).await, email("alice"));

    let done = app.use_link(&token, json!({ "password": password("alice") })).await;
    assert_eq!(done.expect(200).expect_no_cookie().text("/user/email"), email("alice.new"));
    assert!(!done.body.contains("access_token"), "nobody is signed in by it");
    expect_end_of(&app, &[&phone]).await;
    let me = app.me(&laptop.access_token).await;
    assert_eq!((me.text("/user/email"), me.json().get("pending_email").is_none()), (email("alice.new"), true));
    app.sign_in_as("alice", &password("alice")).await.expect_problem(401, "invalid_credentials");
    app.sign_in_as("alice.new", &password("alice")).await.expect_tokens();
    let undo = app.email(CHANGED, "alice").await;
    assert!(!undo.0.contains("alice.new"), "{}", undo.0);
    assert_eq!((app.events("email_changed").await, app.events("confirmation_used").await), (1, 1));
    for used in [&token, &note.token()] {
        app.use_link(used, json!({ "password": password("alice") })).await.expect_problem(410, "confirmation_expired");
    }
}

/// L-39, S-84: a stolen access token of an older session changes nothing.
#[tokio::test]
async fn a_stale_session_requests_nothing_and_ones_own_address_is_no_change() {
    let app = TestApp::start().await;
    let alice = app.sign_in("alice").await;
    for own in ["alice", "ALICE@example.com", " alice@EXAMPLE.com "] {
        app.ask_for_address(&alice, own).await.expect_fields(&["email"]);
    }
    app.ask_for_address(&alice, "@nonsense").await.expect_fields(&["email"]);
    app.grow_old(&alice.session_id).await;
    app.ask_for_address(&alice, "thief").await.expect_step_up();
    app.request("POST", MINE)
        .json(&json!({ "email": "x@example.com" }))
        .send()
        .await
        .expect_challenge("unauthenticated");
    assert_eq!(app.count("SELECT count(*) FROM confirmations").await, 0);
    // To cancel, no fresh session is needed.
    app.request("DELETE", MINE).bearer(&alice.access_token).send().await.expect_done();
}

/// L-32: signed in as that user, a link needs no password; as another user it does.
#[tokio::test]
async fn the_link_is_enough_in_the_users_own_session_which_lives_on() {
    let app = TestApp::start().await;
    let (laptop, phone, bob) = (app.sign_in("alice").await, app.sign_in("alice").await, app.sign_in("bob").await);
    app.ask_for_address(&laptop, "alice.new").await.expect(202);
    let body = json!({ "token": app.email(CONFIRM, "alice.new").await.token() });
    let by = async |tokens: &Tokens, path: &str| {
        app.request("POST", path).bearer(&tokens.access_token).json(&body).send().await
    };
    assert_eq!(by(&bob, LOOK).await.json()["needs"], json!(["password"]));
    by(&bob, USE).await.expect_fields(&["password"]);
    assert_eq!(by(&phone, LOOK).await.json()["needs"], json!(["button"]));
    by(&phone, USE).await.expect(200);
    assert_eq!(app.address_of(&phone).await, email("alice.new"));
    expect_end_of(&app, &[&laptop]).await;
}

/// L-5, L-34: the answer is alike, and the owner of the address receives an email.
#[tokio::test]
async fn an_address_in_use_is_answered_alike_and_its_owner_receives_an_email() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.sign_in("alice").await, app.sign_in("bob").await);
    let free = app.ask_for_address(&alice, "nobody").await;
    app.request("DELETE", MINE).bearer(&alice.access_token).send().await.expect_done();
    let taken = app.ask_for_address(&alice, "bob").await;
    assert_eq!((free.status, free.json()), (taken.status, taken.json()));
    assert_eq!(app.me(&alice.access_token).await.text("/pending_email/email"), email("bob"));
    let note = app.email("address-in-use", "bob").await;
    assert!(!note.0.contains("/confirm#") && !note.0.contains("alice"), "{}", note.0);
    app.email(REQUESTED, "alice").await;
    app.all_emails_written().await;
    assert!(app.emails(CONFIRM, "bob").is_empty());
    assert_eq!((app.address_of(&alice).await, app.address_of(&bob).await), (email("alice"), email("bob")));
}

/// L-1, L-35: by the account page, or by the link that the old address received: signed in, or with the password.
#[tokio::test]
async fn a_change_is_cancelled_from_the_old_address_but_not_by_a_button_alone() {
    let app = TestApp::with(MANY).await;
    let alice = app.sign_in("alice").await;
    app.ask_for_address(&alice, "one").await.expect(202);
    let first = app.email(CONFIRM, "one").await.token();
    app.request("DELETE", MINE).bearer(&alice.access_token).send().await.expect_done();
    let right = || json!({ "password": password("alice") });
    app.use_link(&first, right()).await.expect_problem(410, "confirmation_expired");

    app.ask_for_address(&alice, "two").await.expect(202);
    let (second, cancel) =
        (app.email(CONFIRM, "two").await.token(), app.email_number(2, REQUESTED, "alice").await.token());
    let looked = app.post(LOOK, &json!({ "token": cancel })).await;
    assert_eq!(looked.expect(200).text("/purpose"), "cancel_email_change");
    app.use_link(&cancel, json!({})).await.expect_fields(&["password"]);
    app.use_link(&cancel, json!({ "password": "not it" })).await.expect_problem(422, "wrong_password");
    assert_eq!(app.me(&alice.access_token).await.text("/pending_email/email"), email("two"));
    app.use_link(&cancel, right()).await.expect(200);
    assert!(app.me(&alice.access_token).await.json().get("pending_email").is_none());
    app.use_link(&second, right()).await.expect_problem(410, "confirmation_expired");
    assert_eq!(app.address_of(&alice).await, email("alice"));
    app.check(&alice.access_token).await.expect_done();
}

/// L-36: another request replaces the one before; the same one within ten minutes sends nothing again.
#[tokio::test]
async fn of_two_requests_the_later_counts() {
    let app = TestApp::with(MANY).await;
    let alice = app.sign_in("alice").await;
    for _ in 0..3 {
        app.ask_for_address(&alice, "one").await.expect(202);
    }
    let first = app.email(CONFIRM, "one").await.token();
    app.all_emails_written().await;
    assert_eq!((app.emails(CONFIRM, "one").len(), app.emails(REQUESTED, "alice").len()), (1, 1));
    app.ask_for_address(&alice, "two").await.expect(202);
    let second = app.email(CONFIRM, "two").await.token();
    let right = || json!({ "password": password("alice") });
    app.use_link(&first, right()).await.expect_problem(410, "confirmation_expired");
    app.use_link(&second, right()).await.expect(200);
    assert_eq!(app.address_of(&alice).await, email("two"));
}

/// L-50: whichever the new addresses are and wherever the user is, the old address receives no more than five in an hour.
#[tokio::test]
async fn a_user_requests_five_changes_an_hour() {
    let app = TestApp::with(&[("HEIRLOOM_TRUSTED_PROXIES", "127.0.0.1")]).await;
    let alice = app.sign_in("alice").await;
    let ask = async |number: u8| {
        let request = app.request("POST", MINE).bearer(&alice.access_token);
        let request = request.header("X-Forwarded-For", &format!("203.0.{number}.1"));
        request.json(&json!({ "email": email(&format!("target{number}")) })).send().await
    };
    for number in 0..5 {
        ask(number).await.expect(202);
        // A request voids the one before, and its email if that was not sent yet.
        app.email_number(usize::from(number) + 1, REQUESTED, "alice").await;
    }
    let refused = ask(5).await;
    refused.expect_problem(429, "too_many_requests");
    assert!(refused.header("retry-after").is_some());
    app.all_emails_written().await;
    assert_eq!(app.emails(REQUESTED, "alice").len(), 5);
    assert!(app.emails(CONFIRM, "target5").is_empty());
    // Another user is not limited by it.
    let bob = app.sign_in("bob").await;
    app.ask_for_address(&bob, "target5").await.expect(202);
}

/// L-3.
#[tokio::test]
async fn after_a_change_of_the_password_no_earlier_link_changes_or_cancels_anything() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    app.ask_for_address(&alice.tokens, "alice.new").await.expect(202);
    let links = [app.email(CONFIRM, "alice.new").await.token(), app.email(REQUESTED, "alice").await.token()];
    alice.change_password(&password("alice"), NEW).await.expect_done();
    for link in &links {
        app.use_link(link, json!({ "password": NEW })).await.expect_problem(410, "confirmation_expired");
    }
    let me = app.me(&alice.tokens.access_token).await;
    assert_eq!((me.text("/user/email"), me.json().get("pending_email").is_none()), (email("alice"), true));
}

/// L-37, L-7: nothing that the intruder held opens the account.
#[tokio::test]
async fn the_undo_gives_the_account_back_to_the_reader_of_the_old_address() {
    let app = TestApp::start().await;
    let (thief, owner) = (app.sign_in("alice").await, app.sign_in("alice").await);
    let undo = app.change_address(&thief, ["alice", "thief"], &password("alice")).await;
    expect_end_of(&app, &[&owner]).await;
    // The thief goes on: another password, and a reset that waits.
    let change = json!({ "current_password": password("alice"), "new_password": "the password of a thief" });
    app.request("POST", "/api/v1/me/password").bearer(&thief.access_token).json(&change).send().await.expect_done();
    app.post("/api/v1/auth/password/forgot", &json!({ "email": email("thief") })).await.expect(202);
    let reset = app.email("reset-password", "thief").await.token();

    let looked = app.post(LOOK, &json!({ "token": undo })).await;
    assert_eq!(looked.expect(200).text("/purpose"), "undo_email_change");
    assert_eq!(looked.json()["needs"], json!(["new_password"]));
    app.use_link(&undo, json!({})).await.expect_fields(&["new_password"]);
    app.use_link(&undo, json!({ "new_password": "password" })).await.expect_fields(&["new_password"]);
    let done = app.use_link(&undo, json!({ "new_password": NEW })).await;
    assert_eq!(done.expect(200).expect_no_cookie().text("/user/email"), email("alice"));
    expect_end_of(&app, &[&thief]).await;
    for address in ["alice", "thief"] {
        for password in [password("alice"), "the password of a thief".to_owned()] {
            app.sign_in_as(address, &password).await.expect_problem(401, "invalid_credentials");
        }
    }
    app.use_link(&reset, json!({ "new_password": NEW })).await.expect_problem(410, "confirmation_expired");
    app.use_link(&undo, json!({ "new_password": NEW })).await.expect_problem(410, "confirmation_expired");
    app.sign_in_as("thief", NEW).await.expect_problem(401, "invalid_credentials");
    app.sign_in_as("alice", NEW).await.expect_tokens();
    assert_eq!(app.events("email_change_undone").await, 1);
}

/// L-37, C-23: a stranger who guessed at the password of before does not keep its owner from using the new one.
#[tokio::test]
async fn an_undo_starts_the_counts_of_the_old_address_again() {
    let app = TestApp::with(&[("HEIRLOOM_RATE_LIMIT", "on"), ("HEIRLOOM_TRUSTED_PROXIES", "127.0.0.1")]).await;
    let thief = app.sign_in("alice").await;
    let undo = app.change_address(&thief, ["alice", "thief"], &password("alice")).await;
    let guess = json!({ "email": email("alice"), "password": "not the password" });
    let guess = async || {
        let request = app.request("POST", "/api/v1/auth/login").header("X-Forwarded-For", "203.0.113.9");
        request.json(&guess).send().await
    };
    while guess().await.status == 401 {}
    guess().await.expect_problem(429, "too_many_attempts");
    app.use_link(&undo, json!({ "new_password": NEW })).await.expect(200);
    app.sign_in_as("alice", NEW).await.expect_tokens();
}

/// L-37: an undo restores the address of its own change, and voids those of later ones.
#[tokio::test]
async fn after_two_changes_the_first_undo_restores_the_first_address_and_voids_the_second() {
    for later_first in [false, true] {
        let app = TestApp::with(MANY).await;
        let alice = app.sign_in("alice").await;
        let first = app.change_address(&alice, ["alice", "second"], &password("alice")).await;
        let second = app.change_address(&alice, ["second", "third"], &password("alice")).await;
        if later_first {
            let done = app.use_link(&second, json!({ "new_password": "chosen by the second address" })).await;
            assert_eq!(done.expect(200).text("/user/email"), email("second"));
        }
        let done = app.use_link(&first, json!({ "new_password": NEW })).await;
        assert_eq!(done.expect(200).text("/user/email"), email("alice"));
        app.use_link(&second, json!({ "new_password": "too late" })).await.expect_problem(410, "confirmation_expired");
        app.sign_in_as("alice", NEW).await.expect_tokens();
        // What came between is free again.
        let body = json!({ "email": email("second"), "password": NEW });
        app.post("/api/v1/auth/register", &body).await.expect(201);
    }
}

/// L-38: nobody else has the old address while the change can be undone.
#[tokio::test]
async fn an_address_is_reserved_for_the_user_who_can_undo_the_change() {
    let app = TestApp::with(MANY).await;
    let (alice, bob) = (app.sign_in("alice").await, app.sign_in("bob").await);
    let undo = app.change_address(&alice, ["alice", "alice.new"], &password("alice")).await;
    let register =
        async || app.post("/api/v1/auth/register", &json!({ "email": email("alice"), "password": NEW })).await;
    register().await.expect_problem(409, "email_taken");
    app.ask_for_address(&bob, "alice").await.expect(202);
    app.email("address-in-use", "alice").await;
    app.all_emails_written().await;
    assert!(app.emails(CONFIRM, "alice").is_empty());
    let done = app.use_link(&undo, json!({ "new_password": NEW })).await;
    assert_eq!(done.expect(200).text("/user/email"), email("alice"));
    // The user who can undo may have it back in the other way, too.
    let alice = app.sign_in_as("alice", NEW).await.expect_tokens();
    app.change_address(&alice, ["alice", "alice.third"], NEW).await;
    let back = app.change_address(&alice, ["alice.third", "alice"], NEW).await;
    assert_eq!(app.address_of(&alice).await, email("alice"));
    app.run_sql(UNDO_HAS_EXPIRED).await;
    app.use_link(&back, json!({ "new_password": "too late" })).await.expect_problem(410, "confirmation_expired");
    let body = json!({ "email": email("alice.third"), "password": NEW });
    app.post("/api/v1/auth/register", &body).await.expect(201);
}

/// L-38: also of those who want it in the moment in which it is given up, on another instance.
#[tokio::test]
async fn nobody_slips_in_while_the_address_is_given_up() {
    let one = TestApp::with(MANY).await;
    let mut options = MANY.to_vec();
    let folder = one.mail_folder();
    options.push(("HEIRLOOM_SMTP_URL", &folder));
    let two = one.another(&options).await;
    for round in 0..5 {
        let (name, to) = (format!("person{round}"), format!("new{round}"));
        let tokens = one.sign_in(&name).await;
        one.ask_for_address(&tokens, &to).await.expect(202);
        let link = one.email(CONFIRM, &to).await.token();
        let wanted = json!({ "email": email(&name), "password": NEW });
        let right = json!({ "password": password(&name) });
        let (changed, registered) = tokio::join!(one.use_link(&link, right), async {
            let mut last = two.post("/api/v1/auth/register", &wanted).await;
            for _ in 0..5 {
                last = two.post("/api/v1/auth/register", &wanted).await;
            }
            last
        });
        changed.expect(200);
        registered.expect_problem(409, "email_taken");
        let undo = one.email(CHANGED, &name).await.token();
        let undone = two.use_link(&undo, json!({ "new_password": "nine lanterns at night" })).await;
        assert_eq!(undone.expect(200).text("/user/email"), email(&name));
    }
}

/// L-2: of many uses on two instances one succeeds: of a change, and of its undo.
#[tokio::test]
async fn of_many_uses_at_once_on_two_instances_one_succeeds() {
    let one = TestApp::with(MANY).await;
    let mut options = MANY.to_vec();
    let folder = one.mail_folder();
    options.push(("HEIRLOOM_SMTP_URL", &folder));
    let two = one.another(&options).await;
    let alice = one.sign_in("alice").await;
    one.ask_for_address(&alice, "alice.new").await.expect(202);
    let link = one.email(CONFIRM, "alice.new").await.token();
    let many = async |link: &str, typed: Value| {
        let tries = (0..8).map(|number| if number % 2 == 0 { &one } else { &two });
        let answers = at_once(tries.map(|app| app.use_link(link, typed.clone()))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{answers:?}");
        assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 410)), "{answers:?}");
    };
    many(&link, json!({ "password": password("alice") })).await;
    assert_eq!(one.events("email_changed").await, 1);
    let undo = one.email(CHANGED, "alice").await.token();
    one.all_emails_written().await;
    assert_eq!(one.emails(CHANGED, "alice").len(), 1);
    many(&undo, json!({ "new_password": NEW })).await;
    assert_eq!(one.events("email_change_undone").await, 1);
}

/// L-2: two users want one address.
#[tokio::test]
async fn of_two_users_who_confirm_the_same_address_at_once_one_has_it() {
    let app = TestApp::with(MANY).await;
    for round in 0..4 {
        let (a, b, to) = (format!("a{round}"), format!("b{round}"), format!("both{round}"));
        let (first, second) = (app.sign_in(&a).await, app.sign_in(&b).await);
        app.ask_for_address(&first, &to).await.expect(202);
        app.email(CONFIRM, &to).await;
        app.ask_for_address(&second, &to).await.expect(202);
        let links = [app.email(CONFIRM, &to).await.token(), app.email_number(2, CONFIRM, &to).await.token()];
        let tries = [(&links[0], &a), (&links[1], &b)];
        let answers =
            at_once(tries.map(|(link, name)| app.use_link(link, json!({ "password": password(name) })))).await;
        let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "{answers:?}");
        let addresses = [app.address_of(&first).await, app.address_of(&second).await];
        assert_eq!(addresses.iter().filter(|address| **address == email(&to)).count(), 1, "{addresses:?}");
    }
    assert_eq!(app.events("email_changed").await, 4);
}

/// L-30: a thief who changed the address cannot delete the account before its owner has undone the change.
#[tokio::test]
async fn an_account_is_not_deleted_while_the_change_can_be_undone() {
    let app = TestApp::start().await;
    let thief = app.sign_in("alice").await;
    app.change_address(&thief, ["alice", "thief"], &password("alice")).await;
    let delete = async || {
        let body = json!({ "email": email("thief") });
        app.request("DELETE", "/api/v1/me").bearer(&thief.access_token).json(&body).send().await
    };
    delete().await.expect_problem(409, "undo_pending");
    app.check(&thief.access_token).await.expect_done();
    app.run_sql(UNDO_HAS_EXPIRED).await;
    delete().await.expect_done();
    let left = app.all_rows().await.into_iter().filter(|row| row.contains("thief@") || row.contains("alice@"));
    assert_eq!(left.collect::<Vec<_>>(), Vec::<String>::new());
}

/// L-1: what a program does that opens every link, and asks what the page's script asks.
#[tokio::test]
async fn looking_at_the_links_changes_nothing() {
    let app = TestApp::start().await;
    let alice = app.sign_in("alice").await;
    let undo = app.change_address(&alice, ["alice", "second"], &password("alice")).await;
    app.ask_for_address(&alice, "third").await.expect(202);
    let links = [undo, app.email(CONFIRM, "third").await.token(), app.email(REQUESTED, "second").await.token()];
    app.all_emails_written().await;
    let before = app.all_rows().await;
    for link in &links {
        app.post(LOOK, &json!({ "token": link })).await.expect(200);
        for method in ["GET", "HEAD"] {
            app.request(method, &format!("/confirm?token={link}")).send().await.expect(200);
        }
        let form = [("token", link.as_str()), ("step", "look")];
        app.request("POST", "/confirm").form(&form).send().await.expect(200);
        app.request("POST", "/confirm").form(&form[..1]).send().await.expect(422);
        app.use_link(link, json!({})).await.expect_problem(422, "validation_failed");
    }
    assert_eq!(app.all_rows().await, before);
}

/// L-33: the page behind the links works in both languages, and signs nobody in.
#[tokio::test]
async fn the_page_of_a_link_asks_for_the_password_and_changes_the_address() {
    let app = TestApp::start().await;
    let alice = app.sign_in("alice").await;
    app.ask_for_address(&alice, "alice.new").await.expect(202);
    let token = app.email(CONFIRM, "alice.new").await.token();
    for (language, words) in [("en", "Enter the password of your account"), ("ko", "계정의 비밀번호를 입력")]
    {
        let form = [("token", token.as_str()), ("step", "look")];
        let page = app.request("POST", "/confirm").header("Accept-Language", language).form(&form).send().await;
        assert!(page.expect(200).body.contains(words), "{page:?}");
    }
    let send = async |typed: &str| {
        app.request("POST", "/confirm").form(&[("token", token.as_str()), ("password", typed)]).send().await
    };
    assert!(send("not it").await.expect(422).body.contains("not your password"));
    send(&password("alice")).await.expect(200).expect_no_cookie();
    eventually("the address is changed", async || app.address_of(&alice).await == email("alice.new")).await;
}
