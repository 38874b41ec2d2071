//! Users are notified of what happens to their account: by emails, through an outbox.

use crate::support::{TestApp, email, eventually, password};
use serde_json::json;
use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// A mail server that keeps what it is sent; the first letters it may turn away (SMTP 451).
#[derive(Clone, Default)]
struct PostOffice {
    letters: Arc<Mutex<Vec<String>>>,
    to_turn_away: Arc<AtomicUsize>,
}

impl PostOffice {
    async fn open() -> (Self, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (office, address) = (Self::default(), listener.local_addr().expect("an address"));
        let clerk = office.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(clerk.clone().serve(client));
            }
        });
        (office, address)
    }

    /// As much of RFC 5321 as it takes.
    async fn serve(self, client: TcpStream) -> Option<()> {
        let (from, mut to) = client.into_split();
        let mut lines = BufReader::new(from).lines();
        to.write_all(b"220 office\r\n").await.ok()?;
        while let Some(line) = lines.next_line().await.ok()? {
            let answer: &[u8] = match line.get(..4).unwrap_or_default().to_ascii_uppercase().as_str() {
                "DATA" => {
                    to.write_all(b"354 go on\r\n").await.ok()?;
                    let mut letter = String::new();
                    while let Some(line) = lines.next_line().await.ok()?.filter(|line| line != ".") {
                        letter.push_str(&line);
                        letter.push('\n');
                    }
                    let turned_away =
                        self.to_turn_away.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
                    if turned_away.is_ok() {
                        b"451 not now\r\n"
                    } else {
                        self.letters.lock().expect("nobody panics").push(letter);
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

    fn letters(&self) -> Vec<String> {
        self.letters.lock().expect("nobody panics").clone()
    }

    async fn letter(&self, number: usize) -> String {
        eventually("the letter arrives", || async { self.letters().len() >= number }).await;
        readable(&self.letters()[number - 1])
    }
}

/// Quoted-printable (RFC 2045 §6.7) undone, as far as English needs it.
fn readable(letter: &str) -> String {
    letter.replace("=\n", "").replace("=3D", "=").replace("=E2=80=A6", "…")
}

async fn with_mail() -> (TestApp, PostOffice, String) {
    let (office, address) = PostOffice::open().await;
    let url = format!("smtp://{address}");
    (TestApp::with(&[("HEIRLOOM_SMTP_URL", &url)]).await, office, url)
}

fn link_in(letter: &str) -> String {
    let begin = letter.find("/end-sessions?letter=").expect("a link");
    letter[begin..].split_whitespace().next().expect("a link").to_owned()
}

///
#[tokio::test]
async fn a_reuse_is_told_with_a_link_that_ends_everything_once_after_a_confirmation() {
    let (app, office, _) = with_mail().await;
    let stolen = app.sign_in("alice").await;
    app.refresh(&stolen.refresh_token).await.expect_tokens();
    app.refresh(&stolen.refresh_token).await.expect_problem(401, "refresh_token_reused");

    let letter = office.letter(1).await;
    assert!(letter.contains(&format!("To: {}", email("alice"))), "{letter}");
    assert!(letter.contains("Subject: Heirloom: we revoked one of your sessions"), "{letter}");
    assert!(letter.contains("Auto-Submitted: auto-generated"), "{letter}");
    assert!(!letter.contains("hrt_") && !letter.contains("eyJ"), "no token leaves by mail");
    let (link, living) = (link_in(&letter), app.sign_in("alice").await);

    // Programs that look at letters follow links: that must end nothing.
    app.get(&link).await.expect(200);
    app.refresh(&living.refresh_token).await.expect_tokens();
    let letter_of = |link: &str| link.split_once("letter=").expect("a link").1.to_owned();
    let confirm = async |text: &str| app.request("POST", "/end-sessions").form(&[("letter", text)]).send().await;
    let done = confirm(&letter_of(&link)).await;
    assert!(done.expect(200).body.contains("One session was revoked."), "{done:?}");
    app.check(&living.access_token).await.expect_problem(401, "session_revoked");

    let next = app.sign_in("alice").await;
    confirm(&letter_of(&link)).await.expect(410);
    app.get(&link).await.expect(410);
    for forged in ["", "AAAA", &letter_of(&link).replace(|c: char| c.is_ascii_lowercase(), "A")] {
        confirm(forged).await.expect(410);
    }
    app.check(&next.access_token).await.expect(204);
}

#[tokio::test]
async fn a_foreign_page_cannot_confirm() {
    let (app, office, _) = with_mail().await;
    let alice = app.sign_in("alice").await;
    app.refresh(&alice.refresh_token).await.expect_tokens();
    app.refresh(&alice.refresh_token).await.expect_problem(401, "refresh_token_reused");
    let link = link_in(&office.letter(1).await);
    let request = app.request("POST", "/end-sessions").header("Sec-Fetch-Site", "cross-site");
    request.form(&[("letter", link.split_once('=').expect("a link").1)]).send().await.expect(403);
    app.get(&link).await.expect(200);
}

#[tokio::test]
async fn a_password_change_a_block_and_a_new_device_are_told() {
    let (app, office, _) = with_mail().await;
    let admin = app.admin("root").await;
    let alice = app.person("alice").await;
    let body = json!({ "current_password": password("alice"), "new_password": "another rather long one" });
    alice.post("/api/v1/me/password", &body).await.expect(204);
    assert!(office.letter(1).await.contains("your password was changed"));

    let credentials = json!({ "email": email("alice"), "password": "another rather long one" });
    let sign_in =
        app.request("POST", "/api/v1/auth/login").header("User-Agent", "Mozilla/5.0 (X11; Linux) Firefox/140.0");
    sign_in.json(&credentials).send().await.expect(200);
    let letter = office.letter(2).await;
    assert!(letter.contains("sign-in from a new device") && letter.contains("127.0.0.1"), "{letter}");

    admin.patch(&format!("/api/v1/admin/users/{}", alice.id), &json!({ "blocked": true })).await.expect(200);
    let letter = office.letter(3).await;
    assert!(letter.contains("your account was blocked") && !letter.contains("/end-sessions"), "{letter}");
    assert_eq!(office.letters().len(), 3, "a first sign-in and a familiar one are no news");
}

#[tokio::test]
async fn letters_speak_the_language_in_which_somebody_signed_in() {
    let (app, office, _) = with_mail().await;
    app.register("mina").await;
    let body = json!({ "email": email("mina"), "password": password("mina") });
    let request = app.request("POST", "/api/v1/auth/login").header("Accept-Language", "ko-KR,ko;q=0.9");
    let mina = request.json(&body).send().await.expect_tokens();
    app.refresh(&mina.refresh_token).await.expect_tokens();
    app.refresh(&mina.refresh_token).await.expect_problem(401, "refresh_token_reused");
    let letter = office.letter(1).await;
    // The base64 of "기기" (RFC 2047). An English subject needs no encoding.
    assert!(letter.contains("Subject: Heirloom: =?utf-8?b?6riw6riw"), "{letter}");
}

/// Never in the request's way, never lost: neither by an outage of the mail server nor by the end of a process.
#[tokio::test]
async fn a_letter_that_was_not_taken_is_sent_later_by_whatever_server_there_is_and_once() {
    let (mut app, office, url) = with_mail().await;
    office.to_turn_away.store(1, Ordering::SeqCst);
    let alice = app.sign_in("alice").await;
    app.refresh(&alice.refresh_token).await.expect_tokens();
    app.refresh(&alice.refresh_token).await.expect_problem(401, "refresh_token_reused");
    eventually("it is turned away", || async { office.to_turn_away.load(Ordering::SeqCst) == 0 }).await;
    eventually("that is noted", || async {
        app.count("SELECT count(*) FROM outbox WHERE sent_at IS NULL AND due_at > now()").await == 1
    })
    .await;
    let next = app.another(&[("HEIRLOOM_SMTP_URL", &url)]).await;
    app.stop().await;
    sqlx::query("UPDATE outbox SET due_at = now()").execute(next.db()).await.expect("SQL");
    assert!(office.letter(1).await.contains("we revoked one of your sessions"));
    eventually("it is noted as sent", || async {
        next.count("SELECT count(*) FROM outbox WHERE sent_at IS NOT NULL").await == 1
    })
    .await;
    assert_eq!(office.letters().len(), 1);
}

#[tokio::test]
async fn without_a_mail_server_nothing_is_written() {
    let app = TestApp::start().await;
    let alice = app.sign_in("alice").await;
    app.refresh(&alice.refresh_token).await.expect_tokens();
    app.refresh(&alice.refresh_token).await.expect_problem(401, "refresh_token_reused");
    assert_eq!(app.count("SELECT count(*) FROM outbox").await, 0);
}

/// What an attacker would like to see in an email from the operator's sender.
const BAIT: &str = "evil.example/prize";

/// Whoever registers another user's address must not be able to write to it from the operator's own sender.
#[tokio::test]
async fn no_email_repeats_what_a_user_typed() {
    let (app, office, _) = with_mail().await;
    let body = json!({ "email": email("alice"), "password": password("alice"), "name": format!("Winner: {BAIT}") });
    app.request("POST", "/api/v1/auth/register").json(&body).send().await.expect(201);
    let sign_in = |device: &str| {
        let body = json!({ "email": email("alice"), "password": password("alice"), "device_name": format!("{device} {BAIT}") });
        let agent = format!("{BAIT} Firefox/140.0 (X11; Linux) {device}");
        app.request("POST", "/api/v1/auth/login").header("User-Agent", &agent).json(&body).send()
    };
    sign_in("first").await.expect(200);
    let second = sign_in("second").await.expect_tokens();
    app.refresh(&second.refresh_token).await.expect_tokens();
    app.refresh(&second.refresh_token).await.expect_problem(401, "refresh_token_reused");
    office.letter(1).await;
    eventually("every email is sent", || async {
        app.count("SELECT count(*) FROM outbox WHERE sent_at IS NULL").await == 0
    })
    .await;
    for letter in office.letters() {
        let letter = readable(&letter);
        assert!(!letter.contains("evil") && !letter.contains("Winner"), "{letter}");
        assert!(letter.contains("\nHello,\n"), "{letter}");
    }
}
