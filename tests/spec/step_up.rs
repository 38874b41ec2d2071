//! Confirming the password in a session: a rotation like any other, which makes the session fresh.

use crate::support::{TestApp, Tokens, at_once, credentials, email, expect_end_of, forge, password};
use serde_json::{Value, json};

const STEP_UP: &str = "/api/v1/auth/step-up";
const LIMITED: &[(&str, &str)] = &[("HEIRLOOM_RATE_LIMIT", "on"), ("HEIRLOOM_TRUSTED_PROXIES", "127.0.0.1")];
const KEY: &str = "the-key-of-this-step-up";
/// Wrong guesses that are free, as docs/limits.md says.
const FREE: usize = 10;

fn auth_time(tokens: &Tokens) -> i64 {
    forge::decode(&tokens.access_token).1["auth_time"].as_i64().expect("a time")
}

/// S-80, S-83, S-84.
#[tokio::test]
async fn a_session_is_fresh_after_its_sign_in_and_again_after_a_step_up_but_not_after_a_refresh() {
    let app = TestApp::start().await;
    let first = app.sign_in("alice").await;
    app.ask_fresh(&first.access_token).await.expect_fields(&["email"]);
    app.grow_old(&first.session_id).await;
    app.ask_fresh(&first.access_token).await.expect_step_up();
    app.check(&first.access_token).await.expect_done();
    let refreshed = app.refresh(&first.refresh_token).await.expect_tokens();
    app.ask_fresh(&refreshed.access_token).await.expect_step_up();

    let next = app.step_up(&refreshed.refresh_token, &password("alice")).await.expect_no_cookie().expect_tokens();
    assert_eq!(next.session_id, first.session_id);
    assert!(auth_time(&next) > auth_time(&refreshed) + 600, "{} {}", auth_time(&next), auth_time(&refreshed));
    app.ask_fresh(&next.access_token).await.expect_fields(&["email"]);
    // The row decides, not the token.
    app.ask_fresh(&refreshed.access_token).await.expect_fields(&["email"]);
    let later = app.refresh(&next.refresh_token).await.expect_tokens();
    assert_eq!(auth_time(&later), auth_time(&next), "a refresh proves nothing");
    assert_eq!(app.events("stepped_up").await, 1);
    app.alter_session(&first.session_id, "authenticated_at = authenticated_at - interval '11 minutes'").await;
    app.ask_fresh(&later.access_token).await.expect_step_up();
    // The token before is used up, as by a refresh.
    app.step_up(&refreshed.refresh_token, &password("alice")).await.expect_problem(401, "refresh_token_reused");
    expect_end_of(&app, &[&first, &refreshed, &next, &later]).await;
}

/// S-83: the operator says how long; a refusal says nothing of what else was wrong.
#[tokio::test]
async fn a_stale_session_is_refused_before_anything_else_in_the_request_is_looked_at() {
    let app = TestApp::with(&[("HEIRLOOM_STEP_UP_MAX_AGE", "1h")]).await;
    let alice = app.person("alice").await;
    app.grow_old(&alice.tokens.session_id).await;
    let garbage = || alice.request("DELETE", "/api/v1/me").body("text/plain", "{");
    garbage().send().await.expect_problem(415, "unsupported_media_type");
    app.alter_session(&alice.tokens.session_id, "created_at = created_at - interval '1 hour'").await;
    let refused = garbage().send().await;
    refused.expect_challenge("step_up_required");
    assert_eq!(refused.json()["max_age"], 3_600);
    assert!(refused.header("www-authenticate").is_some_and(|header| header.contains("max_age=3600")), "{refused:?}");
}

