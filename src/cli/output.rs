use super::error::{CliError, chain};
use crate::kernel::Moment;
use serde::Serialize;
use std::{
    error::Error,
    io::{self, BufWriter, StdoutLock, Write},
    process::ExitCode,
};

/// How answers are printed.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    pub json: bool,
}

impl Output {
    /// Prints the result: one JSON document, or text. A reader that closes the pipe early (`| head`) is not an error.
    pub fn say(self, value: &impl Serialize, text: impl FnOnce() -> String) -> Result<(), CliError> {
        let rendered =
            if self.json { serde_json::to_string_pretty(value).map_err(io::Error::from) } else { Ok(text()) };
        let mut stdout = io::stdout().lock();
        read_enough(rendered.and_then(|rendered| writeln!(stdout, "{rendered}")).and_then(|()| stdout.flush()))
    }
}

/// One JSON document per line (NDJSON), on standard output.
pub struct JsonLines {
    out: BufWriter<StdoutLock<'static>>,
    written: io::Result<()>,
}

impl JsonLines {
    /// None yet.
    pub fn begin() -> Self {
        Self { out: BufWriter::new(io::stdout().lock()), written: Ok(()) }
    }

    /// Prints one. False: the reader has closed the pipe.
    pub fn say(&mut self, value: &impl Serialize) -> bool {
        let line = serde_json::to_writer(&mut self.out, value).map_err(io::Error::from);
        self.written = line.and_then(|()| writeln!(self.out));
        self.written.is_ok()
    }

    /// Ends the output. A reader that closes the pipe early (`| head`) is not an error.
    pub fn end(mut self) -> Result<(), CliError> {
        read_enough(self.written.and_then(|()| self.out.flush()))
    }
}

fn read_enough(written: io::Result<()>) -> Result<(), CliError> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CliError::Output(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Prints the error and all its causes, one per line.
pub fn fail(error: &dyn Error) -> ExitCode {
    let rendered = chain(error).join("\n  because: ");
    // If standard error is closed there is no reader.
    drop(writeln!(io::stderr(), "heirloom: {rendered}"));
    ExitCode::FAILURE
}

/// Rows in aligned columns under their headings.
pub fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let headings = headings.iter().map(|heading| (*heading).to_owned()).collect();
    let lines = std::iter::once(&headings).chain(rows);
    let lines: Vec<Vec<_>> = lines.map(|line| line.iter().map(|cell| printable(cell)).collect()).collect();
    let width = |column| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell: &String| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let padded = lines.iter().map(|line| {
        let cells = line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    padded.collect::<Vec<_>>().join("\n")
}

/// A point in time, to the second, UTC.
pub fn time(at: Moment) -> String {
    at.format("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// Foreign text without the characters that control a terminal or change the direction of writing (Unicode's
/// bidirectional controls): a client chooses the name of its device.
pub fn printable(text: &str) -> String {
    let obeyed = |c: char| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if obeyed(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["1".to_owned(), "Zoë".to_owned()], vec!["1000".to_owned(), "Al".to_owned()]];
        assert_eq!(table(&["ID", "NAME"], &rows), "ID    NAME\n1     Zoë\n1000  Al");
        assert_eq!(table(&["ID", "NAME"], &[]), "ID  NAME");
    }

    #[test]
    fn a_device_cannot_command_the_terminal() {
        let rows = [vec!["curl\u{1b}[2J\u{202e}8.0\n".to_owned()]];
        assert_eq!(table(&["DEVICE"], &rows), "DEVICE\ncurl\u{fffd}[2J\u{fffd}8.0\u{fffd}");
    }
}
