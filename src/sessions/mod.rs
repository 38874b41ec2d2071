//! One sign-in on one device = one token family = one row: the heart of Heirloom.
//!
//! Opening a session (`open.rs`): the user's row is locked and checked again; if there are too many sessions, the one
//! idle longest is revoked; the row is inserted and generation 0 of its family is issued.
//!
//! Rotating (`rotate.rs`; RFC 9700 §4.14.2, RFC 6819 §5.2.2.3):
//! 1. the token is parsed and its tag verified: a forged token is refused here, before any database access
//!    (`token.rs`);
//! 2. its successor is derived, not random, so that the same request gets the same answer again;
//! 3. one `UPDATE … FROM users … RETURNING` finds the token current and replaces it, or changes nothing;
//! 4. if nothing was changed, a second read finds out why ([`Rotation`]), by a pure decision (`model.rs`);
//! 5. a stale token that is not a retry has two holders: the family is revoked, in one transaction with its event.
//!
//! A step-up (`step_up.rs`) is a rotation that also records a proof of identity, such as the password. For some minutes the
//! session is then fresh ([`Fresh`]), as after its sign-in.
//!
//! Revoking (`end.rs`): the row stores when and why; the transaction notifies every instance; this one applies it
//! before it answers (`revocations.rs`), so that the session's access tokens are refused at once.

mod answer;
mod api;
mod authority;
mod batches;
mod carried;
mod confirmed;
mod count;
mod end;
mod entry;
mod everyone;
mod extract;
mod feed;
mod generation;
mod list;
mod model;
mod open;
mod provider_events;
mod revocations;
mod room;
mod rotate;
mod service_tokens;
mod step_up;
mod step_up_by_provider;
mod store;
mod stream;
mod sweep;
mod token;
mod trust;

pub use answer::{
    NewTotpAnswer, TokenAnswer, add_cookies, cookies_of_sign_in, redirect_signed_in, token_answer, tokens_of_enrolment,
    tokens_of_sign_in,
};
pub use api::{RetryHeader, Revoked, described, just_signed_in, offered, rotated, routes};
pub use authority::{Authority, FreshAuthority};
pub use confirmed::Confirmed;
pub use count::keep_count;
pub use end::{Ended, cut_off, end_all_of, end_before_deletion, end_surplus, end_through, end_with_one_factor};
pub use entry::{Entered, Entering, Entry};
pub use everyone::EveryoneRevoked;
use extract::Extraction;
pub use extract::{Admin, After, Asked, Fresh, FreshAdmin, SignedIn, lock_live};
pub use feed::feed;
pub use generation::Generation;
pub use list::{Device, SessionFilter, SessionState, SessionView};
pub use model::{EndReason, Grant, Offered, Proof, Proven, Refusal, Rotation};
pub use open::{NewSession, Opening};
pub use revocations::Revocations;
pub use room::{SessionError, Sessions};
pub use step_up::{Begun, StepUp, add_method};
pub use step_up_by_provider::ProviderStepUp;
pub use store::opened_at;
pub use stream::{EntryName, Stream, publish};
pub use sweep::keep_clean;
pub use token::{Nonce, PresentedToken, RefreshToken, RetryKey, RetryKeyError, Secret, TokenKeys};
