//! The command line: one file a command, each calling the same verbs as HTTP.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage. What was asked for goes to standard output, as text or with `--json` as
//! one JSON document; everything else goes to standard error.

mod check;
mod keys;
mod migrate;
mod output;
mod password;
mod serve;
mod sessions;
mod sweep;
mod user;

use crate::{
    accounts::{AccountsError, User},
    app::{AppError, House, Migrations},
    config::Config,
    kernel::{UserId, start_logging},
    keys::KeysError,
    postgres::{DatabaseError, private::Tenant},
};
use clap::{Parser, Subcommand};
use output::Output;
use std::{error::Error, process::ExitCode};

#[derive(Debug, Parser)]
#[command(
    name = "heirloom",
    version,
    about = "The server that keeps people signed in",
    after_help = "Options come from the environment or .env: .env.example lists them all."
)]
struct Arguments {
    /// Print one JSON document, for programs
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Migrate, listen, and drain on SIGTERM (what `heirloom` alone does)
    Serve(serve::Serve),
    /// Apply the migrations that are missing and say which
    Migrate,
    /// People
    #[command(subcommand)]
    User(user::UserCommand),
    /// Sessions
    #[command(subcommand)]
    Sessions(sessions::SessionsCommand),
    /// Signing keys
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Delete sessions whose time is over, once and now (servers do so by themselves)
    Sweep,
    /// Read the configuration and try everything it names, a line each
    Check,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum CliError {
    /// The house did not open.
    #[error(transparent)]
    App(#[from] AppError),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] DatabaseError),
    /// A password could not be hashed, or the like.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
    /// Signing keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// Nobody of that address or id.
    #[error("there is no user {0}")]
    NoSuchUser(String),
    /// What was asked for cannot be done.
    #[error("{0}")]
    Refused(String),
    /// Standard input.
    #[error("the password cannot be read")]
    Input(#[source] std::io::Error),
}

/// Parses the arguments, runs the command, and says how it ended.
#[must_use]
pub fn run() -> ExitCode {
    let Arguments { json, command } = Arguments::parse();
    let command = command.unwrap_or(Command::Serve(serve::Serve::default()));
    let config = match Config::load() {
        Ok(config) => config,
        Err(error) => return output::fail(&error),
    };
    start_logging(log_filter(&command, &config), config.log_format);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output::fail(&error),
    };
    match runtime.block_on(dispatch(command, config, Output { json })) {
        Ok(code) => code,
        Err(error) => output::fail(&error),
    }
}

/// Commands say what they did; their log lines would only be in the way, unless somebody asks for them.
fn log_filter<'a>(command: &Command, config: &'a Config) -> &'a str {
    match (command, config.log_filter.as_str()) {
        (Command::Serve(_), filter) => filter,
        (_, "info") => "warn",
        (_, filter) => filter,
    }
}

async fn dispatch(command: Command, config: Config, output: Output) -> Result<ExitCode, CliError> {
    match command {
        Command::Serve(serve) => return Ok(serve.run(config).await?),
        Command::Migrate => return migrate::run(config, output).await,
        Command::Check => return Ok(check::run(config, output).await),
        Command::User(_) | Command::Sessions(_) | Command::Keys(_) | Command::Sweep => {}
    }
    let house = House::open(config, Tenant::Command, Migrations::Apply).await?;
    let done = inside(command, &house, output).await;
    house.close().await?;
    done.map(|()| ExitCode::SUCCESS)
}

/// The commands that need an open house.
async fn inside(command: Command, house: &House, output: Output) -> Result<(), CliError> {
    match command {
        Command::User(command) => command.run(house, output).await,
        Command::Sessions(command) => command.run(house, output).await,
        Command::Keys(command) => command.run(house, output).await,
        Command::Sweep => sweep::run(house, output).await,
        Command::Serve(_) | Command::Migrate | Command::Check => Ok(()),
    }
}

/// A user by e-mail address or id.
async fn find(house: &House, who: &str) -> Result<User, CliError> {
    let found = match who.parse::<UserId>() {
        Ok(id) => house.accounts.lookup(id).await?,
        Err(_) => house.accounts.find_by_email(who).await?,
    };
    found.ok_or_else(|| CliError::NoSuchUser(who.to_owned()))
}

/// All causes of an error, one after another.
fn causes(error: &dyn Error) -> impl Iterator<Item = String> {
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    causes.into_iter()
}
