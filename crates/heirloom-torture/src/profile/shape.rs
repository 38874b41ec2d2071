//! The requests that a server understands and the meaning of its answers: a small JSON file.

use super::place::Place;
use crate::model::{Rules, StaleSignOut};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// How to talk to a server. `docs/torture.md` describes every member.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Which servers it fits.
    pub about: String,
    /// Where an answer holds its values.
    pub answer: Pointers,
    /// How the client proves which one it is, in requests with `client_auth`.
    #[serde(default)]
    pub client: ClientIdentity,
    /// Whether tokens are bound to a key that the client proves to hold (DPoP, RFC 9449).
    #[serde(default)]
    pub dpop: bool,
    /// How a session begins; without it, only from initial tokens.
    pub sign_in: Option<SignIn>,
    /// How a token is redeemed.
    pub refresh: Refresh,
    /// How a user signs out.
    pub sign_out: Option<SignOut>,
    /// How an access token is tried.
    pub access: Option<Access>,
    /// What is asked until the server serves again after a restart; without it, its URL.
    pub ready: Option<Request>,
    /// How a request is marked as the same as before.
    pub retry: Option<Retry>,
    /// What happens to a refresh token when another one is issued for it; retired if absent.
    pub old_tokens: Option<OldTokens>,
    /// How long a request without a key gets the same answer once more.
    #[serde(default)]
    pub leeway_seconds: u64,
    /// Within how long the access tokens of a session that was revoked are refused.
    #[serde(default)]
    pub revocation_seconds: u64,
}

/// What happens to a refresh token when another one is issued for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OldTokens {
    /// It works no longer.
    Retired,
    /// It works until the session ends: RFC 6749 §6 permits it.
    StayValid,
}

/// Where answers hold their values.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pointers {
    /// The refresh token.
    pub refresh_token: Place,
    /// The access token.
    pub access_token: Option<Place>,
    /// The seconds that the refresh token lives.
    pub refresh_expires_in: Option<Place>,
    /// The code that distinguishes one refusal from another.
    pub code: Option<Place>,
}

/// How a client proves which one it is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientIdentity {
    /// Its id: `{client_id?}` if absent.
    pub id: Option<String>,
    /// Its secret: `{client_secret?}` if absent.
    pub secret: Option<String>,
    /// Its private key in PEM: `{client_key?}` if absent.
    pub key: Option<String>,
    /// The id of that key.
    pub key_id: Option<String>,
    /// The algorithm of that key, such as `ES256`; RS256, ES256 or `EdDSA` if absent, as the key is.
    pub key_algorithm: Option<String>,
    /// The audience of an assertion: the URL of the request if absent.
    pub audience: Option<String>,
    /// How; if absent, with the key if it has a value, otherwise with the secret by `client_secret_basic`.
    pub auth: Option<ClientAuth>,
}

/// How a client authenticates (RFC 6749 §2.3, RFC 7523). Without a secret and a key it only names its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// Id and secret in the header `Authorization`.
    ClientSecretBasic,
    /// Id and secret in the body.
    ClientSecretPost,
    /// A signed assertion.
    PrivateKeyJwt,
    /// The id only.
    None,
}

/// A request with `{names}` to be filled in.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "WrittenRequest")]
pub struct Request {
    /// POST by default.
    pub method: String,
    /// Where to; `{base}` is the URL of the command line.
    pub url: String,
    /// By name.
    pub headers: BTreeMap<String, String>,
    /// By name.
    pub cookies: BTreeMap<String, String>,
    /// A JSON body.
    pub json: Option<Value>,
    /// Or the fields of a form.
    pub form: Option<BTreeMap<String, String>>,
    /// Whether the client authenticates.
    pub client_auth: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRequest {
    #[serde(default = "post")]
    method: String,
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    cookies: BTreeMap<String, String>,
    json: Option<Value>,
    form: Option<BTreeMap<String, String>>,
    #[serde(default)]
    client_auth: bool,
}

impl TryFrom<WrittenRequest> for Request {
    type Error = &'static str;

    fn try_from(written: WrittenRequest) -> Result<Self, Self::Error> {
        let WrittenRequest { method, url, headers, cookies, json, form, client_auth } = written;
        if json.is_some() && form.is_some() {
            return Err("has both `json` and `form`");
        }
        Ok(Self { method, url, headers, cookies, json, form, client_auth })
    }
}

impl Request {
    /// A GET of this URL.
    #[must_use]
    pub fn get(url: &str) -> Self {
        Self { method: "GET".to_owned(), url: url.to_owned(), ..Self::default() }
    }

    /// Adds a member to the body, in place of one with the same name.
    pub fn add(&mut self, name: &str, value: String) {
        if let Some(Value::Object(members)) = &mut self.json {
            members.insert(name.to_owned(), value.into());
        } else {
            self.form.get_or_insert_default().insert(name.to_owned(), value);
        }
    }
}

/// An answer that means something: its status (`401`, `4xx`) and, where they are given, its code, a value that it has
/// and one that it lacks.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sign {
    /// Three digits, or one and `xx`.
    #[serde(deserialize_with = "status")]
    pub status: String,
    /// Exactly.
    pub code: Option<String>,
    /// There is something, and it is not null.
    pub has: Option<Place>,
    /// There is nothing, or it is null.
    pub lacks: Option<Place>,
}

/// Signing in with `{user}` and `{password}`, in one step or several. Cookies are kept from step to step.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "WrittenSignIn")]
pub struct SignIn {
    /// One after the other; the answer to the last has the tokens.
    pub steps: Vec<Step>,
}

