use super::CliError;
use std::io::{self, BufRead, IsTerminal, Write};

/// Asks a person to type `word` before what cannot be undone; a program that calls us has made up its mind.
pub fn confirm(warning: &str, word: &str) -> Result<(), CliError> {
    if !io::stdin().is_terminal() {
        return Ok(());
    }
    let mut terminal = io::stderr();
    let asked = write!(terminal, "{warning} Type `{word}` to go on: ");
    asked.and_then(|()| terminal.flush()).map_err(CliError::Input)?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(CliError::Input)?;
    if answer.trim() == word { Ok(()) } else { Err(CliError::Refused("nothing was done".to_owned())) }
}
