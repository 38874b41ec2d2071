//! What users see, in the real Chromium, against the real server with a Postgres of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a test may fail loudly, and has a life outside the server"
)]

mod app;
mod browser;
mod changed_address;
mod console;
mod enrolling;
mod forgotten;
mod origins;
mod pages;
mod passkeys;
mod providers;
mod refusals;
mod registering;
mod server;
mod signing_in;
mod tabs;
mod two_sites;
mod two_steps;
mod verifying;
mod way;
mod without_script;
