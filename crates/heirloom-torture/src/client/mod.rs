//! Requests over HTTP, and answers that may never arrive.

mod answer;
mod cause;
mod connection;
mod dpop;
mod excerpt;
mod gate;
mod html;
mod identity;
mod jar;
mod request;
mod send;
mod sign_in;

pub use answer::{Answer, Reply};
pub use cause::Cause;
pub use connection::Connection;
pub use request::RequestError;
pub use send::{Asked, Client, Manner};
pub use sign_in::SignedIn;
