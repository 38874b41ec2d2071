use crate::kernel::MasterKeys;
use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

/// Bytes of an email's id.
const ID: usize = 16;
/// Bytes of the tag.
const TAG: usize = 16;

/// Writes and reads the parameter of an email's link: `base64url(id ‖ tag)`. The database holds the id only, which is
/// useless without the key.
pub(super) struct LinkKeys(Vec<hmac::Key>);

impl LinkKeys {
    pub(super) fn new(masters: &MasterKeys) -> Self {
        let key = |master: &crate::kernel::MasterKey| {
            hmac::Key::new(hmac::HMAC_SHA256, master.derive("heirloom/mail-link/v1").as_slice())
        };
        Self(masters.all().map(key).collect())
    }

    /// None only if there is no key; there always is one.
    pub(super) fn write(&self, email: Uuid) -> Option<String> {
        let tag = hmac::sign(self.0.first()?, email.as_bytes());
        let whole: Vec<u8> = email.as_bytes().iter().chain(tag.as_ref().iter().take(TAG)).copied().collect();
        Some(URL_SAFE_NO_PAD.encode(whole))
    }

    /// The email of a genuine link.
    pub(super) fn read(&self, text: &str) -> Option<Uuid> {
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;
    use crate::kernel::MasterKey;
    use std::sync::Arc;

    fn keys(byte: u8) -> LinkKeys {
        let current = Arc::new(MasterKey::from_bytes([byte; 32]));
        LinkKeys::new(&MasterKeys { current, previous: Arc::default() })
    }

    #[test]
    fn only_a_genuine_link_is_read() {
        let email = Uuid::from_bytes([7; 16]);
        let link = keys(1).write(email).unwrap();
        assert_eq!(keys(1).read(&link), Some(email));
        assert_eq!(keys(2).read(&link), None);
        assert_eq!(keys(1).read(link.get(..20).unwrap()), None);
        assert_eq!(keys(1).read(&format!("{link}AA")), None);
        assert_eq!(keys(1).read(""), None);
    }
}
