//! What arrives after a request, or why nothing does.

use super::{
    cause::Cause,
    excerpt::{excerpt, shown},
    html::field,
};
use crate::{
    profile::{Place, Sign},
    secret::Guarded,
};
use cookie_store::RawCookie;
use reqwest::header::{DATE, HeaderMap, HeaderName, LOCATION, RETRY_AFTER, SET_COOKIE};
use serde_json::Value;
use url::Url;

/// What came of a request.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A whole answer.
    Reply(Reply),
    /// None, with the cause. The server may have done what was asked, or may still do it.
    None(Cause),
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
            Self::None(cause) => cause.to_string(),
        }
    }

    /// Whether a rate limit refused the request.
    #[must_use]
    pub fn is_limit(&self) -> bool {
        self.reply().is_some_and(|reply| reply.status == 429)
    }

    /// Whether the server cannot be reached, and a second try soon would not reach it either.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::None(cause) if cause.is_unreachable())
    }
}

/// A whole answer. It holds tokens: only its summary is ever shown.
#[derive(Clone)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The code that distinguishes one refusal from another, as the server wrote it: to be compared, never shown.
    pub code: Option<String>,
    /// Seconds to wait before the next try.
    pub retry_after: Option<u64>,
    read: Box<Read>,
}

#[derive(Clone)]
struct Read {
    headers: HeaderMap,
    url: Url,
    /// Null if it is not JSON.
    json: Value,
    /// Empty if it is JSON.
    page: String,
    excerpt: String,
    /// The code, for reports.
    shown_code: Option<String>,
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reply({})", self.summary())
    }
}

/// The parts of a reply as they arrived.
pub(super) struct Arrived {
    pub status: u16,
    pub headers: HeaderMap,
    pub url: Url,
    pub body: Vec<u8>,
}

impl Reply {
    /// Reads an answer. These texts are masked in what is shown of it.
    pub(super) fn read(arrived: Arrived, code: Option<&Place>, secrets: &[&str]) -> Self {
        let Arrived { status, headers, url, body } = arrived;
        let text = String::from_utf8_lossy(&body);
        let json: Value = serde_json::from_slice(&body).unwrap_or_default();
        let excerpt = excerpt(&text, secrets);
        let page = if json.is_null() { text.into_owned() } else { String::new() };
        let retry_after = retry_after(&headers);
        let read = Box::new(Read { headers, url, json, page, excerpt, shown_code: None });
        let mut reply = Self { status, code: None, retry_after, read };
        reply.code = code.and_then(|place| reply.text(place));
        reply.read.shown_code = reply.code.as_deref().map(|code| shown(code, secrets));
        reply
    }

    /// The text at a place.
    #[must_use]
    pub fn secret(&self, place: &Place) -> Option<Guarded> {
        self.text(place).map(Guarded::new)
    }

    /// The number at a place.
    #[must_use]
    pub fn number(&self, place: &Place) -> Option<u64> {
        match place {
            Place::Pointer(pointer) => self.read.json.pointer(pointer)?.as_u64(),
            _elsewhere => self.text(place)?.parse().ok(),
        }
    }

    /// Whether it is what a profile describes.
    #[must_use]
    pub fn is(&self, sign: &Sign) -> bool {
        let has = |place: &Place| match place {
            Place::Pointer(pointer) => self.read.json.pointer(pointer).is_some_and(|value| !value.is_null()),
            _elsewhere => self.text(place).is_some(),
        };
        sign.is(self.status, self.code.as_deref())
            && sign.has.as_ref().is_none_or(&has)
            && !sign.lacks.as_ref().is_some_and(has)
    }

    /// Whether it is this error of RFC 6749 §5.2.
    pub(super) fn has_error(&self, code: &str) -> bool {
        self.read.json.get("error").is_some_and(|error| error == code)
    }

    /// The values of a list-based header, from all its lines (RFC 9110 §5.2).
    pub fn list(&self, name: &str) -> impl Iterator<Item = &str> {
        let lines = self.read.headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
        lines.flat_map(|line| line.split(',')).map(str::trim).filter(|value| !value.is_empty())
    }

    /// Whether the body is JSON.
    #[must_use]
    pub fn is_json(&self) -> bool {
        !self.read.json.is_null()
    }

