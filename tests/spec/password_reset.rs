//! A forgotten password: requested by anyone, replaced only with what the email holds.

use crate::support::{Answer, TestApp, at_once, credentials, email, expect_end_of, password};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use heirloom_testing::Port;
use serde_json::{Value, json};
use uuid::Uuid;

const FORGOT: &str = "/api/v1/auth/password/forgot";
const LOOK: &str = "/api/v1/auth/confirmations/look";
const USE: &str = "/api/v1/auth/confirmations/use";
const RESEND: &str = "/api/v1/auth/confirmations/resend";
/// The email that holds the link.
const KIND: &str = "reset-password";
const NEW: &str = "a garden of blue lanterns";

impl TestApp {
    async fn reset(&self, token: &str, new: &str) -> Answer {
        self.post(USE, &json!({ "token": token, "new_password": new })).await
    }

    async fn type_code(&self, flow: &str, code: &str) -> Answer {
        self.post(USE, &json!({ "flow": flow, "code": code, "new_password": NEW })).await
    }
}

/// L-20, L-15, L-7.
#[tokio::test]
async fn a_reset_replaces_the_password_revokes_every_session_and_signs_nobody_in() {
    let app = TestApp::start().await;
    let (laptop, phone) = (app.sign_in("alice").await, app.sign_in("alice").await);
    let bob = app.sign_in("bob").await;
    app.flow_of("alice").await;
    let token = app.email(KIND, "alice").await.token();

    let looked = app.post(LOOK, &json!({ "token": token })).await;
    assert_eq!(looked.expect(200).text("/purpose"), "reset_password");
    assert_eq!(
        (looked.text("/email"), looked.json()["needs"].clone()),
        ("a…e@example.com".into(), json!(["new_password"]))
    );

    let done = app.reset(&token, NEW).await;
    assert_eq!(done.expect(200).expect_no_cookie().text("/user/email"), email("alice"));
    assert!(!done.body.contains("token"), "nobody is signed in: {done:?}");
    expect_end_of(&app, &[&laptop, &phone]).await;
    app.try_sign_in("alice").await.expect_problem(401, "invalid_credentials");
    app.sign_in_as("alice", NEW).await.expect_tokens();
    app.check(&bob.access_token).await.expect_done();
    assert_eq!((app.events("password_reset").await, app.events("confirmation_requested").await), (1, 1));
    let verified = "SELECT count(*) FROM users WHERE email LIKE 'alice%' AND email_verified_at IS NOT NULL";
    assert_eq!(app.count(verified).await, 1);
    app.email("password-changed", "alice").await;

    // The link is used up.
    app.reset(&token, "another garden by night").await.expect_problem(410, "confirmation_expired");
    app.post(LOOK, &json!({ "token": token })).await.expect_problem(410, "confirmation_expired");
}

/// L-47: what a thief may have set up stays, and its owner reads of it. Nothing that a user typed is in the email.
#[tokio::test]
async fn the_email_of_a_reset_names_the_second_factors_that_stay_with_their_dates() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    alice.enrol(&app).await;
    alice.add_passkey().await;
    sqlx::query("UPDATE users SET email_verified_at = now()").execute(app.db()).await.expect("SQL");
    sqlx::query("UPDATE totp_secrets SET confirmed_at = '2026-05-12'").execute(app.db()).await.expect("SQL");
    app.flow_of("alice").await;
    let token = app.email(KIND, "alice").await.token();
    app.reset(&token, NEW).await.expect(200);
    let sent = app.email("password-changed", "alice").await.0;
    for line in [
        "Authenticator app, set up on 2026-05-12",
        "Passkey, added on 20",
        "at the second step you can have all of them removed",
    ] {
        assert!(sent.contains(line), "{line}: {sent}");
    }
    assert!(!sent.contains("My phone"), "{sent}");
    // Who has none reads of none.
    app.person("bob").await;
    app.flow_of("bob").await;
    let token = app.email(KIND, "bob").await.token();
    app.reset(&token, NEW).await.expect(200);
    assert!(!app.email("password-changed", "bob").await.0.contains("second factors"));
}

