use super::error::CliError;
use crate::passwords::Password;
use heirloom_terminal::{ask, first_line};
use std::io::{self, IsTerminal};
use zeroize::Zeroizing;

/// A new password: prompted for twice at a terminal, without echo; otherwise the first line of standard input. Never an
/// argument, which every process on the machine could read.
pub fn read_new() -> Result<Password, CliError> {
    let typed = if io::stdin().is_terminal() { ask_twice()? } else { piped()? };
    Password::parse_new(&typed).map_err(|refused| CliError::Refused(refused.to_string()))
}

fn ask_twice() -> Result<Zeroizing<String>, CliError> {
    let first = ask("New password: ").map_err(CliError::Input)?;
    if *first == *ask("Repeat the password: ").map_err(CliError::Input)? {
        return Ok(first);
    }
    Err(CliError::Refused("the passwords do not match".to_owned()))
}

fn piped() -> Result<Zeroizing<String>, CliError> {
    first_line(io::stdin().lock()).map_err(CliError::Input)?.ok_or_else(|| {
        let message = "no password on standard input: pipe in one line, as in `printf '%s\\n' \"$PASSWORD\" | heirloom user add …`";
        CliError::Refused(message.to_owned())
    })
}
