//! Hashes that other systems made: Argon2 (RFC 9106), scrypt (RFC 7914) and PBKDF2 (RFC 8018), in the forms in which
//! they are exported. bcrypt, which we use ourselves, is read in `hash.rs`.
//!
//! | form | of |
//! | --- | --- |
//! | `$argon2id$v=19$m=65536,t=3,p=4$salt$hash`, also `argon2i`, `argon2d` | everybody (PHC string format) |
//! | `$scrypt$ln=16,r=8,p=1$salt$hash` | everybody (PHC string format) |
//! | `$pbkdf2-sha256$i=600000$salt$hash`, also `pbkdf2`, `pbkdf2-sha1`, `pbkdf2-sha512` | `RustCrypto` (PHC string format) |
//! | `$pbkdf2-sha256$600000$salt$hash`, with `.` for `+` | Passlib |
//! | `pbkdf2_sha256$600000$salt$hash`, the salt as text | Django |
//!
//! How much work one may ask for is bounded, when it is imported and when it is read: a row that asked for a terabyte
//! would stop the server.

use argon2::Argon2;
use aws_lc_rs::{constant_time, pbkdf2};
use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use password_hash::phc;
use std::num::NonZeroU32;
use zeroize::Zeroizing;

/// The most memory that one hash may take, in KiB: 256 MiB.
const MAX_MEMORY: u64 = 256 * 1024;
/// The most memory that one hash may walk through, in KiB, all passes taken together: 1 GiB, a second or two.
const MAX_WORK: u64 = 1024 * 1024;
/// The most lanes of Argon2, and the most parallel parts of scrypt.
const MAX_PARALLEL: u32 = 16;
/// The most iterations of PBKDF2, a second or so.
const MAX_ITERATIONS: u32 = 2_000_000;
/// Bytes of a derived key: less would be guessed, more is nobody's.
const OUTPUT: std::ops::RangeInclusive<usize> = 16..=64;
/// Base64, padded or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A hash from elsewhere that makes sense and costs no more than we would spend.
pub struct ForeignHash {
    function: Function,
    salt: Vec<u8>,
    output: Vec<u8>,
}

enum Function {
    Argon2(Argon2<'static>),
    Scrypt(scrypt::Params),
    Pbkdf2(pbkdf2::Algorithm, NonZeroU32),
}

/// Why a hash from elsewhere is of no use. Never quotes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HashRefused {
    /// It is none of the forms above, nor bcrypt; a password in the clear, perhaps.
    #[error("is no password hash that is known here: docs/moving-in.md lists the forms")]
    UnknownForm,
    /// It is of a known form, and mangled.
    #[error("is a password hash whose salt, parameters or length make no sense")]
    Mangled,
    /// Verifying it would take too much memory or time.
    #[error("is a password hash that takes more work than is allowed: docs/moving-in.md has the bounds")]
    TooCostly,
}

impl HashRefused {
    /// The stable code for reports.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::UnknownForm => "unknown_hash",
            Self::Mangled => "mangled_hash",
            Self::TooCostly => "too_costly_hash",
        }
    }
}

impl ForeignHash {
    /// Reads a hash in one of the forms above.
    ///
    /// # Errors
    /// [`HashRefused`]
    pub fn read(text: &str) -> Result<Self, HashRefused> {
        let parts: Vec<&str> = text.split('$').collect();
        match *parts.as_slice() {
            ["pbkdf2_sha256", iterations, salt, output] => {
                let salt = salt.as_bytes().to_vec();
                Self::pbkdf2(
                    pbkdf2::PBKDF2_HMAC_SHA256,
                    iterations,
                    salt,
                    &BASE64.decode(output).or(Err(HashRefused::Mangled))?,
                )
            }
            ["", name, iterations, salt, output] if name.starts_with("pbkdf2") && is_number(iterations) => {
                let bytes = |text: &str| BASE64.decode(text.replace('.', "+")).or(Err(HashRefused::Mangled));
                Self::pbkdf2(digest_of(name)?, iterations, bytes(salt)?, &bytes(output)?)
            }
            ["", "argon2id" | "argon2i" | "argon2d" | "scrypt", ..] => Self::phc(text),
            ["", name, ..] if name.starts_with("pbkdf2") => Self::phc(text),
            _ => Err(HashRefused::UnknownForm),
        }
    }

    /// Whether the password, in bytes as its system received them, is the one. None: it cannot be told.
    pub fn matches(&self, password: &[u8]) -> Option<bool> {
        let mut derived = Zeroizing::new(vec![0; self.output.len()]);
        match &self.function {
            Function::Argon2(argon2) => argon2.hash_password_into(password, &self.salt, &mut derived).ok()?,
            Function::Scrypt(params) => scrypt::scrypt(password, &self.salt, params, &mut derived).ok()?,
            Function::Pbkdf2(algorithm, iterations) => {
                pbkdf2::derive(*algorithm, *iterations, &self.salt, password, &mut derived);
            }
        }
        Some(constant_time::verify_slices_are_equal(&derived, &self.output).is_ok())
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
                // What bears no version is of the one before versions were written down.
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
        if !is_number(iterations) {
            return Err(HashRefused::Mangled);
        }
        let iterations: u32 = iterations.parse().or(Err(HashRefused::TooCostly))?;
        if iterations > MAX_ITERATIONS {
            return Err(HashRefused::TooCostly);
        }
        let iterations = NonZeroU32::new(iterations).ok_or(HashRefused::Mangled)?;
        Self::of(Function::Pbkdf2(algorithm, iterations), salt, output)
    }

    fn of(function: Function, salt: Vec<u8>, output: &[u8]) -> Result<Self, HashRefused> {
        if salt.is_empty() || salt.len() > *OUTPUT.end() || !OUTPUT.contains(&output.len()) {
            return Err(HashRefused::Mangled);
        }
        Ok(Self { function, salt, output: output.to_vec() })
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

fn bounded_argon2(memory: u32, passes: u32, lanes: u32) -> Result<argon2::Params, HashRefused> {
    let work = u64::from(memory).saturating_mul(u64::from(passes));
    if u64::from(memory) > MAX_MEMORY || work > MAX_WORK || lanes > MAX_PARALLEL {
        return Err(HashRefused::TooCostly);
    }
    argon2::Params::new(memory, passes, lanes, None).or(Err(HashRefused::Mangled))
}

fn bounded_scrypt(log_n: u32, r: u32, p: u32) -> Result<scrypt::Params, HashRefused> {
    // 128 × N × r bytes; an N that is no number of 64 bits is more than enough.
    let memory = 1_u64.checked_shl(log_n).map_or(u64::MAX, |n| n.saturating_mul(u64::from(r)) / 8);
    let work = memory.saturating_mul(u64::from(p));
    if memory > MAX_MEMORY || work > MAX_WORK || p > MAX_PARALLEL || r > MAX_PARALLEL * 8 {
        return Err(HashRefused::TooCostly);
    }
    match u8::try_from(log_n) {
        // N is larger than one (RFC 7914, section 2).
        Ok(log_n @ 1..) => scrypt::Params::new(log_n, r, p).or(Err(HashRefused::Mangled)),
        Ok(_) | Err(_) => Err(HashRefused::Mangled),
    }
}

#[cfg(test)]
mod tests;
