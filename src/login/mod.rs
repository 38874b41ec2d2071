//! Signing in and up: the API and the pages.
//!
//! Signing in (`sign_in.rs`): the password is checked (accounts), then a session opened (sessions); in between, the
//! user may be blocked or their password changed, which the opening notices.

mod api;
mod openapi;
mod pages;
mod return_to;
mod sign_in;

pub use api::routes as api_routes;
pub use openapi::operations;
pub use pages::{page_samples, routes as page_routes};
pub use sign_in::{SignIn, SignInError, SigningIn};
