use super::error::CliError;
use serde::Serialize;
use std::io::{self, Write};

/// Prints one JSON document, or a text.
pub fn print(json: bool, value: &impl Serialize, text: impl FnOnce() -> String) -> Result<(), CliError> {
    let text = if json { serde_json::to_string_pretty(value).map_err(io::Error::from) } else { Ok(text()) };
    write(format!("{}\n", text.map_err(CliError::Output)?).as_bytes())
}

/// To standard output. A reader that stops early (`| head`) is not an error.
pub fn write(bytes: &[u8]) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CliError::Output(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}
