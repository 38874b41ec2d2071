use crate::{app::AppError, keys::KeysError, postgres::DatabaseError, transfer::FileError, users::AccountsError};
use std::{error::Error, io, net::SocketAddr};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
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
    pub fn not_allowed<E: Error>(argument: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self::NotAllowed { argument, problem: error.to_string() }
    }

    /// What only an administrator's request can be refused for: an operator's permission does not expire.
    pub fn not_permitted() -> Self {
        Self::Refused("the operator's permission was refused: this is a fault of Heirloom".to_owned())
    }
}

/// An error and all its causes. Skips a cause that the error above it already quotes, as sqlx's errors do.
pub fn chain(error: &dyn Error) -> Vec<String> {
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
