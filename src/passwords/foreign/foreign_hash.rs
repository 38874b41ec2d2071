use super::{
    bounds::{bounded_argon2, bounded_iterations, bounded_scrypt},
    refused::HashRefused,
};
use crate::passwords::Password;
use argon2::Argon2;
use aws_lc_rs::{
    cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey},
    constant_time,
    iv::FixedLength,
    pbkdf2,
};
use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use md5::{Digest, Md5};
use password_hash::phc;
use std::{borrow::Cow, num::NonZeroU32};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// Bytes of a derived key: fewer could be guessed, and no product writes more.
const OUTPUT: std::ops::RangeInclusive<usize> = 16..=64;

/// The longest salt, in bytes: Spring's first scrypt takes 64, and Firebase appends a separator.
const MAX_SALT: usize = 128;

/// Base64, padded or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A well-formed hash of another system that costs no more than we would spend.
pub struct ForeignHash {
    function: Function,
    salt: Vec<u8>,
    output: Vec<u8>,
    /// What the other system did to the password before hashing it.
    normalization: Normalization,
}

pub(super) enum Function {
    Argon2(Argon2<'static>),
    Scrypt(scrypt::Params),
    Pbkdf2(pbkdf2::Algorithm, NonZeroU32),
    /// Rounds of MD5.
    Phpass(u32),
    /// scrypt derives the key that encrypts the project's signer key; the result is the hash.
    Firebase(scrypt::Params, Vec<u8>),
}

#[derive(Clone, Copy)]
pub(super) enum Normalization {
    AsTyped,
    Nfkc,
}

impl ForeignHash {
    /// Whether this is the password, in the bytes that its system received. `None` if the function fails.
    pub fn matches(&self, password: &Password) -> Option<bool> {
        let typed = self.normalized(password.reveal_as_typed());
        let password = typed.as_bytes();
        let mut derived = Zeroizing::new(vec![0; self.output.len()]);
        match &self.function {
            Function::Argon2(argon2) => argon2.hash_password_into(password, &self.salt, &mut derived).ok()?,
            Function::Scrypt(params) => scrypt::scrypt(password, &self.salt, params, &mut derived).ok()?,
            Function::Pbkdf2(algorithm, iterations) => {
                pbkdf2::derive(*algorithm, *iterations, &self.salt, password, &mut derived);
            }
            Function::Phpass(rounds) => derived.copy_from_slice(&phpass(password, &self.salt, *rounds)),
            Function::Firebase(params, signer_key) => {
                let mut key = Zeroizing::new([0; 32]);
                scrypt::scrypt(password, &self.salt, params, key.as_mut_slice()).ok()?;
                derived.copy_from_slice(signer_key);
                encrypt(&key, &mut derived)?;
            }
        }
        Some(constant_time::verify_slices_are_equal(&derived, &self.output).is_ok())
    }

    /// The same hash, of a password in this form.
    pub(super) fn normalizing(self, normalization: Normalization) -> Self {
        Self { normalization, ..self }
    }

    fn normalized<'typed>(&self, typed: &'typed str) -> Cow<'typed, str> {
        match self.normalization {
            Normalization::AsTyped => Cow::Borrowed(typed),
            Normalization::Nfkc => Cow::Owned(typed.nfkc().collect()),
        }
    }

    pub(super) fn phc(text: &str) -> Result<Self, HashRefused> {
        let hash = phc::PasswordHash::new(text).or(Err(HashRefused::Mangled))?;
        let (Some(salt), Some(output)) = (hash.salt, hash.hash) else { return Err(HashRefused::Mangled) };
        let (salt, output) = (salt.as_ref().to_vec(), output.as_bytes());
        let number = |name: &str| hash.params.get_decimal(name);
        match hash.algorithm.as_str() {
            "scrypt" => {
                let (Some(log_n), Some(r), Some(p)) = (number("ln"), number("r"), number("p")) else {
                    return Err(HashRefused::Mangled);
                };
                Self::of(Function::Scrypt(bounded_scrypt(log_n, r, p)?), salt, output)
            }
            name if name.starts_with("argon2") => {
                let (Some(m), Some(t), Some(p)) = (number("m"), number("t"), number("p")) else {
                    return Err(HashRefused::Mangled);
                };
                let params = bounded_argon2(m, t, p)?;
                let algorithm = argon2::Algorithm::new(name).or(Err(HashRefused::Mangled))?;
                // Without a version it is the one before versions were written.
                let version = hash
                    .version
                    .map_or(Ok(argon2::Version::V0x10), argon2::Version::try_from)
                    .or(Err(HashRefused::Mangled))?;
                Self::of(Function::Argon2(Argon2::new(algorithm, version, params)), salt, output)
            }
            name => {
                let iterations = hash.params.get_str("i").ok_or(HashRefused::Mangled)?;
                Self::pbkdf2(digest_of(name)?, iterations, salt, output)
            }
        }
    }

    pub(super) fn pbkdf2(
        algorithm: pbkdf2::Algorithm,
        iterations: &str,
        salt: Vec<u8>,
        output: &[u8],
    ) -> Result<Self, HashRefused> {
        Self::of(Function::Pbkdf2(algorithm, bounded_iterations(iterations)?), salt, output)
    }

    pub(super) fn of(function: Function, salt: Vec<u8>, output: &[u8]) -> Result<Self, HashRefused> {
        if salt.is_empty() || salt.len() > MAX_SALT || !OUTPUT.contains(&output.len()) {
            return Err(HashRefused::Mangled);
        }
        Ok(Self { function, salt, output: output.to_vec(), normalization: Normalization::AsTyped })
    }
}

pub(super) fn digest_of(name: &str) -> Result<pbkdf2::Algorithm, HashRefused> {
    match name {
        "pbkdf2" | "pbkdf2-sha1" => Ok(pbkdf2::PBKDF2_HMAC_SHA1),
        "pbkdf2-sha256" => Ok(pbkdf2::PBKDF2_HMAC_SHA256),
        "pbkdf2-sha512" => Ok(pbkdf2::PBKDF2_HMAC_SHA512),
        _ => Err(HashRefused::UnknownForm),
    }
}

pub(super) fn base64(text: &str) -> Result<Vec<u8>, HashRefused> {
    BASE64.decode(text).or(Err(HashRefused::Mangled))
}

/// AES-256 in counter mode, from zero.
fn encrypt(key: &[u8; 32], text: &mut [u8]) -> Option<()> {
    let key = EncryptingKey::ctr(UnboundCipherKey::new(&AES_256, key).ok()?).ok()?;
    key.less_safe_encrypt(text, EncryptionContext::Iv128(FixedLength::from([0; 16]))).ok()?;
    Some(())
}

/// MD5 of the salt and the password, then again and again of the last result and the password.
fn phpass(password: &[u8], salt: &[u8], rounds: u32) -> [u8; 16] {
    let md5 = |before: &[u8]| <[u8; 16]>::from(Md5::new().chain_update(before).chain_update(password).finalize());
    (0..rounds).fold(md5(salt), |digest, _round| md5(&digest))
}
