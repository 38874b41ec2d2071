//! Attempts at a code.

use crate::postgres::DatabaseError;
use sqlx::PgConnection;
use uuid::Uuid;

/// Counts an attempt at a code before it is compared. None: there were too many.
///
/// # Errors
/// When the database fails.
pub async fn take_attempt(connection: &mut PgConnection, id: Uuid, most: i32) -> Result<Option<i32>, DatabaseError> {
    let attempts = sqlx::query_scalar!(
        "UPDATE confirmations SET attempts = attempts + 1 WHERE id = $1 AND attempts < $2 RETURNING attempts",
        id,
        most,
    );
    Ok(attempts.fetch_optional(connection).await?)
}

/// A right code does not count.
///
/// # Errors
/// When the database fails.
pub async fn give_attempt_back(connection: &mut PgConnection, id: Uuid) -> Result<(), DatabaseError> {
    sqlx::query!("UPDATE confirmations SET attempts = greatest(attempts - 1, 0) WHERE id = $1", id)
        .execute(connection)
        .await?;
    Ok(())
}
