//! The stream of revocations: what a thousand listeners cost the refreshes, how soon a service refuses what was revoked through
//! the other instance, and what a verification costs beside one without the stream.

use super::{
    report::median,
    scenarios::Bench,
    server::{self, Server, load},
};
use clap::Args;
use heirloom_verifier::{Error, State, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const LISTENERS: u32 = 1_000;
const KEY: &str = "the-key-of-the-services";
const PUBLIC_URL: &str = "http://localhost:8080";
const PASSWORD: &str = "kettle-lantern-58-amber";
const OPTIONS: &[(&str, &str)] = &[
    ("HEIRLOOM_FEED_KEYS", KEY),
    ("HEIRLOOM_PUBLIC_URL", PUBLIC_URL),
    ("HEIRLOOM_INSECURE_FOR_TESTS", "true"),
    ("HEIRLOOM_BCRYPT_COST", "4"),
];

/// `script/bench listen`: so many listeners on one thread. Prints a line when all have heard something; ends when standard
/// input does, and then prints how many bytes they have read and how many streams have ended.
#[derive(Args)]
pub struct Listen {
    /// `host:port`
    #[arg(long)]
    server: String,
    /// Listeners
    #[arg(long, default_value_t = LISTENERS)]
    count: u32,
    /// One of `HEIRLOOM_FEED_KEYS`
    #[arg(long)]
    key: String,
}

pub async fn listen(listen: &Listen) {
    let (heard, mut first) = tokio::sync::mpsc::unbounded_channel();
    let readers: Vec<_> = (0..listen.count)
        .map(|_| {
            let request = format!(
                "GET /api/v1/revocations/stream HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {}\r\n\r\n",
                listen.key
            );
            tokio::task::spawn_local(follow(listen.server.clone(), request, heard.clone()))
        })
        .collect();
    for _ in 0..listen.count {
        first.recv().await.unwrap();
    }
    println!("ready");
    let until_told = || std::io::stdin().lines().count();
    tokio::task::spawn_blocking(until_told).await.unwrap();
    let ended = readers.iter().filter(|reader| reader.is_finished()).count();
    readers.iter().for_each(tokio::task::JoinHandle::abort);
    let mut bytes = 0;
    while let Ok(read) = first.try_recv() {
        bytes += read;
    }
    println!("{}", json!({ "bytes": bytes, "ended": ended }));
}

async fn follow(server: String, request: String, heard: tokio::sync::mpsc::UnboundedSender<usize>) {
    let mut stream = TcpStream::connect(server).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        heard.send(read).unwrap();
    }
}

/// A process with all listeners.
struct Listeners(Child, BufReader<std::process::ChildStdout>);

impl Listeners {
    fn start(server: &Server) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["listen", "--server", &server.address, "--key", KEY]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "not every listener was let in");
        Self(child, output)
    }

    fn stop(mut self) -> Value {
        drop(self.0.stdin.take());
        let mut line = String::new();
        self.1.read_line(&mut line).unwrap();
        assert!(self.0.wait().unwrap().success());
        serde_json::from_str(&line).unwrap()
    }
}

