//! Guessing passwords is bounded: counted before the password is verified, in the database.

use crate::support::{Answer, TestApp, credentials, email, password};
use futures_util::future::join_all;
use serde_json::json;

const LIMITED: &[(&str, &str)] = &[("HEIRLOOM_RATE_LIMIT", "on"), ("HEIRLOOM_TRUSTED_PROXIES", "127.0.0.1")];
/// Wrong guesses that are free, as docs/limits.md says.
const FREE: usize = 10;
const NEW: &str = "a garden of blue lanterns";

async fn guess(app: &TestApp, address: &str, from: &str) -> Answer {
    let body = json!({ "email": address, "password": "not the password" });
    app.request("POST", "/api/v1/auth/login").header("X-Forwarded-For", from).json(&body).send().await
}

async fn sign_in_from(app: &TestApp, name: &str, from: &str, cookie: Option<&str>) -> Answer {
    let body = json!({ "email": email(name), "password": password(name), "transport": "cookie" });
    let request = app.request("POST", "/api/v1/auth/login").header("X-Forwarded-For", from).json(&body);
    match cookie {
        Some(cookie) => request.header("Cookie", cookie).send().await,
        None => request.send().await,
    }
}

async fn use_up(app: &TestApp, address: &str, from: &str) {
    for _ in 0..FREE {
        guess(app, address, from).await.expect_problem(401, "invalid_credentials");
    }
    guess(app, address, from).await.expect_problem(429, "too_many_attempts");
}

async fn hours_pass(app: &TestApp, interval: &'static str) {
    let sql = "UPDATE password_guesses SET last_at = last_at - $1::text::interval";
    sqlx::query(sql).bind(interval).execute(app.db()).await.expect("SQL");
}

/// C-22, A-6.
#[tokio::test]
async fn after_ten_wrong_guesses_even_the_right_password_has_to_wait() {
    let app = TestApp::with(LIMITED).await;
    app.register("alice").await;
    app.register("bob").await;
    use_up(&app, &email("alice"), "192.0.2.1").await;

    let refused = sign_in_from(&app, "alice", "192.0.2.1", None).await;
    refused.expect_problem(429, "too_many_attempts").expect_no_cookie();
    let wait: u32 = refused.header("retry-after").and_then(|seconds| seconds.parse().ok()).expect("seconds");
    assert!((1..=30).contains(&wait), "{wait}");
    sign_in_from(&app, "bob", "192.0.2.1", None).await.expect(200);
}

/// A wait is not extended by those who do not heed it, grows with each guess, and ends.
#[tokio::test]
async fn waits_grow_and_end() {
    let app = TestApp::with(LIMITED).await;
    app.register("alice").await;
    use_up(&app, &email("alice"), "192.0.2.1").await;
    for (interval, next_wait) in [("30 seconds", 60), ("60 seconds", 120), ("120 seconds", 240)] {
        hours_pass(&app, interval).await;
        guess(&app, &email("alice"), "192.0.2.1").await.expect_problem(401, "invalid_credentials");
        let refused = guess(&app, &email("alice"), "192.0.2.1").await;
        let wait: u32 = refused.header("retry-after").and_then(|seconds| seconds.parse().ok()).expect("seconds");
        assert!(wait > next_wait / 2 && wait <= next_wait, "{wait}");
    }
    hours_pass(&app, "15 minutes").await;
    sign_in_from(&app, "alice", "192.0.2.1", None).await.expect(200);
    // And all is forgotten.
    use_up(&app, &email("alice"), "192.0.2.99").await;
}

/// C-22: CVE-2024-4629, CVE-2023-47111: a counter that is read first and written later is beaten by asking at once.
#[tokio::test]
async fn parallel_guesses_on_two_instances_get_no_more_than_one_after_another() {
    let app = TestApp::with(LIMITED).await;
    let other = app.another(LIMITED).await;
    app.register("alice").await;
    let address = email("alice");
    let guesses = (0..80).map(|number| guess(if number % 2 == 0 { &app } else { &other }, &address, "192.0.2.1"));
    let answers = join_all(guesses).await;
    let statuses = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    assert!(statuses(401) <= FREE, "{} were let through", statuses(401));
    assert_eq!(statuses(401) + statuses(429) + statuses(503), 80);
    guess(&app, &address, "192.0.2.1").await.expect_problem(429, "too_many_attempts");
}