/// L-11, L-12, L-14: typed on the device that asked, while the email is read on another.
#[tokio::test]
async fn the_code_does_what_the_link_does_and_the_waiting_page_notices() {
    let app = TestApp::start().await;
    app.register("alice").await;
    let flow = app.flow_of("alice").await;
    let code = app.email(KIND, "alice").await.code();
    let status = async || app.post(LOOK, &json!({ "flow": flow })).await.text("/status");
    assert_eq!(status().await, "waiting");

    // The code alone says that it is right, and what is missing; that is not an attempt.
    for _ in 0..7 {
        app.post(USE, &json!({ "flow": flow, "code": code })).await.expect_fields(&["new_password"]);
        let weak = json!({ "flow": flow, "code": code, "new_password": "password" });
        app.post(USE, &weak).await.expect_fields(&["new_password"]);
    }
    app.type_code(&flow, &code.replace(' ', "")).await.expect(200);
    assert_eq!(status().await, "completed");
    app.type_code(&flow, &code).await.expect_problem(410, "confirmation_expired");
    app.sign_in_as("alice", NEW).await.expect_tokens();
}

/// The headers and the body of an answer, without what differs for each request.
fn shape(answer: &Answer) -> (u16, Vec<String>, Value, usize) {
    let names = answer.headers.keys().map(ToString::to_string).collect();
    let mut body = answer.json();
    let flow = body.get("flow").and_then(Value::as_str).unwrap_or_default().len();
    if let Some(members) = body.as_object_mut() {
        members.remove("flow");
    }
    (answer.status, names, body, flow)
}

/// L-5, L-11: the same answers to the same requests, for every address.
#[tokio::test]
async fn no_answer_tells_whether_an_address_has_an_account() {
    let app = TestApp::start().await;
    app.register("alice").await;
    let (known, unknown) = (app.forgot("alice").await, app.forgot("nobody").await);
    assert_eq!(shape(&known), shape(&unknown));
    assert_eq!(known.expect(202).json()["expires_in"], 1_800);
    app.email(KIND, "alice").await;
    app.all_emails_written().await;
    assert!(app.emails(KIND, "nobody").is_empty());

    let flows = [known.text("/flow"), unknown.text("/flow")];
    let both = async |path: &str, body: fn(&str) -> Value| {
        let answers = [app.post(path, &body(&flows[0])).await, app.post(path, &body(&flows[1])).await];
        assert_eq!(shape(&answers[0]), shape(&answers[1]));
        answers[0].clone()
    };
    both(RESEND, |flow| json!({ "flow": flow })).await.expect(202);
    both(LOOK, |flow| json!({ "flow": flow })).await.expect(200);
    for left in [4, 3, 2, 1, 0] {
        let answer = both(USE, |flow| json!({ "flow": flow, "code": "0000 0000", "new_password": NEW })).await;
        assert_eq!(answer.expect_problem(422, "code_invalid").json()["attempts_left"], left);
    }
    let body = |flow: &str| json!({ "flow": flow, "code": "0000 0000", "new_password": NEW });
    for flow in &flows {
        app.post(USE, &body(flow)).await.expect_problem(429, "too_many_attempts");
    }
    both(LOOK, |flow| json!({ "flow": flow })).await.expect(200);
    let nobody = "SELECT count(*) FROM confirmations WHERE email LIKE 'nobody%' AND user_id IS NOT NULL";
    assert_eq!(app.count(nobody).await, 0);
}

