//! The stored form of a password: bcrypt over a keyed digest.
//!
//! bcrypt alone stops at 72 bytes, which is 24 Hangul syllables, and in most implementations at a
//! NUL. So it is given base64(HMAC-SHA-384(label, password)): 64 ASCII characters in which every
//! character of the password counts. The label keeps hashes stolen elsewhere from being tried
//! against ours.
//!
//! The salt is drawn by the bcrypt crate from the operating system: the one place outside `kernel`
//! where randomness is not a parameter, because a known salt would be a fault and not a test.

use std::{fmt, str::FromStr};

use bcrypt::{BcryptError, HashParts};

use super::{
    Password,
    digest::digest,
    foreign::{ForeignHash, HashRefused},
    work::{Cost, CostOutOfRange, burn, make_up, make_up_time},
};
use crate::kernel::Stopwatch;
use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

/// Marks a stored hash as ours. Another key or digest gets another version.
const PREFIX: &str = "$heirloom-v1";
/// What our own hashes are made with, behind the prefix.
const OUR_VERSION: &str = "$2b$";
/// The versions of bcrypt that other systems write. `$2x$` is missing: it marks a broken implementation.
const FOREIGN_VERSIONS: [&str; 3] = ["$2a$", "$2b$", "$2y$"];
/// What other systems write before a bcrypt hash, and what they give to bcrypt.
const BCRYPT_FORMS: [(&str, BcryptInput); 5] = [
    ("", BcryptInput::Password),
    ("{bcrypt}", BcryptInput::Password),
    ("bcrypt$", BcryptInput::Password),
    ("bcrypt_sha256$", BcryptInput::Sha256Hex),
    ("$wp", BcryptInput::WordPress),
];
/// The highest cost that bcrypt knows.
const BCRYPT_MAX: u32 = 31;
/// In place of a hash: there is no password, and none fits. As in shadow(5).
const NO_PASSWORD: &str = "!";

/// A password as the database holds it. `Debug` is redacted.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

/// The result of verifying a presented password.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Verification {
    /// Not the password.
    Wrong,
    /// The password.
    Right {
        /// To be stored in place of the old hash, which came from elsewhere or has another cost.
        replacement: Option<PasswordHash>,
    },
    /// The stored hash is malformed and fits no password: log it with the user's id, answer as
    /// [`Verification::Wrong`]. The time of a verification has passed already.
    Unreadable,
}

/// No hash could be made, because the operating system gave no random salt.
#[derive(Debug, thiserror::Error)]
#[error("could not hash a password; does the operating system give random bytes?")]
pub struct HashError(#[source] BcryptError);

impl PasswordHash {
    /// A hash as read from the database. Any text will do; [`verify`] returns [`Verification::Unreadable`] for one that
    /// is not a hash.
    #[must_use]
    pub const fn from_stored(stored: String) -> Self {
        Self(stored)
    }

    /// Imports a hash of another system: one of ours, bcrypt, or a `ForeignHash`. Nothing, and Django's `!…`, stand for
    /// a user without a password.
    ///
    /// # Errors
    /// [`HashRefused`] for a hash that [`verify`] could not verify, or not within the limits.
    pub fn import(text: String) -> Result<Self, HashRefused> {
        if text.is_empty() || text.starts_with(NO_PASSWORD) {
            return Ok(Self::none());
        }
        // A salt may be any text, but Postgres stores no NUL.
        if text.contains('\0') {
            return Err(HashRefused::Mangled);
        }
        Stored::read(&text)?;
        Ok(Self(text))
    }

    /// For a user who has no password, and cannot sign in before one is set.
    #[must_use]
    pub fn none() -> Self {
        Self(NO_PASSWORD.to_owned())
    }

    /// Whether there is a password.
    #[must_use]
    pub fn is_some(&self) -> bool {
        self.0 != NO_PASSWORD
    }

    /// The text to store.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// Hashes a password for storage. Takes as long as `cost` says: run it on the hashing pool.
///
/// # Errors
/// [`HashError`] when there are no random bytes for the salt.
pub fn hash(password: &Password, cost: Cost) -> Result<PasswordHash, HashError> {
    let hashed = bcrypt::non_truncating_hash(digest(password).as_bytes(), cost.rounds_log2()).map_err(HashError)?;
    Ok(PasswordHash(format!("{PREFIX}{hashed}")))
}

/// Compares a password with a stored hash, and says whether that hash wants replacing at `cost`.
///
/// A wrong password takes the time of `cost` also where the hash has a lower one or is another system's, so that an old
/// hash does not reveal that the user exists. (One that costs more takes
/// longer: `users/answer_time.rs` hides that.) Never panics and never fails, whatever the row holds.
pub fn verify(password: &Password, stored: &PasswordHash, cost: Cost) -> Verification {
    let compared = match Stored::read(&stored.0) {
        Ok(Stored::Bcrypt(bcrypt)) => compare_bcrypt(password, &bcrypt, cost),
        Ok(Stored::Foreign(foreign)) => compare_foreign(password, &foreign, cost),
        Ok(Stored::None) => {
            burn(password, cost);
            Some(Verification::Wrong)
        }
        Err(_unreadable) => None,
    };
    compared.unwrap_or_else(|| {
        burn(password, cost);
        Verification::Unreadable
    })
}

fn compare_bcrypt(password: &Password, stored: &Bcrypt<'_>, cost: Cost) -> Option<Verification> {
    Some(match stored.matches(password)? {
        true if stored.is_ours() && stored.cost == cost => Verification::Right { replacement: None },
        true => replaced(password, cost),
        false => {
            make_up(password, stored.cost, cost);
            Verification::Wrong
        }
    })
}

fn compare_foreign(password: &Password, stored: &ForeignHash, cost: Cost) -> Option<Verification> {
    let watch = Stopwatch::start();
    if stored.matches(password)? {
        return Some(replaced(password, cost));
    }
    make_up_time(password, watch.elapsed(), cost);
    Some(Verification::Wrong)
}

/// Without random bytes for a salt, the old hash serves until the next sign-in.
fn replaced(password: &Password, cost: Cost) -> Verification {
    Verification::Right { replacement: hash(password, cost).ok() }
}

/// A stored hash that is well-formed.
enum Stored<'row> {
    Bcrypt(Bcrypt<'row>),
    Foreign(ForeignHash),
    None,
}

/// bcrypt, ours or another system's.
struct Bcrypt<'row> {
    text: &'row str,
    cost: Cost,
    input: BcryptInput,
}

/// What bcrypt is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BcryptInput {
    /// Our digest.
    OurDigest,
    /// The password's bytes.
    Password,
    /// Django's `bcrypt_sha256`.
    Sha256Hex,
    /// WordPress since 6.8.
    WordPress,
}

