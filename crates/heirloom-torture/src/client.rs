//! Requests over HTTP, and answers that may never arrive.

use super::{
    profile::{Profile, Request},
    secret::Guarded,
    template::{Missing, Values, fill, fill_json, fill_map},
};
use reqwest::{Method, header::RETRY_AFTER, redirect::Policy};
use serde_json::Value;
use std::time::Duration;

/// How long the client waits for an answer; then the outcome is unknown.
const PATIENCE: Duration = Duration::from_secs(20);

/// How the client behaves after it has sent a request.
#[derive(Debug, Clone, Copy)]
pub enum Manner {
    /// It reads the answer, and needs one: an outage may hide what should be seen.
    Patient,
    /// It reads the answer, but is one of many: that some meet an outage is part of the test.
    Crowded,
    /// It closes the connection after this long, unless the answer has arrived.
    GoneAfter(Duration),
}

/// What came of a request.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A whole answer.
    Reply(Reply),
    /// None, with the cause. The server may have done what was asked, or may still do it.
    None(String),
}

impl Answer {
    /// The reply, if there is one.
    #[must_use]
    pub fn reply(&self) -> Option<&Reply> {
        match self {
            Self::Reply(reply) => Some(reply),
            Self::None(_) => None,
        }
    }

    /// Status and code, or why there is no answer.
    #[must_use]
    pub fn summary(&self) -> String {
        match self {
            Self::Reply(reply) => reply.summary(),
            Self::None(cause) => cause.clone(),
        }
    }
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The code that distinguishes one refusal from another.
    pub code: Option<String>,
    /// The body; null if it is not JSON. It holds tokens, and is never shown.
    body: Value,
    /// Seconds to wait before the next try.
    pub retry_after: Option<u64>,
}

impl Reply {
    /// The text at a JSON pointer.
    #[must_use]
    pub fn secret(&self, pointer: &str) -> Option<Guarded> {
        self.body.pointer(pointer)?.as_str().map(|text| Guarded::new(text.to_owned()))
    }

    /// The number at a JSON pointer.
    #[must_use]
    pub fn number(&self, pointer: &str) -> Option<u64> {
        self.body.pointer(pointer)?.as_u64()
    }

    /// Whether this is an outage: the request may have been executed, may still be, or never.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        self.status >= 500 || self.status == 429
    }

    /// Status and code.
    #[must_use]
    pub fn summary(&self) -> String {
        format!("{} {}", self.status, self.code.as_deref().unwrap_or_default()).trim_end().to_owned()
    }
}

/// Why a request was never sent.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// A value is missing.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// Not a request that HTTP has.
    #[error("the profile describes no request that can be sent: {0}")]
    Malformed(String),
}

/// A client of the server.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    values: Values,
    code_pointer: Option<String>,
}

impl Client {
    /// A client that knows these values.
    ///
    /// # Errors
    /// When the HTTP client cannot be created.
    pub fn new(profile: &Profile, values: Values) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("heirloom-torture/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .timeout(PATIENCE)
            .build()?;
        Ok(Self { http, values, code_pointer: profile.answer.code.clone() })
    }

    /// Sends a request and reads the answer.
    ///
    /// # Errors
    /// When the request cannot be sent at all.
    pub async fn ask(&self, asked: &Asked<'_>, manner: Manner) -> Result<Answer, RequestError> {
        let request = self.build(asked)?;
        let exchanged = match manner {
            Manner::Patient | Manner::Crowded => self.exchange(request).await,
            Manner::GoneAfter(patience) => match tokio::time::timeout(patience, self.exchange(request)).await {
                Ok(exchanged) => exchanged,
                Err(_elapsed) => return Ok(Answer::None("the kit closed the connection".to_owned())),
            },
        };
        Ok(exchanged.map_or_else(|error| Answer::None(cause(&error)), Answer::Reply))
    }

    async fn exchange(&self, request: reqwest::Request) -> Result<Reply, reqwest::Error> {
        let answer = self.http.execute(request).await?;
        let status = answer.status().as_u16();
        let retry_after = answer.headers().get(RETRY_AFTER).and_then(|seconds| seconds.to_str().ok()?.parse().ok());
        let bytes = answer.bytes().await?;
        let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let code = self.code_pointer.as_ref().and_then(|pointer| body.pointer(pointer)?.as_str().map(str::to_owned));
        Ok(Reply { status, code, body, retry_after })
    }

    fn build(&self, asked: &Asked<'_>) -> Result<reqwest::Request, RequestError> {
        let Asked { request, values, header } = asked;
        let mut all = self.values.clone();
        all.extend(values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        let malformed = |error: &dyn std::error::Error| RequestError::Malformed(error.to_string());
        let method = Method::try_from(request.method.as_str()).map_err(|error| malformed(&error))?;
        let url = fill(&request.url, &all)?.unwrap_or_default();
        let mut builder = self.http.request(method, url);
        for (name, value) in fill_map(&request.headers, &all)? {
            builder = builder.header(name, value);
        }
        if let Some((name, value)) = header {
            builder = builder.header(*name, *value);
        }
        if let Some(json) = &request.json {
            builder = builder.json(&fill_json(json, &all)?);
        }
        if let Some(form) = &request.form {
            builder = builder.form(&fill_map(form, &all)?);
        }
        builder.build().map_err(|error| malformed(&error.without_url()))
    }
}

/// Why there is no answer: the innermost cause, which names no URL and no token.
fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", PATIENCE.as_secs());
    }
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let what = if error.is_connect() { "cannot connect" } else { "the connection was lost" };
    format!("{what}: {innermost}")
}

/// A request and what is to be filled in.
#[derive(Debug)]
pub struct Asked<'a> {
    /// Its shape.
    pub request: &'a Request,
    /// Beside the values that the client knows.
    pub values: Vec<(&'static str, Guarded)>,
    /// One header more.
    pub header: Option<(&'a str, &'a str)>,
}
