use serde_json::{Map, Value};
use std::fmt;

/// One row as it stands in the file: names and values.
pub type RawFields = Map<String, Value>;

/// Why a row is not imported. Never quotes what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowRefused {
    /// A stable code for programs.
    pub code: &'static str,
    /// For the operator, with the name of the field if it concerns one.
    pub message: String,
}

impl fmt::Display for RowRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl RowRefused {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(super) fn field(name: &str, code: &'static str, problem: impl fmt::Display) -> Self {
        Self::new(code, format!("{name}: {problem}"))
    }

    pub(super) fn of_type(name: &str, wanted: &str) -> Self {
        Self::field(name, "wrong_type", format_args!("must be {wanted}"))
    }
}

/// What was changed in a row that was imported nevertheless. Never quotes what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// A stable code for programs.
    pub code: &'static str,
    /// For the operator, with the name of the field if it concerns one.
    pub message: String,
}

impl Note {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// Something about one line of the file.
#[derive(Debug, Clone)]
pub struct AtLine<T> {
    /// The line on which the row begins.
    pub line: u64,
    /// What is about it.
    pub what: T,
}

impl<T> AtLine<T> {
    pub(super) const fn new(line: u64, what: T) -> Self {
        Self { line, what }
    }
}
