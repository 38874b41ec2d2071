//! Roles that demand a second factor, which may be a passkey.

use crate::{
    enrolment::DEMANDED,
    support::{Answer, PUBLIC_URL, TestApp, at_once, credentials, forge, passkey_device::PasskeyDevice},
};
use serde_json::{Value, json};

const OPTIONS: &str = "/api/v1/auth/enrol/passkeys/options";
const ENROL: &str = "/api/v1/auth/enrol/passkeys";
/// What may be tried at one challenge.
const ATTEMPTS: usize = 5;

impl TestApp {
    /// Has a new device answer to the options for a challenge: what is sent next.
    async fn enrolling_passkey(&self, challenge: &str) -> (PasskeyDevice, Value) {
        let begun = self.post(OPTIONS, &json!({ "challenge": challenge })).await;
        assert_eq!(begun.expect(200).header("cache-control"), Some("no-store"));
        let (begun, mut device) = (begun.json(), PasskeyDevice::new(PUBLIC_URL));
        let credential = device.create(&begun["publicKey"]);
        let body =
            json!({ "challenge": challenge, "ticket": begun["ticket"], "credential": credential, "name": "My phone" });
        (device, body)
    }

    async fn passkeys(&self) -> i64 {
        self.count("SELECT count(*) FROM passkeys").await
    }
}

fn with(body: &Value, name: &str, value: impl Into<Value>) -> Value {
    let mut body = body.clone();
    body[name] = value.into();
    body
}

/// F-43, F-45.
#[tokio::test]
async fn a_passkey_is_set_up_with_the_code_of_the_email_and_opens_the_session() {
    let app = TestApp::with(DEMANDED).await;
    app.editors(&["alice"], true).await;
    let challenge = app.demand("alice").await.text("/challenge");
    let (device, body) = app.enrolling_passkey(&challenge).await;
    let right = app.email("enrolment-code", "alice").await.code();
    app.post(ENROL, &body).await.expect_fields(&["email_code"]).expect_no_cookie();
    let wrong = if right == "0000 0000" { "0000 0001" } else { "0000 0000" };
    let refused = app.post(ENROL, &with(&body, "email_code", wrong)).await;
    refused.expect_problem(422, "code_invalid").expect_no_cookie();
    assert_eq!(
        (&refused.json()["errors"][0]["field"], &refused.json()["attempts_left"]),
        (&json!("email_code"), &json!(4))
    );
    assert!(!app.bears_a_session().await && app.passkeys().await == 0);

    let done = app.post(ENROL, &with(&body, "email_code", &*right)).await;
    let tokens = done.expect_tokens();
    assert_eq!(done.json()["recovery_codes"].as_array().map(Vec::len), Some(10));
    let claims = forge::decode(&tokens.access_token).1;
    assert_eq!((&claims["acr"], &claims["amr"]), (&json!("urn:heirloom:acr:2"), &json!(["pwd", "pop", "mfa"])));
    app.ask_fresh(&tokens.access_token).await.expect_fields(&["email"]);
    let mine = app.request("GET", "/api/v1/me/factors").bearer(&tokens.access_token).send().await.json();
    assert_eq!(mine["passkeys"][0]["name"], "My phone");
    assert_eq!((app.events("factor_added").await, app.events("signed_in").await), (1, 1));
    app.email("passkey-added", "alice").await;
    // The challenge is used up, and the passkey signs in by itself.
    app.post(ENROL, &with(&body, "email_code", &*right)).await.expect_problem(410, "challenge_expired");
    app.sign_in_by_passkey(&device, 1).await.expect_tokens();
}

/// F-44: on two instances.
#[tokio::test]
async fn of_many_confirmations_of_a_passkey_at_once_exactly_one_signs_in() {
    let app = TestApp::with(DEMANDED).await;
    let other = app.another(DEMANDED).await;
    app.editors(&["alice"], false).await;
    let (one, two) = (app.demand("alice").await.text("/challenge"), app.demand("alice").await.text("/challenge"));
    let ((_, first), (_, second)) = (app.enrolling_passkey(&one).await, app.enrolling_passkey(&two).await);
    let confirm = |turn: usize| {
        let server = if turn.is_multiple_of(2) { &app } else { &other };
        server.post(ENROL, if turn % 4 < 2 { &first } else { &second })
    };
    let answers = at_once((0..8).map(confirm)).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{answers:?}");
    for refused in answers.iter().filter(|answer| answer.status != 200) {
        assert!(matches!(refused.status, 410 | 422), "{refused:?}");
    }
    assert_eq!((app.live_sessions().await, app.passkeys().await), (1, 1));
    assert_eq!(app.count("SELECT count(*) FROM recovery_codes").await, 10);
}

