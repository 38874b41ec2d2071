//! The load generator: as many clients as asked for on one thread, each with one connection kept open and, where it
//! refreshes, one token of its own that it chains from answer to answer. HTTP/1.1 by hand, so that it costs little.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// What every client does, again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Refreshes, in Heirloom's shape: JSON with `refresh_token`.
    Rotate,
    /// Refreshes, in OAuth's: a form with `grant_type=refresh_token` (RFC 6749 §6).
    Oauth,
    /// Refreshes once, and then asks with the access token.
    Bearer,
    /// Asks.
    Get,
    /// Signs in.
    SignIn,
}

/// `script/bench load`: one load on any server that speaks our shape or OAuth's; prints JSON.
#[derive(Args, Clone, Debug)]
pub struct Load {
    /// What every client does
    #[arg(long, value_enum, default_value = "rotate")]
    pub kind: Kind,
    /// `host:port`; of several, each client takes one
    #[arg(long, required = true)]
    pub server: Vec<String>,
    /// Where to refresh or to sign in; for `get` and `bearer` the page that is asked for is `--page`
    #[arg(long, default_value = "/api/v1/auth/refresh")]
    pub path: String,
    /// The page for `get` and `bearer`
    #[arg(long, default_value = "/api/v1/auth/check")]
    pub page: String,
    /// Clients
    #[arg(long, default_value_t = 64)]
    pub clients: usize,
    /// Seconds
    #[arg(long, default_value_t = 30.0)]
    pub seconds: f64,
    /// Seconds before that in which nothing is counted
    #[arg(long, default_value_t = 1.0)]
    pub warm_up: f64,
    /// Requests a second in all; none: as many as the server answers. Times then count from when a request was due
    #[arg(long)]
    pub rate: Option<f64>,
    /// Refresh tokens, one a line; a client takes turns with its share. The file then holds their successors
    #[arg(long)]
    pub tokens: Option<PathBuf>,
    /// What else the form of `oauth` says: `client_id=…&client_secret=…`
    #[arg(long, default_value = "")]
    pub form: String,
    /// For `sign-in`: the addresses are `load-0@example.com` and so on
    #[arg(long, default_value = "")]
    pub password: String,
}

/// What one client saw.
#[derive(Default)]
struct Seen {
    micros: Vec<u32>,
    errors: u64,
    first_error: Option<String>,
    refused: u64,
    failing_clients: u64,
    tokens: Vec<String>,
}

/// Runs it and returns the result as JSON.
pub async fn run(load: &Load) -> Value {
    let mut shares = shares(load);
    let begin = Instant::now() + Duration::from_millis(100);
    let counted = begin + Duration::from_secs_f64(load.warm_up);
    let end = counted + Duration::from_secs_f64(load.seconds);
    let clients: Vec<_> = (0..load.clients)
        .map(|number| {
            let tokens = shares.pop().unwrap_or_default();
            let client = Client { load: load.clone(), number, tokens, begin, counted, end };
            tokio::task::spawn_local(client.run())
        })
        .collect();
    let before = own_cpu();
    let mut all = Seen::default();
    for client in clients {
        let seen = client.await.unwrap();
        all.micros.extend(seen.micros);
        all.errors += seen.errors;
        all.refused += seen.refused;
        all.failing_clients += u64::from(seen.errors > 0);
        all.first_error = all.first_error.or(seen.first_error);
        all.tokens.extend(seen.tokens);
    }
    if let Some(path) = &load.tokens {
        fs::write(path, all.tokens.join("\n")).unwrap();
    }
    report(load, all, own_cpu() - before)
}

fn shares(load: &Load) -> Vec<Vec<String>> {
    let mut shares = vec![Vec::new(); load.clients];
    let text = load.tokens.as_ref().map(|path| fs::read_to_string(path).unwrap()).unwrap_or_default();
    for (number, token) in text.lines().filter(|line| !line.is_empty()).enumerate() {
        shares[number % load.clients].push(token.to_owned());
    }
    let chained = !matches!(load.kind, Kind::Get | Kind::SignIn);
    assert!(!chained || shares.iter().all(|share| !share.is_empty()), "--tokens holds fewer tokens than clients");
    shares
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn report(load: &Load, mut seen: Seen, cpu: f64) -> Value {
    seen.micros.sort_unstable();
    let at = |share: f64| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::as_conversions, reason = "an index")]
        let index = ((seen.micros.len() as f64 * share) as usize).min(seen.micros.len().saturating_sub(1));
        seen.micros.get(index).map(|micros| f64::from(*micros) / 1_000.0)
    };
    #[expect(clippy::as_conversions, reason = "a count")]
    let done = seen.micros.len() as f64;
    json!({
        "clients": load.clients, "seconds": load.seconds, "done": done, "rate": done / load.seconds,
        "p50_ms": at(0.5), "p99_ms": at(0.99), "p999_ms": at(0.999),
        "errors": seen.errors, "refused_503": seen.refused, "failing_clients": seen.failing_clients,
        "first_error": seen.first_error,
        "generator_cpu_s": cpu,
    })
}

