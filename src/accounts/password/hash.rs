//! The stored form of a password: bcrypt over a keyed digest.
//!
//! bcrypt alone stops at 72 bytes, which is 24 Hangul syllables, and in most implementations at a
//! NUL. So it is given base64(HMAC-SHA-384(label, password)): 64 ASCII characters in which every
//! character of the password counts. The label keeps hashes stolen elsewhere from being tried
//! against ours.
//!
//! The salt is drawn by the bcrypt crate from the operating system: the one place outside `kernel`
//! where chance is not a parameter, because a known salt would be a fault and not a test.

use std::{fmt, ops::Range, str::FromStr};

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bcrypt::{BcryptError, HashParts};
use zeroize::Zeroizing;

use super::Password;

/// Marks a stored hash as ours. Another key or digest gets another version.
const PREFIX: &str = "$heirloom-v1";
/// What our own hashes are made with, behind the prefix.
const OUR_VERSION: &str = "$2b$";
/// What hashes from elsewhere may be made with. `$2x$` is missing: it marks a broken implementation.
const FOREIGN_VERSIONS: [&str; 3] = ["$2a$", "$2b$", "$2y$"];
/// The key of the digest. Changing it makes every stored hash unverifiable.
const LABEL: &[u8] = b"heirloom password v1";
const BURNT_SALT: [u8; 16] = [0; 16];

/// How much work a hash is: bcrypt runs 2^cost rounds.
///
/// 12 is about a quarter of a second. Below 10 guessing becomes cheap: 4 is for tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost(u32);

/// A cost outside what this server would ever spend on one password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bcrypt cost is {0}, and must be from 4 to 16")]
pub struct CostOutOfRange(pub u32);

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

impl Cost {
    /// The range of costs, for a hash that is made and for one that is read: a mangled row that said
    /// 31 would hold a thread for a day.
    const RANGE: std::ops::RangeInclusive<u32> = 4..=16;

    /// Checks a cost.
    ///
    /// # Errors
    /// [`CostOutOfRange`] outside 4 to 16; what a production server may use is narrower, and config's to say.
    pub fn new(rounds_log2: u32) -> Result<Self, CostOutOfRange> {
        let allowed = Self::RANGE.contains(&rounds_log2);
        allowed.then_some(Self(rounds_log2)).ok_or(CostOutOfRange(rounds_log2))
    }
}

impl PasswordHash {
    /// Takes a hash back from the database, or over from elsewhere. Any text will do; one that is no
    /// hash makes [`verify`] say [`Verification::Unreadable`].
    #[must_use]
    pub const fn from_stored(stored: String) -> Self {
        Self(stored)
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
    let hashed = bcrypt::non_truncating_hash(digest(password).as_bytes(), cost.0).map_err(HashError)?;
    Ok(PasswordHash(format!("{PREFIX}{hashed}")))
}

/// Compares a password with a stored hash, and says whether that hash wants replacing at `cost`.
///
/// A wrong password takes the time of `cost` also where the hash has a lower one, so that an old hash
/// does not give away that its owner exists. (After the cost was *lowered*, an old hash still takes
/// longer, until its owner has signed in.) Never panics and never fails, whatever the row holds.
pub fn verify(password: &Password, stored: &PasswordHash, cost: Cost) -> Verification {
    let compared = Stored::read(&stored.0).and_then(|stored| Some((stored.matches(password)?, stored)));
    match compared {
        Some((true, stored)) if stored.is_ours && stored.cost == cost => Verification::Right { replacement: None },
        // Should no salt be had, the old hash serves until the next sign-in.
        Some((true, _)) => Verification::Right { replacement: hash(password, cost).ok() },
        Some((false, stored)) => {
            missing_work(stored.cost, cost).for_each(|part| spend(password, part));
            Verification::Wrong
        }
        None => {
            burn(password, cost);
            Verification::Unreadable
        }
    }
}

/// Takes the time of a verification, for an address that nobody has.
pub fn burn(password: &Password, cost: Cost) {
    spend(password, cost.0);
}

fn spend(password: &Password, cost: u32) {
    let spent = bcrypt::hash_with_salt(digest(password).as_bytes(), cost, BURNT_SALT);
    // Without this the compiler may see that nobody wants the result.
    let _ = std::hint::black_box(spent);
}

/// The costs that together make up for a cheaper hash: 2^a + … + 2^(b-1) = 2^b - 2^a.
fn missing_work(spent: Cost, wanted: Cost) -> Range<u32> {
    spent.0..wanted.0
}

/// base64(HMAC-SHA-384(label, NFC password)): 64 characters, none of them a NUL.
fn digest(password: &Password) -> Zeroizing<String> {
    let key = hmac::Key::new(hmac::HMAC_SHA384, LABEL);
    Zeroizing::new(STANDARD.encode(hmac::sign(&key, password.reveal().as_bytes())))
}

/// A stored hash that makes sense.
struct Stored<'row> {
    bcrypt: &'row str,
    cost: Cost,
    is_ours: bool,
}

impl<'row> Stored<'row> {
    fn read(row: &'row str) -> Option<Self> {
        let ours = row.strip_prefix(PREFIX);
        let bcrypt = ours.unwrap_or(row);
        let known_version = match ours {
            Some(ours) => ours.starts_with(OUR_VERSION),
            None => FOREIGN_VERSIONS.iter().any(|version| row.starts_with(version)),
        };
        let cost = cost_of(bcrypt)?;
        known_version.then_some(Self { bcrypt, cost, is_ours: ours.is_some() })
    }

    /// Whether the password fits, or nothing when bcrypt cannot tell.
    ///
    /// A hash from elsewhere was made of the bytes as its system received them, and by bcrypt's own
    /// rule of 72. What lay beyond is not checked this once, and counts from the replacement on.
    fn matches(&self, password: &Password) -> Option<bool> {
        if self.is_ours {
            return bcrypt::non_truncating_verify(digest(password).as_bytes(), self.bcrypt).ok();
        }
        bcrypt::verify(password.reveal_as_typed(), self.bcrypt).ok()
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
