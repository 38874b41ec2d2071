//! Spans reach a collector: `cargo test --features otlp --test traces`. Without the feature there is nothing to try.
#![cfg(feature = "otlp")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs, reason = "a test may fail loudly")]
#![allow(clippy::disallowed_methods, reason = "a test has an environment and starts processes")]

use heirloom_testing::{Port, wait_until};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
};

/// A collector that takes everything and keeps it: heads and bodies, one after another.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<u8>>>);

impl Collector {
    fn start() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let collector = Self::default();
        let keeps = collector.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let keeps = keeps.clone();
                thread::spawn(move || keeps.take(stream.unwrap()));
            }
        });
        (collector, url)
    }

    /// Reads requests until the exporter hangs up.
    fn take(&self, mut stream: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        loop {
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).ok()? == 0 {
                    return None;
                }
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().ok()?;
                }
                head.push_str(&line);
                if line == "\r\n" {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).ok()?;
            self.0.lock().unwrap().extend(head.into_bytes().into_iter().chain(body));
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n")
                .ok()?;
        }
    }

    /// All that came. Read as text, protobuf leaves strings as they are.
    fn so_far(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

/// A server that sends its spans there.
struct Server {
    child: Child,
    address: String,
    _port: Port,
}

impl Server {
    fn start(folder: &std::path::Path, collector: &str) -> Self {
        let port = Port::reserve();
        let address = port.address().to_string();
        let mut command = Command::new(env!("CARGO_BIN_EXE_heirloom"));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).current_dir(folder).stdin(Stdio::null());
        let options = [
            ("HEIRLOOM_DATA_DIR", folder.join("data").to_str().unwrap().to_owned()),
            ("HEIRLOOM_BIND", address.clone()),
            ("HEIRLOOM_PUBLIC_URL", format!("http://{address}")),
            ("HEIRLOOM_METRICS_BIND", String::new()),
            ("HEIRLOOM_INSECURE_FOR_TESTS", "true".to_owned()),
            ("HEIRLOOM_BCRYPT_COST", "4".to_owned()),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.to_owned()),
            ("OTEL_SERVICE_NAME", "the-door-of-the-shop".to_owned()),
        ];
        let server = Self { child: command.envs(options).stderr(Stdio::null()).spawn().unwrap(), address, _port: port };
        wait_until("the server is ready", || {
            TcpStream::connect(&server.address).is_ok() && server.ask("GET", "/readyz", "", "").contains(" 200 ")
        });
        server
    }

    fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}", self.address);
        write!(stream, "{head}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Asked to stop: then it sends what it has.
    fn stop(mut self) {
        self.terminate();
        assert!(self.child.wait().unwrap().success());
    }

    fn terminate(&self) {
        drop(Command::new("kill").arg(self.child.id().to_string()).status());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.terminate();
            drop(self.child.wait());
        }
    }
}

#[test]
fn a_collector_receives_each_request_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let (collector, url) = Collector::start();
    let server = Server::start(folder.path(), &url);
    let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let caller = format!("traceparent: 00-{trace}-{parent}-01\r\n");
    let alice = r#"{"email":"alice@example.com","password":"kettle-lantern-58-amber"}"#;
    assert!(server.ask("POST", "/api/v1/auth/register", "", alice).contains(" 201 "));
    let tokens = server.ask("POST", "/api/v1/auth/login?secret=in-a-query", &caller, alice);
    let field =
        |name: &str| tokens.split(&format!("\"{name}\":\"")).nth(1).unwrap().split('"').next().unwrap().to_owned();
    let (access, refresh) = (field("access_token"), field("refresh_token"));
    let refused = format!("{{\"refresh_token\":\"{refresh}x\"}}");
    assert!(server.ask("POST", "/api/v1/auth/refresh", "", &refused).contains(" 401 "));
    assert!(server.ask("GET", "/api/v1/me", &format!("Authorization: Bearer {access}\r\n"), "").contains(" 200 "));
    assert!(server.ask("GET", "/nowhere/in-the-path", "", "").contains(" 404 "));
    server.stop();

    let request_bytes = collector.so_far();
    let request = String::from_utf8_lossy(&request_bytes);
    assert!(request.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{request}");
    let known = ["the-door-of-the-shop", "http.response.status_code", "http.route", "GET /api/v1/me", "request.id"];
    for known in [&known[..], &["POST /api/v1/auth/login", "POST /api/v1/auth/refresh", "GET /readyz"]].concat() {
        assert!(request.contains(known), "no {known} in {request}");
    }
    let bytes = u128::from_str_radix(trace, 16).unwrap().to_be_bytes();
    assert!(request_bytes.windows(16).any(|window| window == bytes), "the caller's trace goes on");
    let secrets = ["kettle-lantern-58-amber", "alice@example.com", "in-a-query", "in-the-path", &access, &refresh];
    for secret in secrets {
        assert!(!request.contains(secret), "{secret} was sent");
    }
}

#[test]
fn an_unreachable_collector_delays_no_request() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = Port::reserve();
    let server = Server::start(folder.path(), &format!("http://{}", nobody.address()));
    assert!(server.ask("GET", "/healthz", "", "").contains(" 200 "));
    server.stop();
}
