use super::{Digest32, sha256};
use aws_lc_rs::hkdf;
use base64::{Engine, engine::general_purpose::STANDARD};
use std::{fmt, sync::Arc};
use zeroize::Zeroizing;

/// The server's root secret: 32 bytes from which every other key is derived, each for one purpose.
///
/// Deliberately without `Display` and `Serialize`. It leaves only as a key derived from it.
pub struct MasterKey(Zeroizing<[u8; 32]>);

/// Why a text is not a master key. Says nothing of the text.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MasterKeyError {
    /// Not base64.
    #[error("is not base64")]
    NotBase64,
    /// Decodes to another length.
    #[error("decodes to {0} bytes, not 32")]
    WrongLength(usize),
}

impl MasterKey {
    /// A key from its 32 bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads standard base64, surrounding white space aside.
    ///
    /// # Errors
    /// When it is not base64 or not 32 bytes.
    pub fn parse(text: &str) -> Result<Self, MasterKeyError> {
        let bytes = STANDARD.decode(text.trim()).map_err(|_not_base64| MasterKeyError::NotBase64)?;
        let bytes = Zeroizing::new(bytes);
        let fixed = bytes.as_slice().try_into().map_err(|_length| MasterKeyError::WrongLength(bytes.len()))?;
        Ok(Self(Zeroizing::new(fixed)))
    }

    /// A key for one purpose: HKDF-SHA-256 (RFC 5869) with `purpose` as its info.
    ///
    /// Changing a purpose's text makes every token or ciphertext under it unreadable.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, b"heirloom").extract(self.0.as_slice());
        let info = [purpose.as_bytes()];
        let filled = extracted.expand(&info, hkdf::HKDF_SHA256).and_then(|okm| okm.fill(key.as_mut_slice()));
        if filled.is_err() {
            // Cannot happen: the output has the digest's own length (RFC 5869 §2.3 allows 255 times that).
            std::process::abort();
        }
        key
    }

    /// A digest that distinguishes master keys without revealing them.
    #[must_use]
    pub fn fingerprint(&self) -> Digest32 {
        sha256(self.derive("heirloom/fingerprint/v1").as_slice())
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// The key in use, and the earlier ones that still verify (`HEIRLOOM_MASTER_KEY_PREVIOUS`).
#[derive(Debug, Clone)]
pub struct MasterKeys {
    /// Makes everything new.
    pub current: Arc<MasterKey>,
    /// Previous keys, newest first: they only decrypt and verify.
    pub previous: Arc<[MasterKey]>,
}

impl MasterKeys {
    /// The current key, then the previous ones.
    pub fn all(&self) -> impl Iterator<Item = &MasterKey> {
        std::iter::once(self.current.as_ref()).chain(self.previous.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_master_key_is_32_bytes_in_base64() {
        assert_eq!(MasterKey::parse("not base64!").err(), Some(MasterKeyError::NotBase64));
        assert_eq!(MasterKey::parse("AAAA").err(), Some(MasterKeyError::WrongLength(3)));
        assert!(MasterKey::parse(&STANDARD.encode([7; 32])).is_ok());
    }

    #[test]
    fn every_purpose_and_every_master_key_has_its_own_key() {
        let (one, two) = (MasterKey::from_bytes([1; 32]), MasterKey::from_bytes([2; 32]));
        assert_ne!(one.derive("a"), one.derive("b"));
        assert_ne!(one.derive("a"), two.derive("a"));
        assert_eq!(one.derive("a"), MasterKey::from_bytes([1; 32]).derive("a"));
    }

    #[test]
    fn a_master_key_is_not_printed() {
        assert_eq!(format!("{:?}", MasterKey::from_bytes([9; 32])), "MasterKey(…)");
    }
}
