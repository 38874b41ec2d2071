//! What happened, to which user, from where. Append-only: every security decision is one event, written in the transaction
//! that it tells of. A plain rotation is none: it is a number in the metrics. `docs/audit.md` lists the kinds.
//!
//! 1. [`Work::record`](crate::work::Work::record) inserts the event with a tag, an HMAC under a key derived from the master key (`entry.rs`). It waits
//!    for nothing else: a decision never queues behind the events of other decisions.
//! 2. A second later one instance gives what is new its place in the chain (`chain.rs`): a number, and an HMAC over the
//!    event, its number, and the hash before. In the order in which it comes to be seen, which is not that of the ids.
//! 3. Each month is a table of its own (`months.rs`). What is older than the retention is dropped; an anchor remembers
//!    which places those were, and the hash that the rest is chained to.
//! 4. [`verify`] walks the chain and names what was changed, removed or inserted (`walk.rs`, `verify.rs`).

mod chain;
mod conclude;
mod descent;
mod entry;
mod export;
mod finding;
mod gaps;
mod head;
mod history;
mod keep;
mod model;
mod months;
mod patrol;
mod resumed;
mod store;
mod verify;
mod walk;
mod watch;

pub use chain::{Extension, Resumption, accept, begin, extend, resume};
pub use conclude::Conclusion;
pub use export::{Exported, export};
pub use finding::{ChainFinding, KnownHead};
pub use head::Head;
pub use keep::{Tidied, keep, tidy};
pub use model::{About, EventFilter, Kind, Recorded};
pub use patrol::{keep_verified, verify_again};
pub use store::{HOURLY, by_hour, forget_repeated, forget_user, list};
pub use verify::{Report, verify};
pub use watch::{settle, watch};

/// What the key is derived from the master key for.
pub const KEY_PURPOSE: &str = "heirloom/audit-chain/v1";