/// C-22.
#[tokio::test]
async fn a_restart_forgets_nothing() {
    let mut app = TestApp::with(LIMITED).await;
    app.register("alice").await;
    use_up(&app, &email("alice"), "192.0.2.1").await;
    let next = app.another(LIMITED).await;
    app.stop().await;
    guess(&next, &email("alice"), "192.0.2.1").await.expect_problem(429, "too_many_attempts");
}

/// C-36: CVE-2025-24806: one spelling for the look-up and another for the counter.
#[tokio::test]
async fn all_spellings_of_an_address_are_counted_as_one() {
    let app = TestApp::with(LIMITED).await;
    app.register("mike").await;
    let spellings = ["mike@example.com", "MIKE@example.com", " Mike@EXAMPLE.com ", "mike@example.COM"];
    for number in 0..FREE {
        guess(&app, spellings[number % spellings.len()], "192.0.2.1").await.expect_problem(401, "invalid_credentials");
    }
    for spelling in spellings {
        guess(&app, spelling, "192.0.2.1").await.expect_problem(429, "too_many_attempts");
    }
}

#[tokio::test]
async fn an_unknown_address_is_refused_as_a_known_one_is() {
    let app = TestApp::with(LIMITED).await;
    app.register("alice").await;
    use_up(&app, "nobody@example.com", "192.0.2.1").await;
    use_up(&app, &email("alice"), "192.0.2.2").await;
    let known = guess(&app, &email("alice"), "192.0.2.2").await;
    let unknown = guess(&app, "nobody@example.com", "192.0.2.1").await;
    assert_eq!(known.text("/title"), unknown.text("/title"));
    assert_eq!(known.text("/code"), unknown.text("/code"));
}

/// C-23.
#[tokio::test]
async fn a_stranger_does_not_shut_out_a_device_that_signed_in_before() {
    let app = TestApp::with(LIMITED).await;
    app.register("alice").await;
    let signed_in = sign_in_from(&app, "alice", "192.0.2.1", None).await;
    let device = signed_in.set_cookies().into_iter().find(|cookie| cookie.name == "heirloom-device").expect("a cookie");
    assert_eq!(device.attributes, ["httponly", "path=/", "samesite=strict"]);
    let device = format!("heirloom-device={}", device.value);

    use_up(&app, &email("alice"), "203.0.113.9").await;
    // From wherever the device is now, and also from where the stranger is.
    for from in ["198.51.100.1", "203.0.113.9"] {
        sign_in_from(&app, "alice", from, Some(&device)).await.expect(200);
    }
    // A place that the account has been seen at has a bucket of its own, without any cookie.
    sign_in_from(&app, "alice", "192.0.2.1", None).await.expect(200);
    // A device of one account does not count for another, and a forged one does not count at all.
    app.register("bob").await;
    use_up(&app, &email("bob"), "203.0.113.9").await;
    for cookie in [device.as_str(), "heirloom-device=AAAA", "heirloom-device="] {
        sign_in_from(&app, "bob", "203.0.113.9", Some(cookie)).await.expect_problem(429, "too_many_attempts");
    }
}

#[tokio::test]
async fn a_devices_own_budget_is_bounded_too() {
    let app = TestApp::with(LIMITED).await;
    app.register("alice").await;
    let signed_in = sign_in_from(&app, "alice", "192.0.2.1", None).await;
    let device = signed_in.set_cookies().into_iter().find(|cookie| cookie.name == "heirloom-device").expect("a cookie");
    let body = json!({ "email": email("alice"), "password": "not the password" });
    let wrong = async || {
        let request =
            app.request("POST", "/api/v1/auth/login").header("Cookie", &format!("heirloom-device={}", device.value));
        request.json(&body).send().await
    };
    for _ in 0..FREE {
        wrong().await.expect_problem(401, "invalid_credentials");
    }
    wrong().await.expect_problem(429, "too_many_attempts");
}

