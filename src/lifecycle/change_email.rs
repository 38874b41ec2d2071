//! Another address for an account. It is requested in a fresh session (`request.rs`) and confirmed from the new address
//! (`confirm.rs`). The old address receives an email about both: with the first its reader cancels the change (`cancel.rs`),
//! with the second its reader undoes it for some days (`undo.rs`, `before.rs`), in which nobody else can have that address.

mod before;
mod cancel;
mod confirm;
mod look_up;
mod request;
mod undo;

pub use request::{ChangeRequest, has_open_undo};
