//! The private Postgres: started, taken over, revived, refused, and stopped with the server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test may fail loudly"
)]

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// A server on a data directory, with a port of its own.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn spawn(data: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(env!("CARGO_BIN_EXE_heirloom"))
            .env_remove("DATABASE_URL")
            .env("HEIRLOOM_DATA_DIR", data)
            .env("HEIRLOOM_BIND", format!("127.0.0.1:{port}"))
            .env("HEIRLOOM_LOG", "error")
            .current_dir("/")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { child, url: format!("http://127.0.0.1:{port}") }
    }

    async fn start(data: &Path) -> Self {
        let server = Self::spawn(data);
        server.until("ready", |status| status == Some(200)).await;
        server
    }

    async fn status(&self) -> Option<u16> {
        let answer = reqwest::get(format!("{}/readyz", self.url)).await.ok()?;
        Some(answer.status().as_u16())
    }

    async fn until(&self, what: &str, holds: impl Fn(Option<u16>) -> bool) {
        for _ in 0..1200 {
            if holds(self.status().await) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("never {what}");
    }

    fn signal(&self, signal: &str) {
        kill(signal, self.child.id());
    }

    fn ended(mut self) -> (i32, String) {
        let status = self.child.wait().unwrap();
        let mut told = String::new();
        drop(std::io::Read::read_to_string(&mut self.child.stderr.take().unwrap(), &mut told));
        (status.code().unwrap_or(-1), told)
    }
}

fn kill(signal: &str, process: u32) {
    assert!(Command::new("kill").args([signal, &process.to_string()]).status().unwrap().success());
}

/// Where the cluster is: as root, perhaps elsewhere.
fn home(data: &Path) -> PathBuf {
    let elsewhere = fs::read_to_string(data.join("postgres.location"));
    elsewhere.map_or_else(|_here| data.join("postgres"), |path| PathBuf::from(path.trim()))
}

fn postmaster(data: &Path) -> Option<u32> {
    let lock = fs::read_to_string(home(data).join("data/postmaster.pid")).ok()?;
    lock.lines().next()?.trim().parse().ok()
}

#[tokio::test]
async fn it_starts_and_stops_with_the_server_and_listens_on_no_port() {
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    assert!(postmaster(data.path()).is_some());
    let lock = fs::read_to_string(home(data.path()).join("data/postmaster.pid")).unwrap();
    assert_eq!(lock.lines().nth(5).unwrap_or_default().trim(), "", "the line of the TCP addresses");
    server.signal("-TERM");
    assert_eq!(server.ended().0, 0);
    assert_eq!(postmaster(data.path()), None);
}

#[tokio::test]
async fn a_second_server_on_the_same_directory_is_refused_and_told_by_whom() {
    let data = TempDir::new().unwrap();
    let first = Server::start(data.path()).await;
    let (code, told) = Server::spawn(data.path()).ended();
    assert_eq!(code, 1);
    assert!(told.contains(&format!("another heirloom server (process {})", first.child.id())), "{told}");
    assert_eq!(first.status().await, Some(200), "the first goes on");
    first.signal("-TERM");
    assert_eq!(first.ended().0, 0);
}

#[tokio::test]
async fn what_a_killed_server_left_running_is_taken_over() {
    let data = TempDir::new().unwrap();
    let killed = Server::start(data.path()).await;
    let before = postmaster(data.path());
    killed.signal("-KILL");
    killed.ended();
    let next = Server::start(data.path()).await;
    assert_eq!(postmaster(data.path()), before, "the same Postgres");
    next.signal("-TERM");
    next.ended();
    assert_eq!(postmaster(data.path()), None);
}

#[tokio::test]
async fn a_killed_postgres_is_started_again_under_the_running_server() {
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    let killed = postmaster(data.path()).unwrap();
    kill("-KILL", killed);
    server.until("without its Postgres", |status| status == Some(503)).await;
    server.until("ready again", |status| status == Some(200)).await;
    assert_ne!(postmaster(data.path()), Some(killed));
    server.signal("-TERM");
    assert_eq!(server.ended().0, 0);
}

#[tokio::test]
async fn both_killed_the_next_start_recovers() {
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    kill("-KILL", postmaster(data.path()).unwrap());
    server.signal("-KILL");
    server.ended();
    let next = Server::start(data.path()).await;
    next.signal("-TERM");
    assert_eq!(next.ended().0, 0);
}

/// The socket's path has 107 bytes at most; a deep folder must do all the same, and be found again.
#[tokio::test]
async fn a_deep_data_directory_will_do() {
    let top = TempDir::new().unwrap();
    // As root, Postgres runs under another account, which must get through.
    Command::new("chmod").arg("755").arg(top.path()).status().unwrap();
    let deep = top.path().join("a long name, with spaces and 'quotes' ".repeat(4).trim_end());
    for _ in 0..2 {
        let server = Server::start(&deep).await;
        server.signal("-TERM");
        assert_eq!(server.ended().0, 0);
    }
}
