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
    /// Standard input, or the file of tokens.
    #[error("{0} cannot be read")]
    Input(String, #[source] io::Error),
    /// Nothing on standard input.
    #[error(
        "no password on standard input: pipe in one line, as in `printf '%s\\n' \"$PASSWORD\" | heirloom-torture …`"
    )]
    NoPassword,
    /// Standard output.
    #[error("the output cannot be written")]
    Output(#[source] io::Error),
}
