//! Faults of the environment, and what must survive them.
//!
//! Each file breaks one thing under a deployment of its own: a Postgres, one or two real servers, and a load of clients
//! that behave as good clients do (`load/client.rs`). Afterwards one judge looks at all of it (`load/judge.rs`): no
//! acknowledged rotation lost, no family with two live tokens, nobody signed out by mistake, no connection left in a
//! transaction, file descriptors and memory back to where they were.
//!
//! The short version is part of `cargo test`; `script/torture` runs the long one (`HEIRLOOM_TORTURE=long`). What each
//! fault's figures were stands in `target/torture/`.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test stops at the first surprise, and sets up the environment of the programs it runs"
)]
#![allow(unreachable_pub, missing_docs, reason = "what the tests share stands in modules of this one binary")]

mod chance;
mod clock;
mod connection;
mod disk;
mod failover;
mod kill;
mod kit;
mod load;
mod log_pipe;
mod outage;
mod pause;
mod pooler;
mod report;
mod restart;
mod site;
mod sweep;
mod vanish;
mod verifier;
mod wire;
