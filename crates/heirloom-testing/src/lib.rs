//! What the tests and benches of Heirloom share: ports, databases, servers and clients. Not released.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::return_self_not_must_use,
    reason = "a test may fail loudly, and sets up the environment of the programs it runs"
)]

mod home;
mod port;
mod postgres_programs;
mod program;
mod provider;
mod secrets;
mod server;
mod tls;
mod wait;

pub use home::{Home, PASSWORD, Ran};
pub use port::Port;
pub use postgres_programs::{as_postgres, give_to_postgres, postgres_program};
pub use program::program;
pub use provider::{
    Behaviour, Callback, Consent, Endpoint, Fault, Forgery, Member, ProviderKind, Seen, StubProvider, TokenAlgorithm,
};
pub use secrets::holds_token;
pub use server::Server;
pub use tls::TlsFront;
pub use wait::{eventually, wait_until};
