use crate::transfer::row::{RawFields, RowRefused};
use serde_json::Value;
use std::io;

/// The longest row, in bytes: claims have 4 KiB at most, everything else is short.
pub(super) const ROW: usize = 64 * 1024;

/// The byte-order mark in UTF-8.
pub(super) const BOM: &[u8] = b"\xef\xbb\xbf";

/// Why a file cannot be read, or not any further.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The operating system reports it.
    #[error("the file cannot be read after line {after}")]
    Input {
        /// The last line that was read.
        after: u64,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The first row of a CSV file does not name the columns.
    #[error("the first row must name the columns: {0}")]
    Header(String),
    /// A JSON document is malformed.
    #[error("the file is not valid JSON in UTF-8 after line {0}")]
    NotJson(u64),
    /// A JSON document holds no list of users.
    #[error("the file has no list `{0}`: was it exported from the system that --from names?")]
    NoUsers(&'static str),
}

/// A row before its values are read.
pub struct RawRow {
    pub(super) line: u64,
    pub(super) bytes: usize,
    pub(super) fields: Result<RawFields, RowRefused>,
}

/// The fields of a row that is one JSON object, in which no name is repeated.
pub(super) fn fields_of(row: Value, is_repeated: bool) -> Result<RawFields, RowRefused> {
    match row {
        Value::Object(_) if is_repeated => Err(RowRefused::new("repeated_field", "names a field twice")),
        Value::Object(fields) => Ok(fields),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(RowRefused::new("not_json", "is not a JSON object"))
        }
    }
}

pub(super) fn too_long() -> RowRefused {
    RowRefused::new("too_long", "is longer than 64 KiB")
}
