//! What the command lines of Heirloom and of its torture kit share: tables, text from elsewhere, passwords. It knows
//! neither of them.

mod password;
mod table;

pub use password::{ask, first_line};
pub use table::{printable, table};
