use crate::config::SigningAlgorithm;
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    EncodingKey, Header,
    errors::{Error as Unreadable, ErrorKind},
};
use serde::Serialize;
use std::fmt;

/// Characters of a signature by ES256 or `EdDSA`, two dots and a remainder. One by RS256 is longer, and rare.
const ROOM_FOR_SIGNATURE: usize = 92;

/// Why nothing was signed. It does not happen with a key that was parsed.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The ring is empty.
    #[error("there is no signing key")]
    NoKey,
    /// The claims cannot be written as JSON.
    #[error("the claims cannot be written")]
    Claims(#[from] serde_json::Error),
    /// The library failed.
    #[error("the library failed to sign")]
    Library,
}

/// The private half of a signing key: parsed once, with the header of every token that it signs.
///
/// The library `jsonwebtoken` parses a key at each signature, which costs half as much as the signature itself. The key
/// pairs are aws-lc's own: it clears their memory when they are dropped.
pub struct PrivateKey {
    pair: Pair,
    header: Header,
    /// The encoded header (RFC 7515 §3.1) and the dot after it.
    encoded: String,
}

enum Pair {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(RsaKeyPair),
}

impl PrivateKey {
    /// Parses a key. Its tokens have this header.
    ///
    /// # Errors
    /// When it is not a key of that algorithm.
    pub fn parse(algorithm: SigningAlgorithm, key: &EncodingKey, header: &Header) -> Result<Self, Unreadable> {
        Ok(Self { pair: Pair::parse(algorithm, key.as_bytes())?, header: header.clone(), encoded: encoded(header)? })
    }

    /// Signs claims: a JWT in compact form (RFC 7515 §7.1).
    ///
    /// # Errors
    /// When the claims cannot be written, or the library fails.
    pub fn sign(&self, claims: &impl Serialize) -> Result<String, SigningError> {
        self.sign_below(&self.encoded, claims)
    }

    /// As [`PrivateKey::sign`], as another type of JWT (RFC 8725 §3.11).
    ///
    /// # Errors
    /// As there.
    pub fn sign_as(&self, typ: &str, claims: &impl Serialize) -> Result<String, SigningError> {
        let header = Header { typ: Some(typ.to_owned()), ..self.header.clone() };
        self.sign_below(&encoded(&header)?, claims)
    }

    fn sign_below(&self, header: &str, claims: &impl Serialize) -> Result<String, SigningError> {
        let payload = serde_json::to_vec(claims)?;
        let mut token = String::with_capacity(header.len() + payload.len() * 4 / 3 + ROOM_FOR_SIGNATURE);
        token.push_str(header);
        URL_SAFE_NO_PAD.encode_string(payload, &mut token);
        let signature = self.pair.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }
}

/// The encoded header and the dot after it.
fn encoded(header: &Header) -> serde_json::Result<String> {
    let mut encoded = URL_SAFE_NO_PAD.encode(serde_json::to_vec(header)?);
    encoded.push('.');
    Ok(encoded)
}