impl<'row> Stored<'row> {
    fn read(row: &'row str) -> Result<Self, HashRefused> {
        if row == NO_PASSWORD {
            return Ok(Self::None);
        }
        if let Some(text) = row.strip_prefix(PREFIX) {
            let is_our_version = text.starts_with(OUR_VERSION);
            return is_our_version
                .then(|| Bcrypt::read(text, BcryptInput::OurDigest))
                .ok_or(HashRefused::Mangled)?
                .map(Self::Bcrypt);
        }
        for (prefix, input) in BCRYPT_FORMS {
            let bcrypt = row.strip_prefix(prefix);
            if let Some(text) = bcrypt.filter(|text| FOREIGN_VERSIONS.iter().any(|version| text.starts_with(version))) {
                return Bcrypt::read(text, input).map(Self::Bcrypt);
            }
        }
        ForeignHash::read(row).map(Self::Foreign)
    }
}

impl<'row> Bcrypt<'row> {
    fn read(text: &'row str, input: BcryptInput) -> Result<Self, HashRefused> {
        Ok(Self { text, cost: cost_of(text)?, input })
    }

    fn is_ours(&self) -> bool {
        self.input == BcryptInput::OurDigest
    }

    /// Whether the password fits; `None` if bcrypt fails.
    ///
    /// Another system hashed the bytes as it received them, and by bcrypt's own rule of 72. Characters beyond are not
    /// checked this once, and count from the replacement on.
    fn matches(&self, password: &Password) -> Option<bool> {
        let typed = password.reveal_as_typed();
        match self.input {
            BcryptInput::OurDigest => bcrypt::non_truncating_verify(digest(password).as_bytes(), self.text).ok(),
            BcryptInput::Password => bcrypt::verify(typed, self.text).ok(),
            BcryptInput::Sha256Hex => bcrypt::verify(sha256_hex(typed).as_bytes(), self.text).ok(),
            BcryptInput::WordPress => bcrypt::verify(wordpress_digest(typed).as_bytes(), self.text).ok(),
        }
    }
}

fn sha256_hex(password: &str) -> Zeroizing<String> {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, password.as_bytes());
    let digits = digest.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    Zeroizing::new(digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect())
}

fn wordpress_digest(password: &str) -> Zeroizing<String> {
    let key = hmac::Key::new(hmac::HMAC_SHA384, b"wp-sha384");
    Zeroizing::new(STANDARD.encode(hmac::sign(&key, password.as_bytes())))
}

/// The cost of a well-formed bcrypt hash, two digits; the crate would take `+4` as well.
fn cost_of(bcrypt: &str) -> Result<Cost, HashRefused> {
    let digits = bcrypt.get(4..6).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let cost: u32 = digits.and_then(|digits| digits.parse().ok()).ok_or(HashRefused::Mangled)?;
    HashParts::from_str(bcrypt).or(Err(HashRefused::Mangled))?;
    match Cost::new(cost) {
        Ok(cost) => Ok(cost),
        Err(CostOutOfRange(cost)) if (17..=BCRYPT_MAX).contains(&cost) => Err(HashRefused::TooCostly),
        Err(CostOutOfRange(_)) => Err(HashRefused::Mangled),
    }
}

#[cfg(test)]
mod tests;