/// L-12: on two instances, and all at once.
#[tokio::test]
async fn at_most_five_wrong_codes_are_compared_however_many_arrive_at_once() {
    let one = TestApp::start().await;
    let two = one.another(&[("HEIRLOOM_SMTP_URL", &one.mail_folder())]).await;
    one.register("alice").await;
    let flow = one.flow_of("alice").await;
    let sent = one.email(KIND, "alice").await;
    let tries =
        (0..24).map(|number| if number % 2 == 0 { &one } else { &two }).map(|app| app.type_code(&flow, "1234 5678"));
    let answers = at_once(tries).await;
    let compared = answers.iter().filter(|answer| answer.status == 422).count();
    assert_eq!(compared, 5, "{answers:?}");
    assert!(answers.iter().all(|answer| matches!(answer.status, 422 | 429)), "{answers:?}");
    // Also the right one now; the link lives on.
    two.type_code(&flow, &sent.code()).await.expect_problem(429, "too_many_attempts");
    two.reset(&sent.token(), NEW).await.expect(200);
}

/// L-2, L-16: of many uses on two instances one succeeds, and its password is the one that counts.
#[tokio::test]
async fn of_many_uses_at_once_on_two_instances_one_succeeds() {
    let one = TestApp::start().await;
    let two = one.another(&[("HEIRLOOM_SMTP_URL", &one.mail_folder())]).await;
    for round in 0..3 {
        let name = format!("person{round}");
        one.register(&name).await;
        let flow = one.flow_of(&name).await;
        let sent = one.email(KIND, &name).await;
        let (token, code) = (sent.token(), sent.code());
        let tries = (0..8).map(async |number| {
            let app = if number % 2 == 0 { &one } else { &two };
            let new = format!("garden number {number} of lanterns");
            let body = if number < 4 {
                json!({ "token": token, "new_password": new })
            } else {
                json!({ "flow": flow, "code": code, "new_password": new })
            };
            (app.post(USE, &body).await, new)
        });
        let answers = at_once(tries).await;
        let (winners, losers): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(answer, _)| answer.status == 200);
        assert_eq!(winners.len(), 1, "{winners:?} {losers:?}");
        for (answer, new) in &losers {
            assert!(matches!(answer.status, 410 | 429), "{answer:?}");
            one.sign_in_as(&name, new).await.expect_problem(401, "invalid_credentials");
        }
        two.sign_in_as(&name, &winners[0].1).await.expect_tokens();
    }
    assert_eq!(one.events("password_reset").await, 3);
}

/// L-3, L-7.
#[tokio::test]
async fn after_a_change_of_password_address_or_factors_no_earlier_email_works() {
    let app = TestApp::with(&[("HEIRLOOM_MAIL_LIMIT_ADDRESS", "50/h")]).await;
    let alice = app.person("alice").await;
    let changes = [
        "UPDATE users SET email_version = email_version + 1",
        "UPDATE users SET factor_version = factor_version + 1",
        "UPDATE users SET email = 'moved@example.com', email_version = email_version + 1",
    ];
    alice.change_password(&password("alice"), NEW).await.expect_done();
    for (number, change) in changes.into_iter().enumerate() {
        let flow = app.flow_of("alice").await;
        let sent = app.email_number(number + 1, KIND, "alice").await;
        app.run_sql(change).await;
        app.reset(&sent.token(), "something else entirely").await.expect_problem(410, "confirmation_expired");
        app.type_code(&flow, &sent.code()).await.expect_problem(410, "confirmation_expired");
        app.run_sql("UPDATE users SET email = 'alice@example.com'").await;
        // As if ten minutes had passed: the next email is sent.
        app.run_sql("UPDATE confirmations SET looked_up_at = looked_up_at - interval '11 minutes'").await;
    }
    let before = app.flow_of("alice").await;
    let sent = app.email_number(4, KIND, "alice").await;
    let tokens = app.sign_in_as("alice", NEW).await.expect_tokens();
    let body = json!({ "current_password": NEW, "new_password": password("alice") });
    let answer = app.request("POST", "/api/v1/me/password").bearer(&tokens.access_token).json(&body).send().await;
    answer.expect_done();
    app.reset(&sent.token(), "something else entirely").await.expect_problem(410, "confirmation_expired");
    app.type_code(&before, &sent.code()).await.expect_problem(410, "confirmation_expired");
    app.try_sign_in("alice").await.expect_tokens();
}

