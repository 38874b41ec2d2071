//! Hashes of other systems: Argon2 (RFC 9106), scrypt (RFC 7914), PBKDF2 (RFC 8018) and phpass, in the forms in which
//! products export them. bcrypt, which we use ourselves, is read in `hash.rs`.
//!
//! | form | written by |
//! | --- | --- |
//! | `$argon2id$v=19$m=65536,t=3,p=4$salt$hash`, also `argon2i`, `argon2d` | many (PHC string format) |
//! | `$scrypt$ln=16,r=8,p=1$salt$hash` | many (PHC string format) |
//! | `$pbkdf2-sha256$i=600000$salt$hash`, also `pbkdf2`, `pbkdf2-sha1`, `pbkdf2-sha512` | `RustCrypto` (PHC string format) |
//! | `$pbkdf2-sha256$600000$salt$hash`, with `.` for `+` | Passlib |
//! | the forms in `foreign/products.rs` | Django, Spring Security, WordPress, Firebase, better-auth |
//!
//! The work that a hash may ask for is limited, both when it is imported and when it is read: a row that asks for a
//! terabyte would stop the server.

mod bounds;
mod products;

use super::Password;
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
use bounds::{bounded_argon2, bounded_iterations, bounded_scrypt};
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

enum Function {
    Argon2(Argon2<'static>),
    Scrypt(scrypt::Params),
    Pbkdf2(pbkdf2::Algorithm, NonZeroU32),
    /// Rounds of MD5.
    Phpass(u32),
    /// scrypt derives the key that encrypts the project's signer key; the result is the hash.
    Firebase(scrypt::Params, Vec<u8>),
}

#[derive(Clone, Copy)]
enum Normalization {
    AsTyped,
    Nfkc,
}

/// Why a hash of another system cannot be used. Never quotes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HashRefused {
    /// It has none of the forms above, and is not bcrypt.
    #[error("is not a password hash of a known form: docs/moving-in.md lists the forms")]
    UnknownForm,
    /// It has a known form, but is malformed.
    #[error("is a malformed password hash: its salt, parameters or length are not valid")]
    Mangled,
    /// Verifying it would take too much memory or time.
    #[error("is a password hash that costs more work than is allowed: docs/moving-in.md lists the limits")]
    TooCostly,
    /// It is a password, not a hash.
    #[error("is a password in clear text, which is never imported")]
    ClearText,
}

impl HashRefused {
    /// The stable code for reports.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::UnknownForm => "unknown_hash",
            Self::Mangled => "mangled_hash",
            Self::TooCostly => "too_costly_hash",
            Self::ClearText => "clear_text_password",
        }
    }
}

impl ForeignHash {
    /// Reads a hash in one of the forms above.
    ///
    /// # Errors
    /// [`HashRefused`]
    pub fn read(text: &str) -> Result<Self, HashRefused> {
        if let Some(product) = products::read(text) {
            return product;
        }
        let parts: Vec<&str> = text.split('$').collect();
        match *parts.as_slice() {
            ["", name, iterations, salt, output] if name.starts_with("pbkdf2") && is_number(iterations) => {
                let bytes = |text: &str| base64(&text.replace('.', "+"));
                Self::pbkdf2(digest_of(name)?, iterations, bytes(salt)?, &bytes(output)?)
            }
            ["", "argon2id" | "argon2i" | "argon2d" | "scrypt", ..] => Self::phc(text),
            ["", name, ..] if name.starts_with("pbkdf2") => Self::phc(text),
            _ => Err(HashRefused::UnknownForm),
        }
    }

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
            Function::Phpass(rounds) => derived.copy_from_slice(&products::phpass(password, &self.salt, *rounds)),
            Function::Firebase(params, signer_key) => {
                let mut key = Zeroizing::new([0; 32]);
                scrypt::scrypt(password, &self.salt, params, key.as_mut_slice()).ok()?;
                derived.copy_from_slice(signer_key);
                encrypt(&key, &mut derived)?;
            }
        }
        Some(constant_time::verify_slices_are_equal(&derived, &self.output).is_ok())
    }

    fn normalized<'typed>(&self, typed: &'typed str) -> Cow<'typed, str> {
        match self.normalization {
            Normalization::AsTyped => Cow::Borrowed(typed),
            Normalization::Nfkc => Cow::Owned(typed.nfkc().collect()),
        }
    }

    fn phc(text: &str) -> Result<Self, HashRefused> {
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

    fn pbkdf2(
        algorithm: pbkdf2::Algorithm,
        iterations: &str,
        salt: Vec<u8>,
        output: &[u8],
    ) -> Result<Self, HashRefused> {
        Self::of(Function::Pbkdf2(algorithm, bounded_iterations(iterations)?), salt, output)
    }

    fn of(function: Function, salt: Vec<u8>, output: &[u8]) -> Result<Self, HashRefused> {
        if salt.is_empty() || salt.len() > MAX_SALT || !OUTPUT.contains(&output.len()) {
            return Err(HashRefused::Mangled);
        }
        Ok(Self { function, salt, output: output.to_vec(), normalization: Normalization::AsTyped })
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn digest_of(name: &str) -> Result<pbkdf2::Algorithm, HashRefused> {
    match name {
        "pbkdf2" | "pbkdf2-sha1" => Ok(pbkdf2::PBKDF2_HMAC_SHA1),
        "pbkdf2-sha256" => Ok(pbkdf2::PBKDF2_HMAC_SHA256),
        "pbkdf2-sha512" => Ok(pbkdf2::PBKDF2_HMAC_SHA512),
        _ => Err(HashRefused::UnknownForm),
    }
}

fn base64(text: &str) -> Result<Vec<u8>, HashRefused> {
    BASE64.decode(text).or(Err(HashRefused::Mangled))
}

/// AES-256 in counter mode, from zero.
fn encrypt(key: &[u8; 32], text: &mut [u8]) -> Option<()> {
    let key = EncryptingKey::ctr(UnboundCipherKey::new(&AES_256, key).ok()?).ok()?;
    key.less_safe_encrypt(text, EncryptionContext::Iv128(FixedLength::from([0; 16]))).ok()?;
    Some(())
}

#[cfg(test)]
mod tests;