/// S-80: with the cookie as with the body, and never from the one into the other (A-21, S-26).
#[tokio::test]
async fn a_step_up_answers_by_the_transport_that_the_token_came_by() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    let opened = browser.sign_in("alice").await.expect_tokens();
    let body = json!({ "password": password("alice") });
    let first = browser.cookie.clone().expect("a cookie");
    let request = browser.request("POST", STEP_UP).json(&body);
    let next = browser.send(request).await.expect_tokens();
    assert_eq!((next.session_id, next.refresh_token), (opened.session_id, String::new()));
    assert_ne!(browser.cookie.clone().expect("a cookie"), first);
    browser.refresh().await.expect_tokens();

    let cookie = browser.cookie.clone().expect("a cookie");
    app.step_up(&cookie, &password("alice")).await.expect_problem(401, "refresh_token_invalid").expect_no_cookie();
    let phone = app.sign_in("alice").await;
    let carried = app.browser().holding(&phone.refresh_token);
    let wrong_way = carried.request("POST", STEP_UP).json(&body).send().await;
    wrong_way.expect_problem(401, "refresh_token_invalid").expect_no_cookie();
    let both = json!({ "password": password("alice"), "refresh_token": phone.refresh_token });
    let both = browser.request("POST", STEP_UP).json(&both).send().await;
    both.expect_problem(400, "ambiguous_token");
    app.refresh(&phone.refresh_token).await.expect_tokens();
    browser.refresh().await.expect_tokens();
}

///
#[tokio::test]
async fn a_foreign_page_cannot_step_up() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    browser.sign_in("alice").await.expect_tokens();
    let body = json!({ "password": password("alice") });
    for (name, value) in [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")] {
        let request = browser.request("POST", STEP_UP).header(name, value).json(&body);
        request.send().await.expect_problem(403, "origin_not_allowed").expect_no_cookie();
    }
    browser.refresh().await.expect_tokens();
}

/// S-80, S-81, S-17: also where the password of the retry is wrong, as it is not looked at.
#[tokio::test]
async fn a_retry_with_its_key_gets_the_same_token_again_and_without_it_the_session_is_revoked() {
    let app = TestApp::start().await;
    let first = app.sign_in("alice").await;
    let answers = [password("alice"), password("alice"), "forgotten meanwhile".to_owned()];
    let mut tokens = Vec::new();
    for password in answers {
        tokens.push(app.step_up_with(&first.refresh_token, &password, KEY).await.expect_tokens().refresh_token);
    }
    assert!(tokens.iter().all(|token| *token == tokens[0]));
    // The same request as a refresh is the same rotation.
    assert_eq!(app.refresh_with(&first.refresh_token, KEY).await.expect_tokens().refresh_token, tokens[0]);
    assert_eq!((app.events("stepped_up").await, app.events("reauthentication_failed").await), (1, 0));
    let other = app.step_up_with(&first.refresh_token, "wrong as well", "another-key-than-before").await;
    other.expect_problem(401, "refresh_token_reused");
    app.refresh(&tokens[0]).await.expect_problem(401, "session_revoked");
    let revoked = app.step_up(&tokens[0], &password("alice")).await;
    assert_eq!(revoked.expect_problem(401, "session_revoked").json()["reason"], "refresh_token_reused");
}

/// S-81: a wrong password changes nothing: not the session's row either.
#[tokio::test]
async fn a_wrong_or_missing_password_uses_up_no_token() {
    let app = TestApp::start().await;
    let alice = app.sign_in("alice").await;
    app.grow_old(&alice.session_id).await;
    let before = app.session_row(&alice.session_id).await;
    for wrong in ["wrong", "", " ", &"x".repeat(2_000), &password("bob")] {
        let answer = app.step_up(&alice.refresh_token, wrong).await;
        assert_eq!(answer.expect_problem(422, "wrong_password").json()["errors"][0]["field"], "password");
    }
    for body in [json!({}), json!({ "password": null }), json!({ "password": 7 }), json!({ "passwort": "x" })] {
        let mut body = body;
        body["refresh_token"] = alice.refresh_token.clone().into();
        app.post(STEP_UP, &body).await.expect_problem(422, "validation_failed");
    }
    app.step_up_with(&alice.refresh_token, &password("alice"), "short").await.expect_fields(&["Idempotency-Key"]);
    assert_eq!(app.session_row(&alice.session_id).await, before);
    app.ask_fresh(&alice.access_token).await.expect_step_up();
    app.step_up(&alice.refresh_token, &password("alice")).await.expect_tokens();
}