/// L-3, L-18: a later flow of the same address does not revive the code of an email that a change has voided.
#[tokio::test]
async fn the_code_of_an_email_from_before_a_change_of_password_completes_no_later_flow() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    app.flow_of("alice").await;
    let read_by_another = app.email(KIND, "alice").await;
    alice.change_password(&password("alice"), NEW).await.expect_done();

    let later = app.flow_of("alice").await;
    let sent = app.email_number(2, KIND, "alice").await;
    app.type_code(&later, &read_by_another.code()).await.expect_problem(422, "code_invalid");
    app.sign_in_as("alice", NEW).await.expect_tokens();
    app.type_code(&later, &sent.code()).await.expect(200);
}

/// L-18: an email whose link has expired does not hold back the next one.
#[tokio::test]
async fn a_request_after_an_expired_link_sends_another_email() {
    let app = TestApp::start().await;
    app.register("alice").await;
    app.flow_of("alice").await;
    app.email(KIND, "alice").await;
    app.run_sql("UPDATE confirmations SET expires_at = now()").await;
    app.flow_of("alice").await;
    let sent = app.email_number(2, KIND, "alice").await;
    app.reset(&sent.token(), NEW).await.expect(200);
}

/// L-9: an attacker who can write to the table, but has no master key, completes nothing.
#[tokio::test]
async fn a_row_that_was_forged_without_the_key_completes_nothing() {
    let app = TestApp::start().await;
    app.register("alice").await;
    let id = Uuid::from_u128(7);
    sqlx::query(
        "INSERT INTO confirmations (id, purpose, user_id, email, code_mac, password_version, email_version, factor_version,
                                    created_at, expires_at, looked_up_at)
         SELECT $1, 'reset_password', id, email, sha256('12345678'), password_version, email_version, factor_version,
                now(), now() + interval '1 day', now() FROM users",
    )
    .bind(id)
    .execute(app.db())
    .await
    .expect("SQL");
    let forged = |tag: &[u8]| URL_SAFE_NO_PAD.encode([id.as_bytes(), tag].concat());
    for token in [forged(&[0; 16]), forged(id.as_bytes()), forged(&[]), id.to_string(), String::new(), "A".repeat(43)] {
        app.reset(&token, NEW).await.expect_problem(404, "confirmation_invalid");
        app.type_code(&token, "12345678").await.expect_problem(404, "confirmation_invalid");
        app.post(LOOK, &json!({ "token": token })).await.expect_problem(404, "confirmation_invalid");
    }
    // A genuine flow whose row was given another user's account and a digest of a code.
    let flow = app.flow_of("nobody").await;
    app.all_emails_written().await;
    app.run_sql(
        "UPDATE confirmations AS c SET user_id = u.id, email = u.email, code_mac = sha256('12345678'), attempts = -1000,
            password_version = 0, email_version = 0, factor_version = 0 FROM users AS u WHERE c.email LIKE 'nobody%'",
    )
    .await;
    for code in ["12345678", "00000000", ""] {
        app.type_code(&flow, code).await.expect_problem(422, "code_invalid");
    }
    app.try_sign_in("alice").await.expect_tokens();
}

/// L-5: what a newer version has requested, before it was replaced by this one, holds up no email.
#[tokio::test]
async fn a_confirmation_of_another_version_holds_up_no_other() {
    let app = TestApp::start().await;
    app.register("alice").await;
    app.run_sql(
        "INSERT INTO confirmations (id, purpose, email, created_at, expires_at)
         SELECT gen_random_uuid(), 'teleport', email, now() - interval '1 hour', now() + interval '9 years' FROM users",
    )
    .await;
    app.flow_of("alice").await;
    app.email(KIND, "alice").await.token();
}

