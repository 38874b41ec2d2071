//! `heirloom-torture`, as it is used, against small servers: it must find a planted fault, and accuse no faultless one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a test may fail loudly, and sets up the environment of the programs it runs"
)]

mod causes;
mod clients;
mod formats;
mod interrupted;
mod judged;
mod kit;
mod matrix;
mod provider;
mod stub;
mod untried;
mod usage;
