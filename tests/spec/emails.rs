//! Users are notified of what happens to their account: by emails, through an outbox.

use crate::support::{TestApp, email, eventually, logs, password};
use serde_json::json;
use std::{
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// A mail server that keeps what it is sent. It may postpone the first emails (SMTP 451) and refuse some commands.
#[derive(Clone, Default)]
struct MailStub {
    emails: Arc<Mutex<Vec<String>>>,
    to_postpone: Arc<AtomicUsize>,
    refusals: Arc<Mutex<Vec<Refusal>>>,
}

/// The answer to each command that begins so.
#[derive(Clone)]
struct Refusal {
    command: String,
    answer: &'static str,
}

impl MailStub {
    async fn open() -> (Self, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (stub, address) = (Self::default(), listener.local_addr().expect("an address"));
        let serving = stub.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(client));
            }
        });
        (stub, address)
    }

    /// As much of RFC 5321 as it takes.
    async fn serve(self, client: TcpStream) -> Option<()> {
        let (from, mut to) = client.into_split();
        let mut lines = BufReader::new(from).lines();
        to.write_all(b"220 stub\r\n").await.ok()?;
        while let Some(line) = lines.next_line().await.ok()? {
            if let Some(refused) = self.refusal(&line) {
                to.write_all(refused.as_bytes()).await.ok()?;
                continue;
            }
            let answer: &[u8] = match line.get(..4).unwrap_or_default().to_ascii_uppercase().as_str() {
                "DATA" => {
                    to.write_all(b"354 go on\r\n").await.ok()?;
                    let mut email = String::new();
                    while let Some(line) = lines.next_line().await.ok()?.filter(|line| line != ".") {
                        email.push_str(&line);
                        email.push('\n');
                    }
                    let postponed =
                        self.to_postpone.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
                    if postponed.is_ok() {
                        b"451 not now\r\n"
                    } else {
                        self.emails.lock().expect("no panic").push(email);
                        b"250 taken\r\n"
                    }
                }
                "QUIT" => return to.write_all(b"221 bye\r\n").await.ok(),
                _ => b"250 ok\r\n",
            };
            to.write_all(answer).await.ok()?;
        }
        Some(())
    }

    fn refusal(&self, line: &str) -> Option<&'static str> {
        let refusals = self.refusals.lock().expect("no panic");
        refusals.iter().find(|refusal| line.starts_with(&refusal.command)).map(|refusal| refusal.answer)
    }

    fn refuse(&self, command: String, answer: &'static str) {
        self.refusals.lock().expect("no panic").push(Refusal { command, answer });
    }

    fn emails(&self) -> Vec<String> {
        self.emails.lock().expect("no panic").clone()
    }

    async fn email(&self, number: usize) -> String {
        eventually("the email arrives", || async { self.emails().len() >= number }).await;
        readable(&self.emails()[number - 1])
    }
}

/// Quoted-printable (RFC 2045 §6.7) undone, as far as English needs it.
fn readable(email: &str) -> String {
    email.replace("=\n", "").replace("=3D", "=").replace("=E2=80=A6", "…")
}

async fn with_mail() -> (TestApp, MailStub, String) {
    let (stub, address) = MailStub::open().await;
    let url = format!("smtp://{address}");
    (TestApp::with(&[("HEIRLOOM_SMTP_URL", &url), ("HEIRLOOM_METRICS_BIND", "127.0.0.1:0")]).await, stub, url)
}

fn link_in(email: &str) -> String {
    let begin = email.find("/end-sessions?email=").expect("a link");
    email[begin..].split_whitespace().next().expect("a link").to_owned()
}

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
    assert!(!sent.contains("hrt_") && !sent.contains("eyJ"), "no token is sent by email");
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
    // The base64 of "기기" (RFC 2047). An English subject needs no encoding.
    assert!(sent.contains("Subject: Heirloom: =?utf-8?b?6riw6riw"), "{sent}");
}

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

/// What an attacker would like to see in an email from the operator's sender.
const BAIT: &str = "evil.example/prize";

async fn all_sent(app: &TestApp) {
    eventually("every email is sent", || async {
        app.count("SELECT count(*) FROM outbox WHERE sent_at IS NULL AND abandoned_at IS NULL").await == 0
    })
    .await;
}

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
    stub.refusals.lock().expect("no panic").clear();
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
    stub.refusals.lock().expect("no panic").clear();
    sqlx::query("UPDATE users SET email = 'a b@example.com'").execute(app.db()).await.expect("SQL");
    sqlx::query("UPDATE outbox SET abandoned_at = NULL, attempts = 0, due_at = now()")
        .execute(app.db())
        .await
        .expect("SQL");
    until(&app, 1, ABANDONED).await;
    assert_eq!(stub.emails().len(), 0);
}
