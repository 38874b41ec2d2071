use super::KeyId;
use crate::kernel::{Entropy, MasterKey, MasterKeys};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

/// Encrypts private keys at rest: AES-256-GCM under a key derived from the master key, the key's id authenticated.
pub struct Sealing {
    /// The current master key's first, then the previous ones'.
    keys: Vec<LessSafeKey>,
}

/// None of our master keys opens it.
#[derive(Debug, thiserror::Error)]
#[error("no master key of ours opens it")]
pub struct WrongMasterKey;

/// A private key in the clear, and whether it wants sealing anew, under the current master key.
pub struct Opened {
    pub plaintext: Zeroizing<Vec<u8>>,
    pub is_sealed_under_a_previous_key: bool,
}

impl Sealing {
    pub fn new(keys: &MasterKeys) -> Self {
        let derive = |master: &MasterKey| {
            let key = master.derive("heirloom/signing-key-sealing/v1");
            UnboundKey::new(&AES_256_GCM, key.as_slice()).map(LessSafeKey::new).ok()
        };
        Self { keys: keys.all().filter_map(derive).collect() }
    }

    /// Nonce, ciphertext, tag. A random nonce is safe here: there are a handful of keys, not 2^32.
    pub fn seal(&self, id: &KeyId, plaintext: &[u8], entropy: &Entropy) -> Result<Vec<u8>, WrongMasterKey> {
        let nonce: [u8; NONCE_LEN] = entropy.bytes();
        let mut sealed = plaintext.to_vec();
        let key = self.keys.first().ok_or(WrongMasterKey)?;
        let aad = Aad::from(id.0.as_bytes());
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .map_err(|_unspecified| WrongMasterKey)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Tries every master key.
    pub fn open(&self, id: &KeyId, sealed: &[u8]) -> Result<Opened, WrongMasterKey> {
        let mut tries = self.keys.iter().enumerate();
        let opened = tries.find_map(|(index, key)| Some((index, open_with(key, id, sealed)?)));
        let (index, plaintext) = opened.ok_or(WrongMasterKey)?;
        Ok(Opened { plaintext, is_sealed_under_a_previous_key: index > 0 })
    }
}

fn open_with(key: &LessSafeKey, id: &KeyId, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, ciphertext) = sealed.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut buffer = Zeroizing::new(ciphertext.to_vec());
    let length = key.open_in_place(nonce, Aad::from(id.0.as_bytes()), &mut buffer).ok()?.len();
    buffer.truncate(length);
    Some(buffer)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn sealing(current: u8, previous: &[u8]) -> Sealing {
        let key = |byte| MasterKey::from_bytes([byte; 32]);
        let previous: Vec<_> = previous.iter().map(|byte| key(*byte)).collect();
        Sealing::new(&MasterKeys { current: Arc::new(key(current)), previous: previous.into() })
    }

    #[test]
    fn a_sealed_key_opens_under_its_master_key_and_its_id_only() {
        let (id, other) = (KeyId("a".to_owned()), KeyId("b".to_owned()));
        let sealed = sealing(1, &[]).seal(&id, b"private", &Entropy::system()).unwrap();
        assert_eq!(sealing(1, &[]).open(&id, &sealed).unwrap().plaintext.as_slice(), b"private");
        assert!(sealing(2, &[1]).open(&id, &sealed).unwrap().is_sealed_under_a_previous_key);
        assert!(sealing(2, &[]).open(&id, &sealed).is_err());
        assert!(sealing(1, &[]).open(&other, &sealed).is_err());
        let mut bent = sealed;
        bent[20] ^= 1;
        assert!(sealing(1, &[]).open(&id, &bent).is_err());
    }
}
