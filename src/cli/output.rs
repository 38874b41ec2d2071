#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks to people and programs")]

use serde::Serialize;
use std::{error::Error, process::ExitCode};

/// How answers are printed.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    pub json: bool,
}

impl Output {
    /// Prints the answer: one JSON document, or a text for a person.
    pub fn say(self, value: &impl Serialize, text: impl FnOnce() -> String) {
        if self.json {
            println!("{}", serde_json::to_string_pretty(value).unwrap_or_default());
        } else {
            println!("{}", text());
        }
    }
}

/// Says what went wrong, with all its causes, a line each.
pub fn fail(error: &dyn Error) -> ExitCode {
    eprintln!("heirloom: {error}");
    let mut last = error.to_string();
    for cause in super::causes(error) {
        if cause != last {
            eprintln!("  because: {cause}");
        }
        last = cause;
    }
    ExitCode::FAILURE
}

/// Rows in aligned columns under their headings.
pub fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(headings.get(column).map(|heading| heading.len())).max().unwrap_or_default()
    };
    let line = |cells: Vec<&str>| {
        let padded = cells.iter().enumerate().map(|(column, cell)| {
            let missing = width(column).saturating_sub(cell.chars().count());
            format!("{cell}{}", " ".repeat(missing))
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let body = rows.iter().map(|row| line(row.iter().map(String::as_str).collect()));
    std::iter::once(line(headings.to_vec())).chain(body).collect::<Vec<_>>().join("\n")
}
