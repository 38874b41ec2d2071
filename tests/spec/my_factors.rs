//! Setting up and removing one's own second factors, over HTTP.

use crate::support::{Answer, Authenticator, Person, TestApp, at_once, email, eventually, forge, password};
use serde_json::{Value, json};

const FACTORS: &str = "/api/v1/me/factors";
const APP: &str = "/api/v1/me/factors/totp";
const CONFIRM: &str = "/api/v1/me/factors/totp/confirm";
const CODES: &str = "/api/v1/me/recovery-codes";

async fn factors(person: &Person<'_>) -> Value {
    person.get(FACTORS).await.expect(200).json()
}

#[track_caller]
fn expect_none(factors: &Value) {
    assert_eq!((&factors["totp"], &factors["totp_since"]), (&json!(false), &Value::Null));
    assert_eq!((&factors["recovery_codes_left"], &factors["passkeys"]), (&json!(0), &json!([])));
}

/// F-1, F-2, F-5, F-19.
#[tokio::test]
async fn an_app_is_set_up_with_a_code_of_it_and_the_session_counts_as_opened_with_it() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    expect_none(&factors(&alice).await);
    alice.post(CONFIRM, &json!({ "code": "123456" })).await.expect_problem(404, "not_found");
    alice.request("POST", CODES).send().await.expect_problem(404, "not_found");
    alice.delete(APP).await.expect_problem(404, "not_found");

    let new = alice.request("POST", APP).send().await;
    assert_eq!(new.expect(200).header("cache-control"), Some("no-store"));
    let (secret, uri, qr_svg) = (new.text("/secret"), new.text("/uri"), new.text("/qr_svg"));
    assert!(uri.starts_with("otpauth://totp/") && uri.contains(&secret), "{uri}");
    assert!(qr_svg.starts_with("<svg") && !qr_svg.contains("style=") && !qr_svg.contains("<script"), "{qr_svg}");
    // A sign-in needs no code yet.
    app.sign_in("alice").await;
    let authenticator = Authenticator::with(&secret);
    let wrong = json!({ "code": authenticator.wrong(&app) });
    alice.post(CONFIRM, &wrong).await.expect_problem(422, "code_invalid");
    let right = json!({ "code": authenticator.code(&app, 1) });
    let confirmed = alice.post(CONFIRM, &right).await;
    let codes = confirmed.expect(200).json()["recovery_codes"].as_array().expect("codes").len();
    assert_eq!((codes, confirmed.header("cache-control")), (10, Some("no-store")));
    let now = factors(&alice).await;
    assert_eq!((&now["totp"], &now["recovery_codes_left"]), (&json!(true), &json!(10)));
    alice.request("POST", APP).send().await.expect_problem(409, "factor_exists");
    alice.post(CONFIRM, &right).await.expect_problem(404, "not_found");

    let claims = forge::decode(&app.refresh(&alice.tokens.refresh_token).await.expect_tokens().access_token).1;
    assert_eq!((&claims["acr"], &claims["amr"]), (&json!("urn:heirloom:acr:2"), &json!(["pwd", "otp", "mfa"])));
    assert_eq!(app.events("factor_added").await, 1);
}

/// F-5, F-11.
#[tokio::test]
async fn recovery_codes_are_replaced_and_go_with_the_app() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    let old = alice.enrol(&app).await;
    let renewed = alice.request("POST", CODES).send().await;
    let codes = renewed.expect(200).json()["codes"].as_array().expect("codes").clone();
    assert!(codes.len() == 10 && codes.iter().all(|code| !old.recovery_codes.iter().any(|old| code == old)));
    alice.delete(APP).await.expect_done();
    expect_none(&factors(&alice).await);
    app.sign_in("alice").await;
    alice.delete(APP).await.expect_problem(404, "not_found");
}