#[tokio::test]
async fn only_a_browser_that_is_to_be_remembered_gets_a_device_cookie() {
    let app = TestApp::with(LIMITED).await;
    app.register("alice").await;
    app.try_sign_in("alice").await.expect(200).expect_no_cookie();
    let mut body = credentials("alice");
    body["transport"] = json!("cookie");
    body["remember"] = json!(false);
    let names = |answer: &Answer| answer.set_cookies().into_iter().map(|cookie| cookie.name).collect::<Vec<_>>();
    assert_eq!(names(&app.post("/api/v1/auth/login", &body).await), ["heirloom"]);
    body["remember"] = json!(true);
    assert_eq!(names(&app.post("/api/v1/auth/login", &body).await), ["heirloom", "heirloom-device"]);
}

/// One password tried on many accounts, and an IPv6 client that owns a whole /64.
#[tokio::test]
async fn an_address_that_tries_many_accounts_is_refused() {
    let app = TestApp::with(LIMITED).await;
    let from = |number: usize| format!("2001:db8:1:2::{number:x}");
    for number in 0..100 {
        let answer = guess(&app, &format!("person{number}@example.com"), &from(number)).await;
        answer.expect_problem(401, "invalid_credentials");
    }
    guess(&app, "person100@example.com", &from(100)).await.expect_problem(429, "too_many_attempts");
    guess(&app, "person100@example.com", "2001:db8:1:3::1").await.expect_problem(401, "invalid_credentials");
}

/// A header that does not parse never widens anything (CVE-2024-47070).
#[tokio::test]
async fn an_address_that_does_not_parse_is_no_new_address() {
    let app = TestApp::with(LIMITED).await;
    for number in 0..100 {
        let answer = guess(&app, &format!("person{number}@example.com"), &format!("nonsense-{number}")).await;
        answer.expect_problem(401, "invalid_credentials");
    }
    guess(&app, "another@example.com", "more nonsense").await.expect_problem(429, "too_many_attempts");
}

/// Signs in by cookie and returns the device's cookie.
async fn remembered_device(app: &TestApp, name: &str, from: &str) -> String {
    let signed_in = sign_in_from(app, name, from, None).await;
    let device = signed_in.set_cookies().into_iter().find(|cookie| cookie.name == "heirloom-device").expect("a cookie");
    format!("heirloom-device={}", device.value)
}

async fn guess_on(app: &TestApp, address: &str, from: &str, device: &str) -> Answer {
    let body = json!({ "email": address, "password": "not the password" });
    let request = app.request("POST", "/api/v1/auth/login").header("X-Forwarded-For", from);
    request.header("Cookie", device).json(&body).send().await
}

/// C-24: who knew the old password and signed in on many devices has no guesses left after it changed.
#[tokio::test]
async fn a_password_change_ends_the_trust_in_devices_and_places() {
    let app = TestApp::with(LIMITED).await;
    app.register("alice").await;
    let mut devices = Vec::new();
    for number in 0..12 {
        let from = format!("203.0.113.{number}");
        devices.push((remembered_device(&app, "alice", &from).await, from));
    }
    let user = "SELECT id FROM users WHERE email = 'alice@example.com'";
    let id = sqlx::query_scalar::<_, uuid::Uuid>(user).fetch_one(app.db()).await.expect("SQL");
    let alice = app.person("alice").await;
    let body = json!({ "current_password": password("alice"), "new_password": "another one, rather long" });
    alice.post("/api/v1/me/password", &body).await.expect(204);
    let mut let_through = 0;
    for round in 0..10 {
        for (device, from) in &devices {
            let answer = guess_on(&app, &email("alice"), from, device).await;
            let_through += usize::from(answer.status == 401);
            assert!(round < 9 || answer.status == 429, "{answer:?}");
        }
    }
    assert!(let_through <= FREE + 1, "{let_through} guesses of {id} were let through");
}

/// C-24: many devices of one account have few guesses together, and an account a hundred in a row.
#[tokio::test]
async fn the_devices_of_an_account_share_a_budget() {
    let app = TestApp::with(LIMITED).await;
    app.register("alice").await;
    let mut devices = Vec::new();
    for number in 0..12 {
        devices.push(remembered_device(&app, "alice", &format!("203.0.113.{number}")).await);
    }
    let mut let_through = 0;
    for _ in 0..FREE {
        for device in &devices {
            let_through += usize::from(guess_on(&app, &email("alice"), "198.51.100.1", device).await.status == 401);
        }
    }
    assert!((30..=32).contains(&let_through), "{let_through}");
    // Nothing is shut for good, and the owner's own count starts again with the right password.
    hours_pass(&app, "2 hours").await;
    sign_in_from(&app, "alice", "198.51.100.1", devices.first().map(String::as_str)).await.expect(200);
    guess_on(&app, &email("alice"), "198.51.100.1", &devices[1]).await.expect(401);
}

