use super::formats::FormatError;
use std::io;

/// Why the command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The asynchronous runtime.
    #[error("the command cannot be started")]
    Runtime(#[source] io::Error),
    /// The HTTP client.
    #[error("the HTTP client cannot be created")]
    Client(#[source] heirloom_torture::ClientError),
    /// The server's description, where it may be read later.
    #[error(transparent)]
    Discovery(heirloom_torture::DiscoveryError),
    /// Standard input, or the file of tokens.
    #[error("{0} cannot be read")]
    Input(String, #[source] io::Error),
    /// A report that is read again.
    #[error("{0} is not a report in JSON of this version")]
    Report(String, #[source] serde_json::Error),
    /// Nothing on standard input.
    #[error(
        "no password on standard input: pipe in one line, as in `printf '%s\\n' \"$PASSWORD\" | heirloom-torture …`"
    )]
    NoPassword,
    /// A file of --output.
    #[error("--output {0}: cannot be written")]
    File(String, #[source] io::Error),
    /// A format.
    #[error("the report cannot be written")]
    Format(#[source] FormatError),
    /// Standard output.
    #[error("the output cannot be written")]
    Output(#[source] io::Error),
}
