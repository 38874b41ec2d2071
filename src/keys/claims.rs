use crate::kernel::{SessionId, UserId};
use serde::{Deserialize, Serialize};

/// The claims of an access token that Heirloom sets.
#[derive(Serialize, Deserialize)]
pub(super) struct Claims {
    pub iss: String,
    pub sub: UserId,
    pub aud: String,
    pub exp: i64,
    pub iat: i64,
    pub nbf: i64,
    pub jti: uuid::Uuid,
    pub sid: SessionId,
    pub auth_time: i64,
    pub roles: Vec<String>,
    pub rev: i32,
}
