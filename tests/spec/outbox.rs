//! The outbox: emails are sent later where they cannot be sent now, once, to the recipients in turn, and not too many.

use crate::support::{TestApp, all_sent, email, eventually, link_in, logs, with_mail};
use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::atomic::Ordering,
};

/// Never in the request's way, never lost: neither by an outage of the mail server nor by the end of a process.
#[tokio::test]
async fn an_email_that_was_postponed_is_sent_later_by_any_instance_and_once() {
    let (mut app, stub, url) = with_mail().await;
    stub.to_postpone.store(1, Ordering::SeqCst);
    let alice = app.sign_in("alice").await;
    app.refresh(&alice.refresh_token).await.expect_tokens();
    app.refresh(&alice.refresh_token).await.expect_problem(401, "refresh_token_reused");
    eventually("it is postponed", || async { stub.to_postpone.load(Ordering::SeqCst) == 0 }).await;
    eventually("that is noted", || async {
        app.count("SELECT count(*) FROM outbox WHERE sent_at IS NULL AND due_at > now()").await == 1
    })
    .await;
    let next = app.another(&[("HEIRLOOM_SMTP_URL", &url)]).await;
    app.stop().await;
    sqlx::query("UPDATE outbox SET due_at = now()").execute(next.db()).await.expect("SQL");
    assert!(stub.email(1).await.contains("we revoked one of your sessions"));
    eventually("it is noted as sent", || async {
        next.count("SELECT count(*) FROM outbox WHERE sent_at IS NOT NULL").await == 1
    })
    .await;
    assert_eq!(stub.emails().len(), 1);
}

/// The files of a folder, hidden ones too.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

fn mode_of(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it exists").permissions().mode() & 0o777
}

///
#[tokio::test]
async fn without_a_mail_server_emails_are_files_that_only_the_server_reads() {
    let app = TestApp::start().await;
    let folder = app.data.path().join("mail");
    enqueue(&app, &["alice"]).await;
    all_sent(&app).await;
    let files = files_in(&folder);
    let [file] = files.as_slice() else { panic!("one file: {files:?}") };
    assert_eq!((mode_of(file), mode_of(&folder)), (0o600, 0o700));
    let name = file.file_name().and_then(|name| name.to_str()).expect("a name");
    assert!(
        name.contains("_token-reused_") && file.extension().is_some_and(|end| end == "eml") && !name.contains("alice"),
        "{name}"
    );
    let sent = std::fs::read_to_string(file).expect("an email");
    assert!(sent.contains(&format!("To: {}\r\n", email("alice"))) && sent.contains("\r\n\r\nHello,\r\n"), "{sent}");
    let link = link_in(&sent);
    app.get(&link).await.expect(200);

    let logged = logs::so_far();
    assert!(logged.contains("mail.written") && logged.contains(name), "the log names the file");
}

/// what cannot be written is not lost, and no user waits for it.
#[tokio::test]
async fn a_folder_that_cannot_be_written_delays_emails_and_nothing_else() {
    let parent = tempfile::TempDir::new().expect("a folder");
    let folder = parent.path().join("mails");
    std::fs::write(&folder, "in the way").expect("a file");
    let app = TestApp::with(&[("HEIRLOOM_SMTP_URL", &format!("file:{}", folder.display()))]).await;
    enqueue(&app, &["alice"]).await;
    until(&app, 1, WAITING).await;
    std::fs::remove_file(&folder).expect("out of the way");
    sqlx::query("UPDATE outbox SET due_at = now()").execute(app.db()).await.expect("SQL");
    all_sent(&app).await;
    assert_eq!(files_in(&folder).len(), 1);
    assert!(!app.data.path().join("mail").exists(), "another folder was named");
}

/// Sessions of this number whose refresh tokens were used, each ready to be reused.
async fn stolen_tokens(app: &TestApp, name: &str, number: usize) -> Vec<String> {
    app.register(name).await;
    let mut tokens = Vec::new();
    for _ in 0..number {
        let session = app.try_sign_in(name).await.expect_tokens();
        app.refresh(&session.refresh_token).await.expect_tokens();
        tokens.push(session.refresh_token);
    }
    tokens
}

