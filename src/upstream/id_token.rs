//! ID tokens (`OpenID` Connect Core §3.1.3.7), in the order of that section.

use super::key_set::KeySet;
use crate::kernel::{Duration, Moment};
use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, SHA384, SHA512, digest},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

/// How far the provider's clock may be from ours.
const LEEWAY: TimeDelta = TimeDelta::seconds(60);
/// The longest `sub` (`OpenID` Connect Core §2).
const MAX_SUBJECT: usize = 255;
/// The algorithms that a provider may sign with. All are asymmetric: with HS256 the published key, or our own secret, would
/// sign.
const ALGORITHMS: [Algorithm; 8] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::EdDSA,
];

/// What a token must say.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'e> {
    /// The provider.
    pub issuer: &'e str,
    /// Whether the issuer holds the tenant in the place of `{tenantid}` (Microsoft).
    pub tenant_issuer: bool,
    /// Its audience: our name there, or the names of our apps.
    pub audiences: &'e [&'e str],
    /// What the flow was begun with.
    pub nonce: &'e str,
    /// What came with it, if it did.
    pub access_token: Option<&'e str>,
    /// Now.
    pub now: Moment,
}

/// What a token says of a user.
#[derive(Debug, Clone, Deserialize)]
pub struct IdClaims {
    /// Who issued it.
    #[serde(rename = "iss")]
    pub issuer: String,
    /// The user.
    #[serde(rename = "sub")]
    pub subject: String,
    #[serde(rename = "aud")]
    audience: Value,
    #[serde(rename = "azp")]
    authorized_party: Option<String>,
    #[serde(rename = "exp")]
    expires_at: i64,
    #[serde(rename = "iat")]
    issued_at: i64,
    #[serde(rename = "nbf")]
    not_before: Option<i64>,
    nonce: Option<String>,
    at_hash: Option<String>,
    /// When the user signed in there.
    auth_time: Option<i64>,
    /// Microsoft's tenant.
    pub tid: Option<String>,
    /// Microsoft's user within the tenant.
    pub oid: Option<String>,
    /// The address.
    pub email: Option<String>,
    /// A boolean, or Apple's text.
    pub email_verified: Option<Value>,
    /// The domain that the user belongs to (Google).
    pub hd: Option<String>,
    /// The name.
    pub name: Option<String>,
}

impl IdClaims {
    /// When the token expires.
    #[must_use]
    pub fn expires_at(&self) -> Option<Moment> {
        moment(self.expires_at)
    }

    /// When the user signed in there, where the provider says so.
    #[must_use]
    pub fn authenticated_at(&self) -> Option<Moment> {
        moment(self.auth_time?.max(0))
    }
}

/// The end of the year 9999: later times are as good, and cannot be calculated with.
const LATEST: i64 = 253_402_300_799;

/// A time in a token. None: too early to be one.
pub(super) fn moment(seconds: i64) -> Option<Moment> {
    Moment::from_timestamp(seconds.min(LATEST), 0)
}

/// Why a token is refused. For the log and the audit: the user sees one answer for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// Not a JWT, or claims that cannot be read.
    #[error("malformed")]
    Malformed,
    /// `none`, a shared secret, or one that the key is not for.
    #[error("algorithm")]
    Algorithm,
    /// A header that must be understood (RFC 7515 §4.1.11).
    #[error("critical_header")]
    CriticalHeader,
    /// No published key has its `kid`.
    #[error("unknown_key")]
    UnknownKey,
    /// Not signed by that key.
    #[error("signature")]
    Signature,
    /// Another issuer.
    #[error("issuer")]
    Issuer,
    /// For another client, or for several.
    #[error("audience")]
    Audience,
    /// Another `azp`.
    #[error("authorized_party")]
    AuthorizedParty,
    /// Expired.
    #[error("expired")]
    Expired,
    /// Issued in the future, or not valid yet.
    #[error("not_yet_valid")]
    NotYetValid,
    /// None, or another browser's.
    #[error("nonce")]
    Nonce,
    /// It came with another access token.
    #[error("access_token_hash")]
    AccessTokenHash,
    /// None, or too long.
    #[error("subject")]
    Subject,
    /// It was used before.
    #[error("used_before")]
    Used,
    /// The user was to sign in there again, and did not.
    #[error("not_signed_in_again")]
    OldSignIn,
}

/// Verifies a token.
///
/// # Errors
/// The first check that fails.
pub fn verify(token: &str, keys: &KeySet, expected: Expected<'_>) -> Result<IdClaims, TokenFault> {
    let (claims, algorithm) = signed::<IdClaims>(token, keys)?;
    check_issuer(&claims, expected)?;
    check_audience(&claims, expected)?;
    check_times(&claims, expected.now)?;
    if !claims.nonce.as_deref().is_some_and(|nonce| is_equal(nonce, expected.nonce)) {
        return Err(TokenFault::Nonce);
    }
    check_access_token(&claims, algorithm, expected)?;
    if !is_subject(&claims.subject) {
        return Err(TokenFault::Subject);
    }
    Ok(claims)
}

/// Checks that the user has signed in there within this time (`OpenID` Connect Core §3.1.3.7, step 13).
///
/// # Errors
/// When that was longer ago; or, where the provider must say when, if it does not.
pub fn check_sign_in(claims: &IdClaims, max_age: Duration, must_say: bool, now: Moment) -> Result<(), TokenFault> {
    let is_recent = match claims.authenticated_at() {
        Some(at) => at + max_age + LEEWAY > now,
        None => !must_say,
    };
    is_recent.then_some(()).ok_or(TokenFault::OldSignIn)
}

