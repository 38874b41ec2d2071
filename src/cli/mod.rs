//! The command line: one file for each command, calling the same functions as HTTP.
//!
//! Exit codes: 0 done; 1 failed or refused, by the rules for a value, by the state of things, or by an option in the
//! environment (`check` included); 2 a command line that clap does not understand. The result goes to
//! standard output, as text or with `--json` as one JSON document; everything else goes to standard error.

mod ask;
mod audit;
mod check;
mod environment;
mod health;
mod keys;
mod migrate;
mod output;
mod papers;
mod password;
mod serve;
mod sessions;
mod sweep;
mod torture;
mod transfer;
mod user;

use crate::{
    app::{AppError, House, migrations_of_commands},
    config::Config,
    kernel::{UserId, start_logging},
    keys::KeysError,
    postgres::DatabaseError,
    transfer::FileError,
    users::{AccountsError, User},
};
use clap::{CommandFactory, Parser, Subcommand};
use output::Output;
use private_postgres::Tenant;
use std::{error::Error, io, net::SocketAddr, path::PathBuf, process::ExitCode};

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
    Completions(papers::Completions),
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

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum CliError {
    /// The process could not be replaced.
    #[error("variables that begin with PG are set, which the private PostgreSQL must not see: unset them")]
    Environment(#[source] io::Error),
    /// The runtime could not be started.
    #[error("the command cannot be started")]
    Runtime(#[source] io::Error),
    /// The house did not open.
    #[error(transparent)]
    App(#[from] AppError),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] DatabaseError),
    /// An account operation failed, for example hashing a password.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
    /// Signing keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// No user has that address or id.
    #[error("there is no user {0}")]
    NoSuchUser(String),
    /// An argument's value is not valid.
    #[error("{argument}: {problem}")]
    NotAllowed {
        /// The argument that held it.
        argument: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The command cannot be carried out.
    #[error("{0}")]
    Refused(String),
    /// No server answers at the address in time.
    #[error("no server answers at http://{address}{path}")]
    NoServer {
        /// The address that was tried.
        address: SocketAddr,
        /// The path requested.
        path: &'static str,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A file to import.
    #[error(transparent)]
    File(#[from] FileError),
    /// Standard input.
    #[error("standard input could not be read")]
    Input(#[source] io::Error),
    /// Standard output.
    #[error("the command succeeded, but its output could not be written")]
    Output(#[source] io::Error),
}

impl CliError {
    /// Rejects an argument's value for this reason.
    fn not_allowed<E: Error>(argument: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self::NotAllowed { argument, problem: error.to_string() }
    }
}

/// Parses the arguments, runs the command, and returns its exit code.
#[must_use]
pub fn run() -> ExitCode {
    let Arguments { json, env_file, command } = Arguments::parse();
    match &command {
        Some(Command::Completions(completions)) => return exit_code(completions.print(Arguments::command())),
        Some(Command::Man) => return exit_code(papers::manual(Arguments::command())),
        Some(Command::Openapi) => return exit_code(papers::openapi()),
        Some(Command::Torture(_)) => torture::refuse(),
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
        Command::Sessions(command) => command.run(config, output).await?,
        Command::Keys(command) => in_house(config, async |house| command.run(house, output).await).await?,
        Command::Audit(command) => return command.run(config, output).await,
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

/// Opens the house for a command, and closes it whether the command succeeds or fails. Commands ask their questions
/// before this, so that cancelling at a prompt leaves no private Postgres running.
async fn in_house(config: Config, work: impl AsyncFnOnce(&House) -> Result<(), CliError>) -> Result<(), CliError> {
    let migrations = migrations_of_commands(&config);
    let house = House::open(config, Tenant::Command, migrations).await?;
    let done = work(&house).await;
    let closed = house.close().await;
    done?;
    Ok(closed?)
}

/// A user by e-mail address or id.
async fn find(house: &House, who: &str) -> Result<User, CliError> {
    let found = match who.parse::<UserId>() {
        Ok(id) => house.accounts.lookup(id).await?,
        Err(_) => house.accounts.find_by_email(who).await?,
    };
    found.ok_or_else(|| CliError::NoSuchUser(who.to_owned()))
}

/// An error and all its causes. Skips a cause that the error above it already quotes, as sqlx's errors do.
fn chain(error: &dyn Error) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !texts.last().is_some_and(|effect| effect.ends_with(&text)) {
            texts.push(text);
        }
        cause = error.source();
    }
    texts
}
