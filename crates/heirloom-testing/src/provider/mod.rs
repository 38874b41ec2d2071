//! A provider with which users sign in, written from the documents of the real ones. The test decides who its member is,
//! what they consent to, and what goes wrong.

mod answers;
mod behaviour;
mod client;
mod endpoints;
mod forgery;
mod keys;
mod kind;
mod member;
mod stub;

pub use behaviour::{Behaviour, Consent, Endpoint, Fault, Seen};
pub use forgery::Forgery;
pub use keys::TokenAlgorithm;
pub use kind::ProviderKind;
pub use member::Member;
pub use stub::{Callback, StubProvider};

#[cfg(test)]
mod tests;
