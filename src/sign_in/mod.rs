//! Signing in and up: the API and the pages.
//!
//! Signing in (`attempt.rs`): the password is checked (accounts), then a session opened (sessions); in between, the
//! user may be blocked or their password changed, which the opening notices.
//!
//! Where the user has a second factor, the right password opens no session but leads to a challenge; a code completes it
//! (`second_factor.rs`). A passkey that has verified its user signs in alone (`passkey.rs`).
//!
//! Where a role of the user demands a second factor and there is none, it leads to a challenge that is good for setting one up
//! (`enrolment.rs`).
//!
//! Another provider may vouch for the user (`upstream.rs`). An identity that no account has gets one at `/connect`
//! (`upstream/connect.rs`).
//!
//! A step-up (`step_up.rs`) checks the password of a user who is signed in, and rotates their session in the same request.
//! Its pages for browsers without script (`without_script.rs`) sign in for one request.

mod answer;
mod api;
mod attempt;
mod enrolment;
mod pages;
mod passkey;
mod recovery;
mod second_factor;
mod step_up;
mod upstream;
mod verification;
mod wire;
mod without_script;

pub use api::{described, routes as api_routes};
pub use attempt::{SignIn, SignInError, SigningIn};
pub use pages::{page_samples, routes as page_routes};
