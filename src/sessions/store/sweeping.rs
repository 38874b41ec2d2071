//! Clean-up.

use crate::{kernel::Duration, postgres::DatabaseError};
use sqlx::PgConnection;
use uuid::Uuid;

/// The name of the task in `background_tasks`.
const SWEEP: &str = "sweep";

/// Begins a sweep, unless an instance has begun one within `every`. Nothing is locked meanwhile, so that nobody can
/// hold up a sweep by holding a lock; two at once would do no harm, as each passes over rows that the other has locked.
pub async fn begin_sweep(connection: &mut PgConnection, every: Duration) -> Result<bool, DatabaseError> {
    let begun = sqlx::query!(
        "INSERT INTO background_tasks AS task (name, begun_at, done_at) VALUES ($1, clock_timestamp(), clock_timestamp())
         ON CONFLICT ON CONSTRAINT background_tasks_pkey DO UPDATE SET begun_at = excluded.begun_at
         WHERE task.begun_at <= clock_timestamp() - make_interval(secs => $2) OR task.begun_at > clock_timestamp()",
        SWEEP,
        every.as_secs_f64(),
    );
    Ok(begun.execute(connection).await?.rows_affected() == 1)
}

/// Notes that a sweep is done.
pub async fn end_sweep(connection: &mut PgConnection) -> Result<(), DatabaseError> {
    sqlx::query!("UPDATE background_tasks SET done_at = clock_timestamp() WHERE name = $1", SWEEP)
        .execute(connection)
        .await?;
    Ok(())
}

/// How long ago a sweep was last done, by any instance. None: no instance has begun one.
pub async fn since_last_sweep(connection: &mut PgConnection) -> Result<Option<Duration>, DatabaseError> {
    let seconds = sqlx::query_scalar!(
        r#"SELECT greatest(0, extract(epoch FROM clock_timestamp() - done_at))::float8 AS "seconds!"
           FROM background_tasks WHERE name = $1"#,
        SWEEP,
    );
    Ok(seconds
        .fetch_optional(connection)
        .await?
        .map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default()))
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

/// Deletes revocations of all sessions once their sessions are deleted.
pub async fn forget_everyone(connection: &mut PgConnection, keep: Duration) -> Result<(), DatabaseError> {
    let seconds = keep.as_secs_f64();
    sqlx::query!("DELETE FROM everyone_revocations WHERE revoked_at <= now() - make_interval(secs => $1)", seconds)
        .execute(connection)
        .await?;
    Ok(())
}
