use crate::signer::{ISSUER, Signer, name_of, now};
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{AbortHandle, JoinSet},
};

pub const FEED_KEY: &str = "a key of the feed";
const BEAT: Duration = Duration::from_millis(200);

/// What the server does with a connection to its stream.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Mode {
    #[default]
    Streams,
    /// Closes connections at once, to whatever path.
    Unreachable,
    /// Closes a connection after its snapshot.
    Snapshots,
    /// Keeps connections open and sends nothing.
    Silent,
    /// Sends comments and nothing else.
    Comments,
    /// Answers the stream with this status and these headers.
    Answers(u16, String),
}

/// What a server knows and does. A test changes it at any time.
#[derive(Default)]
pub struct Behaviour {
    pub mode: Mode,
    pub stream: String,
    pub sessions: Vec<String>,
    pub access: Vec<(String, i64)>,
    pub everyone: Option<i64>,
    /// Seconds by which its clock is ahead.
    pub ahead: i64,
    /// Signs events, if not the key that is published.
    pub forger: Option<Signer>,
    /// Other keys that are published.
    pub more_keys: Vec<Value>,
    /// Sends spaces before the keys until the other side closes; and how many bytes of them it has sent.
    pub endless_keys: bool,
    pub sent: usize,
    /// The answer of `/auth/check`: status, headers, body.
    pub check: (u16, String, String),
    /// The paths of all requests.
    pub requests: Vec<String>,
    pub listeners: usize,
}

/// A server that publishes a key and a stream.
pub struct Stub {
    pub url: String,
    pub signer: Arc<Signer>,
    state: Arc<Mutex<Behaviour>>,
    /// Changes where all connections are to be closed.
    cut: watch::Sender<u32>,
    task: AbortHandle,
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Stub {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let signer = Arc::new(Signer::new("key-1"));
        let state = Arc::new(Mutex::new(Behaviour { stream: "first".to_owned(), ..Behaviour::default() }));
        let cut = watch::Sender::new(0);
        let serving = Serving { signer: Arc::clone(&signer), state: Arc::clone(&state) };
        let task = tokio::spawn(serve(listener, serving, cut.subscribe())).abort_handle();
        Self { url, signer, state, cut, task }
    }

    /// What it does, to be looked at or changed.
    pub fn behaviour(&self) -> MutexGuard<'_, Behaviour> {
        self.state.lock().unwrap()
    }

    /// Does something else from now on, for new connections only.
    pub fn becomes(&self, mode: Mode) {
        self.behaviour().mode = mode;
    }

    /// Closes all connections.
    pub fn cut(&self) {
        self.cut.send_modify(|times| *times += 1);
    }

    pub fn revoke(&self, sid: &str) {
        self.behaviour().sessions.push(name_of(sid));
    }

    /// How many requests there were to this path.
    pub fn requests_to(&self, path: &str) -> usize {
        self.behaviour().requests.iter().filter(|request| request.as_str() == path).count()
    }

    pub fn streams_opened(&self) -> usize {
        self.requests_to("/api/v1/revocations/stream")
    }
}

#[derive(Clone)]
struct Serving {
    signer: Arc<Signer>,
    state: Arc<Mutex<Behaviour>>,
}

async fn serve(listener: TcpListener, serving: Serving, mut cut: watch::Receiver<u32>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (socket, _) = accepted.unwrap();
                connections.spawn(serving.clone().answer(socket));
            }
            _ = cut.changed() => connections.abort_all(),
        }
    }
}

/// Counts a listener for as long as it lives.
struct Listener(Arc<Mutex<Behaviour>>);

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.lock().unwrap().listeners -= 1;
    }
}

