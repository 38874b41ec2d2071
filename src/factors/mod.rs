//! Second factors: authenticator apps (TOTP, RFC 6238), passkeys and security keys (`WebAuthn`), and recovery codes.
//!
//! Setting one up (`enrol.rs`): a secret is created and shown, and counts only once its user has typed a code of it. With
//! the first factor come ten recovery codes (`recovery_codes.rs`).
//!
//! Checking a code (`check.rs`):
//! 1. the attempt is counted (`guessing`), before anything is compared, whatever the path and the instance;
//! 2. the code is compared: with the secret, or with the one hash that its number names;
//! 3. one statement uses it up. Of any number of uses, on any instance, one succeeds.
//!
//! A passkey (`passkeys`) is a second factor, or, when it has verified its user, both at once. Whichever factor is presented
//! (`presented.rs`), it counts once it is used up (`proven.rs`).
//!
//! A sign-in in two steps (`challenges.rs`): between the password and the code there is a challenge, and no session.
//!
//! Where a role demands a second factor and its user has none, the password leads to a challenge that is good for setting one up
//! (`enrolment.rs`); the session is opened with it.
//!
//! Each factor that is added or removed increments the user's `factor_version`: what was begun before is void.

mod challenges;
mod check;
mod enrol;
mod enrolment;
mod model;
pub mod passkeys;
mod presented;
mod problem;
mod proven;
mod recovery;
mod recovery_codes;
mod remove;
mod reset;
mod room;
mod sealed;
mod store;
mod totp;
mod trusted_devices;

pub use challenges::{Challenge, FactorUse, OpenChallenge, SecondFactor};
pub use check::{CodeCheck, CorrectCode, CountedGuess, Guess};
pub use enrol::{Confirmable, ConfirmedTotp, NewTotp, add_passkey, renew_codes};
pub use enrolment::{Enrolment, NewFactor};
pub use model::{ChallengeKind, FactorCode, FactorKind, FactorsOf, PendingSignIn};
pub use passkeys::count_of_other_domains;
pub use presented::{FactorCheck, PasskeyCheck, PresentedFactor};
pub use problem::{after_reset, email_code_invalid, email_code_missing, last_factor};
pub use proven::ProvenFactor;
pub use recovery::{
    can_recover, cancel_recovery, complete_recovery, next_due_recovery, recovery_email_enqueued, start_recovery,
};
pub use recovery_codes::NewCodes;
pub use remove::{
    Removal, RemovedFactors, listed_factors, remove_added_since, remove_all, remove_passkey, remove_totp,
};
pub use reset::{reset, waits_for_factor};
pub use room::{Factors, FactorsError};
pub use sealed::{SealedSecrets, count_sealed, seal_again};
pub use store::{
    AdministratorCount, count_administrators,
    recoveries::{DueRecovery, Recovery},
    sweep,
    trusted_devices::TrustedDevice,
};
pub use totp::TotpSecret;
pub use trusted_devices::{TrustToken, trusted_by};
