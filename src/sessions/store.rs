//! SQL and nothing else: every statement on `sessions`, by what it is for.

mod counting;
mod departing;
mod ending;
mod listing;
mod opening;
mod rotation;
mod sweeping;

pub use counting::*;
pub use departing::*;
pub use ending::*;
pub use listing::*;
pub use opening::*;
pub use rotation::*;
pub use sweeping::*;