/// F-44: what does not verify counts at the challenge, alone and in parallel.
#[tokio::test]
async fn five_wrong_passkeys_end_the_challenge_of_an_enrolment() {
    let app = TestApp::with(DEMANDED).await;
    app.editors(&["alice"], false).await;
    let expect_ended = |answers: &[Answer]| {
        let with = |status| answers.iter().filter(|answer| answer.status == status).count();
        assert_eq!((with(422), with(410)), (ATTEMPTS, answers.len() - ATTEMPTS), "{answers:?}");
    };
    let challenge = app.demand("alice").await.text("/challenge");
    let (_device, body) = app.enrolling_passkey(&challenge).await;
    let forged =
        PasskeyDevice::new("https://evil.example").create(&json!({ "challenge": "AAAA", "user": { "id": "AAAA" } }));
    let wrong = with(&body, "credential", forged);
    expect_ended(&at_once((0..12).map(|_turn| app.post(ENROL, &wrong))).await);
    app.post(ENROL, &body).await.expect_problem(410, "challenge_expired");
    assert!(!app.bears_a_session().await && app.passkeys().await == 0);
}

/// F-22, F-44: a ticket is good with its challenge only.
#[tokio::test]
async fn a_ticket_of_an_enrolment_is_good_with_its_challenge_only() {
    let app = TestApp::with(DEMANDED).await;
    app.editors(&["alice", "carol"], false).await;
    let bob = app.person("bob").await;
    let (_, held) = bob.add_passkey().await;
    held.expect(201);
    let second = app.post("/api/v1/auth/login", &credentials("bob")).await.text("/challenge");
    app.post(OPTIONS, &json!({ "challenge": second })).await.expect_problem(410, "challenge_expired");
    let (one, two) = (app.demand("alice").await.text("/challenge"), app.demand("alice").await.text("/challenge"));
    let carols = app.demand("carol").await.text("/challenge");
    let (_device, body) = app.enrolling_passkey(&one).await;
    for other in [&two, &carols, &second, "", "AAAA"] {
        let refused = app.post(ENROL, &with(&body, "challenge", other)).await;
        refused.expect_problem(410, "challenge_expired").expect_no_cookie();
    }
    // Neither is it good in a session, nor a session's ticket with a challenge.
    let mine = json!({ "ticket": body["ticket"], "credential": body["credential"] });
    bob.post("/api/v1/me/passkeys", &mine).await.expect_problem(410, "challenge_expired");
    let (_, of_session) = bob.new_passkey().await;
    app.post(ENROL, &with(&of_session, "challenge", &*carols)).await.expect_problem(410, "challenge_expired");
    // What was refused for its ticket has used up no attempt.
    app.post(ENROL, &body).await.expect_tokens();
}

/// F-26 (step 26): an id that another user's passkey has.
#[tokio::test]
async fn a_passkey_that_is_registered_already_sets_up_nothing() {
    let app = TestApp::with(DEMANDED).await;
    app.editors(&["alice"], false).await;
    let bob = app.person("bob").await;
    let (bobs, _answer) = bob.add_passkey().await;
    let challenge = app.demand("alice").await.text("/challenge");
    let begun = app.post(OPTIONS, &json!({ "challenge": challenge })).await.json();
    let mut copy = PasskeyDevice::new(PUBLIC_URL);
    copy.credential_id.clone_from(&bobs.credential_id);
    let credential = copy.create(&begun["publicKey"]);
    let body = json!({ "challenge": challenge, "ticket": begun["ticket"], "credential": credential });
    let refused = app.post(ENROL, &body).await;
    refused.expect_problem(422, "passkey_invalid").expect_no_cookie();
    assert_eq!(refused.json()["attempts_left"], 4);
    assert_eq!((app.passkeys().await, app.live_sessions().await), (1, 1));
    // The challenge works still, with a passkey of one's own.
    let (_device, own) = app.enrolling_passkey(&challenge).await;
    app.post(ENROL, &own).await.expect_tokens();
}

