use super::private_key::PrivateKey;
use crate::{config::SigningAlgorithm, kernel::Moment};
use jsonwebtoken::{Algorithm, DecodingKey, jwk::Jwk};
use serde::Serialize;
use std::{fmt, sync::Arc};

/// The `typ` of access tokens (RFC 9068 §2.1): no other JWT can be mistaken for one.
pub const TYPE: &str = "at+jwt";

/// The `kid` of a key: its public half's thumbprint (RFC 7638).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct KeyId(pub String);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A signing key, ready for use.
pub struct SigningKey {
    pub id: KeyId,
    pub algorithm: SigningAlgorithm,
    pub private: PrivateKey,
    pub public: DecodingKey,
    pub published: Jwk,
    pub created_at: Moment,
    /// The newest key that may already sign is the one that signs.
    pub signs_from: Moment,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.id)
    }
}

/// What an operator sees of a key.
#[derive(Debug, Serialize)]
pub struct KeyView {
    /// `kid`.
    pub id: KeyId,
    /// As in `alg`.
    pub algorithm: &'static str,
    /// Whether it signs now.
    pub signs: bool,
    /// When it was created.
    pub created_at: Moment,
    /// Since when, or from when, it signs.
    pub signs_from: Moment,
}

/// The name of an algorithm as the database and `alg` know it (RFC 7518 §3.1).
pub fn name(algorithm: SigningAlgorithm) -> &'static str {
    match algorithm {
        SigningAlgorithm::Es256 => "ES256",
        SigningAlgorithm::EdDsa => "EdDSA",
        SigningAlgorithm::Rs256 => "RS256",
    }
}

/// The algorithm of a name.
pub fn from_name(name: &str) -> Option<SigningAlgorithm> {
    match name {
        "ES256" => Some(SigningAlgorithm::Es256),
        "EdDSA" => Some(SigningAlgorithm::EdDsa),
        "RS256" => Some(SigningAlgorithm::Rs256),
        _ => None,
    }
}

/// The same, in the library's words.
pub fn in_library(algorithm: SigningAlgorithm) -> Algorithm {
    match algorithm {
        SigningAlgorithm::Es256 => Algorithm::ES256,
        SigningAlgorithm::EdDsa => Algorithm::EdDSA,
        SigningAlgorithm::Rs256 => Algorithm::RS256,
    }
}

/// The key that signs at `now`: the newest whose start time has passed; if there is none (the clock went back), the oldest.
pub fn signer(keys: &[Arc<SigningKey>], now: Moment) -> Option<&Arc<SigningKey>> {
    let due = keys.iter().filter(|key| key.signs_from <= now).max_by_key(|key| (key.signs_from, key.id.clone()));
    due.or_else(|| keys.iter().min_by_key(|key| (key.signs_from, key.id.clone())))
}
