//! Locks on rows of the table `locks`. To lock a row takes a privilege on its table; any role that may connect to the database can
//! take any advisory lock, so that those decide nothing.

use super::DatabaseError;
use sqlx::PgConnection;

/// What one transaction at a time does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// Decides who is an administrator.
    Admins,
    /// Creates and drops months of the audit log.
    AuditMonths,
}

impl Lock {
    fn name(self) -> &'static str {
        match self {
            Self::Admins => "admins",
            Self::AuditMonths => "audit_months",
        }
    }
}

/// Takes the lock until the transaction ends. Waits as long as `lock_timeout` allows.
///
/// # Errors
/// When the database fails, or another transaction holds the lock for too long.
pub async fn lock(connection: &mut PgConnection, lock: Lock) -> Result<(), DatabaseError> {
    restore(connection, lock).await?;
    sqlx::query!("SELECT name FROM locks WHERE name = $1 FOR UPDATE", lock.name()).fetch_one(connection).await?;
    Ok(())
}

/// Takes the lock until the transaction ends, unless another transaction has it, which is false.
///
/// # Errors
/// When the database fails.
pub async fn try_lock(connection: &mut PgConnection, lock: Lock) -> Result<bool, DatabaseError> {
    restore(connection, lock).await?;
    let free = sqlx::query!("SELECT name FROM locks WHERE name = $1 FOR UPDATE SKIP LOCKED", lock.name());
    Ok(free.fetch_optional(connection).await?.is_some())
}

/// Without its row a lock could not be taken at all.
async fn restore(connection: &mut PgConnection, lock: Lock) -> Result<(), DatabaseError> {
    sqlx::query!("INSERT INTO locks (name) VALUES ($1) ON CONFLICT DO NOTHING", lock.name())
        .execute(connection)
        .await?;
    Ok(())
}

/// The timeout of the query for the holder of a lock.
const ASKING: std::time::Duration = std::time::Duration::from_millis(500);

/// Whether a wait for a lock was given up (55P03 `lock_not_available`).
fn is_lock_timeout(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.code().as_deref() == Some("55P03"))
}

/// The error with the names of those that hold locks, if it is about a lock. The connection must be in no transaction
/// that failed.
pub(super) async fn name_holders(connection: &mut PgConnection, error: DatabaseError) -> DatabaseError {
    match error {
        DatabaseError::Sqlx(source) if is_lock_timeout(&source) => {
            DatabaseError::Locked { holders: holders(connection).await, source }
        }
        error => error,
    }
}

/// The processes that hold locks on tables in this database, oldest first. Postgres hides the start times of other
/// roles' transactions. None: it did not answer in time, or the connection is lost.
async fn holders(connection: &mut PgConnection) -> Option<String> {
    let asked = sqlx::query_scalar::<_, String>(
        "SELECT format('process %s (role %s, application %s%s)', a.pid, a.usename, quote_literal(a.application_name),
                       ', since ' || to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS\"Z\"'))
         FROM pg_stat_activity AS a
         WHERE a.pid <> pg_backend_pid() AND EXISTS (
             SELECT FROM pg_locks AS l
             WHERE l.pid = a.pid AND l.granted AND l.locktype = 'relation' AND l.relation >= 16384
               AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
         ORDER BY a.xact_start NULLS FIRST LIMIT 5",
    );
    let found = tokio::time::timeout(ASKING, asked.fetch_all(connection)).await.ok()?.ok()?;
    Some(if found.is_empty() { "no process".to_owned() } else { found.join(", ") })
}
