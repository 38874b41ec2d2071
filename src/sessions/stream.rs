//! The stream of revocations, for services that verify access tokens themselves: what the revocation set learns goes to
//! every listener within moments, signed, and a beat each second says that nothing else was revoked.
//!
//! One task publishes (`publish.rs`). An event is signed once, and every listener gets the same bytes (`event.rs`). Who
//! joins gets a snapshot first, which all who join at the same number share (`snapshot.rs`, `audience.rs`), and counts
//! until its connection is closed (`listener.rs`). Nothing is kept across instances or restarts: a listener that lost its
//! connection joins again, at any instance. No listener costs the database anything.

mod api;
mod audience;
mod event;
mod extract;
mod listener;
mod publish;
mod snapshot;

pub(super) use api::{StreamDescribed, routes};
pub use audience::Stream;
pub use event::EntryName;
pub use publish::publish;
