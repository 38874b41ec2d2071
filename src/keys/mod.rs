//! Signing keys and access tokens.
//!
//! Signing (RFC 9068, RFC 7515):
//! 1. the newest key whose start time has passed is taken from the ring in memory;
//! 2. the claims are laid out ([`Subject`] → JSON) and signed by the key pair, which was parsed when the ring
//!    was read; the header, with `typ: at+jwt` and `kid`, was encoded then too.
//!
//! Verifying (RFC 8725, RFC 9068 §4), nothing of which reads the database:
//! 1. the header must have our `typ`, the `kid` of a key in the ring, that key's algorithm, and no `crit`;
//! 2. the signature must be that key's;
//! 3. `iss` and `aud` must be ours, `exp` and `nbf` hold on the database's clock, give or take five seconds.
//!
//! A token whose signature was verified before is known by its digest (`seen`); its times, and whether its key is
//! still in the ring, are looked at each time.
//!
//! Whether the session has since been revoked is checked by the sessions room.

mod access_token;
mod api;
mod claims;
mod error;
mod generate;
mod model;
mod private_key;
mod ring;
mod seen;
mod service_token;
mod store;

pub use access_token::{AccessToken, AccessTokenError, Subject, Verified};
pub use api::{described, routes};
pub use error::KeysError;
pub use model::{KeyId, KeyView};
pub use private_key::SigningError;
pub use ring::{Keys, keep_ring};
pub use service_token::{ExchangeError, ServiceToken};
