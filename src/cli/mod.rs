//! The command line: one file for each command, calling the same functions as HTTP.
//!
//! Exit codes: 0 done; 1 failed or refused, by the rules for a value, by the state of things, or by an option in the
//! environment (`check` included); 2 a command line that clap does not understand. The result goes to
//! standard output, as text or with `--json` as one JSON document; everything else goes to standard error.

mod ask;
mod audit;
mod check;
mod documents;
mod environment;
mod error;
mod factors;
mod health;
mod identities;
mod in_house;
mod invite;
mod keys;
mod migrate;
mod output;
mod password;
mod serve;
mod sessions;
mod sweep;
mod torture;
mod transfer;
mod user;

use crate::{config::Config, kernel::start_logging};
use clap::{CommandFactory, Parser, Subcommand};
use error::CliError;
use in_house::{in_house, in_new_house};
use output::Output;
use std::{path::PathBuf, process::ExitCode};

#[derive(Debug, Parser)]
#[command(
    name = "heirloom",
    version,
    about = "The server that keeps users signed in",
    after_help = "Options come from the environment, or from .env in the current folder: .env.example lists them all.\n\
                  Exit codes: 0 done, 1 failed, 2 wrong usage."
)]
struct Arguments {
    /// Print one JSON document, for programs
    #[arg(long, global = true)]
    json: bool,
    /// Read options from this file instead of .env in the current folder
    #[arg(long, global = true, value_name = "FILE")]
    env_file: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Apply migrations and serve until SIGTERM (the default command)
    Serve(serve::Serve),
    /// Apply missing migrations and list them
    Migrate(migrate::Migrate),
    /// Users
    #[command(subcommand)]
    User(UserCommands),
    /// Sessions
    #[command(subcommand)]
    Sessions(sessions::SessionsCommand),
    /// Signing keys
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// The audit log
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Delete expired sessions and old audit months now (servers also do this periodically)
    Sweep,
    /// Test the configuration and everything it names, one line each; changes nothing
    Check,
    /// Check that the server on this machine is alive: for container health checks
    Health(health::Health),
    /// Print completions for a shell
    Completions(documents::Completions),
    /// Print the manual page in roff format
    Man,
    /// Print the API description as JSON (`OpenAPI` 3.1)
    Openapi,
    /// Moved to the program `heirloom-torture`
    #[command(hide = true, disable_help_flag = true)]
    Torture(torture::Torture),
}

/// Commands for one user, or for all.
#[derive(Debug, Subcommand)]
enum UserCommands {
    #[command(flatten)]
    One(user::UserCommand),
    #[command(flatten)]
    All(transfer::TransferCommand),
}

/// Parses the arguments, runs the command, and returns its exit code.
#[must_use]
pub fn run() -> ExitCode {
    let Arguments { json, env_file, command } = Arguments::parse();
    match &command {
        Some(Command::Completions(completions)) => return exit_code(completions.print(Arguments::command())),
        Some(Command::Man) => return exit_code(documents::manual(Arguments::command())),
        Some(Command::Openapi) => return exit_code(documents::openapi()),
        Some(Command::Sessions(sessions::SessionsCommand::Digest(digest))) => {
            return exit_code(digest.print(Output { json }));
        }
        Some(Command::Torture(_)) => torture::refuse(Arguments::command()),
        _ => {}
    }
    let (command, output) = (command.unwrap_or(Command::Serve(serve::Serve::default())), Output { json });
    let config = match (Config::load(env_file.as_deref()), &command) {
        (Ok(config), _) => config,
        (Err(error), Command::Check) => return check::refuse(&error, output),
        (Err(error), _) => return output::fail(&error),
    };
    if config.database.url.is_none()
        && let Some(error) = environment::leave_behind()
    {
        return output::fail(&error);
    }
    // Only a server has requests to trace.
    let collector = config.traces.as_ref().filter(|_collector| matches!(command, Command::Serve(_)));
    let _until_the_end = start_logging(log_filter(&command, &config), config.log_format, collector);
    block_on(dispatch(command, config, output)).unwrap_or_else(|error| output::fail(&error))
}

fn block_on(command: impl Future<Output = Result<ExitCode, CliError>>) -> Result<ExitCode, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CliError::Runtime)?;
    runtime.block_on(command)
}

fn exit_code(done: Result<(), CliError>) -> ExitCode {
    done.map_or_else(|error| output::fail(&error), |()| ExitCode::SUCCESS)
}

/// Commands print their result; log lines would only distract, unless the operator asks for them.
fn log_filter<'a>(command: &Command, config: &'a Config) -> &'a str {
    let usual = if matches!(command, Command::Serve(_)) { "info" } else { "warn" };
    config.log_filter.as_deref().unwrap_or(usual)
}

async fn dispatch(command: Command, config: Config, output: Output) -> Result<ExitCode, CliError> {
    if !matches!(command, Command::Check) {
        log_unknown_names(&config);
    }
    match command {
        Command::Serve(serve) => return Ok(Box::pin(serve.run(config)).await?),
        Command::Check => return check::run(config, output).await,
        Command::Health(health) => health.run(&config, output).await?,
        // These need no configuration and ran before it was read.
        Command::Completions(_) | Command::Man | Command::Openapi | Command::Torture(_) => {}
        Command::Migrate(migrate) => migrate.run(config, output).await?,
        Command::User(UserCommands::One(command)) => Box::pin(command.run(config, output)).await?,
        Command::User(UserCommands::All(command)) => return Box::pin(command.run(config, output)).await,
        Command::Sessions(command) => Box::pin(command.run(config, output)).await?,
        Command::Keys(command) => in_new_house(config, async |house| command.run(house, output).await).await?,
        Command::Audit(command) => return Box::pin(command.run(config, output)).await,
        Command::Sweep => in_house(config, async |house| sweep::run(house, output).await).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// An option with a typing mistake leaves its default in force, which may be another database.
fn log_unknown_names(config: &Config) {
    for unknown in &config.unknown_names {
        tracing::warn!(%unknown, "config.unknown_option");
    }
}
