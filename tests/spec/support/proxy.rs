//! A way to Postgres that can break: it stands between one server and the cluster, so that other tests go on.

use super::{TestDatabase, wire::Wire};
use sqlx::postgres::PgConnectOptions;
use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    sync::watch,
};

/// The name of Postgres' socket in its folder.
const SOCKET: &str = ".s.PGSQL.5432";

/// What the way is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Everything passes.
    Open,
    /// Nothing passes, and no connection is closed: a cable was pulled.
    Silent,
    /// Connections end and new ones are refused: Postgres was stopped.
    Down,
}

/// Connections so far, of all ways.
static CONNECTIONS: AtomicUsize = AtomicUsize::new(0);

/// A statement that went over the way.
#[derive(Debug, Clone)]
pub struct Executed {
    /// On which connection.
    pub connection: usize,
    /// Its text.
    pub text: String,
}

/// The way, and the hand on its switch.
#[derive(Debug, Clone)]
pub struct Proxy {
    /// Gone with the last hand on the switch.
    _folder: Arc<TempDir>,
    state: watch::Sender<State>,
    loses_next_answer: Arc<AtomicBool>,
    executed: Arc<Mutex<Vec<Executed>>>,
}

impl Proxy {
    /// An open way to the cluster: a socket in a folder of its own.
    pub fn to(database: &TestDatabase) -> (Self, PgConnectOptions) {
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        let listener = UnixListener::bind(folder.path().join(SOCKET)).expect("a socket");
        let way = database.options().socket(folder.path());
        let proxy = Self {
            _folder: folder,
            state: watch::Sender::new(State::Open),
            loses_next_answer: Arc::default(),
            executed: Arc::default(),
        };
        let socket = database.options().get_socket().expect("the cluster has a socket").join(SOCKET);
        tokio::spawn(proxy.clone().serve(listener, socket));
        (proxy, way)
    }

    /// Opens the way.
    pub fn open(&self) {
        self.state.send_replace(State::Open);
    }

    /// Nothing passes any more, silently.
    pub fn fall_silent(&self) {
        self.state.send_replace(State::Silent);
    }

    /// Everything is refused.
    pub fn go_down(&self) {
        self.state.send_replace(State::Down);
    }

    /// The next statement reaches Postgres and is executed, but its answer is lost with the connection. Statements of
    /// the connection that listens do not count.
    pub fn lose_next_answer(&self) {
        self.loses_next_answer.store(true, Ordering::SeqCst);
    }

    /// Whether that answer has been lost.
    pub fn has_lost_it(&self) -> bool {
        !self.loses_next_answer.load(Ordering::SeqCst)
    }

    /// What was executed so far, in order; each of it is a round trip. Then it is forgotten.
    pub fn take_executed(&self) -> Vec<Executed> {
        std::mem::take(&mut *self.executed.lock().expect("no panic"))
    }

    async fn serve(self, listener: UnixListener, socket: PathBuf) {
        while let Ok((client, _)) = listener.accept().await {
            if *self.state.borrow() == State::Down {
                continue;
            }
            tokio::spawn(self.clone().carry(client, socket.clone()));
        }
    }

    async fn carry(self, client: UnixStream, socket: PathBuf) {
        let Ok(server) = UnixStream::connect(socket).await else { return };
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let executes = Arc::new(AtomicBool::new(false));
        let (up, down) = (self.clone(), self.clone());
        tokio::select! {
            () = up.pass_requests(from_client, to_server, &executes) => {}
            () = down.pass_answers(from_server, to_client, &executes) => {}
            () = self.until_down() => {}
        }
    }

    async fn pass_requests(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
        executes: &AtomicBool,
    ) {
        let mut buffer = [0; 16 * 1024];
        let mut is_listener = false;
        let (mut wire, connection) = (Wire::default(), CONNECTIONS.fetch_add(1, Ordering::SeqCst));
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            let chunk = &buffer[..length];
            is_listener |= chunk.windows(17).any(|window| window == b"heirloom listener");
            // 'B' is Bind: a prepared statement is about to be executed.
            let texts = wire.read(chunk).into_iter().map(|text| Executed { connection, text });
            self.executed.lock().expect("no panic").extend(texts);
            executes.store(!is_listener && chunk[0] == b'B', Ordering::SeqCst);
            self.until_open().await;
            if to.write_all(chunk).await.is_err() {
                return;
            }
        }
    }

    async fn pass_answers(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
        executes: &AtomicBool,
    ) {
        let mut buffer = [0; 16 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            if executes.load(Ordering::SeqCst) && self.loses_next_answer.swap(false, Ordering::SeqCst) {
                return;
            }
            self.until_open().await;
            if to.write_all(&buffer[..length]).await.is_err() {
                return;
            }
        }
    }

    async fn until_open(&self) {
        self.until(State::Open).await;
    }

    async fn until_down(&self) {
        self.until(State::Down).await;
    }

    async fn until(&self, wanted: State) {
        let mut switch = self.state.subscribe();
        switch.wait_for(|state| *state == wanted).await.expect("the switch outlives the way");
    }
}
