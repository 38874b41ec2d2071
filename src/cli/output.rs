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

/// A point in time, to the second, UTC.
pub fn time(at: Moment) -> String {
    at.format("%Y-%m-%d %H:%M:%SZ").to_string()
}
