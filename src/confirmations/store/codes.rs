//! Attempts at a code.

use crate::{
    confirmations::{CODE_LIFETIME, Purpose},
    kernel::UserId,
    postgres::DatabaseError,
};
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

/// A code that a user was sent, and that works still.
#[derive(Debug)]
pub struct SentCode {
    /// The address that it was sent to.
    pub email: String,
    /// What is stored of it.
    pub mac: Vec<u8>,
}

/// The codes that a user was sent for a purpose and that work still: their address, password and factors are the same.
///
/// # Errors
/// When the database fails.
pub async fn sent_codes(
    connection: &mut PgConnection,
    user: UserId,
    purpose: Purpose,
) -> Result<Vec<SentCode>, DatabaseError> {
    let sent = sqlx::query_as!(
        SentCode,
        r#"SELECT c.email, c.code_mac AS "mac!" FROM confirmations AS c JOIN users AS u ON u.id = c.user_id
           WHERE c.user_id = $1 AND c.purpose = $2 AND c.used_at IS NULL AND c.code_mac IS NOT NULL
             AND c.created_at > now() - make_interval(secs => $3)
             AND (u.password_version, u.email_version, u.factor_version)
                 = (c.password_version, c.email_version, c.factor_version)"#,
        user.as_uuid(),
        purpose.name(),
        CODE_LIFETIME.as_secs_f64(),
    );
    Ok(sent.fetch_all(connection).await?)
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
