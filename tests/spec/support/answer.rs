//! What the server answered, and what a test expects of it.

use reqwest::header::{HeaderMap, HeaderName};
use serde_json::{Value, json};
use std::fmt;

/// A whole answer.
#[derive(Clone)]
pub struct Answer {
    /// The request that it answers, for failures: method and path.
    pub to: String,
    /// The status code.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub body: String,
}

/// A token answer that was checked (RFC 6749 §5.1).
#[derive(Debug, Clone)]
pub struct Tokens {
    /// The access token.
    pub access_token: String,
    /// The refresh token; empty when it travels in the cookie.
    pub refresh_token: String,
    /// The cookie's value; empty when the token travels in the body.
    pub cookie: String,
    /// Seconds that the access token lives.
    pub expires_in: u64,
    /// Seconds that the refresh token lives.
    pub refresh_expires_in: u64,
    /// The session.
    pub session_id: String,
}

impl Answer {
    /// Reads an answer to its end, and checks what every answer must have.
    pub async fn read(to: String, response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.expect("the body arrives");
        let body = String::from_utf8(body.to_vec()).expect("our bodies are UTF-8");
        let answer = Self { to, status, headers, body };
        assert!(answer.header("x-request-id").is_some(), "no X-Request-Id: {answer:?}");
        assert!(status != 500, "{answer:?}");
        answer
    }

    /// Whether the database did not answer in time. A page does not say what did not.
    pub fn is_outage_of_the_database(&self) -> bool {
        let is_page = self.header("content-type").is_some_and(|kind| kind.starts_with("text/html"));
        self.status == 503 && (is_page || self.body.contains("The database does not answer"))
    }

