use super::error::CliError;
use crate::app::description;
use clap::{Args, Command};
use clap_complete::Shell;
use std::io::{self, Write};

/// `heirloom completions`
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    /// Prints them.
    pub fn print(&self, mut command: Command) -> Result<(), CliError> {
        let mut page = Vec::new();
        clap_complete::generate(self.shell, &mut command, "heirloom", &mut page);
        print(&page)
    }
}

/// `heirloom openapi`: the description of the HTTP interface, as JSON.
pub fn openapi() -> Result<(), CliError> {
    let mut page =
        serde_json::to_vec_pretty(description().as_json()).map_err(|error| CliError::Output(error.into()))?;
    page.push(b'\n');
    print(&page)
}

/// Every option, as in the operator's `.env.example`.
const OPTIONS: &str = include_str!("../../.env.example");

/// `heirloom man`: one page for the command and all below it.
pub fn manual(mut command: Command) -> Result<(), CliError> {
    command.build();
    let mut page = Vec::new();
    write(&command, &mut page).map_err(CliError::Output)?;
    print(&page)
}

fn write(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let man = clap_mangen::Man::new(command.clone());
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    subcommands(command, page)?;
    man.render_extra_section(page)?;
    environment(page)?;
    man.render_version_section(page)
}

/// Every command under a heading of its own, with its usage and its options.
fn subcommands(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    for command in command.get_subcommands().filter(|command| command.get_name() != "help") {
        if command.has_subcommands() {
            subcommands(command, page)?;
            continue;
        }
        writeln!(page, ".SH {}", command.get_bin_name().unwrap_or(command.get_name()).to_uppercase())?;
        let mut sections = Vec::new();
        let man = clap_mangen::Man::new(command.clone());
        man.render_description_section(&mut sections)?;
        man.render_synopsis_section(&mut sections)?;
        man.render_options_section(&mut sections)?;
        // One level below the command's own heading.
        write!(page, "{}", String::from_utf8_lossy(&sections).replace(".SH ", ".SS "))?;
    }
    Ok(())
}

/// The options as they stand in the example: what roff would obey is masked.
fn environment(page: &mut Vec<u8>) -> io::Result<()> {
    writeln!(page, ".SH ENVIRONMENT\n.nf")?;
    for line in OPTIONS.lines() {
        writeln!(page, "\\&{}", line.replace('\\', "\\e").replace('-', "\\-"))?;
    }
    writeln!(page, ".fi")
}

/// A reader that closes the pipe early is not an error.
fn print(page: &[u8]) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(page).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CliError::Output(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}
