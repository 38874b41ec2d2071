use clap::{Args, Command, error::ErrorKind};
use std::ffi::OsString;

/// `heirloom torture`, which is a program of its own now.
#[derive(Debug, Args)]
pub struct Torture {
    /// What it was called with
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    _arguments: Vec<OsString>,
}

/// Reports wrong usage in the form of clap, and exits with 2.
pub fn refuse(mut command: Command) -> ! {
    let message = "`heirloom torture` has moved: run `heirloom-torture` with the same arguments";
    command.error(ErrorKind::InvalidSubcommand, message).exit()
}
