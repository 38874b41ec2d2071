//! Clean-up.

use crate::{kernel::Duration, postgres::DatabaseError};
use sqlx::PgConnection;
use uuid::Uuid;

/// Takes the lock of the one instance that sweeps; it lasts as long as the connection. False: another has it.
pub async fn lock_sweep(connection: &mut PgConnection) -> Result<bool, DatabaseError> {
    let locked = sqlx::query_scalar!(r#"SELECT pg_try_advisory_lock(hashtext('heirloom.sweep')) AS "locked!""#);
    Ok(locked.fetch_one(connection).await?)
}

/// The last id of the next `rows` sessions. None: there are fewer.
pub async fn window_end(connection: &mut PgConnection, after: Uuid, rows: i64) -> Result<Option<Uuid>, DatabaseError> {
    let last =
        sqlx::query_scalar!("SELECT id FROM sessions WHERE id > $1 ORDER BY id OFFSET $2 LIMIT 1", after, rows - 1);
    Ok(last.fetch_optional(connection).await?)
}

/// Deletes what is over between two ids, past rows that are in use.
pub async fn sweep_window(
    connection: &mut PgConnection,
    after: Uuid,
    last: Option<Uuid>,
    keep_revoked: Duration,
) -> Result<u64, DatabaseError> {
    let deleted = sqlx::query!(
        "DELETE FROM sessions WHERE id IN (
             SELECT id FROM sessions
             WHERE id > $1 AND ($2::uuid IS NULL OR id <= $2)
               AND CASE WHEN revoked_at IS NULL THEN idle_expires_at <= now() OR absolute_expires_at <= now()
                        ELSE revoked_at <= now() - make_interval(secs => $3) END
             FOR UPDATE SKIP LOCKED)",
        after,
        last,
        keep_revoked.as_secs_f64(),
    )
    .execute(connection)
    .await?;
    Ok(deleted.rows_affected())
}

/// Forgets the ends of everybody's sessions whose sessions are gone.
pub async fn forget_everyone(connection: &mut PgConnection, keep: Duration) -> Result<(), DatabaseError> {
    let seconds = keep.as_secs_f64();
    sqlx::query!("DELETE FROM everyone_revocations WHERE revoked_at <= now() - make_interval(secs => $1)", seconds)
        .execute(connection)
        .await?;
    Ok(())
}