    /// A header's value, if there is exactly one of the name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let name = HeaderName::try_from(name).expect("a header's name");
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?.to_str().ok();
        assert!(values.next().is_none(), "a repeated header: {self:?}");
        value
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }

    /// The value at a JSON pointer of the body, as text.
    #[track_caller]
    pub fn text(&self, pointer: &str) -> String {
        let json = self.json();
        let value = json.pointer(pointer).unwrap_or_else(|| panic!("no {pointer}: {self:?}"));
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    }

    /// The value of a hidden field of a form.
    #[track_caller]
    pub fn hidden(&self, name: &str) -> String {
        let (_, rest) =
            self.body.split_once(&format!("name=\"{name}\"")).unwrap_or_else(|| panic!("no {name}: {self:?}"));
        let (_, rest) = rest.split_once("value=\"").expect("a value");
        rest.split_once('"').expect("its end").0.replace("&#x2f;", "/").replace("&amp;", "&")
    }

    /// The entries of a list.
    #[track_caller]
    pub fn items(&self) -> Vec<Value> {
        self.expect(200);
        let json = self.json();
        assert!(json.get("next_cursor").is_some(), "a list has a next_cursor: {self:?}");
        json["items"].as_array().unwrap_or_else(|| panic!("no list: {self:?}")).clone()
    }

    /// This status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// Done, and nothing to say.
    #[track_caller]
    pub fn expect_done(&self) -> &Self {
        self.expect(204);
        assert_eq!(self.body, "", "{self:?}");
        self
    }

    /// A problem of this status and code: RFC 9457 §3, kept by nobody (RFC 9111 §5.2.2.5).
    #[track_caller]
    pub fn expect_problem(&self, status: u16, code: &str) -> &Self {
        self.expect(status);
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        assert_eq!(self.header("cache-control"), Some("no-store"), "{self:?}");
        let body = self.json();
        assert_eq!(body["code"], code, "{self:?}");
        assert_eq!(body["status"], status, "{self:?}");
        for member in ["type", "title", "detail"] {
            assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "no {member}: {self:?}");
        }
        if matches!(status, 429 | 503) {
            let seconds = self.header("retry-after").and_then(|seconds| seconds.parse::<u32>().ok());
            assert!(seconds.is_some(), "no Retry-After: {self:?}");
        }
        self
    }

    /// A problem of a bearer endpoint: with the challenge of RFC 6750 §3.
    #[track_caller]
    pub fn expect_challenge(&self, code: &str) -> &Self {
        self.expect_problem(401, code);
        let challenge = self.header("www-authenticate").unwrap_or_default();
        assert!(challenge.starts_with("Bearer"), "no challenge: {self:?}");
        // RFC 6750 §3.1: a request without a token gets no error code in the challenge.
        assert_eq!(challenge.contains("error="), code != "unauthenticated", "{self:?}");
        self
    }

    /// The session must be made fresh first: with the challenge of RFC 9470 §3, and what makes it so.
    #[track_caller]
    pub fn expect_step_up(&self) -> &Self {
        self.expect_step_up_by("urn:heirloom:acr:1", &["password"])
    }

    /// The same, where this level is needed, and these are the methods of the user.
    #[track_caller]
    pub fn expect_step_up_by(&self, acr: &str, methods: &[&str]) -> &Self {
        self.expect_challenge("step_up_required");
        let body = self.json();
        assert_eq!((&body["max_age"], &body["acr_values"]), (&json!(600), &json!(acr)), "{self:?}");
        assert_eq!(body["methods"], json!(methods), "{self:?}");
        let challenge = format!("Bearer error=\"insufficient_user_authentication\", max_age=600, acr_values=\"{acr}\"");
        assert_eq!(self.header("www-authenticate"), Some(&*challenge), "{self:?}");
        self
    }

    /// 422, and these are the fields that are wrong.
    #[track_caller]
    pub fn expect_fields(&self, fields: &[&str]) -> &Self {
        self.expect_problem(422, "validation_failed");
        let errors = self.json()["errors"].as_array().cloned().unwrap_or_default();
        let mut named: Vec<_> =
            errors.iter().map(|error| error["field"].as_str().expect("a field").to_owned()).collect();
        named.sort();
        assert_eq!(named, fields, "{self:?}");
        for error in errors {
            for member in ["code", "message"] {
                assert!(error[member].as_str().is_some_and(|text| !text.is_empty()), "no {member}: {self:?}");
            }
        }
        self
    }

    /// Tokens, wherever they travel.
    #[track_caller]
    pub fn expect_tokens(&self) -> Tokens {
        self.expect(200);
        assert_eq!(self.header("cache-control"), Some("no-store"), "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        let body = self.json();
        let text = |member: &str| body[member].as_str().unwrap_or_default().to_owned();
        let number = |member: &str| body[member].as_u64().unwrap_or_else(|| panic!("no {member}: {self:?}"));
        let tokens = Tokens {
            access_token: text("access_token"),
            refresh_token: text("refresh_token"),
            cookie: self.cookie().map(|cookie| cookie.value).unwrap_or_default(),
            expires_in: number("expires_in"),
            refresh_expires_in: number("refresh_expires_in"),
            session_id: text("session_id"),
        };
        assert_eq!(body["token_type"], "Bearer", "{self:?}");
        assert_eq!(tokens.access_token.split('.').count(), 3, "no JWS: {self:?}");
        assert!(
            tokens.refresh_token.is_empty() != tokens.cookie.is_empty(),
            "a refresh token travels one way: {self:?}"
        );
        assert!(body.get("refresh_token").is_some() == tokens.cookie.is_empty(), "{self:?}");
        tokens
    }

    /// The one cookie that is set, if any.
    #[track_caller]
    pub fn cookie(&self) -> Option<SetCookie> {
        self.header("set-cookie").map(SetCookie::parse)
    }

    /// All cookies that are set.
    pub fn set_cookies(&self) -> Vec<SetCookie> {
        let values = self.headers.get_all("set-cookie").iter();
        values.map(|value| SetCookie::parse(value.to_str().expect("a text"))).collect()
    }

    /// Neither sets nor clears a cookie.
    #[track_caller]
    pub fn expect_no_cookie(&self) -> &Self {
        assert!(!self.headers.contains_key("set-cookie"), "{self:?}");
        self
    }
}

/// As a failed test shows it: without the headers that every answer has.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} → {}", self.to, self.status)?;
        for name in
            ["content-type", "cache-control", "www-authenticate", "retry-after", "allow", "location", "set-cookie"]
        {
            for value in self.headers.get_all(name) {
                write!(f, "\n  {name}: {}", value.to_str().unwrap_or("?"))?;
            }
        }
        write!(f, "\n  {}", self.body)
    }
}

/// A `Set-Cookie` header, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetCookie {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Its attributes in lower case, sorted, without `Max-Age` and `Expires`.
    pub attributes: Vec<String>,
    /// Seconds; none for a cookie that ends with the browser.
    pub max_age: Option<i64>,
    /// Whether it has an `Expires`.
    pub has_expires: bool,
}

impl SetCookie {
    fn parse(header: &str) -> Self {
        let mut parts = header.split(';').map(str::trim);
        let (name, value) = parts.next().and_then(|pair| pair.split_once('=')).expect("a cookie's name and value");
        let mut all: Vec<_> = parts.map(str::to_lowercase).collect();
        all.sort();
        let max_age = all.iter().find_map(|part| part.strip_prefix("max-age="));
        let max_age = max_age.map(|seconds| seconds.parse().expect("seconds"));
        let has_expires = all.iter().any(|part| part.starts_with("expires="));
        all.retain(|part| !part.starts_with("max-age=") && !part.starts_with("expires="));
        Self { name: name.to_owned(), value: value.to_owned(), attributes: all, max_age, has_expires }
    }
}
