use crate::kernel::{SessionId, UserId};
use serde::Deserialize;

/// What is read of an access token; the library looks at `iss` and `aud`. None may be missing (RFC 9068 §2.2), except
/// those that earlier versions did not write.
#[derive(Deserialize)]
pub(super) struct Claims {
    pub sub: UserId,
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
