use crate::{Home, Port, eventually, wait_until};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
};

/// The real binary as a process of its own, at a port of its own.
#[derive(Debug)]
pub struct Server {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    port: Port,
    /// Where it listens.
    pub url: String,
    /// A client that keeps no connection, so that none is found closed by a server that stops.
    pub http: reqwest::Client,
    /// The installation that it serves.
    pub home: Home,
}

impl Server {
    /// A server on an empty installation, ready.
    pub async fn start() -> Self {
        Self::on(Home::empty(), &[]).await
    }

    /// A server on this installation with these options, ready.
    pub async fn on(home: Home, options: &[(&str, &str)]) -> Self {
        let server = Self::spawn(home, Port::reserve(), options);
        server.until_ready().await;
        server
    }

    /// A server that may still be starting, at a port that the caller has reserved. Its public URL is its own unless
    /// an option states otherwise.
    pub fn spawn(home: Home, port: Port, options: &[(&str, &str)]) -> Self {
        let (address, url) = (port.address().to_string(), format!("http://localhost:{}", port.number()));
        let home = home.with("HEIRLOOM_BIND", &address).with("HEIRLOOM_PUBLIC_URL", &url);
        let home = options.iter().fold(home, |home, (name, value)| home.with(name, value));
        let (child, log) = start(&home);
        let http = reqwest::Client::builder().pool_max_idle_per_host(0).build().expect("a client");
        Self { child, log, port, url, http, home }
    }

    /// Waits until it is ready.
    pub async fn until_ready(&self) {
        eventually("the server is ready", async || self.status("/readyz").await == Some(200)).await;
    }

    /// The status of a path; none while nobody answers.
    pub async fn status(&self, path: &str) -> Option<u16> {
        let answer = self.http.get(format!("{}{path}", self.url)).send().await.ok()?;
        Some(answer.status().as_u16())
    }

    /// Its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Where it listens, without a scheme.
    pub fn address(&self) -> String {
        self.port.address().to_string()
    }

    /// The first line of its log that contains this, once it is there.
    pub fn logged(&self, event: &str) -> Value {
        let find = || self.log().into_iter().find(|line| line.contains(event));
        wait_until(&format!("{event} is in the log"), || find().is_some());
        serde_json::from_str(&find().expect("a line that was there")).expect("a line of JSON")
    }

    /// All lines of its log so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().expect("a lock").clone()
    }

    /// Registers a user.
    pub async fn register(&self, email: &str, password: &str) {
        let body = json!({ "email": email, "password": password });
        let request = self.http.post(format!("{}/api/v1/auth/register", self.url)).json(&body);
        assert_eq!(request.send().await.expect("an answer").status(), 201);
    }

    /// Signs a user in: the tokens, or the problem.
    pub async fn sign_in(&self, email: &str, password: &str) -> Value {
        let body = json!({ "email": email, "password": password, "device_name": "phone" });
        let request = self.http.post(format!("{}/api/v1/auth/login", self.url)).json(&body);
        request.send().await.expect("an answer").json().await.expect("JSON")
    }

    /// The status of `/me` with the access token of a sign-in.
    pub async fn me(&self, tokens: &Value) -> u16 {
        let request = self.http.get(format!("{}/api/v1/me", self.url));
        let request = request.bearer_auth(tokens["access_token"].as_str().expect("an access token"));
        request.send().await.expect("an answer").status().as_u16()
    }

    /// Soon the access token is refused.
    pub async fn expect_signed_out(&self, tokens: &Value) {
        eventually("the server refuses the access token", async || self.me(tokens).await == 401).await;
    }

    /// Sends it a signal, as `kill -NAME` does.
    pub fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        assert!(kill.arg(format!("-{name}")).arg(self.process().to_string()).status().expect("a program").success());
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> ExitStatus {
        self.child.wait().expect("a process that ends")
    }
}

/// Starts the server; a thread keeps its log.
fn start(home: &Home) -> (Child, Arc<Mutex<Vec<String>>>) {
    let mut command = home.command(&[]);
    let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("a server");
    let lines = BufReader::new(child.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
    let log = Arc::<Mutex<Vec<String>>>::default();
    let kept = Arc::clone(&log);
    std::thread::spawn(move || lines.for_each(|line| kept.lock().expect("a lock").push(line)));
    (child, log)
}

impl Drop for Server {
    /// Asked to stop, so that it stops its Postgres too.
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            drop(Command::new("kill").arg(self.process().to_string()).status());
            drop(self.child.wait());
        }
    }
}
