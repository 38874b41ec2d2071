use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::{Uuid, Variant, fmt::Hyphenated};

/// The content of a verified access token (RFC 9068). Times are in seconds since 1970.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claims {
    /// The user's id.
    pub sub: String,
    /// The session's id.
    pub sid: String,
    /// When the token expires.
    pub exp: i64,
    /// When it was signed.
    pub iat: i64,
    /// From when it is valid.
    pub nbf: i64,
    /// The user's roles.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Which state of the user's roles and claims the token carries.
    #[serde(default)]
    pub rev: i64,
    /// Everything else: `iss`, `aud`, `acr`, `amr`, `auth_time` and your users' own claims.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

impl Claims {
    /// Whether this issuer has issued it for this audience. `aud` is a text or a list.
    pub(crate) fn are_for(&self, issuer: &str, audience: &str) -> bool {
        let aud = self.others.get("aud");
        let is_listed = aud.and_then(Value::as_array).is_some_and(|list| list.iter().any(|one| one == audience));
        self.others.get("iss").is_some_and(|iss| iss == issuer) && (is_listed || aud.is_some_and(|aud| aud == audience))
    }

    /// When its session was opened, in milliseconds since 1970: `sid` is a UUIDv7 (RFC 9562 §5.7).
    pub(crate) fn opened_at(&self) -> Option<i64> {
        let id = Uuid::try_parse(&self.sid).ok().filter(|_| self.sid.len() == Hyphenated::LENGTH)?;
        let is_v7 = id.get_version_num() == 7 && id.get_variant() == Variant::RFC4122;
        i64::try_from(id.as_u64_pair().0 >> 16).ok().filter(|_| is_v7)
    }
}

/// The types of an access token (RFC 9068 §2.1).
pub(crate) fn is_access_token(typ: &str) -> bool {
    typ.eq_ignore_ascii_case("at+jwt") || typ.eq_ignore_ascii_case("application/at+jwt")
}
