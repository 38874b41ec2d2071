use super::arguments::Arguments;
use clap::{CommandFactory, error::ErrorKind};
use heirloom_terminal::printable;
use std::{fs, path::Path};

/// Reports wrong usage in the form of clap, and exits with 2. A message may quote what a server wrote.
pub fn wrong_usage(message: &str) -> ! {
    Arguments::command().error(ErrorKind::ValueValidation, printable(message)).exit()
}

/// The text of a file that an option names.
pub fn read_file(option: &str, path: &Path) -> String {
    fs::read_to_string(path)
        .unwrap_or_else(|error| wrong_usage(&format!("{option} {}: cannot be read: {error}", path.display())))
}
