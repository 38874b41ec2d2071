//! Users are notified of what happens to their account: by emails, through an outbox.

use crate::support::{MailStub, TestApp, all_sent, email, holds_token, link_in, password, readable, with_mail};
use serde_json::json;

/// L-1.
#[tokio::test]
async fn a_reuse_sends_a_link_that_revokes_all_sessions_once_with_the_password() {
    let (app, stub, _) = with_mail().await;
    let stolen = app.sign_in("alice").await;
    app.refresh(&stolen.refresh_token).await.expect_tokens();
    app.refresh(&stolen.refresh_token).await.expect_problem(401, "refresh_token_reused");

    let sent = stub.email(1).await;
    assert!(sent.contains(&format!("To: {}", email("alice"))), "{sent}");
    assert!(sent.contains("Subject: Heirloom: we revoked one of your sessions"), "{sent}");
    assert!(sent.contains("Auto-Submitted: auto-generated"), "{sent}");
    assert!(!holds_token(&sent), "no token is sent by email");
    let (link, living) = (link_in(&sent), app.sign_in("alice").await);

    // Programs that scan emails follow links: that must revoke nothing.
    app.get(&link).await.expect(200);
    app.refresh(&living.refresh_token).await.expect_tokens();
    let parameter_of = |link: &str| link.split_once("email=").expect("a link").1.to_owned();
    let type_in = async |text: &str, password: &str| {
        app.request("POST", "/end-sessions").form(&[("email", text), ("password", password)]).send().await
    };
    let confirm = async |text: &str| type_in(text, &password("alice")).await;
    // They press buttons, too.
    let text = parameter_of(&link);
    let button = app.request("POST", "/end-sessions").form(&[("email", text.as_str())]);
    assert!(button.send().await.expect(422).body.contains("Enter your password."));
    assert!(type_in(&parameter_of(&link), "not it").await.expect(422).body.contains("not your password"));
    app.check(&living.access_token).await.expect_done();
    let done = confirm(&parameter_of(&link)).await;
    assert!(done.expect(200).body.contains("One session was revoked."), "{done:?}");
    app.check(&living.access_token).await.expect_problem(401, "session_revoked");

    let next = app.sign_in("alice").await;
    confirm(&parameter_of(&link)).await.expect(410);
    app.get(&link).await.expect(410);
    for forged in ["", "AAAA", &parameter_of(&link).replace(|c: char| c.is_ascii_lowercase(), "A")] {
        confirm(forged).await.expect(410);
    }
    app.check(&next.access_token).await.expect(204);
}

/// A-83, C-22: the page gives no further guesses.
#[tokio::test]
async fn passwords_at_the_page_behind_a_link_count_as_at_a_sign_in() {
    let (stub, address) = MailStub::open().await;
    let url = format!("smtp://{address}");
    let app = TestApp::with(&[("HEIRLOOM_SMTP_URL", &url), ("HEIRLOOM_RATE_LIMIT", "on")]).await;
    let alice = app.sign_in("alice").await;
    app.refresh(&alice.refresh_token).await.expect_tokens();
    app.refresh(&alice.refresh_token).await.expect_problem(401, "refresh_token_reused");
    let link = link_in(&stub.email(1).await);
    let text = link.split_once("email=").expect("a link").1;
    let guess = async |password: &str| {
        app.request("POST", "/end-sessions").form(&[("email", text), ("password", password)]).send().await
    };
    for _ in 0..10 {
        guess("not it").await.expect(422);
    }
    guess(&password("alice")).await.expect(429);
    app.try_sign_in("alice").await.expect_problem(429, "too_many_attempts");
}

#[tokio::test]
async fn a_foreign_page_cannot_confirm() {
    let (app, stub, _) = with_mail().await;
    let alice = app.sign_in("alice").await;
    app.refresh(&alice.refresh_token).await.expect_tokens();
    app.refresh(&alice.refresh_token).await.expect_problem(401, "refresh_token_reused");
    let link = link_in(&stub.email(1).await);
    let request = app.request("POST", "/end-sessions").header("Sec-Fetch-Site", "cross-site");
    request.form(&[("email", link.split_once('=').expect("a link").1)]).send().await.expect(403);
    app.get(&link).await.expect(200);
}

#[tokio::test]
async fn a_password_change_a_block_and_a_new_device_send_a_notification() {
    let (app, stub, _) = with_mail().await;
    let admin = app.admin("root").await;
    let alice = app.person("alice").await;
    let body = json!({ "current_password": password("alice"), "new_password": "another rather long one" });
    alice.post("/api/v1/me/password", &body).await.expect(204);
    assert!(stub.email(1).await.contains("your password was changed"));

    let credentials = json!({ "email": email("alice"), "password": "another rather long one" });
    let sign_in =
        app.request("POST", "/api/v1/auth/login").header("User-Agent", "Mozilla/5.0 (X11; Linux) Firefox/140.0");
    sign_in.json(&credentials).send().await.expect(200);
    let sent = stub.email(2).await;
    assert!(sent.contains("sign-in from a new device") && sent.contains("127.0.0.1"), "{sent}");

    admin.patch(&format!("/api/v1/admin/users/{}", alice.id), &json!({ "blocked": true })).await.expect(200);
    let sent = stub.email(3).await;
    assert!(sent.contains("your account was blocked") && !sent.contains("/end-sessions"), "{sent}");
    assert_eq!(stub.emails().len(), 3, "a first sign-in and a familiar one send nothing");
}

