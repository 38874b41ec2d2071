//! The calls of a history, as a reader sees them.

use serde::{Deserialize, Serialize};

/// One call, or something that happened to the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecord {
    /// Which client made it, from 1. Calls that overlap are of different clients. 0: the restart command.
    pub client: usize,
    /// What was asked.
    pub action: Action,
    /// The token that was presented.
    pub token: Option<Token>,
    /// The key that marks a retry, by number.
    pub key: Option<usize>,
    /// Milliseconds from the beginning of the session to the request.
    pub sent_ms: u64,
    /// Milliseconds from the beginning of the session to the end of the answer.
    pub finished_ms: u64,
    /// The instance that was asked: a place in the report's `instances`.
    pub instance: Option<usize>,
    /// The HTTP status.
    pub status: Option<u16>,
    /// The code in the answer.
    pub code: Option<String>,
    /// What the answer means.
    pub outcome: Outcome,
    /// The refresh token that the answer has.
    pub issued: Option<Token>,
    /// What else is worth knowing: what was done to a forged token, why there was no answer.
    pub note: Option<String>,
}

/// A token: its number in the session, and the beginning of its SHA-256 digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// 0 is the one that the session began with.
    pub number: usize,
    /// Eight hexadecimal digits.
    pub digest: String,
}

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A user signed in, or an initial token was redeemed.
    Begin,
    /// A refresh token was redeemed.
    Refresh,
    /// Something was redeemed that is not a refresh token of this session.
    RefreshForged,
    /// A user signed out with a refresh token.
    SignOut,
    /// An access token was used. `token` is the refresh token that came with it.
    UseAccess,
    /// Something was used as an access token that is not one.
    UseForgedAccess,
    /// The server was restarted.
    Restart,
}

impl Action {
    /// As in a sentence.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Begin => "sign in",
            Self::Refresh => "refresh",
            Self::RefreshForged => "refresh with a forged token",
            Self::SignOut => "sign out",
            Self::UseAccess => "use the access token",
            Self::UseForgedAccess => "use a forged access token",
            Self::Restart => "restart the server",
        }
    }
}

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A refresh token was issued.
    Issued,
    /// Refused as used before.
    Reused,
    /// Refused because the session is revoked or expired.
    Ended,
    /// Refused as not issued by the server.
    Invalid,
    /// Refused, without a reason.
    Denied,
    /// Signed out.
    SignedOut,
    /// The access token works.
    Alive,
    /// The access token is rejected.
    Dead,
    /// No answer, or an outage.
    NoAnswer,
    /// An answer that the profile does not know.
    Unforeseen,
    /// It happened: a restart.
    Done,
}

impl Outcome {
    /// As in a sentence.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Reused => "refused as reused",
            Self::Ended => "refused: the session is revoked or expired",
            Self::Invalid => "refused as invalid",
            Self::Denied => "refused",
            Self::SignedOut => "signed out",
            Self::Alive => "works",
            Self::Dead => "rejected",
            Self::NoAnswer => "no answer",
            Self::Unforeseen => "an answer that the profile does not know",
            Self::Done => "done",
        }
    }
}
