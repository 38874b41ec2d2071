//! `heirloom torture`, as it is used: against our server, where all must hold, and against servers with a planted
//! fault, which it must find.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a test may fail loudly, and sets up the environment of the programs it runs"
)]

mod faults;
mod kit;
mod our_server;
mod stub;
mod usage;
