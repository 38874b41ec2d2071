use super::{MasterKey, MasterKeys, Rng};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use std::{fmt, sync::Arc};
use zeroize::Zeroizing;

/// AES-256-GCM under keys derived from the master keys for one purpose: what opens was sealed by a holder of a master
/// key, and nobody else can read it.
#[derive(Clone)]
pub struct SealingKeys(Arc<[LessSafeKey]>);

/// None of our master keys opens it.
#[derive(Debug, thiserror::Error)]
#[error("none of the configured master keys opens it")]
pub struct WrongMasterKey;

/// A plaintext, and whether it was sealed under a previous master key.
pub struct Opened {
    /// What was sealed.
    pub plaintext: Zeroizing<Vec<u8>>,
    /// Whether it should be sealed again, under the current master key.
    pub is_sealed_under_a_previous_key: bool,
}

impl SealingKeys {
    /// The keys for a purpose: the current master key's first. Changing its text makes all its ciphertexts unreadable.
    #[must_use]
    pub fn new(masters: &MasterKeys, purpose: &str) -> Self {
        let derive = |master: &MasterKey| {
            UnboundKey::new(&AES_256_GCM, master.derive(purpose).as_slice()).map(LessSafeKey::new).ok()
        };
        Self(masters.all().filter_map(derive).collect())
    }

    /// Nonce, ciphertext, tag. The context is authenticated and not part of the result. A random nonce is safe for up to
    /// 2^32 messages under one key.
    ///
    /// # Errors
    /// When the library fails.
    pub fn seal(&self, context: &[u8], plaintext: &[u8], rng: &Rng) -> Result<Vec<u8>, WrongMasterKey> {
        let nonce: [u8; NONCE_LEN] = rng.bytes();
        let mut sealed = plaintext.to_vec();
        let key = self.0.first().ok_or(WrongMasterKey)?;
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut sealed)
            .map_err(|_unspecified| WrongMasterKey)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Whether there are previous master keys beside the current one.
    #[must_use]
    pub fn has_previous(&self) -> bool {
        self.0.len() > 1
    }

    /// Tries every master key.
    ///
    /// # Errors
    /// When no key decrypts it for this context.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Opened, WrongMasterKey> {
        let mut tries = self.0.iter().enumerate();
        let opened = tries.find_map(|(index, key)| Some((index, open_with(key, context, sealed)?)));
        let (index, plaintext) = opened.ok_or(WrongMasterKey)?;
        Ok(Opened { plaintext, is_sealed_under_a_previous_key: index > 0 })
    }
}

fn open_with(key: &LessSafeKey, context: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, ciphertext) = sealed.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut buffer = Zeroizing::new(ciphertext.to_vec());
    let length = key.open_in_place(nonce, Aad::from(context), &mut buffer).ok()?.len();
    buffer.truncate(length);
    Some(buffer)
}

impl fmt::Debug for SealingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKeys(…)")
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]
mod tests {
    use super::*;

    fn keys(current: u8, previous: &[u8], purpose: &str) -> SealingKeys {
        let key = |byte| MasterKey::from_bytes([byte; 32]);
        let previous: Vec<_> = previous.iter().map(|byte| key(*byte)).collect();
        SealingKeys::new(&MasterKeys { current: Arc::new(key(current)), previous: previous.into() }, purpose)
    }

    #[test]
    fn a_sealed_text_opens_under_its_master_key_for_its_purpose_and_context_only() {
        let sealed = keys(1, &[], "p").seal(b"a", b"private", &Rng::system()).unwrap();
        assert_eq!(keys(1, &[], "p").open(b"a", &sealed).unwrap().plaintext.as_slice(), b"private");
        assert!(keys(2, &[1], "p").open(b"a", &sealed).unwrap().is_sealed_under_a_previous_key);
        assert!(keys(2, &[], "p").open(b"a", &sealed).is_err());
        assert!(keys(1, &[], "q").open(b"a", &sealed).is_err());
        assert!(keys(1, &[], "p").open(b"b", &sealed).is_err());
        for length in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[length] ^= 1;
            assert!(keys(1, &[], "p").open(b"a", &changed).is_err());
            assert!(keys(1, &[], "p").open(b"a", &sealed[..length]).is_err());
        }
    }
}