/// F-12, F-33.
#[tokio::test]
async fn an_enrolment_by_passkey_refuses_foreign_pages_and_ends_where_passkeys_are_switched_off() {
    let app = TestApp::with(DEMANDED).await;
    let without = app.another(&[DEMANDED[0], ("HEIRLOOM_PASSKEYS", "off")]).await;
    app.editors(&["alice"], false).await;
    let mut browser = app.browser();
    let challenge = browser.sign_in_with("alice", &json!({ "remember": false })).await.text("/challenge");
    let (_device, body) = app.enrolling_passkey(&challenge).await;
    for path in [OPTIONS, ENROL] {
        let wanted = if path == OPTIONS { json!({ "challenge": challenge }) } else { body.clone() };
        without.post(path, &wanted).await.expect_problem(404, "not_found").expect_no_cookie();
    }
    assert_eq!(without.demand("alice").await.json()["factors"], json!(["totp"]));
    let foreign = app.request("POST", ENROL).header("Origin", "https://evil.example").json(&body).send().await;
    foreign.expect_problem(403, "origin_not_allowed").expect_no_cookie();
    let tokens = browser.send(browser.request("POST", ENROL).json(&body)).await.expect_tokens();
    assert_eq!(app.session_row(&tokens.session_id).await["remembered"], json!(false));
}

/// F-9, F-44: who has the password begins as many challenges as they like, and makes a passkey of their own for each. The code of
/// the email is guessed no more often for it.
#[tokio::test]
async fn guesses_at_the_emailed_code_beside_a_passkey_count_for_the_account() {
    let options = [DEMANDED[0], ("HEIRLOOM_RATE_LIMIT", "on"), ("HEIRLOOM_TRUSTED_PROXIES", "127.0.0.1")];
    let app = TestApp::with(&options).await;
    app.editors(&["alice"], true).await;
    let mut right = None;
    for turn in 0..10 {
        let challenge = app.demand("alice").await.text("/challenge");
        let (_device, body) = app.enrolling_passkey(&challenge).await;
        let right: &String = match &right {
            Some(right) => right,
            None => right.insert(app.email("enrolment-code", "alice").await.code()),
        };
        let wrong = if right == "0000 0000" { "0000 0001" } else { "0000 0000" };
        let refused = app.post(ENROL, &with(&body, "email_code", wrong)).await;
        assert_eq!(refused.expect_problem(422, "code_invalid").json()["attempts_left"], 4, "{turn}");
    }
    let challenge = app.demand("alice").await.text("/challenge");
    let (_device, body) = app.enrolling_passkey(&challenge).await;
    let right = right.expect("a code");
    for _ in 0..2 * ATTEMPTS {
        // What is not compared uses up no attempt of the challenge.
        app.post(ENROL, &with(&body, "email_code", &*right)).await.expect_problem(429, "too_many_attempts");
    }
    assert!(!app.bears_a_session().await && app.passkeys().await == 0);
    sqlx::query("DELETE FROM password_guesses").execute(app.db()).await.expect("SQL");
    app.post(ENROL, &with(&body, "email_code", &*right)).await.expect_tokens();
    assert_eq!(app.count("SELECT count(*) FROM password_guesses").await, 0, "the right code empties the count");
}

/// F-26, A-16: two users, one id, at once.
#[tokio::test]
async fn of_two_users_who_register_the_same_passkey_at_once_one_is_refused() {
    let app = TestApp::with(DEMANDED).await;
    app.editors(&["alice", "bob"], false).await;
    let (mut device, mut bodies) = (PasskeyDevice::new(PUBLIC_URL), Vec::new());
    for name in ["alice", "bob"] {
        let challenge = app.demand(name).await.text("/challenge");
        let begun = app.post(OPTIONS, &json!({ "challenge": challenge })).await.json();
        let credential = device.create(&begun["publicKey"]);
        bodies.push(json!({ "challenge": challenge, "ticket": begun["ticket"], "credential": credential }));
    }
    // Both find that nobody has the id, and wait before they add it.
    let mut holding = app.db().begin().await.expect("SQL");
    sqlx::query("LOCK TABLE sessions IN SHARE MODE").execute(&mut *holding).await.expect("SQL");
    let both = at_once(bodies.iter().map(|body| app.post(ENROL, body)));
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'sessions'::regclass";
    let release = async {
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut *holding).await.expect("SQL") < 2 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        holding.commit().await.expect("SQL");
    };
    let (answers, ()) = tokio::join!(both, release);
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 422], "{answers:?}");
    let refused = answers.iter().position(|answer| answer.status == 422).expect("one");
    answers[refused].expect_problem(422, "passkey_invalid").expect_no_cookie();
    assert_eq!((app.passkeys().await, app.live_sessions().await), (1, 1));
}
