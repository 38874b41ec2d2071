use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use ciborium::Value;

use super::{Refusal, cbor};

/// The algorithms that we offer, by their COSE numbers (RFC 9053, RFC 8812).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// -8: Ed25519.
    EdDsa,
    /// -7: ECDSA over P-256 with SHA-256.
    Es256,
    /// -257: RSASSA-PKCS1-v1_5 with SHA-256; Windows Hello.
    Rs256,
}

impl Algorithm {
    /// In the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::EdDsa, Self::Es256, Self::Rs256];

    /// Its number in the registry of COSE.
    #[must_use]
    pub fn number(self) -> i32 {
        match self {
            Self::EdDsa => -8,
            Self::Es256 => -7,
            Self::Rs256 => -257,
        }
    }

    fn of(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| i64::from(algorithm.number()) == number)
    }
}

/// The public key of a passkey (RFC 9052 §7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    algorithm: Algorithm,
    material: Material,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Material {
    /// A point or an Ed25519 key, as `aws-lc-rs` reads it.
    Bytes(Vec<u8>),
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
}

impl PublicKey {
    /// Reads a stored `COSE_Key`.
    ///
    /// # Errors
    /// Malformed, of an algorithm that was not offered, or too weak.
    pub fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        Self::of(&cbor::whole(bytes)?)
    }

    pub(super) fn of(key: &Value) -> Result<Self, Refusal> {
        let number = |label| cbor::at_integer(key, label).and_then(cbor::integer);
        let bytes = |label| cbor::at_integer(key, label).and_then(Value::as_bytes).cloned().ok_or(Refusal::PublicKey);
        let algorithm = Algorithm::of(number(3).ok_or(Refusal::PublicKey)?).ok_or(Refusal::Algorithm)?;
        let material = match algorithm {
            Algorithm::EdDsa if (number(1), number(-1)) == (Some(1), Some(6)) => {
                Material::Bytes(of_length(bytes(-2)?, 32)?)
            }
            Algorithm::Es256 if (number(1), number(-1)) == (Some(2), Some(1)) => {
                let (x, y) = (of_length(bytes(-2)?, 32)?, of_length(bytes(-3)?, 32)?);
                // SEC 1 §2.3.3: an uncompressed point.
                Material::Bytes([&[4], x.as_slice(), y.as_slice()].concat())
            }
            Algorithm::Rs256 if number(1) == Some(3) => Material::Rsa { n: bytes(-1)?, e: bytes(-2)? },
            Algorithm::EdDsa | Algorithm::Es256 | Algorithm::Rs256 => return Err(Refusal::PublicKey),
        };
        let key = Self { algorithm, material };
        if key.is_sound() { Ok(key) } else { Err(Refusal::PublicKey) }
    }

    /// Which algorithm the key is for.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether `signature` is this key's over `message`.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let by = |key: Result<ParsedPublicKey, _>| key.is_ok_and(|key| key.verify_sig(message, signature).is_ok());
        match (&self.material, self.algorithm) {
            (Material::Bytes(bytes), Algorithm::EdDsa) => by(ParsedPublicKey::new(&ED25519, bytes)),
            (Material::Bytes(bytes), _) => by(ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, bytes)),
            (Material::Rsa { n, e }, _) => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
            }
        }
    }

    /// A point on the curve; a modulus of 2048 to 8192 bits and an odd exponent of 3 or more, without leading zeros
    /// (RFC 8230 §4). A smaller modulus can be factored, and the key forged.
    fn is_sound(&self) -> bool {
        match (&self.material, self.algorithm) {
            (Material::Bytes(bytes), Algorithm::EdDsa) => ParsedPublicKey::new(&ED25519, bytes).is_ok(),
            (Material::Bytes(bytes), _) => ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, bytes).is_ok(),
            (Material::Rsa { n, e }, _) => {
                let top = n.first().copied().unwrap_or_default();
                let long = (257..=1024).contains(&n.len()) && top != 0 || n.len() == 256 && top >= 0x80;
                let odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
                let exponent = e.len() <= 4 && e.first().is_some_and(|top| *top != 0) && e.as_slice() != [1];
                long && odd(n) && odd(e) && exponent
            }
        }
    }
}

fn of_length(bytes: Vec<u8>, length: usize) -> Result<Vec<u8>, Refusal> {
    if bytes.len() == length { Ok(bytes) } else { Err(Refusal::PublicKey) }
}
