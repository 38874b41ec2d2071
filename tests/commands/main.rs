//! The command line, as operators use it: the real binary, a private Postgres of its own for each test.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a test may fail loudly, and sets up the environment of the programs it runs"
)]

mod audit;
mod check;
mod databases;
mod databases_migrated;
mod env_files;
mod import_from;
mod installation;
mod keys;
mod mail_server;
mod moving;
mod people;
mod private_postgres;
mod roles;
mod running_server;
mod sessions;
mod usage;
