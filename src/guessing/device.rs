use crate::kernel::{Entropy, MasterKeys, UserId};
use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

/// Bytes of an id.
const ID: usize = 16;
/// Bytes of the tag.
const TAG: usize = 16;

/// A device on which somebody signed in once and wanted to be remembered: `base64url(user ‖ device ‖ tag)`.
///
/// It proves no identity and opens nothing. It buys a bucket of guesses of its own, for this one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceToken(String);

impl DeviceToken {
    /// As the cookie has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Makes and reads them.
pub(super) struct DeviceKeys(Vec<hmac::Key>);

impl DeviceKeys {
    pub(super) fn new(masters: &MasterKeys) -> Self {
        let key = |purpose: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, purpose);
        Self(masters.all().map(|master| key(master.derive("heirloom/device/v1").as_slice())).collect())
    }

    /// A token for a device that was not known. None: there is no key, which cannot be.
    pub(super) fn issue(&self, user: UserId, entropy: &Entropy) -> Option<DeviceToken> {
        let mut bytes = user.as_uuid().as_bytes().to_vec();
        bytes.extend(entropy.bytes::<ID>());
        let tag = hmac::sign(self.0.first()?, &bytes);
        bytes.extend(tag.as_ref().iter().take(TAG));
        Some(DeviceToken(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The device of a genuine token, if it is this user's.
    pub(super) fn read(&self, text: &str, user: UserId) -> Option<[u8; ID]> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (ids, tag) = bytes.split_at_checked(ID + ID)?;
        let (owner, device) = ids.split_at_checked(ID)?;
        if !self.0.iter().any(|key| is_tagged(key, ids, tag)) || Uuid::from_slice(owner).ok()? != user.as_uuid() {
            return None;
        }
        device.try_into().ok()
    }
}

fn is_tagged(key: &hmac::Key, ids: &[u8], tag: &[u8]) -> bool {
    let whole = hmac::sign(key, ids);
    let expected = whole.as_ref().split_at_checked(TAG).map(|(expected, _)| expected);
    expected.is_some_and(|expected| aws_lc_rs::constant_time::verify_slices_are_equal(expected, tag).is_ok())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;
    use crate::kernel::{Clock, MasterKey};
    use std::sync::Arc;

    fn keys(current: u8, previous: Option<u8>) -> DeviceKeys {
        let key = |byte| MasterKey::from_bytes([byte; 32]);
        DeviceKeys::new(&MasterKeys {
            current: Arc::new(key(current)),
            previous: previous.into_iter().map(key).collect(),
        })
    }

    #[test]
    fn a_device_is_known_for_its_own_user_only_and_after_the_master_key_has_changed() {
        let (entropy, now) = (Entropy::system(), Clock::start().now());
        let (alice, bob) = (UserId::new(now, &entropy), UserId::new(now, &entropy));
        let token = keys(1, None).issue(alice, &entropy).unwrap();
        let device = keys(1, None).read(token.as_str(), alice);
        assert!(device.is_some());
        assert_eq!(keys(1, None).read(token.as_str(), bob), None);
        assert_eq!(keys(2, Some(1)).read(token.as_str(), alice), device);
        assert_eq!(keys(2, None).read(token.as_str(), alice), None);
    }

    #[test]
    fn a_mangled_token_is_no_device() {
        let (entropy, now) = (Entropy::system(), Clock::start().now());
        let alice = UserId::new(now, &entropy);
        let token = keys(1, None).issue(alice, &entropy).unwrap();
        for text in
            ["", "A", "!", &token.as_str().replace(|c: char| c.is_ascii_digit(), "x"), &format!("{}A", token.as_str())]
        {
            let known = text != token.as_str() && keys(1, None).read(text, alice).is_some();
            assert!(!known, "{text}");
        }
    }
}
