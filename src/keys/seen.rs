use super::{access_token::Claims, model::SigningKey};
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
    key: Arc<SigningKey>,
}

impl SeenTokens {
    pub fn new() -> Self {
        Self(Cache::new(MOST))
    }

    /// A token that was verified by a key that is still in the ring.
    pub fn find(&self, digest: &Digest32, ring: &[Arc<SigningKey>]) -> Option<Arc<SeenToken>> {
        let seen = self.0.get(digest)?;
        ring.iter().any(|key| Arc::ptr_eq(key, &seen.key)).then_some(seen)
    }

    pub fn remember(&self, digest: &Digest32, key: &Arc<SigningKey>, claims: Claims) -> Arc<SeenToken> {
        let seen = Arc::new(SeenToken { claims, key: Arc::clone(key) });
        self.0.insert(*digest, Arc::clone(&seen));
        seen
    }

    /// What a token is known by: the whole of it, its signature included.
    pub fn digest(token: &str) -> Digest32 {
        sha256(token.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_an_end_to_what_is_remembered() {
        let seen = SeenTokens::new();
        assert_eq!(seen.0.capacity(), u64::try_from(MOST).unwrap());
        let (one, other) = (SeenTokens::digest("head.body.signature"), SeenTokens::digest("head.body.signaturf"));
        assert_ne!(one, other);
        assert!(seen.find(&one, &[]).is_none());
    }
}
