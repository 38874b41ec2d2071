use super::{
    claims::Claims,
    model::{KeyId, SigningKey},
};
use crate::kernel::{Digest32, sha256};
use quick_cache::sync::Cache;
use std::sync::Arc;

/// How many tokens are remembered: some 10 MB when it is full. Clients come back with the same one for minutes.
const MOST: usize = 20_000;

/// Access tokens whose signature was verified a while ago, by their digest. Whatever can change between two uses (the
/// time, the ring of keys, what was revoked) is looked at at each: only the signature and the parsing are spared.
pub(super) struct SeenTokens(Cache<Digest32, Arc<SeenToken>>);

/// What was verified, and by which key.
pub(super) struct SeenToken {
    pub claims: Claims,
    key: KeyId,
}

impl SeenTokens {
    pub fn new() -> Self {
        Self(Cache::new(MOST))
    }

    /// A token that was verified by a key that is still in the ring. A key's id is its thumbprint (RFC 7638): the same id
    /// is the same key.
    pub fn find(&self, digest: &Digest32, ring: &[Arc<SigningKey>]) -> Option<Arc<SeenToken>> {
        let seen = self.0.get(digest)?;
        ring.iter().any(|key| key.id == seen.key).then_some(seen)
    }

    pub fn remember(&self, digest: &Digest32, key: &SigningKey, claims: Claims) -> Arc<SeenToken> {
        let seen = Arc::new(SeenToken { claims, key: key.id.clone() });
        self.0.insert(*digest, Arc::clone(&seen));
        seen
    }

    /// What a token is known by: the whole of it, its signature included.
    pub fn digest(token: &str) -> Digest32 {
        sha256(token.as_bytes())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;
    use crate::{
        config::SigningAlgorithm,
        kernel::Moment,
        keys::generate::{assemble, generate},
    };
    use serde_json::json;

    fn key() -> Arc<SigningKey> {
        let (algorithm, now) = (SigningAlgorithm::EdDsa, Moment::default());
        Arc::new(assemble(algorithm, generate(algorithm).unwrap().as_bytes(), now, now).unwrap())
    }

    fn claims() -> Claims {
        let id = "01a206b8-3efb-7d63-a6dc-8bf962cd3fd7";
        let claims = json!({ "iss": "", "sub": id, "aud": "", "exp": 0, "iat": 0, "nbf": 0, "jti": id, "sid": id,
            "auth_time": 0, "roles": [], "rev": 0 });
        serde_json::from_value(claims).unwrap()
    }

    #[test]
    fn a_token_is_known_by_all_of_it_and_as_long_as_its_key_is_there() {
        let (seen, key, other) = (SeenTokens::new(), key(), key());
        let digest = SeenTokens::digest("head.body.signature");
        seen.remember(&digest, &key, claims());
        assert!(seen.find(&digest, &[Arc::clone(&other), Arc::clone(&key)]).is_some());
        assert!(seen.find(&digest, &[other]).is_none());
        assert!(seen.find(&SeenTokens::digest("head.body.signaturf"), &[key]).is_none());
    }

    #[test]
    fn there_is_an_end_to_what_is_remembered() {
        let (seen, key) = (SeenTokens::new(), key());
        for number in 0..2 * MOST {
            seen.remember(&SeenTokens::digest(&number.to_string()), &key, claims());
        }
        assert!((MOST / 2..=MOST).contains(&seen.0.len()), "{}", seen.0.len());
    }
}
