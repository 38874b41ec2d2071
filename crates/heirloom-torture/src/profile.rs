//! The requests that a server understands and the meaning of its answers: a small JSON file.

use super::model::{Rules, StaleSignOut};
use serde::Deserialize;
use serde_json::Value;
use std::{collections::BTreeMap, fs, io};

/// How to talk to a server. `docs/torture.md` describes every member.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Which servers it fits.
    pub about: String,
    /// Where an answer holds its values.
    pub answer: Pointers,
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
    /// How long a request without a key gets the same answer once more.
    #[serde(default)]
    pub leeway_seconds: u64,
    /// Within how long other instances refuse the access tokens of a session that has ended.
    #[serde(default)]
    pub revocation_seconds: u64,
}

/// JSON pointers (RFC 6901).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pointers {
    /// To the refresh token.
    pub refresh_token: String,
    /// To the access token.
    pub access_token: Option<String>,
    /// To the seconds that the refresh token lives.
    pub refresh_expires_in: Option<String>,
    /// To the code that distinguishes one refusal from another.
    pub code: Option<String>,
}

/// A request with `{names}` to be filled in.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// POST by default.
    #[serde(default = "post")]
    pub method: String,
    /// Where to; `{base}` is the URL of the command line.
    pub url: String,
    /// By name.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// A JSON body.
    pub json: Option<Value>,
    /// Or the fields of a form.
    pub form: Option<BTreeMap<String, String>>,
}

/// An answer that means something: its status (`401`, `4xx`) and, where it is given, its code.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sign {
    /// Three digits, or one and `xx`.
    pub status: String,
    /// Exactly.
    pub code: Option<String>,
}

/// Signing in with `{user}` and `{password}`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// What is sent.
    pub request: Request,
    /// Success.
    pub done: Vec<Sign>,
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
    /// It is refused, at other instances within `revocation_seconds`.
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

/// Why a profile cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// Neither built in nor a file.
    #[error("`{0}` is neither a built-in profile ({names}) nor a readable file: {1}", names = Profile::NAMES.join(", "))]
    Unreadable(String, #[source] io::Error),
    /// Not a valid profile.
    #[error("`{0}` is not a valid profile: {1}")]
    Malformed(String, #[source] serde_json::Error),
}

fn post() -> String {
    "POST".to_owned()
}

impl Profile {
    /// Those that are built in.
    pub const NAMES: [&str; 2] = ["heirloom", "oauth2"];

    /// A profile by its name, or from a file.
    ///
    /// # Errors
    /// When there is no such file, or it is not a valid profile.
    pub fn load(name: &str) -> Result<Self, ProfileError> {
        let text = match name {
            "heirloom" => include_str!("profiles/heirloom.json").to_owned(),
            "oauth2" => include_str!("profiles/oauth2.json").to_owned(),
            path => fs::read_to_string(path).map_err(|error| ProfileError::Unreadable(path.to_owned(), error))?,
        };
        serde_json::from_str(&text).map_err(|error| ProfileError::Malformed(name.to_owned(), error))
    }

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
            stale_sign_out: self.sign_out.as_ref().map(|sign_out| sign_out.by_stale_token).unwrap_or_default(),
        }
    }
}

impl Sign {
    /// Whether an answer of this status and code is meant.
    #[must_use]
    pub fn is(&self, status: u16, code: Option<&str>) -> bool {
        let digits = status.to_string();
        let right = match self.status.strip_suffix("xx") {
            Some(class) => digits.len() == 3 && digits.starts_with(class),
            None => self.status == digits,
        };
        right && self.code.as_deref().is_none_or(|expected| code == Some(expected))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    #[test]
    fn every_profile_that_is_built_in_can_be_read() {
        for name in Profile::NAMES {
            assert!(!Profile::load(name).unwrap().about.is_empty());
        }
        assert_eq!(Profile::load("heirloom").unwrap().rules().retry_window, 120_000);
        let unknown = Profile::load("no-such-file.json").unwrap_err().to_string();
        assert!(unknown.contains("heirloom, oauth2"), "{unknown}");
    }

    #[test]
    fn an_answer_is_known_by_its_status_and_perhaps_its_code() {
        let sign = |status: &str, code: Option<&str>| Sign { status: status.to_owned(), code: code.map(str::to_owned) };
        for (sign, status, code, expected) in [
            (sign("401", None), 401, Some("reused"), true),
            (sign("401", Some("reused")), 401, Some("reused"), true),
            (sign("401", Some("reused")), 401, Some("ended"), false),
            (sign("401", Some("reused")), 401, None, false),
            (sign("4xx", None), 418, None, true),
            (sign("4xx", None), 200, None, false),
            (sign("200", None), 201, None, false),
        ] {
            assert_eq!(sign.is(status, code), expected, "{sign:?} {status} {code:?}");
        }
    }
}