/// L-1, L-14: what a program does that opens every link, and asks what the page's script asks.
#[tokio::test]
async fn looking_changes_nothing() {
    let app = TestApp::start().await;
    app.register("alice").await;
    let flow = app.flow_of("alice").await;
    let token = app.email(KIND, "alice").await.token();
    app.all_emails_written().await;
    let before = app.all_rows().await;
    for method in ["GET", "HEAD"] {
        for path in [LOOK, USE, FORGOT, RESEND] {
            app.request(method, &format!("{path}?token={token}")).send().await.expect(405);
        }
    }
    for body in [json!({ "token": token }), json!({ "flow": flow })] {
        app.post(LOOK, &body).await.expect(200);
    }
    // A button alone.
    app.post(USE, &json!({ "token": token })).await.expect_fields(&["new_password"]);
    assert_eq!(app.all_rows().await, before);
    app.reset(&token, NEW).await.expect(200);
}

/// L-17: on all instances together, for an address that nobody has as for any other, also without other limits.
#[tokio::test]
async fn emails_for_one_address_are_limited_on_all_instances_together() {
    let options = [("HEIRLOOM_MAIL_LIMIT_ADDRESS", "3/h"), ("HEIRLOOM_MAIL_LIMIT_NETWORK", "10/h")];
    let one = TestApp::with(&options).await;
    let two = one.another(&options).await;
    one.register("alice").await;
    for name in ["alice", "nobody"] {
        one.run_sql("DELETE FROM email_requests").await;
        let asked = (0..8).map(|number| if number % 2 == 0 { &one } else { &two }).map(|app| app.forgot(name));
        let answers = at_once(asked).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 202).count(), 3, "{answers:?}");
        for limited in answers.iter().filter(|answer| answer.status != 202) {
            limited.expect_problem(429, "too_many_requests");
        }
        // Another spelling of the same address.
        two.post(FORGOT, &json!({ "email": email(name).to_uppercase() }))
            .await
            .expect_problem(429, "too_many_requests");
    }
    one.run_sql("DELETE FROM email_requests").await;
    let answers =
        at_once((0..12).map(|number| format!("person{number}")).map(async |name| two.forgot(&name).await)).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 202).count(), 10, "{answers:?}");
    // The hour has passed.
    one.run_sql("UPDATE email_requests SET since = since - interval '61 minutes'").await;
    one.forgot("alice").await.expect(202);
}

/// L-18, L-19.
#[tokio::test]
async fn one_email_in_ten_minutes_whose_code_completes_later_flows() {
    let app = TestApp::with(&[("HEIRLOOM_MAIL_LIMIT_ADDRESS", "50/h")]).await;
    app.register("alice").await;
    let first = app.flow_of("alice").await;
    let sent = app.email(KIND, "alice").await;
    let second = app.flow_of("alice").await;
    app.post(RESEND, &json!({ "flow": first })).await.expect(202);
    app.all_emails_written().await;
    assert_eq!(app.emails(KIND, "alice").len(), 1);
    app.type_code(&second, "0000 0001").await.expect_problem(422, "code_invalid");

    // Ten minutes later the code is too old, and another email is sent for the same flow; the first link still works.
    app.run_sql("UPDATE confirmations SET looked_up_at = looked_up_at - interval '11 minutes', created_at = created_at - interval '11 minutes'")
        .await;
    app.type_code(&first, &sent.code()).await.expect_problem(410, "confirmation_expired");
    app.post(RESEND, &json!({ "flow": first })).await.expect(202);
    let again = app.email_number(2, KIND, "alice").await;
    assert_ne!(again.token(), sent.token());
    app.post(LOOK, &json!({ "token": sent.token() })).await.expect(200);
    app.type_code(&first, &again.code()).await.expect(200);
    for token in [sent.token(), again.token()] {
        app.reset(&token, "something else entirely").await.expect_problem(410, "confirmation_expired");
    }
    // Used: the next request is not a repetition.
    let third = app.flow_of("alice").await;
    let sent = app.email_number(3, KIND, "alice").await;
    app.type_code(&third, &sent.code()).await.expect(200);
}

