//! Passkeys: what an authenticator answers is verified here, without a database, a clock or HTTP.
//!
//! The order is that of WebAuthn Level 3: §7.1 for a registration, §7.2 for an assertion. Each check has its own reason in
//! [`Refusal`]: the log shows it; the client receives `passkey_invalid` for all of them.
//!
//! 1. `credential`: the members of `PublicKeyCredential.toJSON()`, base64url (§5.1).
//! 2. `client_data`: type, challenge, origin, `crossOrigin` (§5.8.1).
//! 3. `authenticator_data`: RP ID, flags, counter, the new key (§6.1), by way of `cbor` and `cose`.
//! 4. `registration` and `assertion`: all of it in order.

mod assertion;
mod authenticator_data;
mod cbor;
mod client_data;
mod cose;
mod credential;
mod refusal;
mod registration;

pub use assertion::{Accepted, KnownPasskey, verify_assertion};
pub use client_data::{Expected, UserVerification};
pub use cose::{Algorithm, PublicKey};
pub use credential::{AssertionCredential, RegistrationCredential};
pub use refusal::Refusal;
pub use registration::{NewPasskey, verify_registration};

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "a test may fail loudly")]
mod tests;
