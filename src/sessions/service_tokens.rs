//! Access tokens for one service each: what a service receives is of no use at Heirloom's own API, or at another service.

mod api;
mod extract;

pub use api::{ServiceTokensDescribed, routes};
pub use extract::ForAny;
