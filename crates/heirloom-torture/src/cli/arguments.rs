//! The arguments of the command line.

use super::formats::{Format, Output};
use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use heirloom_torture::ClientAuth;
use std::{path::PathBuf, time::Duration};

/// Tests the refresh tokens of any server, over HTTP: races, lost answers, replays, restarts
#[derive(Debug, Parser)]
#[command(
    name = "heirloom-torture",
    version,
    subcommand_negates_reqs = true,
    args_conflicts_with_subcommands = true,
    after_help = "Without --profile, the server's own description is looked for at the URL (OpenID Connect Discovery, \
                  RFC 8414).\nThe password is asked for, or is the first line of standard input.\n\
                  docs/torture.md describes profiles and reports. Exit codes: 0 everything tried holds, \
                  1 something is violated, 2 wrong usage, 3 something could not be tried."
)]
pub struct Arguments {
    /// Commands that need no run.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The server to test, such as <https://auth.example.com>
    #[arg(required_unless_present_any = ["list", "man", "completions"])]
    pub url: Option<String>,
    /// A further instance of the same server; may be repeated
    #[arg(long = "url", value_name = "URL")]
    pub more: Vec<String>,
    /// How to talk to the server: a built-in profile (`profile list`), or a file
    #[arg(long, value_name = "NAME|FILE")]
    pub profile: Option<String>,
    #[command(flatten)]
    pub sessions: Sessions,
    #[command(flatten)]
    pub client: ClientOptions,
    #[command(flatten)]
    pub connection: ConnectionOptions,
    #[command(flatten)]
    pub trials: Trials,
    /// What standard output gets
    #[arg(long, value_enum, default_value_t = Format::Text, conflicts_with = "json")]
    pub format: Format,
    /// Writes the report to a file too, in the format of its name (.txt, .json, .xml, .sarif, .html) or the one before
    /// `=`; may be repeated
    #[arg(long, value_name = "[FORMAT=]FILE", value_parser = Output::parse)]
    pub output: Vec<Output>,
    /// The same as --format json
    #[arg(long)]
    pub json: bool,
    /// List the scenarios
    #[arg(long)]
    pub list: bool,
    /// Print the manual page, in roff
    #[arg(long)]
    pub man: bool,
    /// Print completions for a shell
    #[arg(long, value_name = "SHELL")]
    pub completions: Option<Shell>,
}

/// Where sessions come from.
#[derive(Debug, clap::Args)]
pub struct Sessions {
    /// The user who signs in
    #[arg(long, value_name = "NAME", conflicts_with_all = ["tokens", "tokens_command"])]
    pub user: Option<String>,
    /// Initial refresh tokens instead of a user, one per line; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "tokens_command")]
    pub tokens: Option<PathBuf>,
    /// A shell command that prints initial refresh tokens, one per line; it runs whenever more are needed
    #[arg(long, value_name = "COMMAND")]
    pub tokens_command: Option<String>,
}

/// Which client the kit is.
#[derive(Debug, clap::Args)]
pub struct ClientOptions {
    /// The value of a name in the profile, such as `client_id=web`; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// The same from a JSON file, for secrets
    #[arg(long, value_name = "FILE")]
    pub values: Option<PathBuf>,
    /// The client's id; short for `--set client_id=ID`
    #[arg(long, value_name = "ID")]
    pub client_id: Option<String>,
    /// A file with the client's secret
    #[arg(long, value_name = "FILE")]
    pub client_secret_file: Option<PathBuf>,
    /// A file with the client's private key, in PEM
    #[arg(long, value_name = "FILE")]
    pub client_key: Option<PathBuf>,
    /// How the client authenticates, if not as the profile or the server's description has it
    #[arg(long, value_enum, value_name = "METHOD")]
    pub client_auth: Option<ClientAuthName>,
    /// Binds tokens to a key and proves to hold it (DPoP, RFC 9449)
    #[arg(long)]
    pub dpop: bool,
}

/// How the server is reached.
#[derive(Debug, clap::Args)]
pub struct ConnectionOptions {
    /// Certificates in PEM whose issuers are trusted beside those of the system (`SSL_CERT_FILE` replaces those)
    #[arg(long, value_name = "FILE")]
    pub ca: Vec<PathBuf>,
    /// Lets this much time pass between two requests, on average
    #[arg(long, default_value = "0s", value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub pace: Duration,
    /// How long an answer is waited for; then it is unknown whether the request was executed
    #[arg(long, default_value = "20s", value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub timeout: Duration,
}

/// What is tried.
#[derive(Debug, clap::Args)]
pub struct Trials {
    /// Run only this scenario; may be repeated
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,
    /// How often each round runs
    #[arg(long, default_value_t = 1)]
    pub rounds: usize,
    /// How long the storm lasts
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration)]
    pub duration: Duration,
    /// Clients of the storm
    #[arg(long, default_value_t = 16)]
    pub clients: usize,
    /// A shell command that restarts the server and returns when that is done
    #[arg(long, value_name = "COMMAND")]
    pub restart_command: Option<String>,
    /// The absolute lifetime of a session, as the server is configured
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub absolute_lifetime: Option<Duration>,
    /// How long a session may be idle, as the server is configured
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub idle_lifetime: Option<Duration>,
    /// How long access tokens are watched after the end of their session
    #[arg(long, default_value = "5s", value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub access_patience: Duration,
    /// Repeat the random choices of an earlier run
    #[arg(long)]
    pub seed: Option<u64>,
}

/// Commands that need no run.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Profiles: how to talk to a server
    #[command(subcommand)]
    Profile(ProfileCommand),
    /// Write a report again, in another format
    Render {
        /// A report in JSON
        report: PathBuf,
        /// What standard output gets
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
        /// As of a run
        #[arg(long, value_name = "[FORMAT=]FILE", value_parser = Output::parse)]
        output: Vec<Output>,
    },
}

/// What can be done with profiles.
#[derive(Debug, Subcommand)]
pub enum ProfileCommand {
    /// List those that are built in
    List,
    /// Print one, in JSON: a starting point for another
    Show {
        /// A built-in profile (`profile list`), a file, or the URL of a server that describes itself
        profile: String,
        #[command(flatten)]
        connection: ConnectionOptions,
    },
    /// Check one without a server
    Check {
        /// A built-in profile (`profile list`), or a file
        profile: String,
    },
}

/// The names of RFC 7591.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum ClientAuthName {
    /// Id and secret in the header `Authorization`
    ClientSecretBasic,
    /// Id and secret in the body
    ClientSecretPost,
    /// An assertion that is signed with --client-key
    PrivateKeyJwt,
    /// The id only
    None,
}

impl From<ClientAuthName> for ClientAuth {
    fn from(name: ClientAuthName) -> Self {
        match name {
            ClientAuthName::ClientSecretBasic => Self::ClientSecretBasic,
            ClientAuthName::ClientSecretPost => Self::ClientSecretPost,
            ClientAuthName::PrivateKeyJwt => Self::PrivateKeyJwt,
            ClientAuthName::None => Self::None,
        }
    }
}
