use super::{MasterKey, MasterKeys};
use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::fmt;
use uuid::Uuid;

/// Bytes of an id.
const ID: usize = 16;
/// Bytes of the tag.
const TAG: usize = 16;

/// Writes and reads the id of a row as a token: `base64url(id ‖ tag)`. The database holds the id only, which is useless
/// without the key.
pub struct SealedIds(Vec<hmac::Key>);

impl SealedIds {
    /// The keys for a purpose: the current master key's first. Changing its text makes all its tokens unreadable.
    #[must_use]
    pub fn new(masters: &MasterKeys, purpose: &str) -> Self {
        let key = |master: &MasterKey| hmac::Key::new(hmac::HMAC_SHA256, master.derive(purpose).as_slice());
        Self(masters.all().map(key).collect())
    }

    /// None only if there is no key; there always is one.
    #[must_use]
    pub fn write(&self, id: Uuid) -> Option<String> {
        let tag = hmac::sign(self.0.first()?, id.as_bytes());
        let whole: Vec<u8> = id.as_bytes().iter().chain(tag.as_ref().iter().take(TAG)).copied().collect();
        Some(URL_SAFE_NO_PAD.encode(whole))
    }

    /// The id of a genuine token.
    #[must_use]
    pub fn read(&self, text: &str) -> Option<Uuid> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (id, tag) = bytes.split_at_checked(ID)?;
        let genuine = self.0.iter().any(|key| {
            let whole = hmac::sign(key, id);
            whole
                .as_ref()
                .split_at_checked(TAG)
                .is_some_and(|(expected, _)| verify_slices_are_equal(expected, tag).is_ok())
        });
        if genuine { Uuid::from_slice(id).ok() } else { None }
    }
}

impl fmt::Debug for SealedIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedIds(…)")
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn keys(byte: u8, purpose: &str) -> SealedIds {
        let current = Arc::new(MasterKey::from_bytes([byte; 32]));
        SealedIds::new(&MasterKeys { current, previous: Arc::default() }, purpose)
    }

    #[test]
    fn only_a_genuine_token_of_the_purpose_is_read() {
        let id = Uuid::from_bytes([7; 16]);
        let token = keys(1, "a").write(id).unwrap();
        assert_eq!(keys(1, "a").read(&token), Some(id));
        assert_eq!(keys(2, "a").read(&token), None);
        assert_eq!(keys(1, "b").read(&token), None);
        assert_eq!(keys(1, "a").read(token.get(..20).unwrap()), None);
        assert_eq!(keys(1, "a").read(&format!("{token}AA")), None);
        assert_eq!(keys(1, "a").read(""), None);
    }
}