/// at most three of a kind in an hour, whether they come one after another or at once.
#[tokio::test]
async fn a_flood_of_one_kind_sends_three_emails_an_hour_and_others_still_get_theirs() {
    let (app, stub, _) = with_mail().await;
    let tokens = stolen_tokens(&app, "alice", 9).await;
    let at_once = futures_util::future::join_all(tokens.iter().map(|token| app.refresh(token)));
    for answer in at_once.await {
        answer.expect_problem(401, "refresh_token_reused");
    }
    for token in stolen_tokens(&app, "bob", 1).await {
        app.refresh(&token).await.expect_problem(401, "refresh_token_reused");
    }
    all_sent(&app).await;
    let to = |name: &str| stub.emails().iter().filter(|sent| sent.contains(&format!("To: {}", email(name)))).count();
    assert_eq!((to("alice"), to("bob")), (3, 1));
    assert!(app.metrics().await.contains("heirloom_mails_total{outcome=\"limited\"} 6"));
}

/// ten in a day; what of a kind comes first is sent even so, or a flood of one kind would hide another.
#[tokio::test]
async fn after_ten_emails_in_a_day_only_the_first_of_a_kind_is_sent() {
    let (app, _stub, _) = with_mail().await;
    let tokens = stolen_tokens(&app, "alice", 3).await;
    sqlx::query(
        "INSERT INTO outbox (id, user_id, notice, details, created_at, due_at, sent_at)
         SELECT gen_random_uuid(), id, 'new-device', '{}', now() - interval '2 hours', now(), now()
         FROM users, generate_series(1, 10) WHERE email LIKE 'alice%'",
    )
    .execute(app.db())
    .await
    .expect("SQL");
    for token in tokens {
        app.refresh(&token).await.expect_problem(401, "refresh_token_reused");
    }
    assert_eq!(app.count("SELECT count(*) FROM outbox WHERE notice = 'token-reused'").await, 1);
    sqlx::query("UPDATE outbox SET created_at = created_at - interval '1 day'").execute(app.db()).await.expect("SQL");
    for token in stolen_tokens(&app, "bob", 1).await {
        app.refresh(&token).await.expect_problem(401, "refresh_token_reused");
    }
    assert_eq!(app.count("SELECT count(*) FROM outbox WHERE notice = 'token-reused'").await, 2);
}

/// anyone can request them, and would silence the notification of a later intruder.
#[tokio::test]
async fn emails_that_strangers_request_hold_back_no_notification() {
    let (app, _stub, _) = with_mail().await;
    let tokens = stolen_tokens(&app, "alice", 2).await;
    sqlx::query(
        "WITH requested AS (
             INSERT INTO confirmations (id, purpose, user_id, email, created_at, expires_at, looked_up_at)
             SELECT gen_random_uuid(), 'reset_password', id, email, now(), now() + interval '1 hour', now()
             FROM users, generate_series(1, 12) WHERE email LIKE 'alice%' RETURNING id, user_id)
         INSERT INTO outbox (id, user_id, confirmation_id, notice, details, created_at, due_at, sent_at)
         SELECT gen_random_uuid(), user_id, id, 'reset-password', '{}', now() - interval '2 hours', now(), now() FROM requested",
    )
    .execute(app.db())
    .await
    .expect("SQL");
    for token in tokens {
        app.refresh(&token).await.expect_problem(401, "refresh_token_reused");
    }
    assert_eq!(app.count("SELECT count(*) FROM outbox WHERE notice = 'token-reused'").await, 2);
}

/// The outbox serves the recipients in turn.
#[tokio::test]
async fn ten_thousand_emails_to_one_user_do_not_delay_the_first_of_another() {
    let (app, stub, _) = with_mail().await;
    app.register("mallory").await;
    app.register("alice").await;
    // One statement, so that the server sees all or nothing. Alice's is due last.
    sqlx::query(
        "INSERT INTO outbox (id, user_id, notice, details, created_at, due_at)
         SELECT gen_random_uuid(), id, 'new-device', '{}', now(), now() - interval '1 hour'
         FROM users, generate_series(1, CASE WHEN email LIKE 'mallory%' THEN 10000 ELSE 1 END) AS number
         ORDER BY email DESC",
    )
    .execute(app.db())
    .await
    .expect("SQL");
    stub.email(2).await;
    let first_two = stub.emails().into_iter().take(2).collect::<String>();
    assert!(first_two.contains(&email("alice")), "one email to each recipient in each round");
    sqlx::query("DELETE FROM outbox").execute(app.db()).await.expect("SQL");
}