/// L-13.
#[tokio::test]
async fn refusals_come_in_their_order_and_bad_input_uses_nothing_up() {
    let app = TestApp::start().await;
    app.register("alice").await;
    let flow = app.flow_of("alice").await;
    let sent = app.email(KIND, "alice").await;
    for body in [json!({}), json!({ "token": sent.token(), "flow": flow }), json!({ "code": "12345678" })] {
        app.post(USE, &body).await.expect_fields(&["token"]);
        app.post(LOOK, &json!({})).await.expect_fields(&["token"]);
    }
    app.post(USE, &json!({ "flow": flow })).await.expect_fields(&["code"]);
    app.post(FORGOT, &json!({ "email": "nothing" })).await.expect_fields(&["email"]);
    for weak in ["", "short", "password1", "alice@example.com"] {
        app.reset("AAAA", weak).await.expect_problem(404, "confirmation_invalid");
        app.reset(&sent.token(), weak).await.expect_fields(&["new_password"]);
    }
    app.run_sql("UPDATE confirmations SET expires_at = now()").await;
    app.reset(&sent.token(), "").await.expect_problem(410, "confirmation_expired");
    app.type_code(&flow, "0").await.expect_problem(410, "confirmation_expired");
    app.try_sign_in("alice").await.expect_tokens();
}

/// L-8, L-4.
#[tokio::test]
async fn a_dead_mail_server_delays_emails_and_nothing_else() {
    let nobody = Port::reserve();
    let app = TestApp::with(&[("HEIRLOOM_SMTP_URL", &format!("smtp://{}", nobody.address()))]).await;
    app.register("alice").await;
    let body = json!({ "email": email("alice").to_uppercase() });
    app.post(FORGOT, &body).await.expect(202);
    app.sign_in("alice").await;
    heirloom_testing::eventually("the email waits", || async {
        app.count("SELECT count(*) FROM outbox WHERE notice = 'reset-password' AND attempts > 0 AND sent_at IS NULL")
            .await
            == 1
    })
    .await;
    let canonical = "SELECT count(*) FROM confirmations WHERE email = 'alice@example.com'";
    assert_eq!(app.count(canonical).await, 1);
    app.post("/api/v1/auth/login", &credentials("alice")).await.expect_tokens();
}

/// L-26, L-4.
#[tokio::test]
async fn an_administrator_sends_the_email_and_learns_nothing_of_it() {
    let app = TestApp::start().await;
    let (root, alice) = (app.admin("root").await, app.person("alice").await);
    let path = format!("/api/v1/admin/users/{}/password-reset", alice.id);
    let answer = root.post(&path, &json!({})).await;
    answer.expect(202);
    assert_eq!(answer.body, "");
    alice.post(&path, &json!({})).await.expect_problem(403, "forbidden");
    let nobody = format!("/api/v1/admin/users/{}/password-reset", crate::support::NOBODY);
    root.post(&nobody, &json!({})).await.expect_problem(404, "not_found");
    let token = app.email(KIND, "alice").await.token();
    app.try_sign_in("alice").await.expect_tokens();
    app.reset(&token, NEW).await.expect(200);
    let asked = root.events(&format!("?user_id={}&kind=confirmation_requested", alice.id)).await;
    assert!(asked.iter().any(|event| event["actor_id"] == root.id.as_str()), "{asked:?}");
}

/// L-16: a request that is not completed leaves nothing behind.
#[tokio::test]
async fn expired_confirmations_are_swept_and_those_of_a_deleted_user_go_with_the_user() {
    let app = TestApp::start().await;
    app.register("alice").await;
    for name in ["alice", "nobody"] {
        app.flow_of(name).await;
    }
    app.all_emails_written().await;
    app.run_sql("UPDATE confirmations SET expires_at = now() - interval '2 hours' WHERE email LIKE 'nobody%'").await;
    // Each server sweeps when it starts.
    let _other = app.another(&[]).await;
    heirloom_testing::eventually("the expired one is swept", || async {
        app.count("SELECT count(*) FROM confirmations").await == 1
    })
    .await;
    app.run_sql("DELETE FROM users").await;
    assert_eq!(
        app.count("SELECT count(*) FROM confirmations").await + app.count("SELECT count(*) FROM outbox").await,
        0
    );
}
