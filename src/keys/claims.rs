use crate::kernel::{SessionId, UserId};
use serde::Deserialize;

/// `aud`: a text, or a list of texts (RFC 7519 §4.1.3).
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum AudienceClaim {
    One(String),
    Many(Vec<String>),
}

impl AudienceClaim {
    /// Whether it is or contains this audience, byte by byte.
    pub fn contains(&self, audience: &str) -> bool {
        match self {
            Self::One(one) => one == audience,
            Self::Many(many) => many.iter().any(|one| one == audience),
        }
    }
}

/// What is read of an access token; the library looks at `iss`. None may be missing (RFC 9068 §2.2), except
/// those that earlier versions did not write.
#[derive(Deserialize)]
pub(super) struct Claims {
    pub sub: UserId,
    pub aud: AudienceClaim,
    pub exp: i64,
    pub iat: i64,
    pub nbf: i64,
    #[serde(rename = "jti")]
    _jti: uuid::Uuid,
    pub sid: SessionId,
    #[serde(rename = "auth_time")]
    _auth_time: i64,
    /// Earlier versions, which may still sign while instances are replaced, write neither this nor `amr`.
    #[serde(rename = "acr", default)]
    _acr: String,
    #[serde(rename = "amr", default)]
    _amr: Vec<String>,
    pub roles: Vec<String>,
    pub rev: i32,
}
