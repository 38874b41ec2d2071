//! A server to run commands beside.

use crate::home::Home;
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Child, Stdio},
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

/// A server, as `heirloom` alone starts it.
pub struct Server {
    child: Child,
    log: Receiver<String>,
    pub url: String,
    pub http: reqwest::Client,
    pub home: Home,
}

impl Server {
    pub async fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("http://localhost:{port}");
        let home = Home::empty().with("HEIRLOOM_BIND", &format!("127.0.0.1:{port}"));
        let home = home.with("HEIRLOOM_PUBLIC_URL", &url);
        let mut child = home.command(&[]).stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let (lines, log) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));
        // No connection is kept: while a command runs nobody here would notice that the server has closed it.
        let http = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
        let server = Self { child, log, url, http, home };
        server.until_ready().await;
        server
    }

    async fn until_ready(&self) {
        for _ in 0..2400 {
            let ready = self.http.get(format!("{}/readyz", self.url)).send().await;
            if ready.is_ok_and(|answer| answer.status() == 200) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the server did not become ready");
    }

    /// The log line of this event.
    pub fn logged(&self, event: &str) -> Value {
        let line = std::iter::from_fn(|| self.log.recv_timeout(Duration::from_secs(30)).ok());
        let line = line.into_iter().find(|line| line.contains(event));
        serde_json::from_str(&line.unwrap_or_else(|| panic!("no {event} in the log"))).unwrap()
    }

    pub async fn sign_in(&self, email: &str, password: &str) -> Value {
        let body = json!({ "email": email, "password": password, "device_name": "phone" });
        let answer = self.http.post(format!("{}/api/v1/auth/login", self.url)).json(&body).send().await.unwrap();
        answer.json().await.unwrap()
    }

    pub async fn me(&self, tokens: &Value) -> u16 {
        let request = self.http.get(format!("{}/api/v1/me", self.url));
        let answer = request.bearer_auth(tokens["access_token"].as_str().unwrap()).send().await.unwrap();
        answer.status().as_u16()
    }

    /// Within a second of the command the access token is good no more.
    pub async fn expect_signed_out(&self, tokens: &Value) {
        for _ in 0..20 {
            if self.me(tokens).await == 401 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the server still takes the access token");
    }
}

impl Drop for Server {
    /// Asked to stop, so that it takes its Postgres along.
    fn drop(&mut self) {
        drop(std::process::Command::new("kill").arg(self.child.id().to_string()).status());
        drop(self.child.wait());
    }
}