impl Pair {
    fn parse(algorithm: SigningAlgorithm, key: &[u8]) -> Result<Self, ErrorKind> {
        match algorithm {
            SigningAlgorithm::Es256 => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key)
                .map(Self::Es256)
                .map_err(|_why| ErrorKind::InvalidEcdsaKey),
            SigningAlgorithm::EdDsa => {
                Ed25519KeyPair::from_pkcs8(key).map(Self::EdDsa).map_err(|_why| ErrorKind::InvalidEddsaKey)
            }
            SigningAlgorithm::Rs256 => {
                RsaKeyPair::from_der(key).map(Self::Rs256).map_err(|why| ErrorKind::InvalidRsaKey(why.to_string()))
            }
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let random = SystemRandom::new();
        let signed = match self {
            Self::Es256(pair) => pair.sign(&random, message).map(|signature| signature.as_ref().to_vec()),
            Self::EdDsa(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Self::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map(|()| signature)
            }
        };
        signed.map_err(|_unspecified| SigningError::Library)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(…)")
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;
    use crate::{
        kernel::{Clock, Moment},
        keys::{
            generate::{assemble, generate},
            model::{SigningKey, TYPE, in_library},
        },
    };
    use jsonwebtoken::{Validation, decode, encode};
    use serde_json::{Value, json};

    const ALGORITHMS: [SigningAlgorithm; 3] =
        [SigningAlgorithm::Es256, SigningAlgorithm::EdDsa, SigningAlgorithm::Rs256];

    /// A new key, and the same key as the library has it.
    fn key(algorithm: SigningAlgorithm) -> (SigningKey, EncodingKey) {
        let (pem, now): (_, Moment) = (generate(algorithm).unwrap(), Clock::start().now());
        let encoded = match algorithm {
            SigningAlgorithm::Es256 => EncodingKey::from_ec_pem(pem.as_bytes()),
            SigningAlgorithm::EdDsa => EncodingKey::from_ed_pem(pem.as_bytes()),
            SigningAlgorithm::Rs256 => EncodingKey::from_rsa_pem(pem.as_bytes()),
        };
        (assemble(algorithm, pem.as_bytes(), now, now).unwrap(), encoded.unwrap())
    }

    fn header_of(key: &SigningKey) -> Header {
        Header { typ: Some(TYPE.to_owned()), kid: Some(key.id.0.clone()), ..Header::new(in_library(key.algorithm)) }
    }

    #[test]
    fn a_token_has_the_header_and_the_claims_that_the_library_would_write() {
        let claims = json!({ "sub": "someone", "own": { "text": "ü\"" } });
        for algorithm in ALGORITHMS {
            let (key, encoded) = key(algorithm);
            let (ours, theirs) =
                (key.private.sign(&claims).unwrap(), encode(&header_of(&key), &claims, &encoded).unwrap());
            let signed = |token: &str| token.rsplit_once('.').unwrap().0.to_owned();
            assert_eq!(signed(&ours), signed(&theirs));
            // ES256 draws a random number for each signature, the others sign the same text by the same bytes.
            assert_eq!(ours == theirs, algorithm != SigningAlgorithm::Es256);
        }
    }

    #[test]
    fn a_token_is_valid_for_the_published_key_and_no_other() {
        for algorithm in ALGORITHMS {
            let ((key, _), (other, _)) = (key(algorithm), key(algorithm));
            let token = key.private.sign(&json!({ "sub": "someone" })).unwrap();
            let mut validation = Validation::new(in_library(algorithm));
            validation.required_spec_claims.clear();
            validation.validate_exp = false;
            assert!(decode::<Value>(&token, &key.public, &validation).is_ok());
            assert!(decode::<Value>(&token, &other.public, &validation).is_err());
            // A key signs again and again, and a changed claim is noticed.
            assert!(decode::<Value>(&key.private.sign(&json!({})).unwrap(), &key.public, &validation).is_ok());
            let (head, tail) = token.split_once('.').unwrap();
            let claims = URL_SAFE_NO_PAD.encode(r#"{"sub":"anyone"}"#);
            let forged = format!("{head}.{claims}.{}", tail.split_once('.').unwrap().1);
            assert!(decode::<Value>(&forged, &key.public, &validation).is_err());
        }
    }

    #[test]
    fn a_key_of_another_algorithm_is_refused() {
        for algorithm in ALGORITHMS {
            let (made, encoded) = key(algorithm);
            for other in ALGORITHMS.into_iter().filter(|other| *other != algorithm) {
                assert!(PrivateKey::parse(other, &encoded, &header_of(&made)).is_err());
            }
        }
    }

    #[test]
    fn a_private_key_is_not_printed() {
        let (key, _) = key(SigningAlgorithm::EdDsa);
        assert_eq!(format!("{:?}", key.private), "PrivateKey(…)");
    }
}
