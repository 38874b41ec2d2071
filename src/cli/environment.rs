use super::error::CliError;
use crate::config::libpq_variables;
use std::{env, os::unix::process::CommandExt, process::Command};

/// Starts this program again, as the same process, without the variables of libpq that it was called with. They are meant
/// for another database than the private one, and sqlx reads them by itself: `PGOPTIONS` could not be taken back later.
/// Returns only if that failed, or if there are no such variables.
pub fn leave_behind() -> Option<CliError> {
    let names = libpq_variables();
    if names.is_empty() {
        return None;
    }
    let program = match env::current_exe() {
        Ok(program) => program,
        Err(error) => return Some(CliError::Environment(error)),
    };
    let mut arguments = env::args_os();
    let mut again = Command::new(program);
    if let Some(called) = arguments.next() {
        again.arg0(called);
    }
    again.args(arguments);
    for name in names {
        again.env_remove(name);
    }
    Some(CliError::Environment(again.exec()))
}