/// S-11, S-23, S-25: refused as at a refresh, before a password is looked at.
#[tokio::test]
async fn what_a_refresh_refuses_a_step_up_refuses_too() {
    let app = TestApp::start().await;
    let alice = app.sign_in("alice").await;
    let right = password("alice");
    for forged in ["", "hrt_", "nonsense", &alice.refresh_token.replace("hrt_A", "hrt_B"), &alice.access_token] {
        app.step_up(forged, &right).await.expect_problem(401, "refresh_token_invalid");
    }
    app.post(STEP_UP, &json!({ "password": right })).await.expect_problem(401, "refresh_token_missing");
    // An access token alone, stolen, does not help.
    let alone = app.request("POST", STEP_UP).bearer(&alice.access_token).json(&json!({ "password": right }));
    alone.send().await.expect_problem(401, "refresh_token_missing");
    app.alter_session(&alice.session_id, "idle_expires_at = now()").await;
    app.step_up(&alice.refresh_token, &right).await.expect_problem(401, "session_expired");
    let admin = app.admin("root").await;
    let again = app.sign_in("alice").await;
    let id = app.me(&again.access_token).await.text("/user/id");
    admin.block(&id).await.expect(200);
    app.step_up(&again.refresh_token, &right).await.expect_problem(403, "account_blocked");
    app.step_up(&again.refresh_token, "wrong").await.expect_problem(403, "account_blocked");
    assert_eq!(app.events("reauthentication_failed").await, 0);
}

/// S-82, C-22: one count for both, so that a stolen session gets no further guesses.
#[tokio::test]
async fn wrong_passwords_of_step_ups_and_of_sign_ins_add_up() {
    let app = TestApp::with(LIMITED).await;
    let two = app.another(LIMITED).await;
    let thief = app.sign_in("alice").await;
    let sign_in = async |app: &TestApp| {
        let body = json!({ "email": email("alice"), "password": "not it" });
        app.post("/api/v1/auth/login", &body).await
    };
    for number in 0..FREE / 2 {
        let app = if number % 2 == 0 { &app } else { &two };
        sign_in(app).await.expect_problem(401, "invalid_credentials");
        app.step_up(&thief.refresh_token, "not it").await.expect_problem(422, "wrong_password");
    }
    let refused = two.step_up(&thief.refresh_token, &password("alice")).await;
    refused.expect_problem(429, "too_many_attempts").expect_no_cookie();
    sign_in(&app).await.expect_problem(429, "too_many_attempts");
    app.post("/api/v1/auth/login", &credentials("alice")).await.expect_problem(429, "too_many_attempts");
    // The wait is for passwords: the session goes on, and its token was not used up.
    app.refresh(&thief.refresh_token).await.expect_tokens();
    assert_eq!(app.events("reauthentication_failed").await, 5);
}

/// S-82: CVE-2024-4629: all at once, on two instances.
#[tokio::test]
async fn guesses_at_once_get_no_more_than_one_after_another() {
    let one = TestApp::with(LIMITED).await;
    let two = one.another(LIMITED).await;
    let thief = one.sign_in("alice").await;
    let guesses = (0..40).map(async |number| {
        let app = if number % 2 == 0 { &one } else { &two };
        app.step_up(&thief.refresh_token, &format!("guess {number}")).await
    });
    let answers = at_once(guesses).await;
    let of = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    assert!(of(422) <= FREE, "{} were let through", of(422));
    assert_eq!(of(422) + of(429) + of(503), 40, "{answers:?}");
    one.refresh(&thief.refresh_token).await.expect_tokens();
}

/// S-82: the right password ends the count, as at a sign-in.
#[tokio::test]
async fn the_right_password_starts_the_count_again() {
    let app = TestApp::with(LIMITED).await;
    let mut tokens = app.sign_in("alice").await;
    for _ in 0..3 {
        for _ in 0..FREE - 1 {
            app.step_up(&tokens.refresh_token, "not it").await.expect_problem(422, "wrong_password");
        }
        tokens = app.step_up(&tokens.refresh_token, &password("alice")).await.expect_tokens();
    }
}

/// S-2, S-20: of many step-ups and refreshes with one token, on two instances, one rotates; the others are replays.
#[tokio::test]
async fn a_step_up_that_races_a_refresh_with_the_same_token_is_a_reuse_for_one_of_them() {
    let one = TestApp::start().await;
    let two = one.another(&[]).await;
    for round in 0..6 {
        let name = format!("person{round}");
        let tokens = one.sign_in(&name).await;
        let answers = at_once((0..6).map(async |number| {
            let app = if number % 2 == 0 { &one } else { &two };
            if number < 3 {
                app.step_up(&tokens.refresh_token, &password(&name)).await
            } else {
                app.refresh(&tokens.refresh_token).await
            }
        }))
        .await;
        let (winners, losers): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
        assert!(winners.len() <= 1, "{winners:?}");
        let codes: Vec<_> = losers.iter().map(|answer| answer.expect(401).text("/code")).collect();
        assert!(codes.iter().all(|code| matches!(&**code, "refresh_token_reused" | "session_revoked")), "{codes:?}");
        assert_eq!(codes.iter().filter(|code| *code == "refresh_token_reused").count(), 1, "{codes:?}");
        one.refresh(&tokens.refresh_token).await.expect_problem(401, "session_revoked");
    }
    assert_eq!(one.events("refresh_token_reused").await, 6);
}

