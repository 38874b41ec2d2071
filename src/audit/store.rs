//! SQL and nothing else, by what it is for.

mod chaining;
mod guards;
mod months;
mod reading;
mod recording;

pub(super) use chaining::*;
pub(super) use guards::*;
pub(super) use months::*;
pub(super) use reading::*;
pub use reading::{by_hour, list};
pub use recording::{HOURLY, forget_repeated, forget_user};