    /// Its headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.read.headers
    }

    /// The URL that was asked.
    pub fn url(&self) -> &Url {
        &self.read.url
    }

    fn text(&self, place: &Place) -> Option<String> {
        match place {
            Place::Pointer(pointer) => self.read.json.pointer(pointer)?.as_str().map(str::to_owned),
            Place::Cookie(name) => self.cookie(name),
            Place::Header(name) => Some(self.read.headers.get(name)?.to_str().ok()?.to_owned()),
            Place::Location => self.location().map(String::from),
            Place::Parameter(name) => self.parameter(name),
            Place::Field(name) => field(&self.read.page, name),
        }
    }

    /// A cookie that is set. One that is emptied is deleted.
    fn cookie(&self, name: &str) -> Option<String> {
        let set = self.read.headers.get_all(SET_COOKIE).iter();
        let mut cookies = set.filter_map(|header| RawCookie::parse(header.to_str().ok()?).ok());
        let found = cookies.rfind(|cookie| cookie.name() == name && !cookie.value().is_empty())?;
        Some(found.value().to_owned())
    }

    fn location(&self) -> Option<Url> {
        self.read.url.join(self.read.headers.get(LOCATION)?.to_str().ok()?).ok()
    }

    fn parameter(&self, name: &str) -> Option<String> {
        let location = self.location()?;
        let fragment = location.fragment().unwrap_or_default().as_bytes();
        let mut pairs = location.query_pairs().chain(url::form_urlencoded::parse(fragment));
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// Whether this is an outage: the request may have been executed, may still be, or never.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        self.status >= 500 || self.status == 429
    }

    /// The code for a report: a server may repeat in it what it was sent.
    #[must_use]
    pub fn shown_code(&self) -> Option<&str> {
        self.read.shown_code.as_deref()
    }

    /// Status and code; without a code, the beginning of the body. Nothing in it may be a secret.
    #[must_use]
    pub fn summary(&self) -> String {
        let summary = match self.shown_code() {
            Some(code) => format!("{} {code}", self.status),
            None if self.read.excerpt.is_empty() || self.status < 400 => self.status.to_string(),
            None => format!("{} “{}”", self.status, self.read.excerpt),
        };
        match self.retry_after.filter(|_| self.status == 429) {
            Some(seconds) => format!("{summary}, which asks to wait for {seconds} s"),
            None => summary,
        }
    }
}

/// How many seconds to wait: `Retry-After` has a number or a date (RFC 9110 §10.2.3). A date is by the server's clock, which
/// `Date` shows.
fn retry_after(headers: &HeaderMap) -> Option<u64> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok();
    let date = |text: &str| httpdate::parse_http_date(text).ok();
    let wanted = text(RETRY_AFTER)?;
    let from = || Some(date(wanted)?.duration_since(date(text(DATE)?)?).unwrap_or_default().as_secs());
    wanted.parse().ok().or_else(from)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;
    use reqwest::header::HeaderValue;

    #[test]
    fn a_code_is_compared_as_it_came_and_shown_without_secrets() {
        let place = Place::try_from("/error".to_owned()).unwrap();
        for (code, expected) in [
            ("invalid_grant", "invalid_grant"),
            ("no user hunter22", "no user …"),
            ("token rt-0-1-0123456789abcdef is bad", "token … is bad"),
            ("line\nbreak", "line break"),
        ] {
            let body = serde_json::json!({ "error": code }).to_string().into_bytes();
            let url = "http://localhost/token".parse().unwrap();
            let arrived = Arrived { status: 400, headers: HeaderMap::new(), url, body };
            let reply = Reply::read(arrived, Some(&place), &["hunter22"]);
            assert_eq!((reply.code.as_deref(), reply.shown_code()), (Some(code), Some(expected)));
            assert_eq!(reply.summary(), format!("400 {expected}"));
        }
    }

    #[test]
    fn a_wait_is_a_number_or_a_date() {
        let later = "Mon, 30 Nov 2026 12:00:30 GMT";
        for (wanted, now, seconds) in [
            ("7", None, Some(7)),
            (later, Some("Mon, 30 Nov 2026 12:00:00 GMT"), Some(30)),
            (later, Some("Mon, 30 Nov 2026 12:01:00 GMT"), Some(0)),
            (later, None, None),
            ("soon", None, None),
            ("-1", None, None),
        ] {
            let mut headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(wanted))]);
            headers.extend(now.map(|now| (DATE, HeaderValue::from_static(now))));
            assert_eq!(retry_after(&headers), seconds, "{wanted}");
        }
    }
}
