//! A client as a client should be: it keeps its newest token, and asks with the same key until it has an answer.

use crate::chance::Chance;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use uuid::Uuid;

pub const PASSWORD: &str = "plum-garage-velvet-9";
/// Longer than any answer of a server that lives: one that is stopped gives none.
const PATIENCE: Duration = Duration::from_secs(8);

/// What all clients of a load have seen together.
#[derive(Debug, Default)]
pub struct Tally {
    pub rotations: AtomicU64,
    pub unavailable: AtomicU64,
    pub unanswered: AtomicU64,
    /// Each would be a bug.
    pub false_revocations: Mutex<Vec<String>>,
    pub surprises: Mutex<Vec<String>>,
}

/// What a server said.
#[derive(Debug)]
pub enum Answer {
    Tokens(Value),
    /// 503 with `Retry-After`: everything is as it was.
    Away,
    /// None: nobody knows.
    None,
    /// 401 or 403, and its code.
    Refused(String),
    /// What no fault excuses.
    Odd(String),
}

/// One session and its newest token.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    urls: Arc<Vec<String>>,
    tally: Arc<Tally>,
    chance: Chance,
    pub email: String,
    /// All tokens it ever got.
    pub tokens: Vec<String>,
    pub access_token: String,
    key: String,
    /// It was signed out by mistake: every further answer would be the same.
    pub is_lost: bool,
    /// Whether servers with another clock may reject an access token.
    pub forgives_clocks: bool,
}

impl Client {
    /// Registers a user and signs in.
    pub async fn sign_in(urls: Arc<Vec<String>>, tally: Arc<Tally>) -> Self {
        let email = format!("{}@example.com", Uuid::new_v4().simple());
        let http = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
        let credentials = json!({ "email": email, "password": PASSWORD });
        let post = |path: &str| http.post(format!("{}/api/v1/auth/{path}", urls[0])).json(&credentials);
        // A registration whose answer was lost has happened all the same: then the address is in use.
        let (made, problem) = when_not_busy(|| post("register")).await;
        assert!(made == 201 || made == 409, "{made} {problem}");
        let (signed_in, tokens) = when_not_busy(|| post("login")).await;
        assert_eq!(signed_in, 200, "{tokens}");
        let (refresh, access) = (text(&tokens, "refresh_token"), text(&tokens, "access_token"));
        let (chance, key) = (Chance::new(), new_key());
        Self {
            http,
            urls,
            tally,
            chance,
            email,
            tokens: vec![refresh],
            access_token: access,
            key,
            is_lost: false,
            forgives_clocks: false,
        }
    }

    pub fn newest(&self) -> &str {
        self.tokens.last().unwrap()
    }

    /// One request to refresh. True: it was acknowledged.
    pub async fn refresh(&mut self) -> bool {
        let url = self.any_url();
        self.refresh_at(&url).await
    }

    pub async fn refresh_at(&mut self, url: &str) -> bool {
        let key = self.key.clone();
        match self.present(url, self.newest(), Some(&key)).await {
            Answer::Tokens(tokens) => self.take(&tokens),
            Answer::Away => drop(self.tally.unavailable.fetch_add(1, Ordering::Relaxed)),
            Answer::None => drop(self.tally.unanswered.fetch_add(1, Ordering::Relaxed)),
            Answer::Refused(code) => {
                self.is_lost = true;
                self.wronged(&format!("refresh: {code}"));
            }
            Answer::Odd(what) => self.surprised(&what),
        }
        self.key != key
    }

    fn take(&mut self, tokens: &Value) {
        let next = text(tokens, "refresh_token");
        let (before, after) = (generation(self.newest()), generation(&next));
        if after != before + 1 {
            self.surprised(&format!("generation {before} was followed by {after}"));
        }
        self.tokens.push(next);
        self.access_token = text(tokens, "access_token");
        self.key = new_key();
        self.tally.rotations.fetch_add(1, Ordering::Relaxed);
    }

