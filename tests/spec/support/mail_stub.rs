//! A mail server, and the emails that a server sends to it.

use super::{TestApp, eventually};
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

/// A mail server that keeps what it is sent. It may postpone the first emails (SMTP 451) and refuse some commands.
#[derive(Clone, Default)]
pub struct MailStub {
    emails: Arc<Mutex<Vec<String>>>,
    /// How many emails it postpones.
    pub to_postpone: Arc<AtomicUsize>,
    refusals: Arc<Mutex<Vec<Refusal>>>,
}

/// The answer to each command that begins so.
#[derive(Clone)]
struct Refusal {
    command: String,
    answer: &'static str,
}

impl MailStub {
    /// A server on a port of its own.
    pub async fn open() -> (Self, SocketAddr) {
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

    /// From now on, commands that begin so get this answer.
    pub fn refuse(&self, command: String, answer: &'static str) {
        self.refusals.lock().expect("no panic").push(Refusal { command, answer });
    }

    /// It refuses nothing any more.
    pub fn refuse_nothing(&self) {
        self.refusals.lock().expect("no panic").clear();
    }

    /// What it has taken so far, as it came.
    pub fn emails(&self) -> Vec<String> {
        self.emails.lock().expect("no panic").clone()
    }

    /// The email of this number, from one, once it has arrived.
    pub async fn email(&self, number: usize) -> String {
        eventually("the email arrives", || async { self.emails().len() >= number }).await;
        readable(&self.emails()[number - 1])
    }
}

/// Quoted-printable (RFC 2045 §6.7) undone, as far as English needs it.
pub fn readable(email: &str) -> String {
    email.replace("=\n", "").replace("=3D", "=").replace("=E2=80=A6", "…")
}

/// A server that sends its emails to such a mail server, whose URL is the last.
pub async fn with_mail() -> (TestApp, MailStub, String) {
    let (stub, address) = MailStub::open().await;
    let url = format!("smtp://{address}");
    (TestApp::with(&[("HEIRLOOM_SMTP_URL", &url), ("HEIRLOOM_METRICS_BIND", "127.0.0.1:0")]).await, stub, url)
}

/// The link that revokes all sessions.
#[track_caller]
pub fn link_in(email: &str) -> String {
    let begin = email.find("/end-sessions?email=").expect("a link");
    email[begin..].split_whitespace().next().expect("a link").to_owned()
}

/// Waits until every email is sent or given up.
pub async fn all_sent(app: &TestApp) {
    eventually("every email is sent", || async {
        app.count("SELECT count(*) FROM outbox WHERE sent_at IS NULL AND abandoned_at IS NULL").await == 0
    })
    .await;
}