/// Guesses once an address, so slowly that only the row of wrong ones counts.
async fn guess_slowly(app: &TestApp, name: &str, times: usize) {
    for number in 0..times {
        hours_pass(app, "16 minutes").await;
        guess(app, &email(name), &format!("198.51.{number}.1")).await.expect_problem(401, "invalid_credentials");
    }
}

/// More wrong ones in a row than an account has in all, each as soon as it may be.
async fn guess_hourly(app: &TestApp, name: &str) {
    for number in 0..101 {
        hours_pass(app, "61 minutes").await;
        guess(app, &email(name), &format!("198.51.{number}.1")).await.expect_problem(401, "invalid_credentials");
    }
}

/// Takes the one guess that an hour allows, as one who asks all the time does.
async fn take_the_hour(app: &TestApp, name: &str) {
    hours_pass(app, "61 minutes").await;
    guess(app, &email(name), "203.0.113.9").await.expect_problem(401, "invalid_credentials");
    guess(app, &email(name), "203.0.113.10").await.expect_problem(429, "too_many_attempts");
}

/// C-25: NIST SP 800-63B-4 §3.2.2: from however many places, and however slowly: fifty from strangers, thirty-five from known
/// devices. Then one guess an hour each, until the right password.
#[tokio::test]
async fn after_many_wrong_passwords_in_a_row_an_account_has_few_guesses_an_hour() {
    let app = TestApp::with(LIMITED).await;
    app.register("alice").await;
    let device = remembered_device(&app, "alice", "192.0.2.1").await;
    guess_slowly(&app, "alice", 50).await;
    hours_pass(&app, "16 minutes").await;
    let refused = guess(&app, &email("alice"), "203.0.113.7").await;
    let wait: u32 = refused.header("retry-after").and_then(|seconds| seconds.parse().ok()).expect("seconds");
    assert!((2_000..=2_700).contains(&wait), "{wait}");
    for _ in 0..35 {
        hours_pass(&app, "16 minutes").await;
        let wrong = guess_on(&app, &email("alice"), "203.0.113.8", &device).await;
        wrong.expect_problem(401, "invalid_credentials");
    }
    hours_pass(&app, "16 minutes").await;
    guess_on(&app, &email("alice"), "203.0.113.8", &device).await.expect_problem(429, "too_many_attempts");
    take_the_hour(&app, "alice").await;
    guess_on(&app, &email("alice"), "203.0.113.8", &device).await.expect_problem(401, "invalid_credentials");
    guess_on(&app, &email("alice"), "203.0.113.8", &device).await.expect_problem(429, "too_many_attempts");
    hours_pass(&app, "61 minutes").await;
    sign_in_from(&app, "alice", "192.0.2.1", Some(&device)).await.expect(200);
    // The right password ends both rows.
    for _ in 0..2 {
        hours_pass(&app, "16 minutes").await;
        guess(&app, &email("alice"), "203.0.113.11").await.expect_problem(401, "invalid_credentials");
        guess_on(&app, &email("alice"), "203.0.113.8", &device).await.expect_problem(401, "invalid_credentials");
    }
}

/// C-25: nor does a session allow more: fifteen in a row, then one an hour, until the right password, here or at a sign-in.
#[tokio::test]
async fn a_session_allows_few_wrong_passwords_in_a_row() {
    let app = TestApp::with(LIMITED).await;
    let alice = app.person("alice").await;
    let change = async |current: &str, new: &str| {
        hours_pass(&app, "16 minutes").await;
        alice.post("/api/v1/me/password", &json!({ "current_password": current, "new_password": new })).await
    };
    let use_up = async |current: &str| {
        for _ in 0..15 {
            change("wrong", NEW).await.expect_problem(422, "wrong_password");
        }
        change(current, NEW).await.expect_problem(429, "too_many_attempts");
    };
    use_up(&password("alice")).await;
    hours_pass(&app, "45 minutes").await;
    change("wrong", NEW).await.expect_problem(422, "wrong_password");
    change("wrong", NEW).await.expect_problem(429, "too_many_attempts");
    // A right password at a sign-in ends the row, and so does one here.
    app.try_sign_in("alice").await.expect_tokens();
    use_up(&password("alice")).await;
    hours_pass(&app, "45 minutes").await;
    change(&password("alice"), NEW).await.expect(204);
    use_up(NEW).await;
}