fn own_cpu() -> f64 {
    super::server::cpu_of(std::process::id())
}

struct Client {
    load: Load,
    number: usize,
    tokens: Vec<String>,
    begin: Instant,
    counted: Instant,
    end: Instant,
}

impl Client {
    async fn run(mut self) -> Seen {
        let server = self.load.server[self.number % self.load.server.len()].clone();
        let mut seen = Seen::default();
        let mut wire = Wire { server, stream: None, buffer: Vec::with_capacity(4096) };
        let mut bearer = String::new();
        if self.load.kind == Kind::Bearer {
            let request = self.refresh(0, Kind::Rotate);
            let answer = wire.ask(request.as_bytes()).await.map(|answer| (answer.field("access_token"), answer));
            let (access, answer) = answer.unwrap();
            self.tokens[0] = answer.field("refresh_token").unwrap();
            bearer = format!("Authorization: Bearer {}\r\n", access.unwrap());
        }
        let interval = self.load.rate.map(|rate| Duration::from_secs_f64(self.load.clients as f64 / rate));
        // Paced clients start spread over their interval.
        let share = self.number as f64 / self.load.clients as f64;
        let mut due = self.begin + interval.unwrap_or_default().mul_f64(share);
        for turn in 0.. {
            if interval.is_some() || turn == 0 {
                tokio::time::sleep_until(due.into()).await;
            }
            let start = if interval.is_some() { due } else { Instant::now() };
            if Instant::now() >= self.end {
                break;
            }
            self.once(turn, &mut wire, &bearer, &mut seen, start).await;
            due += interval.unwrap_or_default();
        }
        seen.tokens = self.tokens;
        seen
    }

    async fn once(&mut self, turn: usize, wire: &mut Wire, bearer: &str, seen: &mut Seen, start: Instant) {
        let slot = turn % self.tokens.len().max(1);
        let request = match self.load.kind {
            kind @ (Kind::Rotate | Kind::Oauth) => self.refresh(slot, kind),
            Kind::Get | Kind::Bearer => format!("GET {} HTTP/1.1\r\nHost: bench\r\n{bearer}\r\n", self.load.page),
            Kind::SignIn => {
                let (number, password) = (self.number, &self.load.password);
                let body = format!("{{\"email\":\"load-{number}@example.com\",\"password\":\"{password}\"}}");
                post("/api/v1/auth/login", "application/json", &body)
            }
        };
        let outcome = match wire.ask(request.as_bytes()).await {
            Ok(answer) if !(200..300).contains(&answer.status) => {
                seen.refused += u64::from(answer.status == 503);
                Err(format!("{} {}", answer.status, answer.body))
            }
            Ok(answer) if matches!(self.load.kind, Kind::Rotate | Kind::Oauth) => {
                answer.field("refresh_token").map(|token| self.tokens[slot] = token).ok_or("no token".to_owned())
            }
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        };
        let now = Instant::now();
        match outcome {
            Ok(()) if now >= self.counted && now < self.end => {
                seen.micros.push(u32::try_from((now - start).as_micros()).unwrap_or(u32::MAX));
            }
            Ok(()) => {}
            Err(error) => {
                seen.errors += 1;
                seen.first_error.get_or_insert(error);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }

    fn refresh(&self, slot: usize, kind: Kind) -> String {
        let token = &self.tokens[slot];
        if kind == Kind::Oauth {
            let more = &self.load.form;
            let body = format!("grant_type=refresh_token&refresh_token={token}&{more}");
            return post(&self.load.path, "application/x-www-form-urlencoded", &body);
        }
        post(&self.load.path, "application/json", &format!("{{\"refresh_token\":\"{token}\"}}"))
    }
}

fn post(path: &str, kind: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}")
}

struct Answer {
    status: u16,
    body: String,
}

impl Answer {
    /// A text field of a flat JSON answer. Tokens need no unescaping.
    fn field(&self, name: &str) -> Option<String> {
        let (_, rest) = self.body.split_once(&format!("\"{name}\":"))?;
        let (value, _) = rest.trim_start().strip_prefix('"')?.split_once('"')?;
        Some(value.to_owned())
    }
}

/// One connection, opened again when it was lost.
struct Wire {
    server: String,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

impl Wire {
    async fn ask(&mut self, request: &[u8]) -> std::io::Result<Answer> {
        let mut stream = if let Some(stream) = self.stream.take() {
            stream
        } else {
            let stream = TcpStream::connect(&self.server).await?;
            stream.set_nodelay(true)?;
            stream
        };
        stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            if stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(answer) = whole(&self.buffer) {
                self.stream = Some(stream);
                return Ok(answer);
            }
        }
    }
}

/// An answer that has arrived whole. Bodies of other kinds than `Content-Length` are not understood.
fn whole(bytes: &[u8]) -> Option<Answer> {
    let head_end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..head_end]).ok()?;
    let status = head.get(9..12)?.parse().ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") { value.trim().parse::<usize>().ok() } else { None }
    });
    let body = bytes.get(head_end..head_end + length.unwrap_or(0))?;
    Some(Answer { status, body: String::from_utf8_lossy(body).into_owned() })
}