    /// Presents any token.
    pub async fn present(&self, url: &str, token: &str, key: Option<&str>) -> Answer {
        let mut request = self.http.post(format!("{url}/api/v1/auth/refresh")).json(&json!({ "refresh_token": token }));
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        answer_to(request).await
    }

    /// Asks whether the newest access token is good.
    pub async fn check(&self) {
        match self.ask_check(&self.any_url()).await {
            Answer::Refused(code) if code == "session_revoked" || !self.forgives_clocks => {
                self.wronged(&format!("check: {code}"));
            }
            Answer::Odd(what) => self.surprised(&what),
            Answer::Tokens(_) | Answer::Away | Answer::None | Answer::Refused(_) => {}
        }
    }

    pub async fn ask_check(&self, url: &str) -> Answer {
        let request = self.http.request(Method::GET, format!("{url}/api/v1/auth/check"));
        answer_to(request.bearer_auth(&self.access_token)).await
    }

    /// Signs out, at this server.
    pub async fn sign_out(&self, url: &str) -> StatusCode {
        let request = self.http.post(format!("{url}/api/v1/auth/logout"));
        request.json(&json!({ "refresh_token": self.newest() })).send().await.unwrap().status()
    }

    /// The key of the rotation that is under way.
    pub fn key(&self) -> &str {
        &self.key
    }

    pub async fn pause(&self) {
        self.chance.wait(5, 30).await;
    }

    fn any_url(&self) -> String {
        let index = self.chance.below(u64::try_from(self.urls.len()).unwrap());
        self.urls[usize::try_from(index).unwrap()].clone()
    }

    fn wronged(&self, what: &str) {
        self.tally.false_revocations.lock().unwrap().push(format!("{}: {what}", self.email));
    }

    fn surprised(&self, what: &str) {
        self.tally.surprises.lock().unwrap().push(format!("{}: {what}", self.email));
    }
}

/// Asks until the server is not too busy to answer: on a busy machine it may refuse work for a while, with 503.
async fn when_not_busy(request: impl Fn() -> reqwest::RequestBuilder) -> (u16, Value) {
    for _ in 0..100 {
        if let Ok(answer) = request().send().await
            && answer.status() != 503
            && let (status, Ok(body)) = (answer.status(), answer.json().await)
        {
            return (status.as_u16(), body);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    panic!("the server is too busy");
}

async fn answer_to(request: reqwest::RequestBuilder) -> Answer {
    let Ok(answer) = request.send().await else { return Answer::None };
    let (status, retry_after) = (answer.status(), answer.headers().contains_key("retry-after"));
    let Ok(body) = answer.text().await else { return Answer::None };
    let body: Value = serde_json::from_str(&body).unwrap_or_default();
    match status.as_u16() {
        200 | 204 => Answer::Tokens(body),
        503 if retry_after => Answer::Away,
        // "The server did not receive a complete request in time" (RFC 9110 §15.5.9): nothing was done.
        408 => Answer::None,
        401 | 403 => Answer::Refused(text(&body, "code")),
        _ => Answer::Odd(format!("{status} {body}")),
    }
}

fn text(body: &Value, name: &str) -> String {
    body[name].as_str().unwrap_or_default().to_owned()
}

fn new_key() -> String {
    format!("key-{}", Uuid::new_v4())
}

/// What a refresh token says about itself: version, key, session (16 bytes), generation (4), secret (32), tag.
pub struct Parts {
    pub session: Uuid,
    pub generation: u32,
    pub secret: Vec<u8>,
}

pub fn parts(token: &str) -> Parts {
    let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix("hrt_").unwrap()).unwrap();
    let session = Uuid::from_slice(&bytes[2..18]).unwrap();
    Parts { session, generation: u32::from_be_bytes(bytes[18..22].try_into().unwrap()), secret: bytes[22..54].to_vec() }
}

fn generation(token: &str) -> u32 {
    parts(token).generation
}

/// A client without a key.
pub async fn bare_refresh(url: &str, token: &str) -> Answer {
    let body = json!({ "refresh_token": token });
    answer_to(reqwest::Client::new().post(format!("{url}/api/v1/auth/refresh")).json(&body)).await
}
