use super::DatabaseError;
use sqlx::{PgConnection, migrate::Migrator};
use std::sync::LazyLock;

/// The migrations of `migrations/`, embedded.
///
/// Migrations that we do not know are passed over: during an upgrade, an older instance may restart beside newer ones,
/// and migrations are made so that the version before lives with them.
static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrations = sqlx::migrate!("./migrations");
    migrations.set_ignore_missing(true);
    migrations
});

/// Why migrations could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database failed.
    #[error("the migrations could not be applied")]
    Failed(#[from] sqlx::migrate::MigrateError),
    /// There is no way to the database.
    #[error("the database cannot be reached")]
    Unreachable(#[from] DatabaseError),
}

/// Applies what is missing, one process at a time (a session advisory lock), and says which.
///
/// # Errors
/// When the database fails, or was migrated by a newer version in a way that this one does not know.
pub async fn migrate(connection: &mut PgConnection) -> Result<Vec<String>, MigrateError> {
    let missing = pending(connection).await?;
    MIGRATIONS.run_direct(None, connection, false).await?;
    Ok(missing)
}

/// What is missing. Only reads, so that it works on a read-only database too.
///
/// # Errors
/// When the database fails.
pub async fn pending(connection: &mut PgConnection) -> Result<Vec<String>, MigrateError> {
    let applied = applied(connection).await?;
    let missing = MIGRATIONS.iter().filter(|migration| !applied.contains(&migration.version));
    Ok(missing.map(|migration| format!("{} {}", migration.version, migration.description)).collect())
}

/// Whether nothing is missing.
///
/// # Errors
/// When the database fails.
pub(super) async fn is_current(connection: &mut PgConnection) -> Result<bool, DatabaseError> {
    let applied = applied(connection).await?;
    Ok(MIGRATIONS.iter().all(|migration| applied.contains(&migration.version)))
}

async fn applied(connection: &mut PgConnection) -> Result<Vec<i64>, DatabaseError> {
    let applied = sqlx::query_scalar::<_, i64>("SELECT version FROM _sqlx_migrations WHERE success");
    match applied.fetch_all(connection).await {
        Ok(applied) => Ok(applied),
        // 42P01 undefined_table: not one migration was ever applied.
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P01") => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}