impl Serving {
    async fn answer(self, mut socket: TcpStream) {
        let Some(request) = head(&mut socket).await else { return };
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        let (mode, check, endless) = {
            let mut state = self.state.lock().unwrap();
            state.requests.push(path.clone());
            (state.mode.clone(), state.check.clone(), state.endless_keys)
        };
        let answer = match path.as_str() {
            _ if mode == Mode::Unreachable => return,
            "/.well-known/jwks.json" if endless => return self.endless(socket).await,
            "/.well-known/jwks.json" => plain(200, "content-type: application/json\r\n", &self.keys()),
            "/api/v1/auth/check" => plain(check.0, &check.1, &check.2),
            "/api/v1/revocations/stream" if !request.contains(FEED_KEY) => plain(401, "", ""),
            "/api/v1/revocations/stream" => match mode {
                Mode::Answers(status, headers) => plain(status, &headers, ""),
                _ => return self.stream(socket).await,
            },
            _ => plain(404, "", ""),
        };
        drop(socket.write_all(answer.as_bytes()).await);
    }

    async fn endless(self, mut socket: TcpStream) {
        let mut bytes = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n".to_vec();
        while socket.write_all(&bytes).await.is_ok() {
            self.state.lock().unwrap().sent += bytes.len();
            bytes = vec![b' '; 1 << 16];
        }
        self.state.lock().unwrap().endless_keys = false;
    }

    fn keys(&self) -> String {
        let more = self.state.lock().unwrap().more_keys.clone();
        let keys = [vec![self.signer.jwk()], more].concat();
        json!({ "keys": keys }).to_string()
    }

    /// A snapshot, then a beat or a delta at a time, until the other side closes.
    async fn stream(self, mut socket: TcpStream) {
        self.state.lock().unwrap().listeners += 1;
        let _counted = Listener(Arc::clone(&self.state));
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n: welcome\r\n\r\n";
        if socket.write_all(head.as_bytes()).await.is_err() {
            return;
        }
        let mut events = Sent::default();
        loop {
            let mode = self.state.lock().unwrap().mode.clone();
            let bytes = match &mode {
                Mode::Silent => String::new(),
                Mode::Comments => ": nothing new\n\n".to_owned(),
                _ => self.next(&mut events),
            };
            let is_written = socket.write_all(bytes.as_bytes()).await.is_ok();
            if !is_written || mode == Mode::Snapshots || has_closed(&mut socket).await {
                return;
            }
        }
    }

    /// The next event of a connection. The numbers of a stream grow across its connections: they count from its clock.
    fn next(&self, sent: &mut Sent) -> String {
        let state = self.state.lock().unwrap();
        let iat = now() + state.ahead;
        let is_snapshot = sent.n == 0;
        let unsent = (&state.sessions[sent.sessions..], &state.access[sent.access..]);
        let has_news = !unsent.0.is_empty() || !unsent.1.is_empty() || state.everyone != sent.everyone;
        let kind = if is_snapshot {
            "snapshot"
        } else if has_news {
            "delta"
        } else {
            "beat"
        };
        let n = if is_snapshot { u64::try_from(state.requests.len()).unwrap() * 1_000_000 } else { sent.n + 1 };
        let mut event = json!({
            "iss": ISSUER, "iat": iat, "exp": iat + 5, "kind": kind, "stream": state.stream, "n": n, "keep": 780,
        });
        if kind != "beat" {
            event["sessions"] = json!(unsent.0);
            event["access"] = json!(unsent.1);
            if let Some(everyone) = state.everyone {
                event["everyone"] = json!(everyone);
            }
        }
        *sent = Sent { n, sessions: state.sessions.len(), access: state.access.len(), everyone: state.everyone };
        let signer = state.forger.as_ref().unwrap_or(&self.signer);
        format!("data: {}\n\n", signer.sign("heirloom-revocations+jwt", &event))
    }
}

/// What a connection has sent.
#[derive(Default)]
struct Sent {
    n: u64,
    sessions: usize,
    access: usize,
    everyone: Option<i64>,
}

fn plain(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} x\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

/// Waits for the next beat; whether the other side has closed meanwhile.
async fn has_closed(socket: &mut TcpStream) -> bool {
    tokio::time::timeout(BEAT, socket.read(&mut [0; 64])).await.is_ok()
}

/// The head of a request.
async fn head(socket: &mut TcpStream) -> Option<String> {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        read.push(socket.read_u8().await.ok()?);
    }
    String::from_utf8(read).ok()
}
