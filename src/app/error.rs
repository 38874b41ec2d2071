use crate::{
    config::MasterKeyFileError,
    keys::KeysError,
    mail::MailError,
    pages::TemplateError,
    postgres::{DatabaseError, MigrateError, NoPrimary, UnfitDatabase},
    users::AccountsError,
};
use private_postgres::{StartError, StopError};
use std::io;

/// Why the house cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The private Postgres did not start.
    #[error("the private Postgres cannot be started")]
    Private(#[from] StartError),
    /// It did not stop.
    #[error("the private Postgres cannot be stopped")]
    Stop(#[from] StopError),
    /// The master key beside it.
    #[error("the master key cannot be read or created")]
    MasterKey(#[from] MasterKeyFileError),
    /// The database gave no answer.
    #[error("the database cannot be used")]
    Database(#[from] DatabaseError),
    /// None of several hosts is the primary.
    #[error(transparent)]
    NoPrimary(#[from] NoPrimary),
    /// A pooler in transaction mode that would mix up prepared statements.
    #[error(
        "DATABASE_URL leads through a pooler in transaction mode that does not keep track of prepared statements: \
         queries would return rows of other queries. Use its session mode, or PgBouncer 1.21 or later with \
         max_prepared_statements above 0, or connect directly"
    )]
    UnsafePooler,
    /// The library that asks other providers.
    #[error("other providers cannot be asked")]
    Providers(#[source] reqwest::Error),
    /// Migrations failed.
    #[error("the database cannot be migrated")]
    Migrate(#[from] MigrateError),
    /// The database is not one that we can use.
    #[error(transparent)]
    Unfit(#[from] UnfitDatabase),
    /// Signing keys.
    #[error("the signing keys cannot be loaded")]
    Keys(#[from] KeysError),
    /// Passwords.
    #[error("passwords cannot be hashed")]
    Accounts(#[from] AccountsError),
    /// Emails.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// Templates.
    #[error("the pages cannot be read")]
    Pages(#[from] TemplateError),
    /// Sockets.
    #[error("cannot listen on {address}: is another server using it?")]
    Listen {
        /// Where.
        address: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The HTTP server failed.
    #[error("the HTTP server failed")]
    Http(#[source] io::Error),
}
