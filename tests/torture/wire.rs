//! A way to Postgres that understands what passes over it, and can be cut at a chosen message of a rotation.
//!
//! After the start-up message everything is framed: a type, a length that counts itself, a body. sqlx prepares a named
//! statement once for each connection (`Parse`), and executes it with `Bind`, `Execute`, `Sync`. Postgres commits at
//! `Sync`, before it answers `ReadyForQuery`.

use std::{
    collections::HashSet,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
    sync::{Notify, watch},
};

/// Where the connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The statement never reaches Postgres: nothing is committed.
    BeforeStatement,
    /// The statement has been sent, and nobody waits for anything.
    AfterStatement,
    /// Postgres has committed and said so; its answer goes no further.
    AfterCommit,
    /// As above, with the first half of the answer delivered.
    WithinAnswer,
}

/// How the statements begin that rotate one session, and a batch of them.
const ROTATIONS: [&[u8]; 2] = [b"UPDATE sessions AS s", b"WITH taken AS MATERIALIZED ("];

pub const CUTS: [Cut; 4] = [Cut::BeforeStatement, Cut::AfterStatement, Cut::AfterCommit, Cut::WithinAnswer];

/// The way, and the hand with the scissors.
#[derive(Debug)]
pub struct Wire {
    port: u16,
    socket: PathBuf,
    /// Where the next rotation is cut, and whether everything stays down afterwards.
    armed: Mutex<Option<(Cut, bool)>>,
    cuts: AtomicU64,
    is_up: watch::Sender<bool>,
}

impl Wire {
    /// A way to the cluster whose socket this is.
    pub async fn to(socket: PathBuf) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (armed, cuts, is_up) = (Mutex::default(), AtomicU64::default(), watch::Sender::new(true));
        let wire = Arc::new(Self { port, socket, armed, cuts, is_up });
        tokio::spawn(wire.clone().serve(listener));
        wire
    }

    pub fn url(&self) -> String {
        format!("postgres://heirloom@127.0.0.1:{}/heirloom?sslmode=disable", self.port)
    }

    /// The next rotation, on whatever connection, is cut there.
    pub fn arm(&self, cut: Cut) {
        *self.armed.lock().unwrap() = Some((cut, false));
    }

    /// The same, and with it every connection; nobody comes through until the way is opened again.
    pub fn arm_and_stay_down(&self, cut: Cut) {
        *self.armed.lock().unwrap() = Some((cut, true));
    }

    /// Waits until that has come to pass.
    pub async fn until_down(&self) {
        self.is_up.subscribe().wait_for(|up| !up).await.unwrap();
    }

    pub fn open(&self) {
        self.is_up.send_replace(true);
    }

    /// How many rotations were cut.
    pub fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::SeqCst)
    }

    async fn serve(self: Arc<Self>, listener: TcpListener) {
        while let Ok((client, _)) = listener.accept().await {
            client.set_nodelay(true).unwrap();
            tokio::spawn(self.clone().carry(client));
        }
    }

    async fn carry(self: Arc<Self>, client: TcpStream) {
        if !*self.is_up.borrow() {
            return;
        }
        let Ok(server) = UnixStream::connect(&self.socket).await else { return };
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let line = Line::default();
        let mut is_up = self.is_up.subscribe();
        tokio::select! {
            () = self.requests(from_client, to_server, &line) => {}
            () = answers(from_server, to_client, &line) => {}
            _ = is_up.wait_for(|up| !up) => {}
        }
        if let Some((_, stay_down)) = *line.cut.lock().unwrap() {
            if stay_down {
                self.is_up.send_replace(false);
            }
            self.cuts.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Ends when the connection is to be cut at once.
    async fn requests(&self, mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, line: &Line) {
        let mut rotations = HashSet::new();
        let Some(start_up) = untyped(&mut from).await else { return };
        if to.write_all(&start_up).await.is_err() {
            return;
        }
        while let Some(message) = typed(&mut from).await {
            match message[0] {
                b'P' if words(&message).nth(1).is_some_and(is_rotation) => {
                    rotations.insert(words(&message).next().unwrap().to_vec());
                }
                b'B' if words(&message).nth(1).is_some_and(|name| rotations.contains(name)) => {
                    *line.cut.lock().unwrap() = self.armed.lock().unwrap().take();
                }
                _ => {}
            }
            let cut = line.cut();
            if cut == Some(Cut::BeforeStatement) || to.write_all(&message).await.is_err() {
                return;
            }
            if cut == Some(Cut::AfterStatement) && message[0] == b'S' {
                return;
            }
        }
        // The client has gone; what it has asked for may still be at work.
        if line.cut().is_some() {
            line.is_over.notified().await;
        }
    }
}

/// Whether a statement rotates one session, or a batch of them.
fn is_rotation(sql: &[u8]) -> bool {
    ROTATIONS.iter().any(|beginning| sql.starts_with(beginning))
}

/// One connection.
#[derive(Debug, Default)]
struct Line {
    cut: Mutex<Option<(Cut, bool)>>,
    is_over: Notify,
}

impl Line {
    fn cut(&self) -> Option<Cut> {
        self.cut.lock().unwrap().map(|(cut, _)| cut)
    }
}

/// Passes answers on; one that will be cut is read to its end first.
async fn answers(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, line: &Line) {
    let mut held = Vec::new();
    while let Some(message) = typed(&mut from).await {
        let is_end = message[0] == b'Z';
        match line.cut() {
            None => {
                if to.write_all(&message).await.is_err() {
                    return;
                }
            }
            // The other direction cuts.
            Some(Cut::BeforeStatement | Cut::AfterStatement) => {}
            Some(Cut::AfterCommit) if is_end => break,
            Some(Cut::WithinAnswer) if is_end => {
                drop(to.write_all(&held[..held.len() / 2]).await);
                drop(to.flush().await);
                break;
            }
            Some(Cut::AfterCommit | Cut::WithinAnswer) => held.extend(message),
        }
    }
    line.is_over.notify_one();
}

/// The start-up message: a length and a body.
async fn untyped(from: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let mut message = vec![0; 4];
    from.read_exact(&mut message).await.ok()?;
    body(from, message).await
}

/// A type, a length, a body.
async fn typed(from: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let mut message = vec![0; 5];
    from.read_exact(&mut message).await.ok()?;
    body(from, message).await
}

async fn body(from: &mut (impl AsyncRead + Unpin), mut message: Vec<u8>) -> Option<Vec<u8>> {
    let head = message.len();
    let length = u32::from_be_bytes(message[head - 4..].try_into().unwrap());
    message.resize(head - 4 + usize::try_from(length).unwrap(), 0);
    from.read_exact(&mut message[head..]).await.ok()?;
    Some(message)
}

/// What stands between the zero bytes of a message's body: the names and texts at its beginning.
fn words(message: &[u8]) -> impl Iterator<Item = &[u8]> {
    message[5..].split(|byte| *byte == 0)
}

/// What cuts a rotation must know every statement that rotates: the recorded ones (.sqlx) raise a generation.
#[test]
fn every_statement_that_rotates_is_known() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx");
    let recorded =
        std::fs::read_dir(folder).unwrap().map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    let statements = recorded.map(|text| serde_json::from_str::<serde_json::Value>(&text).unwrap());
    let statements = statements.map(|recorded| recorded["query"].as_str().unwrap().to_owned());
    let rotations: Vec<_> = statements.filter(|sql| sql.contains("generation = s.generation + 1")).collect();
    assert_eq!(rotations.len(), ROTATIONS.len(), "{rotations:?}");
    for sql in rotations {
        assert!(is_rotation(sql.as_bytes()), "{sql}");
    }
}
