//! Passkeys: the ceremonies, and the verification of what an authenticator answers.
//!
//! A ceremony begins with options for the browser and a sealed ticket (`begin`). Its end (`finish`) reads the
//! ticket, verifies the answer, and redeems the ticket in the transaction of what the answer is good for. `store` has the SQL.
//!
//! The verification needs no database, no clock and no HTTP.
//! The order is that of WebAuthn Level 3: §7.1 for a registration, §7.2 for an assertion. Each check has its own reason in
//! [`Refusal`]: the log shows it; the client receives `passkey_invalid` for all of them.
//!
//! 1. `credential`: the members of `PublicKeyCredential.toJSON()`, base64url (§5.1).
//! 2. `client_data`: type, challenge, origin, `crossOrigin` (§5.8.1).
//! 3. `authenticator_data`: RP ID, flags, counter, the new key (§6.1), by way of `cbor` and `cose`.
//! 4. `registration` and `assertion`: all of it in order.

mod assertion;
mod authenticator_data;
mod begin;
mod cbor;
mod client_data;
mod cose;
mod credential;
mod error;
mod finish;
mod own;
mod refusal;
mod registration;
mod room;
pub(super) mod store;

pub use assertion::{Accepted, KnownPasskey, verify_assertion};
pub use begin::{Ceremony, Registrant};
pub use client_data::{Expected, UserVerification};
pub use cose::{Algorithm, PublicKey};
pub use credential::{AssertionCredential, PresentedPasskey, PresentedRegistration, RegistrationCredential};
pub use error::PasskeyError;
pub use finish::{Added, AssertionCheck, ProvenPasskey, RefusedAssertion, RegistrationCheck, VerifiedRegistration};
pub use own::{OwnPasskeys, rename};
pub use refusal::Refusal;
pub use registration::{NewPasskey, verify_registration};
pub use room::Passkeys;
pub use store::{OwnPasskey, count_of_other_domains};

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "a test may fail loudly")]
mod tests;
