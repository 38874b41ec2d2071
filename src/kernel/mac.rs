use super::MasterKeys;
use aws_lc_rs::hmac;
use std::{fmt, sync::Arc};

/// Bytes that name the key of a tag.
const KEY_ID: usize = 4;

/// HMAC-SHA-256 under keys derived from the master keys for one purpose: a valid tag proves that the writer
/// held a master key, not only the database.
#[derive(Clone)]
pub struct MacKeys(Arc<[MacKey]>);

struct MacKey {
    id: [u8; KEY_ID],
    key: hmac::Key,
}

/// The result of checking a tag.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagCheck {
    /// The tag is ours and matches these bytes.
    Genuine,
    /// The tag does not match these bytes.
    Forged,
    /// It names a key that we have not.
    UnknownKey,
}

impl MacKeys {
    /// The keys for a purpose. Changing its text makes all its tags unreadable.
    #[must_use]
    pub fn new(masters: &MasterKeys, purpose: &str) -> Self {
        let keys = masters.all().map(|master| {
            let mut id = [0; KEY_ID];
            id.iter_mut().zip(master.fingerprint().as_bytes()).for_each(|(byte, from)| *byte = *from);
            MacKey { id, key: hmac::Key::new(hmac::HMAC_SHA256, master.derive(purpose).as_slice()) }
        });
        Self(keys.collect())
    }

    /// A tag under the current key: the key's id, and the HMAC.
    #[must_use]
    pub fn tag(&self, bytes: &[u8]) -> Vec<u8> {
        let Some(MacKey { id, key }) = self.0.first() else { return Vec::new() };
        [id.as_slice(), hmac::sign(key, bytes).as_ref()].concat()
    }

    /// Checks a tag for these bytes.
    pub fn check(&self, bytes: &[u8], tag: &[u8]) -> TagCheck {
        let Some((id, mac)) = tag.split_at_checked(KEY_ID) else { return TagCheck::Forged };
        let mut named = self.0.iter().filter(|key| key.id == id).peekable();
        if named.peek().is_none() {
            return TagCheck::UnknownKey;
        }
        let is_genuine = named.any(|key| hmac::verify(&key.key, bytes, mac).is_ok());
        if is_genuine { TagCheck::Genuine } else { TagCheck::Forged }
    }

    /// Whether a tag was created under the current key.
    #[must_use]
    pub fn is_current(&self, tag: &[u8]) -> bool {
        self.0.first().is_some_and(|key| tag.starts_with(&key.id))
    }
}

impl fmt::Debug for MacKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKeys(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::MasterKey;

    fn keys(current: u8, previous: &[u8], purpose: &str) -> MacKeys {
        let key = |byte: &u8| MasterKey::from_bytes([*byte; 32]);
        let masters = MasterKeys { current: Arc::new(key(&current)), previous: previous.iter().map(key).collect() };
        MacKeys::new(&masters, purpose)
    }

    #[test]
    fn a_tag_is_for_these_bytes_under_this_key_and_purpose() {
        let tag = keys(1, &[], "a").tag(b"gold");
        assert_eq!(keys(1, &[], "a").check(b"gold", &tag), TagCheck::Genuine);
        assert_eq!(keys(1, &[], "a").check(b"cold", &tag), TagCheck::Forged);
        assert_eq!(keys(1, &[], "b").check(b"gold", &tag), TagCheck::Forged);
        assert_eq!(keys(2, &[1], "a").check(b"gold", &tag), TagCheck::Genuine);
        assert_eq!(keys(2, &[], "a").check(b"gold", &tag), TagCheck::UnknownKey);
        for broken in [&b""[..], b"abc", tag.get(..20).unwrap_or_default()] {
            assert_eq!(keys(1, &[], "a").check(b"gold", broken), TagCheck::Forged);
        }
    }
}