/// Enqueues an email to each of these users.
async fn enqueue(app: &TestApp, names: &[&str]) {
    for name in names {
        let tokens = stolen_tokens(app, name, 1).await;
        app.refresh(&tokens[0]).await.expect_problem(401, "refresh_token_reused");
    }
}

async fn until(app: &TestApp, number: i64, sql: &'static str) {
    eventually(sql, || async { app.count(sql).await == number }).await;
}

const SENT: &str = "SELECT count(*) FROM outbox WHERE sent_at IS NOT NULL";
const ABANDONED: &str = "SELECT count(*) FROM outbox WHERE abandoned_at IS NOT NULL AND attempts = 1";
const WAITING: &str = "SELECT count(*) FROM outbox WHERE sent_at IS NULL AND abandoned_at IS NULL AND attempts = 1";

///
#[tokio::test]
async fn a_permanent_refusal_of_a_recipient_is_final_and_one_of_our_sender_is_not() {
    let (app, stub, _) = with_mail().await;
    stub.refuse(format!("RCPT TO:<{}", email("unknown")), "550 5.1.1 unknown@example.com is unknown here\r\n");
    stub.refuse(format!("RCPT TO:<{}", email("later")), "450 4.2.1 later@example.com is busy\r\n");
    enqueue(&app, &["unknown", "later", "alice"]).await;
    until(&app, 1, SENT).await;
    until(&app, 1, ABANDONED).await;
    // One email after another: once this one is sent, the outcome of those before it is recorded.
    enqueue(&app, &["carol"]).await;
    until(&app, 2, SENT).await;
    assert_eq!((app.count(WAITING).await, app.count(ABANDONED).await), (1, 1));

    // Even if it were due, it is not attempted again; the other one is.
    stub.refuse_nothing();
    sqlx::query("UPDATE outbox SET due_at = now()").execute(app.db()).await.expect("SQL");
    all_sent(&app).await;
    let refused = "SELECT count(*) FROM outbox AS o JOIN users AS u ON u.id = o.user_id
        WHERE o.abandoned_at IS NOT NULL AND o.attempts = 1 AND u.email LIKE 'unknown%'";
    assert_eq!((app.count(refused).await, app.count(SENT).await), (1, 3));
    assert_eq!(stub.emails().len(), 3);
    assert!(app.metrics().await.contains("heirloom_mails_total{outcome=\"refused\"} 1"));

    stub.refuse("MAIL FROM".to_owned(), "550 5.7.1 this sender may not\r\n");
    enqueue(&app, &["bob"]).await;
    eventually("the sender is refused", || async {
        app.metrics().await.contains("heirloom_mails_total{outcome=\"failed\"} 2")
    })
    .await;
    assert_eq!((app.count(WAITING).await, app.count(ABANDONED).await), (1, 1));
}

#[tokio::test]
async fn an_email_whose_content_is_refused_is_final_and_so_is_a_recipient_who_is_no_mailbox() {
    let (app, stub, _) = with_mail().await;
    stub.refuse("DATA".to_owned(), "554 5.6.0 not this one\r\n");
    enqueue(&app, &["alice"]).await;
    until(&app, 1, ABANDONED).await;
    stub.refuse_nothing();
    sqlx::query("UPDATE users SET email = 'a b@example.com'").execute(app.db()).await.expect("SQL");
    sqlx::query("UPDATE outbox SET abandoned_at = NULL, attempts = 0, due_at = now()")
        .execute(app.db())
        .await
        .expect("SQL");
    until(&app, 1, ABANDONED).await;
    assert_eq!(stub.emails().len(), 0);
}
