use super::error::CliError;
use std::io::{self, BufRead, IsTerminal, Write};

/// Asks the operator to type `word` before a step that cannot be undone. A program that calls us is not asked.
pub fn confirm(warning: &str, word: &str) -> Result<(), CliError> {
    if !io::stdin().is_terminal() {
        return Ok(());
    }
    let mut terminal = io::stderr();
    let asked = write!(terminal, "{warning} Type `{word}` to continue: ");
    asked.and_then(|()| terminal.flush()).map_err(CliError::Input)?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(CliError::Input)?;
    if answer.trim() == word { Ok(()) } else { Err(CliError::Refused("nothing was done".to_owned())) }
}
