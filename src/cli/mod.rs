//! The command line: one file a command, each calling the same verbs as HTTP.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage. What a program may read goes to standard output, everything else to
//! standard error.

mod serve;

use crate::{app::AppError, config::Config, kernel::start_logging};
use clap::{Parser, Subcommand};
use std::{error::Error, process::ExitCode};

#[derive(Debug, Parser)]
#[command(name = "heirloom", version, about = "The server that keeps people signed in.")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Migrate, listen, and drain on SIGTERM (what `heirloom` alone does)
    Serve(serve::Serve),
}

/// Parses the arguments, runs the command, and says how it ended.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let config = match Config::load() {
        Ok(config) => config,
        Err(error) => return fail(&error),
    };
    start_logging(&config.log_filter, config.log_format);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    match runtime.block_on(dispatch(arguments.command, config)) {
        Ok(code) => code,
        Err(error) => fail(&error),
    }
}

async fn dispatch(command: Option<Command>, config: Config) -> Result<ExitCode, AppError> {
    match command.unwrap_or(Command::Serve(serve::Serve::default())) {
        Command::Serve(serve) => serve.run(config).await,
    }
}

/// Says what went wrong, with all its causes, a line each.
#[expect(clippy::print_stderr, reason = "a command line talks to a person")]
fn fail(error: &dyn Error) -> ExitCode {
    eprintln!("heirloom: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("  because: {error}");
        cause = error.source();
    }
    ExitCode::FAILURE
}
