//! Profiles: the requests that a server understands, and the meaning of its answers.

mod check;
mod load;
mod place;
mod shape;

pub use check::{Checked, check, lacking};
pub use load::ProfileError;
pub use place::Place;
pub use shape::*;
