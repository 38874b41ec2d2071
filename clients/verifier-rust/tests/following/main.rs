//! The verifier against a server that does what each test needs: over real HTTP, on a free port.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test stops at the first surprise"
)]
#![allow(unreachable_pub, reason = "what the tests share stands in modules")]

mod asking;
mod extractors;
mod keys;
mod outages;
mod proxies;
mod refusals;
mod revocations;
mod signer;
mod stub;
mod watched;
