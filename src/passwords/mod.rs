//! Passwords, from the form field to the text in the database.
//!
//! 1. [`Password::parse_new`] or [`Password::presented`] normalises to NFC and counts characters
//!    (NIST SP 800-63B-4 §3.1.1.2): cheap, so it happens in the handler.
//! 2. [`check_strength`] refuses a new password that is common, breached or the user's own address.
//! 3. [`hash`] and [`verify`] run bcrypt; [`burn`] takes as long for an address that nobody has.
//!
//! Steps 2 and 3 cost CPU time and belong on a [`HashingPool`]. A
//! password is never trimmed, cut or changed in case (ASVS 6.2.8); NFC is the one exception, since
//! one keyboard writes `é` as one character and the next as two.

mod advice;
mod breached;
mod digest;
mod foreign;
mod hash;
mod hashing;
mod password;
mod strength;
mod work;

pub use advice::Advice;
pub use foreign::HashRefused;
pub use hash::{HashError, PasswordHash, Verification, hash, verify};
pub use hashing::{HashingError, HashingLimits, HashingPool, QueueKey};
pub use password::{MAX_CHARACTERS, MIN_CHARACTERS, Password, PasswordError};
pub use strength::{PasswordContext, check_strength};
pub use work::{Cost, CostOutOfRange, burn};