/// Whether a text may be by what a provider knows a user (`OpenID` Connect Core §2): no other one is stored.
pub(super) fn is_subject(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= MAX_SUBJECT && !text.chars().any(char::is_control)
}

/// Whether a key could verify a token with this header: others are refused whatever the keys are.
pub(super) fn may_sign(header: &Header) -> bool {
    header.crit.is_none() && ALGORITHMS.contains(&header.alg)
}

/// The claims of a token that is signed by one of these keys. Of the claims nothing is checked.
pub(super) fn signed<C: DeserializeOwned>(token: &str, keys: &KeySet) -> Result<(C, Algorithm), TokenFault> {
    if token.split('.').count() != 3 {
        return Err(TokenFault::Malformed);
    }
    // The library refuses `none` as an unknown algorithm.
    let header = decode_header(token)
        .map_err(|_unreadable| if names_algorithm(token) { TokenFault::Algorithm } else { TokenFault::Malformed })?;
    if header.crit.is_some() {
        return Err(TokenFault::CriticalHeader);
    }
    if !ALGORITHMS.contains(&header.alg) {
        return Err(TokenFault::Algorithm);
    }
    let key = keys.find(header.kid.as_deref(), header.alg).ok_or(TokenFault::UnknownKey)?;
    let mut validation = Validation::new(header.alg);
    // The claims are checked below, each with its own reason.
    validation.required_spec_claims.clear();
    (validation.validate_exp, validation.validate_nbf, validation.validate_aud) = (false, false, false);
    let decoded = decode::<C>(token, &key, &validation).map_err(|error| {
        use jsonwebtoken::errors::ErrorKind;
        match error.kind() {
            ErrorKind::InvalidSignature => TokenFault::Signature,
            ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => TokenFault::Algorithm,
            _ => TokenFault::Malformed,
        }
    })?;
    Ok((decoded.claims, header.alg))
}

/// Whether the header is JSON that names an algorithm.
fn names_algorithm(token: &str) -> bool {
    let header = token.split('.').next().and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let header = header.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    header.is_some_and(|header| header.get("alg").is_some_and(Value::is_string))
}

fn check_issuer(claims: &IdClaims, expected: Expected<'_>) -> Result<(), TokenFault> {
    let is_expected = if expected.tenant_issuer {
        // A tenant's token is of that tenant only.
        let tenant = claims.tid.as_deref().filter(|tenant| uuid::Uuid::try_parse(tenant).is_ok());
        tenant.is_some_and(|tenant| expected.issuer.replace("{tenantid}", tenant) == claims.issuer)
    } else {
        claims.issuer == expected.issuer || is_google(expected.issuer, &claims.issuer)
    };
    is_expected.then_some(()).ok_or(TokenFault::Issuer)
}

/// Google's own libraries accept both.
fn is_google(expected: &str, issuer: &str) -> bool {
    expected == "https://accounts.google.com" && issuer == "accounts.google.com"
}

/// A token for several is refused, also with our `azp`: the others could have received it first.
fn check_audience(claims: &IdClaims, expected: Expected<'_>) -> Result<(), TokenFault> {
    let audience = match &claims.audience {
        Value::String(audience) => audience,
        Value::Array(audiences) => match audiences.as_slice() {
            [Value::String(audience)] => audience,
            _ => return Err(TokenFault::Audience),
        },
        _ => return Err(TokenFault::Audience),
    };
    if !expected.audiences.contains(&audience.as_str()) {
        return Err(TokenFault::Audience);
    }
    let party = claims.authorized_party.as_deref();
    party.is_none_or(|party| expected.audiences.contains(&party)).then_some(()).ok_or(TokenFault::AuthorizedParty)
}

fn check_times(claims: &IdClaims, now: Moment) -> Result<(), TokenFault> {
    let at = |seconds: i64| moment(seconds).ok_or(TokenFault::Malformed);
    if at(claims.expires_at)? + LEEWAY <= now {
        return Err(TokenFault::Expired);
    }
    let begins = at(claims.issued_at)?.max(at(claims.not_before.unwrap_or(claims.issued_at))?);
    if begins > now + LEEWAY { Err(TokenFault::NotYetValid) } else { Ok(()) }
}

/// `OpenID` Connect Core §3.1.3.8: the left half of the hash of the token that came along.
fn check_access_token(claims: &IdClaims, algorithm: Algorithm, expected: Expected<'_>) -> Result<(), TokenFault> {
    let (Some(said), Some(token)) = (&claims.at_hash, expected.access_token) else { return Ok(()) };
    let with = match algorithm {
        Algorithm::RS384 | Algorithm::PS384 | Algorithm::ES384 => &SHA384,
        Algorithm::RS512 | Algorithm::PS512 | Algorithm::EdDSA => &SHA512,
        _ => &SHA256,
    };
    let hash = digest(with, token.as_bytes());
    let half = hash.as_ref().get(..hash.as_ref().len() / 2).unwrap_or_default();
    is_equal(said, &URL_SAFE_NO_PAD.encode(half)).then_some(()).ok_or(TokenFault::AccessTokenHash)
}

fn is_equal(one: &str, other: &str) -> bool {
    verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may fail loudly"
)]
mod tests;
