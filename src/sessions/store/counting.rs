//! Numbers for administrators.

use crate::{
    kernel::{Duration, Moment},
    postgres::DatabaseError,
};
use sqlx::PgConnection;

/// Sessions that can still be used.
pub async fn count_live(connection: &mut PgConnection) -> Result<i64, DatabaseError> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM sessions WHERE revoked_at IS NULL AND idle_expires_at > now()"#
    );
    Ok(count.fetch_one(connection).await?)
}

/// Adds to the present hour's rotations.
pub async fn add_rotations(connection: &mut PgConnection, number: i64) -> Result<(), DatabaseError> {
    sqlx::query!(
        "INSERT INTO hourly_counts AS counted (hour, kind, number)
         VALUES (date_trunc('hour', now(), 'UTC'), 'rotations', $1)
         ON CONFLICT ON CONSTRAINT hourly_counts_pkey DO UPDATE SET number = counted.number + excluded.number",
        number,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Rotations by hour.
pub async fn rotations_by_hour(
    connection: &mut PgConnection,
    since: Moment,
) -> Result<Vec<(Moment, i64)>, DatabaseError> {
    let rows = sqlx::query!("SELECT hour, number FROM hourly_counts WHERE kind = 'rotations' AND hour >= $1", since);
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.hour, row.number)).collect())
}

/// Forgets old counts.
pub async fn forget_counts(connection: &mut PgConnection, keep: Duration) -> Result<(), DatabaseError> {
    let seconds = keep.as_secs_f64();
    sqlx::query!("DELETE FROM hourly_counts WHERE hour < now() - make_interval(secs => $1)", seconds)
        .execute(connection)
        .await?;
    Ok(())
}
