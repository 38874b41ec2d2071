use std::fmt;

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The request has no bearer token.
    Missing,
    /// Malformed, not signed by Heirloom, or for another service.
    Invalid,
    /// The token has expired: the client refreshes it.
    Expired,
    /// The token's session was revoked: the user signs in again.
    Revoked,
    /// The user's roles or claims have changed since the token was signed: the client refreshes it.
    Outdated,
    /// Not known at the moment whether the session was revoked: answer 503, and let the client try again.
    Stale,
}

impl Error {
    /// One word for logs, metrics and clients.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Invalid => "invalid",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Outdated => "outdated",
            Self::Stale => "stale",
        }
    }

    /// The value of `WWW-Authenticate` (RFC 6750 §3); none for [`Stale`](Self::Stale), of which the token is not the cause.
    #[must_use]
    pub const fn challenge(self) -> Option<&'static str> {
        match self {
            Self::Missing => Some("Bearer"),
            Self::Invalid => Some("Bearer error=\"invalid_token\", error_description=\"invalid\""),
            Self::Expired => Some("Bearer error=\"invalid_token\", error_description=\"expired\""),
            Self::Revoked => Some("Bearer error=\"invalid_token\", error_description=\"revoked\""),
            Self::Outdated => Some("Bearer error=\"invalid_token\", error_description=\"outdated\""),
            Self::Stale => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the access token is refused: {}", self.code())
    }
}

impl std::error::Error for Error {}

/// Why a verifier cannot be created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The issuer or the server's URL is not an http or https URL.
    #[error("{0:?} is not an http or https URL")]
    Url(String),
    /// The feed key has characters that a header cannot hold.
    #[error("the feed key cannot be sent in a header")]
    FeedKey(#[from] reqwest::header::InvalidHeaderValue),
    /// The HTTP client cannot be created, for example because the platform's root certificates cannot be read.
    #[error("the HTTP client cannot be created")]
    Http(#[from] reqwest::Error),
    /// There is no tokio runtime here in which the verifier could follow the stream.
    #[error("no tokio runtime is running")]
    Runtime(#[from] tokio::runtime::TryCurrentError),
}
