use super::{DatabaseError, RolesError};

/// Why migrations could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database failed.
    #[error("the migrations could not be applied")]
    Failed(#[from] sqlx::migrate::MigrateError),
    /// There is no way to the database.
    #[error("the database cannot be reached")]
    Unreachable(#[from] DatabaseError),
    /// The roles could not be created.
    #[error(transparent)]
    Roles(#[from] RolesError),
    /// Another process applies migrations, or a session holds the lock for another reason.
    #[error(
        "the migrations could not be applied: the table heirloom_migrations has been locked for too long by {holder}. End \
         that process, or its connection with SELECT pg_terminate_backend(…), and start again"
    )]
    Locked {
        /// The session that holds the lock, as Postgres describes it.
        holder: String,
    },
}
