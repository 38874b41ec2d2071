use crate::kernel::{Duration, MasterKeys, Moment, Rng, UserId};
use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::DateTime;
use std::fmt;
use uuid::Uuid;

/// Bytes of an id.
const ID: usize = 16;
/// Bytes of a number.
const NUMBER: usize = 4;
/// Bytes of the tag.
const TAG: usize = 16;
/// User, device, password version, time of issue.
const TAGGED: usize = ID + ID + NUMBER + NUMBER;
/// How long a device is known after the sign-in that issued its token.
pub const DEVICE_LIFETIME: Duration = Duration::from_hours(180 * 24);
/// A sign-in with a token older than this gets a new one for the same device.
const RENEW_AFTER: Duration = Duration::from_hours(30 * 24);

/// A device on which a user signed in once and wanted to be remembered:
/// `base64url(user ‖ device ‖ password version ‖ time of issue ‖ tag)`.
///
/// It proves no identity and opens nothing. It buys a bucket of guesses of its own, for this one account, until the
/// password changes: who knew an old password gains nothing from it.
#[derive(Clone)]
pub struct DeviceToken(String);

impl fmt::Debug for DeviceToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceToken(…)")
    }
}

impl DeviceToken {
    /// As the cookie has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whose device it would have to be: a user, and which of their passwords counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceOwner {
    /// The user.
    pub user: UserId,
    /// Counts the user's passwords.
    pub password_version: i32,
}

/// A device that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KnownDevice {
    pub id: [u8; ID],
    issued_at: Moment,
}

impl KnownDevice {
    pub fn new(rng: &Rng, now: Moment) -> Self {
        Self { id: rng.bytes(), issued_at: now }
    }

    /// The same device with a new token. None: the one it has is recent enough.
    pub fn renewed(self, now: Moment) -> Option<Self> {
        (now > self.issued_at + RENEW_AFTER).then_some(Self { issued_at: now, ..self })
    }
}

/// Issues and reads device tokens.
pub(super) struct DeviceKeys(Vec<hmac::Key>);

impl DeviceKeys {
    pub(super) fn new(masters: &MasterKeys) -> Self {
        let key = |purpose: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, purpose);
        Self(masters.all().map(|master| key(master.derive("heirloom/device/v2").as_slice())).collect())
    }

    /// A token for a device. None if there is no key, which does not happen.
    pub(super) fn issue(&self, owner: DeviceOwner, device: KnownDevice) -> Option<DeviceToken> {
        let mut bytes = owner.user.as_uuid().as_bytes().to_vec();
        bytes.extend(device.id);
        bytes.extend(owner.password_version.to_be_bytes());
        bytes.extend(u32::try_from(device.issued_at.timestamp()).unwrap_or_default().to_be_bytes());
        let tag = hmac::sign(self.0.first()?, &bytes);
        bytes.extend(tag.as_ref().iter().take(TAG));
        Some(DeviceToken(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The device of a genuine token that has not expired, and whose it is. It counts for this user only, and only
    /// while their password is the same.
    pub(super) fn read(&self, text: &str, now: Moment) -> Option<(DeviceOwner, KnownDevice)> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (tagged, tag) = bytes.split_at_checked(TAGGED)?;
        if !self.0.iter().any(|key| is_tagged(key, tagged, tag)) {
            return None;
        }
        let (user, rest) = tagged.split_at_checked(ID)?;
        let (id, rest) = rest.split_at_checked(ID)?;
        let (version, issued_at) = rest.split_at_checked(NUMBER)?;
        let version = i32::from_be_bytes(version.try_into().ok()?);
        let issued_at = u32::from_be_bytes(issued_at.try_into().ok()?);
        let device = KnownDevice { id: id.try_into().ok()?, issued_at: DateTime::from_timestamp(issued_at.into(), 0)? };
        let owner = DeviceOwner { user: UserId::from(Uuid::from_slice(user).ok()?), password_version: version };
        (now < device.issued_at + DEVICE_LIFETIME).then_some((owner, device))
    }
}

fn is_tagged(key: &hmac::Key, tagged: &[u8], tag: &[u8]) -> bool {
    let whole = hmac::sign(key, tagged);
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

    fn owner(now: Moment) -> DeviceOwner {
        DeviceOwner { user: UserId::new(now, &Rng::system()), password_version: 3 }
    }

    #[test]
    fn a_device_is_known_for_its_own_user_and_password_and_after_the_master_key_has_changed() {
        let now = Clock::start().now();
        let (alice, bob) = (owner(now), owner(now));
        let device = KnownDevice::new(&Rng::system(), now);
        let token = keys(1, None).issue(alice, device).unwrap();
        let read = |keys: DeviceKeys| keys.read(token.as_str(), now).map(|(owner, device)| (owner, device.id));
        assert_eq!(read(keys(1, None)), Some((alice, device.id)));
        assert_eq!(read(keys(2, Some(1))), Some((alice, device.id)));
        assert_ne!(alice, bob);
        assert_ne!(alice, DeviceOwner { password_version: 4, ..alice }, "the password was changed");
        assert_eq!(read(keys(2, None)), None);
    }

    #[test]
    fn a_device_is_known_for_half_a_year_after_its_last_sign_in() {
        let now = Clock::start().now();
        let (keys, alice, device) = (keys(1, None), owner(now), KnownDevice::new(&Rng::system(), now));
        let token = keys.issue(alice, device).unwrap();
        assert!(keys.read(token.as_str(), now + Duration::from_hours(179 * 24)).is_some());
        assert!(keys.read(token.as_str(), now + DEVICE_LIFETIME).is_none());
        assert_eq!(device.renewed(now + Duration::from_hours(29 * 24)), None);
        let renewed = device.renewed(now + Duration::from_hours(31 * 24)).unwrap();
        assert_eq!(renewed.id, device.id, "it keeps its bucket");
    }

    #[test]
    fn a_mangled_token_is_not_a_device() {
        let now = Clock::start().now();
        let (keys, alice) = (keys(1, None), owner(now));
        let token = keys.issue(alice, KnownDevice::new(&Rng::system(), now)).unwrap();
        for text in
            ["", "A", "!", &token.as_str().replace(|c: char| c.is_ascii_digit(), "x"), &format!("{}A", token.as_str())]
        {
            let known = text != token.as_str() && keys.read(text, now).is_some();
            assert!(!known, "{text}");
        }
    }
}