/// C-23: a client that asks all the time gets each guess that an hour allows strangers, and none of those of the user.
#[tokio::test]
async fn a_stranger_who_never_stops_shuts_out_no_known_device_or_place() {
    let app = TestApp::with(LIMITED).await;
    app.register("alice").await;
    let (device, session) = (remembered_device(&app, "alice", "192.0.2.1").await, app.sign_in("alice").await);
    guess_hourly(&app, "alice").await;
    for _ in 0..3 {
        take_the_hour(&app, "alice").await;
        let wrong = guess_on(&app, &email("alice"), "203.0.113.8", &device).await;
        wrong.expect_problem(401, "invalid_credentials");
        guess(&app, &email("alice"), "192.0.2.1").await.expect_problem(401, "invalid_credentials");
    }
    sign_in_from(&app, "alice", "203.0.113.8", Some(&device)).await.expect(200);
    guess_hourly(&app, "alice").await;
    take_the_hour(&app, "alice").await;
    sign_in_from(&app, "alice", "192.0.2.1", None).await.expect(200);
    guess_hourly(&app, "alice").await;
    take_the_hour(&app, "alice").await;
    let step_up = json!({ "password": password("alice"), "refresh_token": session.refresh_token });
    app.post("/api/v1/auth/step-up", &step_up).await.expect(200);
}

/// C-23: at the password that a reset sets, nobody has guessed yet.
#[tokio::test]
async fn a_reset_starts_the_counts_of_an_account_again() {
    let app = TestApp::with(LIMITED).await;
    app.register("alice").await;
    guess_slowly(&app, "alice", 50).await;
    take_the_hour(&app, "alice").await;
    app.flow_of("alice").await;
    let link = json!({ "token": app.email("reset-password", "alice").await.token(), "new_password": NEW });
    guess(&app, &email("alice"), "203.0.113.12").await.expect_problem(429, "too_many_attempts");
    app.post("/api/v1/auth/confirmations/use", &link).await.expect(200);
    app.sign_in_as("alice", NEW).await.expect_tokens();
}

/// C-39: nor do the codes that a stranger with the password of before has typed keep the owner from using theirs. What second
/// factors have in a row is not emptied: otherwise each reset would give the reader of the address ten more.
#[tokio::test]
async fn a_reset_starts_the_waits_of_second_factors_again_and_not_their_row() {
    const TOTP: &str = "/api/v1/auth/login/totp";
    let app = TestApp::with(LIMITED).await;
    let alice = app.person("alice").await;
    app.run_sql("UPDATE users SET email_verified_at = now()").await;
    let codes = alice.enrol(&app).await;
    let present = async |password: &str, code: &str| {
        let body = json!({ "email": email("alice"), "password": password });
        let login = app.request("POST", "/api/v1/auth/login").header("X-Forwarded-For", "203.0.113.9");
        let challenge = login.json(&body).send().await.expect(401).text("/challenge");
        let body = json!({ "challenge": challenge, "code": code });
        app.request("POST", TOTP).header("X-Forwarded-For", "203.0.113.9").json(&body).send().await
    };
    for _ in 0..FREE {
        present(&password("alice"), &codes.app.wrong(&app)).await.expect_problem(422, "code_invalid");
    }
    present(&password("alice"), &codes.app.wrong(&app)).await.expect_problem(429, "too_many_attempts");
    let link = app.link_of_reset("alice").await;
    app.use_link(&link, json!({ "new_password": NEW })).await.expect(200);
    let most = "SELECT max(failures)::int8 FROM password_guesses";
    assert_eq!(app.count(most).await, i64::try_from(FREE).unwrap(), "the row goes on");
    present(NEW, &codes.app.next(&app).await).await.expect_tokens();
}

