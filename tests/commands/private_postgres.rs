//! The private Postgres under a server: started, taken over, revived, refused, and stopped with the server.

use heirloom_testing::{Home, Port, Server, eventually};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// A server on a data directory, ready.
async fn start(data: &Path) -> Server {
    let server = spawn(data);
    server.until_ready().await;
    server
}

fn spawn(data: &Path) -> Server {
    Server::spawn(Home::empty(), Port::reserve(), &[("HEIRLOOM_DATA_DIR", data.to_str().unwrap())])
}

/// Sends a signal, and returns the exit code; -1 where the signal itself was the end.
fn end(server: &mut Server, signal: &str) -> i32 {
    server.signal(signal);
    server.ended().code().unwrap_or(-1)
}

fn kill(process: u32) {
    assert!(Command::new("kill").args(["-KILL", &process.to_string()]).status().unwrap().success());
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

///
#[tokio::test]
async fn it_starts_and_stops_with_the_server_and_listens_on_no_port() {
    let data = TempDir::new().unwrap();
    let mut server = start(data.path()).await;
    assert!(postmaster(data.path()).is_some());
    let lock = fs::read_to_string(home(data.path()).join("data/postmaster.pid")).unwrap();
    assert_eq!(lock.lines().nth(5).unwrap_or_default().trim(), "", "the line of the TCP addresses");
    assert_eq!(end(&mut server, "TERM"), 0);
    assert_eq!(postmaster(data.path()), None);
}

#[tokio::test]
async fn a_second_server_on_the_same_directory_is_refused_with_the_process_of_the_first() {
    let data = TempDir::new().unwrap();
    let mut first = start(data.path()).await;
    let mut second = spawn(data.path());
    assert_eq!(second.ended().code(), Some(1));
    let holder = format!("another heirloom server (process {})", first.process());
    eventually("the second server names the first", async || second.log().concat().contains(&holder)).await;
    assert_eq!(first.status("/readyz").await, Some(200), "the first goes on");
    assert_eq!(end(&mut first, "TERM"), 0);
}

#[tokio::test]
async fn a_postgres_that_a_killed_server_left_running_is_adopted() {
    let data = TempDir::new().unwrap();
    let mut killed = start(data.path()).await;
    let before = postmaster(data.path());
    end(&mut killed, "KILL");
    let mut next = start(data.path()).await;
    assert_eq!(postmaster(data.path()), before, "the same Postgres");
    end(&mut next, "TERM");
    assert_eq!(postmaster(data.path()), None);
}

#[tokio::test]
async fn a_killed_postgres_is_started_again_under_the_running_server() {
    let data = TempDir::new().unwrap();
    let mut server = start(data.path()).await;
    let killed = postmaster(data.path()).unwrap();
    kill(killed);
    // How long the server is not ready depends on the machine: it may be too short to be seen.
    eventually("another Postgres runs", async || postmaster(data.path()).is_some_and(|now| now != killed)).await;
    server.until_ready().await;
    assert_eq!(end(&mut server, "TERM"), 0);
}

#[tokio::test]
async fn both_killed_the_next_start_recovers() {
    let data = TempDir::new().unwrap();
    let mut server = start(data.path()).await;
    kill(postmaster(data.path()).unwrap());
    end(&mut server, "KILL");
    let mut next = start(data.path()).await;
    assert_eq!(end(&mut next, "TERM"), 0);
}

/// The socket's path has 107 bytes at most; a deep folder must do all the same, and be found again.
#[tokio::test]
async fn a_deep_data_directory_will_do() {
    let top = TempDir::new().unwrap();
    // As root, Postgres runs under another account, which must get through.
    Command::new("chmod").arg("755").arg(top.path()).status().unwrap();
    let deep = top.path().join("a long name, with spaces and 'quotes' ".repeat(4).trim_end());
    for _ in 0..2 {
        let mut server = start(&deep).await;
        assert_eq!(end(&mut server, "TERM"), 0);
    }
}
