use super::CliError;
use std::io::{self, BufRead, IsTerminal};
use zeroize::Zeroizing;

/// A new password: asked for twice at a terminal, without showing it; else the first line of standard input. Never an
/// argument, which every process of the machine could read.
pub fn read_new() -> Result<Zeroizing<String>, CliError> {
    if !io::stdin().is_terminal() {
        let mut line = Zeroizing::new(String::new());
        io::stdin().lock().read_line(&mut line).map_err(CliError::Input)?;
        let password = line.strip_suffix('\n').unwrap_or(&line);
        return Ok(Zeroizing::new(password.strip_suffix('\r').unwrap_or(password).to_owned()));
    }
    let ask = |prompt| rpassword::prompt_password(prompt).map(Zeroizing::new).map_err(CliError::Input);
    let first = ask("Password: ")?;
    if *first == *ask("The same again: ")? {
        return Ok(first);
    }
    Err(CliError::Refused("the two passwords differ".to_owned()))
}
