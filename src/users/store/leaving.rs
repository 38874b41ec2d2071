//! What is stored about a user besides what answers show, and its deletion.

use crate::{
    kernel::{Moment, UserId},
    postgres::DatabaseError,
    users::AccountRest,
};
use sqlx::PgConnection;

/// The rest of an account's row. None if the user does not exist.
pub async fn rest(connection: &mut PgConnection, user: UserId) -> Result<Option<AccountRest>, DatabaseError> {
    let found = sqlx::query_as!(
        AccountRest,
        r#"SELECT language, password_version AS "password_changes!", access_revision AS "access_changes!",
                  access_revised_at AS "access_changed_at: Moment"
           FROM users WHERE id = $1"#,
        user.as_uuid(),
    );
    Ok(found.fetch_optional(connection).await?)
}

/// Deletes an account, in the caller's transaction, with its sessions and emails. The caller holds the lock on the user: what
/// else locks rows of theirs takes that lock first, or waits for neither.
///
/// # Errors
/// When the database fails.
pub async fn delete(connection: &mut PgConnection, user: UserId) -> Result<(), DatabaseError> {
    // Also those that were requested by the address alone.
    sqlx::query!("DELETE FROM confirmations WHERE email = (SELECT email FROM users WHERE id = $1)", user.as_uuid())
        .execute(&mut *connection)
        .await?;
    sqlx::query!("DELETE FROM users WHERE id = $1", user.as_uuid()).execute(connection).await?;
    Ok(())
}
