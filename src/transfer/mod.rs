//! People who come from another system, or go to one.
//!
//! A file is read row by row (`rows.rs`), each row becomes a [`Newcomer`] or is refused with a reason (`newcomer.rs`), and
//! a thousand at a time are added in one transaction (`import.rs`). Whoever is there already stays as they are: the same
//! file may be imported again after whatever interrupted it. What leaves (`export.rs`) is what may come in.

mod export;
mod import;
mod newcomer;
mod rows;
mod store;

pub use export::{Export, export};
pub use import::import;
pub use newcomer::{Newcomer, RowRefused};
pub use rows::{Batch, Batches, FileError, Format};