/// F-19: also within the transaction.
#[tokio::test]
async fn factors_change_only_in_a_fresh_session() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    let stale = "created_at = created_at - interval '11 minutes', authenticated_at = NULL";
    let expect_refused = async |person: &Person<'_>| {
        for (method, path) in [("POST", APP), ("POST", CONFIRM), ("DELETE", APP), ("POST", CODES)] {
            let request = person.request(method, path);
            let answer = if path == CONFIRM { request.json(&json!({ "code": "1" })) } else { request }.send().await;
            answer.expect_challenge("step_up_required");
        }
        person.get(FACTORS).await.expect(200);
    };
    app.alter_session(&alice.tokens.session_id, stale).await;
    expect_refused(&alice).await;
    // A fresh session with one factor cannot change the second.
    let bob = app.person("bob").await;
    bob.enrol(&app).await;
    app.alter_session(&bob.tokens.session_id, "amr = '{pwd}'").await;
    expect_refused(&bob).await;
}

/// F-1, F-4: on two instances.
#[tokio::test]
async fn of_ten_confirmations_at_once_one_hands_out_recovery_codes() {
    let app = TestApp::start().await;
    let other = app.another(&[]).await;
    let alice = app.person("alice").await;
    let secret = alice.request("POST", APP).send().await.expect(200).text("/secret");
    let body = json!({ "code": Authenticator::with(&secret).code(&app, 1) });
    let confirm = |turn: usize| {
        let server = if turn.is_multiple_of(2) { &app } else { &other };
        server.request("POST", CONFIRM).bearer(&alice.tokens.access_token).json(&body).send()
    };
    let answers = at_once((0..10).map(confirm)).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{answers:?}");
    for refused in answers.iter().filter(|answer| answer.status != 200) {
        refused.expect_problem(404, "not_found");
    }
    assert_eq!(app.count("SELECT count(*) FROM recovery_codes").await, 10);
}

const NEW: &str = "a garden of blue lanterns";

async fn use_link(app: &TestApp, token: &str, typed: (&str, &str)) {
    let body = json!({ "token": token, typed.0: typed.1 });
    app.post("/api/v1/auth/confirmations/use", &body).await.expect(200);
}

async fn sign_in_with(app: &TestApp, name: &str, password: &str) -> Answer {
    app.post("/api/v1/auth/login", &json!({ "email": email(name), "password": password })).await
}

/// F-20.
#[tokio::test]
async fn a_reset_removes_the_factors_of_an_account_whose_address_was_never_verified_and_no_others() {
    let app = TestApp::with(&[("HEIRLOOM_EMAIL_VERIFICATION", "off")]).await;
    for (name, is_verified) in [("alice", false), ("bob", true)] {
        app.person(name).await.enrol(&app).await;
        if is_verified {
            sqlx::query("UPDATE users SET email_verified_at = now()").execute(app.db()).await.expect("SQL");
        }
        app.post("/api/v1/auth/password/forgot", &json!({ "email": email(name) })).await.expect(202);
        use_link(&app, &app.email("reset-password", name).await.token(), ("new_password", NEW)).await;
    }
    sign_in_with(&app, "alice", NEW).await.expect_tokens();
    sign_in_with(&app, "bob", NEW).await.expect_problem(401, "second_factor_required");
    assert_eq!(app.events("factor_removed").await, 1);
}

/// F-20: what was added since the change goes, and what is older than two days stays; of an address that was never verified, what was there before as well, for it may be
/// of another user who waited for its reader.
#[tokio::test]
async fn the_undo_of_a_change_of_address_removes_the_factors_that_may_be_a_thiefs() {
    let app = TestApp::with(&[("HEIRLOOM_EMAIL_VERIFICATION", "off")]).await;
    for (name, thief, is_owners, is_verified) in
        [("alice", "mallory", false, true), ("bob", "trudy", true, true), ("carol", "oscar", true, false)]
    {
        let person = app.person(name).await;
        let verified = "UPDATE users SET email_verified_at = CASE WHEN $1 THEN now() END WHERE email = $2";
        sqlx::query(verified).bind(is_verified).bind(email(name)).execute(app.db()).await.expect("SQL");
        if is_owners {
            person.enrol(&app).await;
            app.run_sql(
                "UPDATE totp_secrets SET confirmed_at = now() - interval '2 days';
                 UPDATE recovery_codes SET created_at = now() - interval '2 days'",
            )
            .await;
        }
        person.post("/api/v1/me/email", &json!({ "email": email(thief) })).await.expect(202);
        use_link(&app, &app.email("confirm-new-email", thief).await.token(), ("password", &password(name))).await;
        if !is_owners {
            // The thief signs in again: the change revoked the sessions.
            let answer = sign_in_with(&app, thief, &password(name)).await;
            app.enrol(&answer.expect_tokens().access_token).await;
        }
        use_link(&app, &app.email("email-changed", name).await.token(), ("new_password", NEW)).await;
    }
    sign_in_with(&app, "alice", NEW).await.expect_tokens();
    sign_in_with(&app, "bob", NEW).await.expect_problem(401, "second_factor_required");
    sign_in_with(&app, "carol", NEW).await.expect_tokens();
    assert_eq!(app.events("factor_removed").await, 2);
    let takeovers =
        "SELECT count(*) FROM audit_events WHERE kind = 'email_change_undone' AND details -> 'takeover' = 'true'";
    assert_eq!(app.count(takeovers).await, 1);
}

