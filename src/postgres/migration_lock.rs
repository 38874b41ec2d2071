use super::{DatabaseError, MigrateError};
use crate::kernel::Duration;
use sqlx::{Connection, PgConnection};

const PATIENT: &str = "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0";
/// Between two attempts to be the one that applies migrations.
const PAUSE: Duration = Duration::from_millis(250);
/// How many attempts there are, ten minutes of them: an index on a large table takes minutes.
const ATTEMPTS: u32 = 2_400;
/// After so many it is reported who is in the way.
const REPORTED: u32 = 40;

/// Keeps other processes from applying migrations meanwhile: a lock on the table of migrations, which only a role with
/// rights on it can take. It conflicts with itself and with nothing that the migrations do.
pub(super) struct MigrationLock(PgConnection);

impl MigrationLock {
    /// Takes it, on a connection of its own: a migration may need to run outside of a transaction. Who waits is in no
    /// transaction meanwhile: `CREATE INDEX CONCURRENTLY` waits for every statement that began before it, also for one that waits
    /// for this lock.
    pub async fn take(mut connection: PgConnection) -> Result<Self, MigrateError> {
        execute(&mut connection, PATIENT).await?;
        for attempt in 1..=ATTEMPTS {
            execute(&mut connection, "BEGIN").await?;
            let lock = "LOCK TABLE heirloom_migrations IN SHARE UPDATE EXCLUSIVE MODE NOWAIT";
            match execute(&mut connection, lock).await {
                Ok(()) => return Ok(Self(connection)),
                Err(error) if is_locked(&error) => execute(&mut connection, "ROLLBACK").await?,
                Err(error) => return Err(error.into()),
            }
            if attempt.is_multiple_of(REPORTED) {
                tracing::warn!(holder = holder(&mut connection).await?, "postgres.migrations_locked: waiting");
            }
            tokio::time::sleep(PAUSE).await;
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

fn is_locked(error: &DatabaseError) -> bool {
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
