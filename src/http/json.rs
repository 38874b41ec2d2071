use super::{FieldError, MediaType, Problem, kind};
use crate::kernel::Duration;
use actix_web::{
    FromRequest, HttpRequest, dev,
    http::header,
    web::{Bytes, Payload},
};
use serde::de::{DeserializeOwned, IgnoredAny};
use std::pin::Pin;

/// The most bytes of a body.
pub const BODY_LIMIT: usize = 64 * 1024;
/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A JSON body that was wholly understood.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let request = request.clone();
        let payload = Payload::from_request(&request, payload).into_inner();
        Box::pin(async move {
            require_json(&request)?;
            let payload = payload.map_err(|_why| unreadable())?;
            parse(&read(&request, payload).await?).map(Self)
        })
    }
}

/// A JSON body where there may be none at all: then the default.
///
/// # Errors
/// As [`Json`].
pub async fn optional_json<T: DeserializeOwned + Default>(
    request: &HttpRequest,
    payload: Payload,
) -> Result<T, Problem> {
    let body = read(request, payload).await?;
    if body.is_empty() {
        return Ok(T::default());
    }
    require_json(request)?;
    parse(&body)
}

/// Reads a body, bounded in size and in time, so that slow senders hold nothing for long. A body whose announced length
/// is too large is not read.
///
/// # Errors
/// 413, 408, 415 when it is compressed, or 400 when the body ends early.
pub async fn read(request: &HttpRequest, payload: Payload) -> Result<Bytes, Problem> {
    require_plain(request)?;
    let large = || Problem::new(kind::PAYLOAD_TOO_LARGE, format!("The body may have at most {BODY_LIMIT} bytes."));
    if announced(request).is_some_and(|length| length > BODY_LIMIT) {
        return Err(large());
    }
    let late = |_elapsed| Problem::new(kind::REQUEST_TIMEOUT, "The body did not arrive within 10 seconds.");
    let arrived = tokio::time::timeout(BODY_TIMEOUT, payload.to_bytes_limited(BODY_LIMIT)).await;
    arrived.map_err(late)?.map_err(|_limit| large())?.map_err(|_why| unreadable())
}

/// The length from the Content-Length header. The library has already rejected values that are not numbers.
fn announced(request: &HttpRequest) -> Option<usize> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The library's own message is not passed on: it may contain what the sender sent.
fn unreadable() -> Problem {
    Problem::new(kind::MALFORMED_REQUEST, "The body ended early or is not valid HTTP/1.1.")
}

/// Bodies are not decompressed, and a compressed body read as it is would be misread (RFC 9110 §15.5.16).
fn require_plain(request: &HttpRequest) -> Result<(), Problem> {
    let codings = request.headers().get_all(header::CONTENT_ENCODING);
    let is_plain = |coding: &header::HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"identity");
    if codings.into_iter().all(is_plain) {
        return Ok(());
    }
    Err(Problem::new(kind::UNSUPPORTED_MEDIA_TYPE, "Send the body without a Content-Encoding.")
        .with_header(header::ACCEPT_ENCODING, "identity"))
}

fn require_json(request: &HttpRequest) -> Result<(), Problem> {
    if MediaType::of(request).is_some_and(|media| media.is("application/json") && media.is_utf8()) {
        return Ok(());
    }
    Err(Problem::new(kind::UNSUPPORTED_MEDIA_TYPE, "Send the body as application/json in UTF-8.")
        .with_header(header::ACCEPT, "application/json"))
}

/// Parses an object. An array is refused: the order of fields is not part of the contract.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut reader);
    if value.is_ok() && body.trim_ascii_start().first() != Some(&b'{') {
        return Err(invalid("body", "has the wrong type".to_owned()));
    }
    let value = value.map_err(|error| refusal(&error, body))?;
    reader.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

/// 400 for invalid JSON, 422 for JSON with wrong content. The library reports some of the latter as the former.
fn refusal(error: &serde_path_to_error::Error<serde_json::Error>, body: &[u8]) -> Problem {
    if let Err(error) = serde_json::from_slice::<IgnoredAny>(body) {
        return malformed(&error);
    }
    let path = error.path().to_string();
    let field = if path == "." { "body" } else { path.as_str() };
    invalid(field, without_values(&error.inner().to_string()))
}

fn invalid(field: &str, message: String) -> Problem {
    Problem::fields(vec![FieldError::new(field, "invalid", message)])
}

fn malformed(error: &serde_json::Error) -> Problem {
    let (line, column) = (error.line(), error.column());
    Problem::new(kind::MALFORMED_REQUEST, format!("The body is not valid JSON (line {line}, column {column})."))
}

/// What serde and the standard library call a text that is not a number of the wanted kind.
const NOT_A_NUMBER: &[&str] = &["invalid digit", "cannot parse integer", "number too"];
/// What chrono calls a text that is not a time.
const NOT_A_TIME: &[&str] = &["input ", "premature end of input", "trailing input"];

/// Serde's message without the values it quotes, which may be secrets. Names of fields are not secret.
pub(super) fn without_values(message: &str) -> String {
    let message = message.split(" at line ").next().unwrap_or_default();
    let named = ["unknown field", "missing field", "duplicate field", "must be "];
    if named.iter().any(|known| message.starts_with(known)) {
        return message.chars().take(200).collect();
    }
    let is_any = |starts: &[&str]| starts.iter().any(|start| message.starts_with(start));
    match message.split_once(", expected ") {
        Some((variant, expected)) if variant.starts_with("unknown variant") => format!("must be {expected}"),
        None if is_any(NOT_A_NUMBER) => "must be a whole number".to_owned(),
        None if is_any(NOT_A_TIME) => "must be a time, such as 2026-11-23T00:00:00Z".to_owned(),
        None if is_any(&["provided string was not `true`"]) => "must be `true` or `false`".to_owned(),
        _ => "has the wrong type".to_owned(),
    }
}