/// F-55: until the role is gone; an administrator removes it in any case (F-40).
#[tokio::test]
async fn the_last_factor_of_a_user_whose_role_demands_one_stays() {
    let app = TestApp::with(&[("HEIRLOOM_SECOND_FACTOR_ROLES", "editor")]).await;
    let alice = app.person("alice").await;
    alice.delete(APP).await.expect_problem(404, "not_found");
    alice.enrol(&app).await;
    let roles = async |roles: &str| {
        sqlx::query("UPDATE users SET roles = $1::text[]").bind(roles).execute(app.db()).await.expect("SQL");
    };
    roles("{editor}").await;
    alice.delete(APP).await.expect_problem(409, "last_factor");
    alice.request("POST", CODES).send().await.expect(200);
    assert_eq!(app.events("factor_removed").await, 0);
    roles("{reader}").await;
    alice.delete(APP).await.expect_done();
}

/// F-54.
#[tokio::test]
async fn the_password_of_a_user_with_a_factor_is_changed_with_both() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.person("alice").await, app.person("bob").await);
    alice.enrol(&app).await;
    for person in [&alice, &bob] {
        app.grow_old(&person.tokens.session_id).await;
    }
    // Without a factor the current password is enough, as before.
    bob.change_password(&password("bob"), NEW).await.expect_done();
    let refused = alice.change_password(&password("alice"), NEW).await;
    refused.expect_step_up_by("urn:heirloom:acr:2", &["totp", "recovery_code"]);
    app.alter_session(&alice.tokens.session_id, "authenticated_at = now(), amr = '{pwd}'").await;
    alice.change_password("not it", NEW).await.expect_challenge("step_up_required");
    assert_eq!(app.events("reauthentication_failed").await, 0, "the password was not looked at");
    app.alter_session(&alice.tokens.session_id, "amr = '{pwd,otp,mfa}'").await;
    alice.change_password("not it", NEW).await.expect_problem(422, "wrong_password");
    alice.change_password(&password("alice"), NEW).await.expect_done();
}

/// F-54: what is committed between the check of the request and its transaction decides.
#[tokio::test]
async fn a_factor_that_is_set_up_while_the_change_waits_is_asked_for() {
    const WAITING: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND wait_event_type = 'Lock' AND query LIKE '%FOR NO KEY UPDATE%'";
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    app.grow_old(&alice.tokens.session_id).await;
    let mut holder = app.db().begin().await.expect("a transaction");
    sqlx::query("SELECT FROM users FOR NO KEY UPDATE").execute(&mut *holder).await.expect("SQL");
    let secret = password("alice");
    let (asks, server) = (async { alice.change_password(&secret, NEW).await }, &app);
    let interferes = async move {
        eventually("the request waits", async || server.count(WAITING).await > 0).await;
        let added = "INSERT INTO totp_secrets (user_id, sealed, confirmed_at, created_at) SELECT id, '', now(), now() FROM users";
        sqlx::query(added).execute(&mut *holder).await.expect("SQL");
        holder.commit().await.expect("a commit");
    };
    let (answer, ()) = tokio::join!(asks, interferes);
    answer.expect_challenge("step_up_required");
    assert_eq!(app.events("password_changed").await, 0);
}
