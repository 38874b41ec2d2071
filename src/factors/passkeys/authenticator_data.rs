use ciborium::Value;
use uuid::Uuid;

use crate::kernel::sha256;

use super::{Expected, Refusal, UserVerification, cbor};

const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;
const BACKUP_ELIGIBLE: u8 = 0x08;
const BACKED_UP: u8 = 0x10;
const ATTESTED: u8 = 0x40;
const EXTENSIONS: u8 = 0x80;

/// It is stored. That of an RSA key of 8,192 bits has 1,040 bytes.
const LONGEST_KEY: usize = 2048;

/// What an authenticator signs beside the client data (WebAuthn L3 §6.1).
#[derive(Debug, Clone)]
pub struct AuthenticatorData {
    rp_id_hash: [u8; 32],
    flags: u8,
    /// Grows with each signature, or stays 0.
    pub sign_count: u32,
    /// The new credential, at a registration.
    pub attested: Option<Attested>,
}

/// The new credential (§6.5.1).
#[derive(Debug, Clone)]
pub struct Attested {
    /// The model of the authenticator; zero without attestation.
    pub aaguid: Uuid,
    /// Chosen by the authenticator.
    pub credential_id: Vec<u8>,
    /// The key as CBOR, to be stored.
    pub encoded_key: Vec<u8>,
    /// The same as an item, not read yet.
    pub key: Value,
}

impl AuthenticatorData {
    /// Reads all of `bytes`.
    ///
    /// # Errors
    /// Too short, bytes behind the end, or malformed CBOR.
    pub fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let (rp_id_hash, rest) = take::<32>(bytes)?;
        let ([flags], rest) = take::<1>(rest)?;
        let (counter, mut rest) = take::<4>(rest)?;
        let mut attested = None;
        if flags & ATTESTED != 0 {
            let (credential, behind) = Attested::read(rest)?;
            (attested, rest) = (Some(credential), behind);
        }
        if flags & EXTENSIONS != 0 {
            let (extensions, behind) = cbor::first(rest)?;
            if !matches!(extensions, Value::Map(_)) {
                return Err(Refusal::AuthenticatorData);
            }
            rest = behind;
        }
        if !rest.is_empty() {
            return Err(Refusal::AuthenticatorData);
        }
        Ok(Self { rp_id_hash, flags, sign_count: u32::from_be_bytes(counter), attested })
    }

    /// The checks that both ceremonies share: §7.1 steps 14 to 17, §7.2 steps 15 to 18.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn check(&self, expected: &Expected<'_>) -> Result<(), Refusal> {
        // §7.1 step 14, §7.2 step 15.
        if sha256(expected.rp_id.as_bytes()).as_bytes() != self.rp_id_hash {
            return Err(Refusal::RpId);
        }
        // §7.1 step 15, §7.2 step 16. Nothing here is registered silently (`mediation: conditional`).
        if self.flags & USER_PRESENT == 0 {
            return Err(Refusal::UserPresence);
        }
        // §7.1 step 16, §7.2 step 17.
        if expected.user_verification == UserVerification::Required && !self.user_verified() {
            return Err(Refusal::UserVerification);
        }
        // §7.1 step 17, §7.2 step 18.
        if self.backed_up() && !self.backup_eligible() { Err(Refusal::BackupFlags) } else { Ok(()) }
    }

    /// Whether the authenticator has verified the user, by PIN or biometrics.
    pub fn user_verified(&self) -> bool {
        self.flags & USER_VERIFIED != 0
    }

    /// Whether the key may be copied to other devices. Never changes.
    pub fn backup_eligible(&self) -> bool {
        self.flags & BACKUP_ELIGIBLE != 0
    }

    /// Whether the key has been copied.
    pub fn backed_up(&self) -> bool {
        self.flags & BACKED_UP != 0
    }
}

impl Attested {
    fn read(bytes: &[u8]) -> Result<(Self, &[u8]), Refusal> {
        let (aaguid, rest) = take::<16>(bytes)?;
        let (length, rest) = take::<2>(rest)?;
        let length = usize::from(u16::from_be_bytes(length));
        let (credential_id, rest) = rest.split_at_checked(length).ok_or(Refusal::AuthenticatorData)?;
        let (key, behind) = cbor::first(rest)?;
        let encoded_key = rest.strip_suffix(behind).unwrap_or(rest).to_vec();
        if encoded_key.len() > LONGEST_KEY {
            return Err(Refusal::TooLong);
        }
        let (aaguid, credential_id) = (Uuid::from_bytes(aaguid), credential_id.to_vec());
        Ok((Self { aaguid, credential_id, encoded_key, key }, behind))
    }
}

fn take<const LENGTH: usize>(bytes: &[u8]) -> Result<([u8; LENGTH], &[u8]), Refusal> {
    bytes.split_first_chunk().map(|(first, rest)| (*first, rest)).ok_or(Refusal::AuthenticatorData)
}
