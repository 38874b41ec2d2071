//! SQL and nothing else, by what it is for.

mod chaining;
mod months;
mod reading;
mod recording;

pub(super) use chaining::*;
pub(super) use months::*;
pub(super) use reading::*;
pub use reading::{by_hour, list};
pub use recording::forget_repeated;
