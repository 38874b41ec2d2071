#![doc = include_str!("../README.md")]

mod clock;
mod core;
mod driver;
mod error;
#[cfg(any(feature = "actix", feature = "axum"))]
mod extract;
mod json;
mod keys;
mod known;
mod position;
mod server;
#[cfg(test)]
mod tests;
mod token;
mod verifier;

#[cfg(any(feature = "actix", feature = "axum"))]
pub use extract::SignedIn;
pub use {
    core::OnStale, driver::State, error::BuildError, error::Error, token::Claims, verifier::Builder, verifier::Verifier,
};