/// S-83: the password that was proved is the one that counts when it is recorded.
#[tokio::test]
async fn a_password_that_is_changed_meanwhile_leaves_the_session_as_old_as_it_was() {
    let app = TestApp::start().await;
    let (laptop, phone) = (app.sign_in("alice").await, app.sign_in("alice").await);
    app.grow_old(&laptop.session_id).await;
    let change = json!({ "current_password": password("alice"), "new_password": "a garden of blue lanterns" });
    let change = || app.request("POST", "/api/v1/me/password").bearer(&laptop.access_token).json(&change).send();
    change().await.expect_done();
    app.step_up(&laptop.refresh_token, &password("alice")).await.expect_problem(422, "wrong_password");
    app.step_up(&phone.refresh_token, "a garden of blue lanterns").await.expect_problem(401, "session_revoked");
    app.ask_fresh(&laptop.access_token).await.expect_step_up();
    app.step_up(&laptop.refresh_token, "a garden of blue lanterns").await.expect_tokens();
}

/// C-1: neither the event nor the row holds what was typed.
#[tokio::test]
async fn a_step_up_leaves_an_event_of_the_user_and_nothing_secret() {
    let app = TestApp::start().await;
    let alice = app.person("alice").await;
    app.step_up(&alice.tokens.refresh_token, "an unlucky guess").await.expect_problem(422, "wrong_password");
    app.step_up(&alice.tokens.refresh_token, &password("alice")).await.expect_tokens();
    let admin = app.admin("root").await;
    let event = admin.events("?kind=stepped_up").await.remove(0);
    assert_eq!((&event["actor"], &event["outcome"]), (&json!("user"), &json!("success")));
    assert_eq!(event["session_id"], Value::from(alice.tokens.session_id.clone()));
    let rows = app.all_rows().await.join("\n");
    assert!(!rows.contains("unlucky guess") && !rows.contains(&password("alice")));
}

fn methods(tokens: &Tokens) -> (Value, Value) {
    let claims = forge::decode(&tokens.access_token).1;
    (claims["acr"].clone(), claims["amr"].clone())
}

/// S-85, A-56: the row decides, not the token that was presented.
#[tokio::test]
async fn a_step_up_with_the_password_is_one_factor_even_where_there_were_two() {
    let app = TestApp::start().await;
    let first = app.sign_in("alice").await;
    assert_eq!(methods(&first), (json!("urn:heirloom:acr:1"), json!(["pwd"])));
    app.alter_session(&first.session_id, "amr = '{pwd,otp,mfa}'").await;
    let two = (json!("urn:heirloom:acr:2"), json!(["pwd", "otp", "mfa"]));
    let refreshed = app.refresh_with(&first.refresh_token, KEY).await.expect_tokens();
    let retried = app.refresh_with(&first.refresh_token, KEY).await.expect_tokens();
    assert_eq!((methods(&refreshed), methods(&retried)), (two.clone(), two.clone()));
    app.step_up(&refreshed.refresh_token, "not it").await.expect_problem(422, "wrong_password");
    let again = app.refresh(&refreshed.refresh_token).await.expect_tokens();
    assert_eq!(methods(&again), two, "a failed step-up changes nothing");
    let next = app.step_up(&again.refresh_token, &password("alice")).await.expect_tokens();
    let one = (json!("urn:heirloom:acr:1"), json!(["pwd"]));
    assert_eq!(methods(&next), one);
    let last = app.refresh(&next.refresh_token).await.expect_tokens();
    assert_eq!(methods(&last), one);
    // What a later version writes and this one does not know proves nothing.
    app.alter_session(&first.session_id, "amr = '{pwd,retina}'").await;
    assert_eq!(methods(&app.refresh(&last.refresh_token).await.expect_tokens()), one);
}
