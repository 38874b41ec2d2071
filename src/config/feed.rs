use super::{Reader, names};
use crate::kernel::{Digest32, sha256};
use std::fmt;

/// The stream of revocations, for services that verify access tokens themselves.
#[derive(Debug, Clone)]
pub struct FeedOptions {
    /// Who may listen.
    pub readers: FeedReaders,
    /// How many may listen at one instance.
    pub max_listeners: usize,
    /// Whether a key is short enough that it may be guessed.
    pub has_short_key: bool,
}

/// Who may listen to the stream of revocations.
#[derive(Clone)]
pub enum FeedReaders {
    /// There is no stream.
    Nobody,
    /// Those who present one of these keys, of which only digests are kept.
    Keys(Vec<Digest32>),
    /// Anybody.
    Everybody,
}

impl FeedReaders {
    /// Whether a listener that presents this key, or none, may listen.
    #[must_use]
    pub fn admit(&self, key: Option<&str>) -> bool {
        match self {
            Self::Nobody => false,
            Self::Everybody => true,
            // Digests are compared in constant time.
            Self::Keys(keys) => {
                key.map(|key| sha256(key.as_bytes())).is_some_and(|presented| keys.contains(&presented))
            }
        }
    }
}

/// How long a key must be, in characters.
const SHORTEST: usize = 8;
/// Keys that are shorter may be guessed: see [`super::Risk`].
const SAFE: usize = 32;
const OPEN: &str = "open";
const ALLOWED: &str = "is not allowed: random texts of 32 characters or more, comma-separated, such as `openssl rand -hex 32` \
                       prints, or the one word open";

pub(super) fn read(reader: &mut Reader) -> FeedOptions {
    let (readers, has_short_key) = readers(reader);
    let max_listeners = reader.number(names::FEED_MAX_LISTENERS, 1_000, 1..=9_000);
    let max_listeners = usize::try_from(max_listeners).unwrap_or(usize::MAX);
    FeedOptions { readers, max_listeners, has_short_key }
}

/// Who may listen, and whether a key is short.
fn readers(reader: &mut Reader) -> (FeedReaders, bool) {
    let value = reader.raw(names::FEED_KEYS).unwrap_or_default();
    let keys: Vec<_> = value.split(',').map(str::trim).filter(|key| !key.is_empty()).collect();
    match keys.as_slice() {
        [] => (FeedReaders::Nobody, false),
        [OPEN] => (FeedReaders::Everybody, false),
        keys if keys.iter().all(|key| is_key(key)) => {
            let digests = keys.iter().map(|key| sha256(key.as_bytes())).collect();
            (FeedReaders::Keys(digests), keys.iter().any(|key| key.len() < SAFE))
        }
        _ => {
            // The value is a secret.
            reader.problem(names::FEED_KEYS, ALLOWED);
            (FeedReaders::Nobody, false)
        }
    }
}

/// A key travels in a header (RFC 6750 §2.1).
fn is_key(text: &str) -> bool {
    text.len() >= SHORTEST && text.bytes().all(|byte| byte.is_ascii_graphic())
}

impl fmt::Debug for FeedReaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("Nobody"),
            Self::Keys(keys) => write!(f, "{} keys", keys.len()),
            Self::Everybody => f.write_str("Everybody"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_admitted_and_its_parts_are_not() {
        let keys = FeedReaders::Keys(["first-key", "second-key"].map(|key| sha256(key.as_bytes())).to_vec());
        assert!(keys.admit(Some("first-key")) && keys.admit(Some("second-key")));
        for wrong in [None, Some(""), Some("first-key,second-key"), Some("first"), Some("FIRST-KEY"), Some("open")] {
            assert!(!keys.admit(wrong), "{wrong:?}");
        }
        assert!(FeedReaders::Everybody.admit(None) && !FeedReaders::Nobody.admit(Some("first-key")));
        assert_eq!(format!("{keys:?}"), "2 keys");
    }
}
