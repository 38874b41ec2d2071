//! The stored form of a password: bcrypt over a keyed digest.
//!
//! bcrypt alone stops at 72 bytes, which is 24 Hangul syllables, and in most implementations at a
//! NUL. So it is given base64(HMAC-SHA-384(label, password)): 64 ASCII characters in which every
//! character of the password counts. The label keeps hashes stolen elsewhere from being tried
//! against ours.
//!
//! The salt is drawn by the bcrypt crate from the operating system: the one place outside `kernel`
//! where chance is not a parameter, because a known salt would be a fault and not a test.

use std::{fmt, str::FromStr};

use bcrypt::{BcryptError, HashParts};

use super::{
    Password,
    digest::digest,
    foreign::{ForeignHash, HashRefused},
    work::{Cost, burn, make_up, make_up_time},
};
use crate::kernel::Stopwatch;

/// Marks a stored hash as ours. Another key or digest gets another version.
const PREFIX: &str = "$heirloom-v1";
/// What our own hashes are made with, behind the prefix.
const OUR_VERSION: &str = "$2b$";
/// What hashes from elsewhere may be made with. `$2x$` is missing: it marks a broken implementation.
const FOREIGN_VERSIONS: [&str; 3] = ["$2a$", "$2b$", "$2y$"];
/// In place of a hash: there is no password, and none fits. As in shadow(5).
const NO_PASSWORD: &str = "!";

/// A password as the database holds it. `Debug` is redacted.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

/// What became of a presented password.
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
    /// The stored hash is mangled and fits nothing: log it with the user's id, answer as
    /// [`Verification::Wrong`]. The time of a verification has passed already.
    Unreadable,
}

/// No hash could be made, because the operating system gave no random salt.
#[derive(Debug, thiserror::Error)]
#[error("could not hash a password; does the operating system give random bytes?")]
pub struct HashError(#[source] BcryptError);

impl PasswordHash {
    /// Takes a hash back from the database. Any text will do; one that is no hash makes [`verify`] say
    /// [`Verification::Unreadable`].
    #[must_use]
    pub const fn from_stored(stored: String) -> Self {
        Self(stored)
    }

    /// Takes a hash over from elsewhere: one of ours, bcrypt, or a `ForeignHash`.
    ///
    /// # Errors
    /// [`HashRefused`] for what [`verify`] would not understand or not do.
    pub fn import(text: String) -> Result<Self, HashRefused> {
        match Stored::read(&text) {
            Ok(Stored::None) => Err(HashRefused::UnknownForm),
            Ok(_) => Ok(Self(text)),
            Err(refused) => Err(refused),
        }
    }

    /// For somebody who has no password, and cannot sign in before they get one.
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
/// A wrong password takes the time of `cost` also where the hash has a lower one or comes from elsewhere, so that an old
/// hash does not give away that its owner exists. (One that is dearer still takes longer, until its owner has signed
/// in.) Never panics and never fails, whatever the row holds.
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
        true if stored.is_ours && stored.cost == cost => Verification::Right { replacement: None },
        true => replaced(password, cost),
        false => {
            make_up(password, stored.cost, cost);
            Verification::Wrong
        }
    })
}

fn compare_foreign(password: &Password, stored: &ForeignHash, cost: Cost) -> Option<Verification> {
    let watch = Stopwatch::start();
    if stored.matches(password.reveal_as_typed().as_bytes())? {
        return Some(replaced(password, cost));
    }
    make_up_time(password, watch.elapsed(), cost);
    Some(Verification::Wrong)
}

/// Should no salt be had, the old hash serves until the next sign-in.
fn replaced(password: &Password, cost: Cost) -> Verification {
    Verification::Right { replacement: hash(password, cost).ok() }
}

/// A stored hash that makes sense.
enum Stored<'row> {
    Bcrypt(Bcrypt<'row>),
    Foreign(ForeignHash),
    None,
}

/// bcrypt, ours or from elsewhere.
struct Bcrypt<'row> {
    text: &'row str,
    cost: Cost,
    is_ours: bool,
}

impl<'row> Stored<'row> {
    fn read(row: &'row str) -> Result<Self, HashRefused> {
        if row == NO_PASSWORD {
            return Ok(Self::None);
        }
        if let Some(text) = row.strip_prefix(PREFIX) {
            let ours = if text.starts_with(OUR_VERSION) { Bcrypt::read(text, true) } else { None };
            return ours.map(Self::Bcrypt).ok_or(HashRefused::Mangled);
        }
        if FOREIGN_VERSIONS.iter().any(|version| row.starts_with(version)) {
            return Bcrypt::read(row, false).map(Self::Bcrypt).ok_or(HashRefused::Mangled);
        }
        ForeignHash::read(row).map(Self::Foreign)
    }
}

impl<'row> Bcrypt<'row> {
    fn read(text: &'row str, is_ours: bool) -> Option<Self> {
        Some(Self { text, cost: cost_of(text)?, is_ours })
    }

    /// Whether the password fits, or nothing when bcrypt cannot tell.
    ///
    /// A hash from elsewhere was made of the bytes as its system received them, and by bcrypt's own
    /// rule of 72. What lay beyond is not checked this once, and counts from the replacement on.
    fn matches(&self, password: &Password) -> Option<bool> {
        if self.is_ours {
            return bcrypt::non_truncating_verify(digest(password).as_bytes(), self.text).ok();
        }
        bcrypt::verify(password.reveal_as_typed(), self.text).ok()
    }
}

/// The cost of a well-formed bcrypt hash, two digits; the crate would take `+4` as well.
fn cost_of(bcrypt: &str) -> Option<Cost> {
    let digits = bcrypt.get(4..6)?;
    let parts = HashParts::from_str(bcrypt).ok()?;
    let two_digits = digits.chars().all(|c| c.is_ascii_digit());
    two_digits.then(|| Cost::new(parts.get_cost()).ok()).flatten()
}

#[cfg(test)]
mod tests;