/// C-26: a password that is never hashed is not counted as a guess.
#[tokio::test]
async fn a_password_that_is_too_long_to_be_one_uses_up_nothing() {
    let app = TestApp::with(LIMITED).await;
    app.register("alice").await;
    let too_long = json!({ "email": email("alice"), "password": "x".repeat(2_000) });
    for _ in 0..FREE * 3 {
        let request = app.request("POST", "/api/v1/auth/login").header("X-Forwarded-For", "203.0.113.9");
        request.json(&too_long).send().await.expect_problem(401, "invalid_credentials");
    }
    sign_in_from(&app, "alice", "198.51.100.1", None).await.expect(200);
}

/// C-23: clients without cookies have the same proof.
#[tokio::test]
async fn a_client_without_cookies_can_prove_its_device_too() {
    let app = TestApp::with(LIMITED).await;
    app.register("alice").await;
    let sign_in = async |device: Option<&str>| -> Answer {
        let body = json!({ "email": email("alice"), "password": password("alice"), "device_token": device });
        app.request("POST", "/api/v1/auth/login").header("X-Forwarded-For", "198.51.100.1").json(&body).send().await
    };
    let first = sign_in(None).await;
    let device = first.expect(200).json()["device_token"].as_str().expect("a device token").to_owned();
    sqlx::query("UPDATE sessions SET ip = NULL").execute(app.db()).await.expect("SQL");
    use_up(&app, &email("alice"), "203.0.113.9").await;
    sign_in(None).await.expect_problem(429, "too_many_attempts");
    let second = sign_in(Some(&device)).await;
    assert!(second.expect(200).json().get("device_token").is_none(), "it has one");
}

/// C-22: CVE-2026-9798: a gate on one path and none on another.
#[tokio::test]
async fn the_form_and_the_api_are_one_gate() {
    let app = TestApp::with(LIMITED).await;
    app.register("alice").await;
    let form = async |word: &str| {
        let fields = [("email", "alice@example.com"), ("password", word)];
        app.request("POST", "/login").header("X-Forwarded-For", "192.0.2.1").form(&fields).send().await
    };
    for _ in 0..FREE / 2 {
        form("wrong").await.expect(401);
        guess(&app, &email("alice"), "192.0.2.1").await.expect_problem(401, "invalid_credentials");
    }
    let refused = form(&password("alice")).await;
    refused.expect(429).expect_no_cookie();
    assert!(refused.header("retry-after").is_some());
    guess(&app, &email("alice"), "192.0.2.1").await.expect_problem(429, "too_many_attempts");
}

/// C-23.
#[tokio::test]
async fn a_thief_with_an_access_token_cannot_guess_the_password_and_a_stranger_cannot_use_up_its_budget() {
    let app = TestApp::with(LIMITED).await;
    let alice = app.person("alice").await;
    use_up(&app, &email("alice"), "203.0.113.9").await;
    let change = async |current: &str| {
        let body = json!({ "current_password": current, "new_password": "a new and rather long one" });
        alice.post("/api/v1/me/password", &body).await
    };
    for _ in 0..FREE {
        change("wrong").await.expect_problem(422, "wrong_password");
    }
    change(&password("alice")).await.expect_problem(429, "too_many_attempts");
    hours_pass(&app, "1 minute").await;
    change(&password("alice")).await.expect(204);
}

#[tokio::test]
async fn counters_name_no_user_and_are_deleted_after_a_day() {
    let app = TestApp::with(LIMITED).await;
    guess(&app, &email("alice"), "192.0.2.1").await.expect_problem(401, "invalid_credentials");
    let rows = app.all_rows().await.join("\n");
    assert!(!rows.contains(&email("alice")), "{rows}");
    hours_pass(&app, "25 hours").await;
    assert_eq!(heirloom::guessing::forget(&app.world).await.expect("SQL"), 3);
}

#[tokio::test]
async fn the_limits_can_be_lifted_for_load_tests() {
    let app = TestApp::with(&[("HEIRLOOM_RATE_LIMIT", "off")]).await;
    app.register("alice").await;
    for _ in 0..FREE * 2 {
        guess(&app, &email("alice"), "192.0.2.1").await.expect_problem(401, "invalid_credentials");
    }
    app.try_sign_in("alice").await.expect(200);
}