impl Bench<'_> {
    pub async fn feed(&mut self) {
        self.listeners();
        let servers = [(); 2].map(|()| Server::start(&self.large, &self.folder, OPTIONS));
        self.refusals(&servers).await;
        self.verification(&servers[0]).await;
    }

    /// Refreshes at a steady pace, in turn without and beside listeners.
    fn listeners(&mut self) {
        let server = Server::start(&self.large, &self.folder, OPTIONS);
        let (seconds, tokens) = (self.run.seconds(60.0), self.tokens("large", "64"));
        let paced = ["--clients", "64", "--rate", "500", "--seconds", &seconds, "--tokens", &tokens];
        let (mut ratios, mut growth) = (Vec::new(), Vec::new());
        for _ in 0..self.run.rounds() {
            let alone = load(&[&server], &paced);
            let (before, listeners) = (server.memory(), Listeners::start(&server));
            let beside = load(&[&server], &paced);
            growth.push(server.memory() - before);
            let heard = listeners.stop();
            assert_eq!(heard["ended"], 0, "a listener was dropped");
            ratios.push(beside["p99_ms"].as_f64().unwrap() / alone["p99_ms"].as_f64().unwrap());
            self.report.load("500 refreshes a second, no listener", &alone);
            self.report.load("500 refreshes a second, 1,000 listeners", &beside);
            self.report.add("500 refreshes a second, 1,000 listeners", "bytes_heard", heard["bytes"].as_f64().unwrap());
        }
        self.report.target("p99 of refreshes with 1,000 listeners / without", median(&ratios), "<=", 1.1);
        // The first round pays for all: later ones find the memory there.
        let growth = growth.into_iter().fold(0.0, f64::max);
        self.report.target("memory of 1,000 listeners, MB", growth, "<=", 50.0);
    }

    /// From the request that revokes, sent to one instance, to the first refusal by a service that follows the other. Where
    /// everyone is revoked, from its answer.
    async fn refusals(&mut self, [one, other]: &[Server; 2]) {
        let site = Site::of(one);
        for (name, admin) in [("root", true), ("alice", false)] {
            self.add_user(name, admin);
        }
        let verifier = Verifier::builder(PUBLIC_URL, PUBLIC_URL).server_url(format!("http://{}", other.address));
        let verifier = verifier.feed_key(KEY).build().unwrap();
        for kind in ["sign-out", "reuse", "block", "role change", "everyone"] {
            let mut millis = Vec::new();
            for trial in 0..self.run.trials() {
                millis.push(site.trial(kind, trial, &verifier).await.as_secs_f64() * 1_000.0);
            }
            let (middle, most) = (median(&millis), millis.iter().copied().fold(0.0, f64::max));
            self.report.target(&format!("{kind} to the first refusal in Rust, median, ms"), middle, "<=", 100.0);
            self.report.target(&format!("{kind} to the first refusal in Rust, most, ms"), most, "<=", 1_000.0);
        }
    }

    fn add_user(&self, name: &str, is_admin: bool) {
        let mut command = server::command(&self.large);
        command.args(["user", "add", &address_of(name)]).args(is_admin.then_some("--admin"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        writeln!(child.stdin.take().unwrap(), "{PASSWORD}").unwrap();
        assert!(child.wait().unwrap().success(), "user add failed");
    }

    /// A token is verified with the stream, and by the library that Rust services use without it, in turn.
    async fn verification(&mut self, server: &Server) {
        let site = Site::of(server);
        let token = site.sign_in("alice").await["access_token"].as_str().unwrap().to_owned();
        let verifier = Verifier::builder(PUBLIC_URL, PUBLIC_URL).server_url(format!("http://{}", server.address));
        let verifier = verifier.feed_key(KEY).build().unwrap();
        fresh(&verifier).await;
        let keys: JwkSet = serde_json::from_value(site.get("/.well-known/jwks.json").await).unwrap();
        let key = keys.find(&decode_header(&token).unwrap().kid.unwrap()).unwrap();
        let (key, mut checks) = (DecodingKey::from_jwk(key).unwrap(), Validation::new(Algorithm::ES256));
        checks.set_audience(&[PUBLIC_URL]);
        checks.set_issuer(&[PUBLIC_URL]);
        let (mut ratios, count) = (Vec::new(), 2_000);
        for _ in 0..self.run.rounds() * 5 {
            // Both loops keep this thread busy, and what follows the stream needs it too.
            tokio::time::sleep(Duration::from_millis(50)).await;
            fresh(&verifier).await;
            let began = Instant::now();
            for _ in 0..count {
                decode::<Value>(&token, &key, &checks).unwrap();
            }
            let plain = began.elapsed();
            let began = Instant::now();
            for _ in 0..count {
                verifier.verify(&token).await.unwrap();
            }
            ratios.push(began.elapsed().as_secs_f64() / plain.as_secs_f64());
            self.report.add("a verification in Rust", "plain_us", plain.as_secs_f64() * 1e6 / f64::from(count));
        }
        self.report.target("a verification with the stream / without, Rust", median(&ratios), "<=", 1.1);
    }
}

/// Until it follows the stream.
async fn fresh(verifier: &Verifier) {
    while verifier.state() != State::Fresh {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn address_of(name: &str) -> String {
    format!("{name}@example.com")
}

/// Users of one instance.
struct Site {
    http: reqwest::Client,
    base: String,
}

impl Site {
    fn of(server: &Server) -> Self {
        Self { http: reqwest::Client::new(), base: format!("http://{}", server.address) }
    }

    async fn get(&self, path: &str) -> Value {
        self.http.get(format!("{}{path}", self.base)).send().await.unwrap().json().await.unwrap()
    }

    async fn ask(&self, method: reqwest::Method, path: &str, body: &Value, token: &str) -> Value {
        let request = self.http.request(method, format!("{}/api/v1{path}", self.base)).json(body);
        let request = if token.is_empty() { request } else { request.bearer_auth(token) };
        let answer = request.send().await.unwrap().bytes().await.unwrap();
        serde_json::from_slice(&answer).unwrap_or_default()
    }

    async fn post(&self, path: &str, body: &Value, token: &str) -> Value {
        self.ask(reqwest::Method::POST, path, body, token).await
    }

    async fn sign_in(&self, name: &str) -> Value {
        let answer = self.post("/auth/login", &json!({ "email": address_of(name), "password": PASSWORD }), "").await;
        assert!(answer["access_token"].is_string(), "{name}: {}", answer["code"]);
        answer
    }

    /// How long it takes until a service refuses a token that it has just called good.
    async fn trial(&self, kind: &str, number: u32, verifier: &Verifier) -> Duration {
        fresh(verifier).await;
        let mut alice = self.sign_in("alice").await;
        let first = alice["refresh_token"].clone();
        let root = self.sign_in("root").await["access_token"].as_str().unwrap().to_owned();
        if kind == "reuse" {
            alice = self.post("/auth/refresh", &json!({ "refresh_token": first }), "").await;
        }
        let access = alice["access_token"].as_str().unwrap().to_owned();
        let user = verifier.verify(&access).await.unwrap().sub;
        let change = |body: Value| {
            let (path, root) = (format!("/admin/users/{user}"), root.clone());
            async move { self.ask(reqwest::Method::PATCH, &path, &body, &root).await }
        };
        let began = Instant::now();
        let revoking = async {
            let answer = match kind {
                "sign-out" => self.post("/auth/logout", &json!({ "refresh_token": alice["refresh_token"] }), "").await,
                "reuse" => self.post("/auth/refresh", &json!({ "refresh_token": first }), "").await,
                "block" => change(json!({ "blocked": true })).await,
                "role change" => {
                    change(json!({ "roles": if number.is_multiple_of(2) { json!(["editor"]) } else { json!([]) } }))
                        .await
                }
                _ => self.post("/admin/revoke", &json!({ "everyone": true }), &root).await,
            };
            (answer, began.elapsed())
        };
        let refused = async {
            loop {
                match verifier.verify(&access).await {
                    Err(Error::Revoked | Error::Outdated) => return began.elapsed(),
                    Ok(_) | Err(Error::Stale) => tokio::time::sleep(Duration::from_micros(200)).await,
                    Err(other) => panic!("{kind}: {other}"),
                }
                assert!(began.elapsed() < Duration::from_secs(30), "{kind}: never refused");
            }
        };
        let ((answer, answered), took) = tokio::join!(revoking, refused);
        // It writes a million rows: how long that takes is another question.
        let took = if kind == "everyone" { took.saturating_sub(answered) } else { took };
        assert!(answer["code"].is_null() || answer["code"] == "refresh_token_reused", "{kind}: {}", answer["code"]);
        if kind == "block" {
            change(json!({ "blocked": false })).await;
        }
        took
    }
}
