use super::{DatabaseError, MigrateError};
use sqlx::{Connection, PgConnection};

/// How long one attempt waits for another process that applies migrations. A name of its own: a migration may end the
/// idle connections of servers, which this one is not.
const ATTEMPT: &str = "SET lock_timeout = '10s'; SET statement_timeout = 0; \
    SET idle_in_transaction_session_timeout = 0; SET application_name = 'heirloom migrations'";
/// How many attempts there are: an index on a large table takes minutes.
const ATTEMPTS: u32 = 60;

/// Keeps other processes from applying migrations meanwhile: a lock on the table of migrations, which only a role with
/// rights on it can take. It conflicts with itself and with nothing that the migrations do.
pub(super) struct MigrationLock(PgConnection);

impl MigrationLock {
    /// Takes it, on a connection of its own: a migration may need to run outside of a transaction.
    pub async fn take(mut connection: PgConnection) -> Result<Self, MigrateError> {
        execute(&mut connection, ATTEMPT).await?;
        for _attempt in 0..ATTEMPTS {
            execute(&mut connection, "BEGIN").await?;
            match execute(&mut connection, "LOCK TABLE heirloom_migrations IN SHARE UPDATE EXCLUSIVE MODE").await {
                Ok(()) => return Ok(Self(connection)),
                Err(error) if is_lock_timeout(&error) => execute(&mut connection, "ROLLBACK").await?,
                Err(error) => return Err(error.into()),
            }
            tracing::warn!(holder = holder(&mut connection).await?, "postgres.migrations_locked: waiting");
        }
        Err(MigrateError::Locked { holder: holder(&mut connection).await? })
    }

    /// Lets the next process in.
    pub async fn release(self) -> Result<(), DatabaseError> {
        Ok(self.0.close().await?)
    }
}

async fn execute(connection: &mut PgConnection, sql: &'static str) -> Result<(), DatabaseError> {
    sqlx::raw_sql(sql).execute(connection).await?;
    Ok(())
}

fn is_lock_timeout(error: &DatabaseError) -> bool {
    match error {
        DatabaseError::Sqlx(error) => {
            error.as_database_error().is_some_and(|error| error.code().as_deref() == Some("55P03"))
        }
        _ => false,
    }
}

async fn holder(connection: &mut PgConnection) -> Result<String, DatabaseError> {
    let holder = sqlx::query_scalar(
        "SELECT format('process %s (role %s, application %s, since %s)', a.pid, a.usename, a.application_name, a.xact_start)
         FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
         WHERE l.relation = to_regclass('heirloom_migrations') AND l.granted AND a.pid <> pg_backend_pid()
         ORDER BY a.xact_start LIMIT 1",
    );
    let holder: Option<String> = holder.fetch_optional(connection).await?;
    Ok(holder.unwrap_or_else(|| "a process that has just ended".to_owned()))
}
