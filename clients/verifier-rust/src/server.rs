use crate::{Error, keys::Keys};
use reqwest::{
    Client, RequestBuilder, Response, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};
use serde_json::Value;
use std::time::Duration;
use tokio::time::timeout;

/// After so long without a byte a connection is lost.
pub(crate) const SILENCE: Duration = Duration::from_secs(5);
/// How long a user's request may wait while Heirloom is asked about its token.
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest body of an answer.
const LONGEST_BODY: usize = 1 << 20;
/// Answers to the stream that only a change of options turns into others.
pub(crate) const WRONG_KEY: &str = "refused: 401, the feed key is wrong";
pub(crate) const NO_STREAM: &str = "refused: 404, the server has no HEIRLOOM_FEED_KEYS";

/// Heirloom, over HTTP.
#[derive(Debug)]
pub(crate) struct Server {
    http: Client,
    url: String,
    /// `Authorization` for the stream.
    feed_key: HeaderMap,
}

impl Server {
    /// A client that follows no redirect and uses no proxy of the environment: either would take the feed key or a token
    /// elsewhere.
    pub fn new(url: &str, feed_key: Option<HeaderValue>) -> Result<Self, reqwest::Error> {
        let http = Client::builder().redirect(Policy::none()).no_proxy().connect_timeout(SILENCE).build()?;
        let feed_key = feed_key.into_iter().map(|key| (AUTHORIZATION, key)).collect();
        Ok(Self { http, url: url.trim_end_matches('/').to_owned(), feed_key })
    }

    /// The keys that it publishes; none if it does not answer as it should.
    pub async fn keys(&self) -> Option<Keys> {
        let answer = self.get("/.well-known/jwks.json").timeout(SILENCE).send().await.ok()?;
        let keys = Keys::parse(&body(Some(answer).filter(|answer| answer.status() == StatusCode::OK)?).await?);
        // Without one of use, the known ones stay.
        keys.filter(|keys| !keys.is_empty())
    }

    /// Opens the stream.
    pub async fn stream(&self) -> Result<Response, &'static str> {
        let request = self.get("/api/v1/revocations/stream").headers(self.feed_key.clone());
        let answer = timeout(SILENCE, request.send()).await.map_err(|_why| "silence")?.map_err(|_why| "unreachable")?;
        let is_stream = header(&answer, &CONTENT_TYPE).starts_with(b"text/event-stream");
        match answer.status() {
            StatusCode::OK if is_stream => Ok(answer),
            StatusCode::OK => Err("refused: not an event stream"),
            StatusCode::UNAUTHORIZED => Err(WRONG_KEY),
            StatusCode::NOT_FOUND => Err(NO_STREAM),
            status if status.is_redirection() => Err("refused: a redirect"),
            StatusCode::SERVICE_UNAVAILABLE => Err("refused: 503, not ready or too many listeners"),
            _ => Err("refused"),
        }
    }

    /// Asks about a token that is good as far as is known.
    pub async fn check(&self, token: &str, audience: &str) -> Result<(), Error> {
        let request = self.get("/api/v1/auth/check").bearer_auth(token).timeout(PATIENCE);
        let answer = request.send().await.map_err(|_why| Error::Stale)?;
        let is_ours = header(&answer, &HeaderName::from_static("x-auth-audience")) == audience.as_bytes();
        match answer.status() {
            StatusCode::OK | StatusCode::NO_CONTENT if is_ours => Ok(()),
            StatusCode::UNAUTHORIZED => Err(refusal(&body(answer).await.ok_or(Error::Stale)?)),
            _ => Err(Error::Stale),
        }
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(format!("{}{path}", self.url))
    }
}

/// All of a body, unless it is longer than any of Heirloom's.
async fn body(mut answer: Response) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.ok()? {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST_BODY {
            return None;
        }
    }
    Some(body)
}

fn header<'a>(answer: &'a Response, name: &HeaderName) -> &'a [u8] {
    answer.headers().get(name).map(HeaderValue::as_bytes).unwrap_or_default()
}

fn refusal(problem: &[u8]) -> Error {
    let problem: Value = serde_json::from_slice(problem).unwrap_or_default();
    match problem.get("code").and_then(Value::as_str) {
        Some("session_revoked") => Error::Revoked,
        // Heirloom answers this to an outdated token too, and by our clock this one has not expired.
        Some("access_token_expired") => Error::Outdated,
        Some("access_token_invalid") => Error::Invalid,
        // Not about the token: a proxy's answer, for example.
        _ => Error::Stale,
    }
}
