use super::DatabaseError;
use sqlx::{
    PgConnection,
    migrate::{Migrate, Migrator},
};

/// The migrations of `migrations/`, embedded.
static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

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

/// What is missing.
///
/// # Errors
/// When the database fails.
pub async fn pending(connection: &mut PgConnection) -> Result<Vec<String>, MigrateError> {
    connection.ensure_migrations_table(&MIGRATIONS.table_name).await?;
    let applied = connection.list_applied_migrations(&MIGRATIONS.table_name).await?;
    let known = |version| applied.iter().any(|migration| migration.version == version);
    let missing = MIGRATIONS.iter().filter(|migration| !known(migration.version));
    Ok(missing.map(|migration| format!("{} {}", migration.version, migration.description)).collect())
}

/// Whether nothing is missing. Only reads, so that it works on a read-only database too.
///
/// # Errors
/// When the database fails.
pub(super) async fn is_current(connection: &mut PgConnection) -> Result<bool, DatabaseError> {
    let applied = sqlx::query_scalar::<_, i64>("SELECT version FROM _sqlx_migrations WHERE success");
    let applied = match applied.fetch_all(connection).await {
        Ok(applied) => applied,
        // 42P01 undefined_table: not one migration was ever applied.
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P01") => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    Ok(MIGRATIONS.iter().all(|migration| applied.contains(&migration.version)))
}