/// A step of signing in.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What is sent.
    pub request: Request,
    /// Success; any answer below 400 if absent.
    #[serde(default)]
    pub done: Vec<Sign>,
    /// Values that later steps need, by the names under which they use them.
    #[serde(default)]
    pub take: BTreeMap<String, Place>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSignIn {
    request: Option<Request>,
    #[serde(default)]
    done: Vec<Sign>,
    #[serde(default)]
    steps: Vec<Step>,
}

impl TryFrom<WrittenSignIn> for SignIn {
    type Error = &'static str;

    fn try_from(written: WrittenSignIn) -> Result<Self, Self::Error> {
        let WrittenSignIn { request, done, steps } = written;
        match request {
            Some(request) if steps.is_empty() => {
                Ok(Self { steps: vec![Step { request, done, take: BTreeMap::new() }] })
            }
            None if !steps.is_empty() && done.is_empty() => Ok(Self { steps }),
            _both_or_neither => Err("has either `request` and `done`, or `steps`"),
        }
    }
}

/// Redeeming `{refresh_token}`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// What is sent.
    pub request: Request,
    /// A new token.
    pub rotated: Vec<Sign>,
    /// Refused as used before.
    #[serde(default)]
    pub reused: Vec<Sign>,
    /// Refused because the session is revoked or expired.
    #[serde(default)]
    pub ended: Vec<Sign>,
    /// Refused as not issued by the server.
    #[serde(default)]
    pub invalid: Vec<Sign>,
    /// Refused, and it may be any of these.
    #[serde(default)]
    pub denied: Vec<Sign>,
}

/// Ending the session of `{refresh_token}`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignOut {
    /// What is sent.
    pub request: Request,
    /// Success.
    pub done: Vec<Sign>,
    /// Refused: the server promises nothing.
    #[serde(default)]
    pub refused: Vec<Sign>,
    /// What a token does that is not the newest.
    #[serde(default)]
    pub by_stale_token: StaleSignOut,
}

/// Using `{access_token}`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// What is sent.
    pub request: Request,
    /// It works.
    pub alive: Vec<Sign>,
    /// It is rejected.
    pub dead: Vec<Sign>,
    /// What happens to it when its session ends.
    #[serde(default)]
    pub after_end: AccessAfterEnd,
}

/// What happens to an access token when its session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessAfterEnd {
    /// It is refused within `revocation_seconds`.
    Refused,
    /// It may live until it expires, as one does that is verified without a look at the session.
    #[default]
    UntilExpiry,
}

/// The header that makes a retry one.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Its name.
    pub key_header: String,
    /// How long the same key gets the same answer.
    pub window_seconds: u64,
}

fn post() -> String {
    "POST".to_owned()
}

/// `200`, `4xx`.
fn status<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let (class, rest) = text.split_at_checked(1).unwrap_or_default();
    let is_rest = rest == "xx" || rest.len() == 2 && rest.bytes().all(|byte| byte.is_ascii_digit());
    if matches!(class, "1" | "2" | "3" | "4" | "5") && is_rest {
        return Ok(text);
    }
    Err(serde::de::Error::custom(format!("`{text}` is not a status such as 401 or 4xx")))
}

impl Profile {
    /// What happens to an access token when its session ends.
    #[must_use]
    pub fn access_after_end(&self) -> AccessAfterEnd {
        self.access.as_ref().map(|access| access.after_end).unwrap_or_default()
    }

    /// What the specification has to know of it.
    #[must_use]
    pub fn rules(&self) -> Rules {
        let window = self.retry.as_ref().map_or(0, |retry| retry.window_seconds);
        Rules {
            retry_window: window.saturating_mul(1000),
            leeway: self.leeway_seconds.saturating_mul(1000),
            old_tokens_stay: self.old_tokens == Some(OldTokens::StayValid),
            stale_sign_out: self.sign_out.as_ref().map(|sign_out| sign_out.by_stale_token).unwrap_or_default(),
            ..Rules::default()
        }
    }
}

impl Sign {
    /// Whether an answer of this status and code is meant. A class never means 429: a limit refuses before anything is
    /// done.
    #[must_use]
    pub fn is(&self, status: u16, code: Option<&str>) -> bool {
        let digits = status.to_string();
        let right = match self.status.strip_suffix("xx") {
            Some(class) => digits.len() == 3 && digits.starts_with(class) && status != 429,
            None => self.status == digits,
        };
        right && self.code.as_deref().is_none_or(|expected| code == Some(expected))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_known_by_its_status_and_perhaps_its_code() {
        let sign = |status: &str, code: Option<&str>| Sign {
            status: status.to_owned(),
            code: code.map(str::to_owned),
            has: None,
            lacks: None,
        };
        for (sign, status, code, expected) in [
            (sign("401", None), 401, Some("reused"), true),
            (sign("401", Some("reused")), 401, Some("reused"), true),
            (sign("401", Some("reused")), 401, Some("ended"), false),
            (sign("401", Some("reused")), 401, None, false),
            (sign("4xx", None), 418, None, true),
            (sign("4xx", None), 200, None, false),
            (sign("4xx", None), 429, None, false),
            (sign("429", None), 429, None, true),
            (sign("200", None), 201, None, false),
        ] {
            assert_eq!(sign.is(status, code), expected, "{sign:?} {status} {code:?}");
        }
    }
}
