use super::error::CliError;
use heirloom_terminal::{ask, first_line};
use std::io::{self, IsTerminal};
use zeroize::Zeroizing;

/// Asks at a terminal without showing what is typed; otherwise reads the first line of standard input. A password is
/// never an argument, which every process of the machine could read.
pub fn read() -> Result<Zeroizing<String>, CliError> {
    let unreadable = |error| CliError::Input("the password".to_owned(), error);
    if io::stdin().is_terminal() {
        return ask("Password: ").map_err(unreadable);
    }
    first_line(io::stdin().lock()).map_err(unreadable)?.ok_or(CliError::NoPassword)
}
