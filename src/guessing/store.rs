use super::model::Bucket;
use crate::{
    kernel::{Duration, UserId},
    postgres::DatabaseError,
};
use ipnet::IpNet;
use sqlx::PgConnection;

/// Counts a guess, unless the bucket's wait is not over. The row's lock makes those that come at once come one after
/// another, and each sees what the one before has counted.
pub async fn take(connection: &mut PgConnection, bucket: &Bucket, forget: Duration) -> Result<bool, DatabaseError> {
    let taken = sqlx::query!(
        "INSERT INTO password_guesses AS g (bucket, failures, last_at) VALUES ($1, 1, clock_timestamp())
         ON CONFLICT ON CONSTRAINT password_guesses_pkey DO UPDATE
         SET failures = CASE WHEN g.last_at < clock_timestamp() - make_interval(secs => $4) THEN 1 ELSE g.failures + 1 END,
             last_at = clock_timestamp(), told = false
         WHERE g.failures < $2 OR clock_timestamp() >= g.last_at
             + make_interval(secs => ($3::float8[])[least(g.failures - $2 + 1, cardinality($3::float8[]))])",
        bucket.digest.as_bytes(),
        bucket.limit.free,
        &bucket.limit.wait_seconds(),
        forget.as_secs_f64(),
    )
    .execute(connection)
    .await?;
    Ok(taken.rows_affected() == 1)
}

/// How long a bucket will go on refusing.
#[derive(Debug, Clone, Copy)]
pub struct Wait {
    /// In whole seconds.
    pub left: Duration,
    /// Whether there is an event of it.
    pub is_reported: bool,
}

/// How long a bucket continues to refuse. None if it does not. Does not wait for locks.
pub async fn wait_left(connection: &mut PgConnection, bucket: &Bucket) -> Result<Option<Wait>, DatabaseError> {
    let found = sqlx::query!(
        r#"SELECT ceil(extract(epoch FROM g.last_at - clock_timestamp()) +
             ($3::float8[])[least(g.failures - $2 + 1, cardinality($3::float8[]))])::int8 AS "seconds!", told
           FROM password_guesses AS g WHERE bucket = $1 AND g.failures >= $2"#,
        bucket.digest.as_bytes(),
        bucket.limit.free,
        &bucket.limit.wait_seconds(),
    )
    .fetch_optional(connection)
    .await?;
    let left = |seconds| u64::try_from(seconds).ok().filter(|seconds| *seconds > 0).map(Duration::from_secs);
    Ok(found.and_then(|row| Some(Wait { left: left(row.seconds)?, is_reported: row.told })))
}

/// Records that the event of a bucket's wait exists. False if another request was first.
pub async fn mark_reported(connection: &mut PgConnection, bucket: &Bucket) -> Result<bool, DatabaseError> {
    let marked = sqlx::query!(
        "UPDATE password_guesses SET told = true WHERE bucket = $1 AND NOT told",
        bucket.digest.as_bytes(),
    );
    Ok(marked.execute(connection).await?.rows_affected() == 1)
}

/// Empties some buckets, and gives others their last guess back.
pub async fn settle(
    connection: &mut PgConnection,
    emptied: Vec<Bucket>,
    lessened: Vec<Bucket>,
) -> Result<(), DatabaseError> {
    let digests = |buckets: Vec<Bucket>| buckets.iter().map(|b| b.digest.as_bytes().to_vec()).collect::<Vec<_>>();
    sqlx::query!(
        "WITH emptied AS (DELETE FROM password_guesses WHERE bucket = ANY ($1::bytea[]))
         UPDATE password_guesses SET failures = greatest(failures - 1, 0) WHERE bucket = ANY ($2::bytea[])",
        &digests(emptied),
        &digests(lessened),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether a user has a live session that was used from there. A revoked one may be the thief's.
pub async fn has_session_at(connection: &mut PgConnection, user: UserId, place: IpNet) -> Result<bool, DatabaseError> {
    let found = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM sessions WHERE user_id = $1 AND ip <<= $2
               AND revoked_at IS NULL AND idle_expires_at > now()) AS "exists!""#,
        user.as_uuid(),
        place,
    );
    Ok(found.fetch_one(connection).await?)
}

/// Forgets buckets that were left alone for so long.
pub async fn forget(connection: &mut PgConnection, after: Duration) -> Result<u64, DatabaseError> {
    let forgotten = sqlx::query!(
        "DELETE FROM password_guesses WHERE last_at < clock_timestamp() - make_interval(secs => $1)",
        after.as_secs_f64(),
    );
    Ok(forgotten.execute(connection).await?.rows_affected())
}
