use super::{error::CliError, output::write};
use clap::Command;
use clap_complete::{Shell, generate};

/// Prints completions for a shell.
pub fn completions(shell: Shell, mut command: Command) -> Result<(), CliError> {
    let mut page = Vec::new();
    generate(shell, &mut command, "heirloom-torture", &mut page);
    write(&page)
}

/// Prints the manual page.
pub fn manual(command: Command) -> Result<(), CliError> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).map_err(CliError::Output)?;
    write(&page)
}
