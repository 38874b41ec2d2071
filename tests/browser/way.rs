use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::Notify,
};

/// What a refresh asks for: what else passes here is let through.
const REFRESH: &[u8] = b"POST /api/v1/auth/refresh ";

/// Chromium asks once more by itself when a connection that it had used before breaks: this one is lost, too.
const LOST_IN_A_ROW: usize = 2;

/// The way between the browser and the server: it can lose or hold back the answers to refreshes.
#[derive(Clone)]
pub struct Way {
    pub port: u16,
    to_lose: Arc<AtomicUsize>,
    to_hold: Arc<AtomicBool>,
    met: Arc<AtomicUsize>,
    released: Arc<Notify>,
}

impl Way {
    /// A way to a server that will listen on this port.
    pub async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let way = Self {
            port,
            to_lose: Arc::default(),
            to_hold: Arc::default(),
            met: Arc::default(),
            released: Arc::default(),
        };
        tokio::spawn(way.clone().serve(listener, server));
        way
    }

    /// The next answers to refreshes are lost with their connections: the server has answered, the page does not know.
    pub fn lose_next(&self) {
        self.to_lose.store(LOST_IN_A_ROW, Ordering::SeqCst);
    }

    /// The next answer to a refresh is held back until [`Way::release`].
    pub fn hold_next(&self) {
        self.to_hold.store(true, Ordering::SeqCst);
    }

    pub fn release(&self) {
        self.released.notify_waiters();
    }

    /// How many answers were lost or held back.
    pub fn met(&self) -> usize {
        self.met.load(Ordering::SeqCst)
    }

    /// Waits until an answer was lost or held back that had not been `before`.
    pub async fn until_met(&self, before: usize) {
        for _ in 0..6_000 {
            if self.met() > before {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("no refresh came this way");
    }

    async fn serve(self, listener: TcpListener, server: u16) {
        while let Ok((browser, _)) = listener.accept().await {
            tokio::spawn(self.clone().carry(browser, server));
        }
    }

    async fn carry(self, browser: TcpStream, server: u16) {
        let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else { return };
        let ((from_browser, to_browser), (from_server, to_server)) = (browser.into_split(), server.into_split());
        let refreshes = Arc::new(AtomicUsize::new(0));
        tokio::select! {
            () = ask(from_browser, to_server, &refreshes) => {}
            () = self.answer(from_server, to_browser, &refreshes) => {}
        }
    }

    async fn answer(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, refreshes: &AtomicUsize) {
        let mut buffer = [0; 16 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            if refreshes.swap(0, Ordering::SeqCst) > 0 {
                let released = self.released.notified();
                if self.to_lose.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
                    self.met.fetch_add(1, Ordering::SeqCst);
                    return;
                }
                if self.to_hold.swap(false, Ordering::SeqCst) {
                    self.met.fetch_add(1, Ordering::SeqCst);
                    released.await;
                }
            }
            if to.write_all(&buffer[..length]).await.is_err() {
                return;
            }
        }
    }
}

async fn ask(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, refreshes: &AtomicUsize) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let chunk = &buffer[..length];
        if chunk.windows(REFRESH.len()).any(|window| window == REFRESH) {
            refreshes.fetch_add(1, Ordering::SeqCst);
        }
        if to.write_all(chunk).await.is_err() {
            return;
        }
    }
}
