//! What happened, to whom, from where. Append-only: every security decision is one event, written in the transaction
//! that it tells of. A plain rotation is none: it is a number in the metrics.

mod model;
mod store;

pub use model::{Event, EventFilter, Kind, Recorded};
pub use store::{by_hour, list, record};