#[tokio::test]
async fn emails_are_in_the_language_in_which_the_user_signed_in() {
    let (app, stub, _) = with_mail().await;
    app.register("mina").await;
    let body = json!({ "email": email("mina"), "password": password("mina") });
    let request = app.request("POST", "/api/v1/auth/login").header("Accept-Language", "ko-KR,ko;q=0.9");
    let mina = request.json(&body).send().await.expect_tokens();
    app.refresh(&mina.refresh_token).await.expect_tokens();
    app.refresh(&mina.refresh_token).await.expect_problem(401, "refresh_token_reused");
    let sent = stub.email(1).await;
    // The base64 of "계정" (RFC 2047). An English subject needs no encoding.
    assert!(sent.contains("Subject: Heirloom: =?utf-8?b?6rOE7KCV"), "{sent}");
}

/// What an attacker would like to see in an email from the operator's sender.
const BAIT: &str = "evil.example/prize";

/// S-49: a user whose session the limit revokes learns why, and one sign-in sends one email however many sessions it revokes.
#[tokio::test]
async fn a_session_that_is_pushed_out_by_the_limit_sends_an_email_with_the_reason() {
    let (app, stub, url) = with_mail().await;
    let first = app.sign_in("alice").await;
    let second = app.try_sign_in("alice").await.expect_tokens();
    all_sent(&app).await;
    assert!(!stub.emails().iter().any(|sent| sent.contains("too many devices")), "two sessions are not too many");

    let strict = app.another(&[("HEIRLOOM_SMTP_URL", &url), ("HEIRLOOM_MAX_SESSIONS_PER_USER", "1")]).await;
    strict.try_sign_in("alice").await.expect_tokens();
    all_sent(&app).await;
    for pushed_out in [first, second] {
        app.refresh(&pushed_out.refresh_token).await.expect_problem(401, "session_revoked");
    }
    let sent: Vec<_> = stub.emails().iter().map(|sent| readable(sent)).collect();
    let sent: Vec<_> = sent.iter().filter(|sent| sent.contains("too many devices")).collect();
    let [sent] = sent.as_slice() else { panic!("{sent:?}") };
    assert!(sent.contains("Subject: Heirloom: signed out because of too many devices"), "{sent}");
    assert!(sent.contains("was signed out because of too many devices") && sent.contains("127.0.0.1"), "{sent}");
    assert!(sent.contains("/end-sessions?email="), "{sent}");
}

/// Another language keeps the link: otherwise the page would say that it has expired.
#[tokio::test]
async fn a_change_of_the_language_keeps_the_link() {
    let (app, stub, _) = with_mail().await;
    let stolen = app.sign_in("alice").await;
    app.refresh(&stolen.refresh_token).await.expect_tokens();
    app.refresh(&stolen.refresh_token).await.expect_problem(401, "refresh_token_reused");
    let link = link_in(&stub.email(1).await);
    let (_, parameter) = link.split_once('?').expect("a parameter");
    let page = app.get(&link).await;
    assert!(page.expect(200).body.contains(&format!("href=\"?lang=ko&amp;{parameter}\"")), "{page:?}");
    let korean = app.get(&format!("/end-sessions?lang=ko&{parameter}")).await;
    assert!(korean.expect(200).body.contains(&format!("href=\"?lang=en&amp;{parameter}\"")), "{korean:?}");
}

/// Whoever registers another user's address must not be able to write to it from the operator's own sender.
#[tokio::test]
async fn no_email_repeats_what_a_user_or_an_administrator_typed() {
    let (app, stub, _) = with_mail().await;
    let admin = app.admin("root").await;
    let body =
        json!({ "email": email("alice"), "password": password("alice"), "name": format!("Winner: https://{BAIT}") });
    app.request("POST", "/api/v1/auth/register").json(&body).send().await.expect(201);
    for (number, device) in ["plain", "https://", "a\r\nBcc: ", "</p><a href=//", "=?utf-8?q?"].into_iter().enumerate()
    {
        let body =
            json!({ "email": email("alice"), "password": password("alice"), "device_name": format!("{device}{BAIT}") });
        let agent = format!("{} {BAIT} Firefox/140.0 (X11; Linux) {number}", device.replace("\r\n", " "));
        app.request("POST", "/api/v1/auth/login").header("User-Agent", &agent).json(&body).send().await;
    }
    let stolen = app.try_sign_in("alice").await.expect_tokens();
    app.refresh(&stolen.refresh_token).await.expect_tokens();
    app.refresh(&stolen.refresh_token).await.expect_problem(401, "refresh_token_reused");
    let alice = app.count("SELECT count(*) FROM outbox WHERE notice = 'token-reused'").await;
    assert_eq!(alice, 1);
    // What a request cannot carry in a header, the table may still hold.
    sqlx::query(
        "INSERT INTO outbox (id, user_id, notice, details, created_at, due_at)
         SELECT gen_random_uuid(), user_id, notice, jsonb_build_object('ip', $1::text, 'user_agent', $1::text), now(), now()
         FROM outbox LIMIT 1",
    )
    .bind(format!("Firefox\r\nBcc: a@{BAIT}\r\n\r\nClick https://{BAIT}"))
    .execute(app.db())
    .await
    .expect("SQL");
    let id: String = sqlx::query_scalar("SELECT id::text FROM users WHERE email LIKE 'alice%'")
        .fetch_one(app.db())
        .await
        .expect("an id");
    let blocking = json!({ "blocked": true, "blocked_reason": format!("See https://{BAIT}") });
    admin.patch(&format!("/api/v1/admin/users/{id}"), &blocking).await.expect(200);
    all_sent(&app).await;
    let emails = stub.emails();
    assert!(emails.len() >= 4, "{}", emails.len());
    for sent in emails {
        let sent = readable(&sent);
        assert!(!sent.contains("evil") && !sent.contains("Winner") && !sent.contains("Bcc"), "{sent}");
        assert!(sent.contains("\nHello,\n"), "{sent}");
    }
}
