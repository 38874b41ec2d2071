//! An app of another origin that uses the browser client: one page, served over https.

use heirloom_testing::TlsFront;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Shows nothing. Its client and what it reports are there for a test; what must not happen is kept over reloads.
const SCRIPT: &str = "import { createHeirloom } from 'AUTH/static/heirloom.js';
    window.events = [];
    window.client = createHeirloom({ baseUrl: 'AUTH' });
    for (const event of ['signedin', 'refreshed', 'signedout', 'unreachable', 'refused']) {
        client.on(event, (detail) => events.push([event, detail.why ?? detail.error?.code ?? detail.session_id]));
    }
    client.on('signedout', ({ why }) => { localStorage.signedOut = `${localStorage.signedOut ?? ''}${why} `; });";
/// Written down before anything runs.
const WARNINGS: &str = "window.warnings = []; console.warn = (text) => warnings.push(text);";

/// The app, at each host of `*.test`.
#[derive(Debug)]
pub struct App {
    /// Where it listens.
    pub port: u16,
    listener: TcpListener,
}

impl App {
    /// Not yet serving.
    pub async fn prepare() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = TlsFront::of(listener.local_addr().unwrap().port()).await.port;
        Self { port, listener }
    }

    /// Serves pages that use the server at `auth`: `/`; `/alone`, whose policy allows no frame; `/isolated`, which loads
    /// only what agrees to it; `/empty`, without a client.
    pub fn serve(self, auth: &str) {
        let script = format!("{WARNINGS}\n{}", SCRIPT.replace("AUTH", auth));
        tokio::spawn(async move {
            while let Ok((browser, _)) = self.listener.accept().await {
                tokio::spawn(answer(browser, script.clone()));
            }
        });
    }
}

async fn answer(mut browser: TcpStream, script: String) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(browser.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head);
    let path = head.split(' ').nth(1).unwrap_or_default();
    let page = "<!doctype html><title>App</title><body><p>An app</p><script type=\"module\" src=\"/app.js\"></script>";
    let (kind, headers, body) = match path {
        "/app.js" => ("text/javascript", "", script.as_str()),
        "/alone" => ("text/html", "Content-Security-Policy: frame-src 'none'\r\n", page),
        "/isolated" => (
            "text/html",
            "Cross-Origin-Embedder-Policy: require-corp\r\nCross-Origin-Opener-Policy: same-origin\r\n",
            page,
        ),
        "/empty" => ("text/html", "", "<!doctype html><title>Empty</title><body>"),
        _ => ("text/html", "", page),
    };
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{headers}Cache-Control: no-cache\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    browser.write_all(answer.as_bytes()).await?;
    browser.shutdown().await
}
