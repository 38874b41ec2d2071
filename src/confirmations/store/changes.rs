//! Changes of address: one that waits, and those that can still be undone.

use super::{NewConfirmation, Owner};
use crate::{
    confirmations::{Purpose, SAME_EMAIL},
    kernel::{Digest32, Moment, UserId},
    postgres::DatabaseError,
};
use sqlx::PgConnection;
use uuid::Uuid;

/// A change of address that waits to be confirmed.
#[derive(Debug, Clone)]
pub struct PendingChange {
    /// The new address.
    pub email: String,
    /// When it was requested.
    pub requested_at: Moment,
    /// When its link expires.
    pub expires_at: Moment,
    /// Whether its email was requested a moment ago: no second one is sent then.
    pub is_recent: bool,
}

/// Adds a confirmation of a known user, as they are now.
///
/// # Errors
/// When the database fails.
pub async fn add_for(connection: &mut PgConnection, new: NewConfirmation, owner: Owner) -> Result<(), DatabaseError> {
    let added = sqlx::query!(
        "INSERT INTO confirmations (id, purpose, user_id, email, payload, browser, created_at, expires_at, looked_up_at,
                                    password_version, email_version, factor_version)
         SELECT $1, $2, u.id, $4, $5, $6, now(), now() + make_interval(secs => $7), CASE WHEN $8 THEN now() END,
                CASE WHEN $9 THEN u.password_version END, CASE WHEN $9 THEN u.email_version END,
                CASE WHEN $9 THEN u.factor_version END
         FROM users AS u WHERE u.id = $3",
        new.id,
        new.purpose.name(),
        owner.user.as_uuid(),
        new.email,
        new.payload,
        new.browser.as_ref().map(Digest32::as_bytes),
        new.lifetime.as_secs_f64(),
        new.is_looked_up,
        owner.is_versioned,
    );
    added.execute(connection).await?;
    Ok(())
}

/// Records that a confirmation of a known user was looked at.
///
/// # Errors
/// When the database fails.
pub async fn mark_looked_up(connection: &mut PgConnection, id: Uuid) -> Result<(), DatabaseError> {
    sqlx::query!("UPDATE confirmations SET looked_up_at = now() WHERE id = $1", id).execute(connection).await?;
    Ok(())
}

/// The change of address that waits for a user, if any. One that something has voided since does not wait.
///
/// # Errors
/// When the database fails.
pub async fn pending_change(
    connection: &mut PgConnection,
    user: UserId,
) -> Result<Option<PendingChange>, DatabaseError> {
    let pending = sqlx::query_as!(
        PendingChange,
        r#"SELECT c.email, c.created_at AS requested_at, c.expires_at,
                  c.created_at > now() - make_interval(secs => $3) AS "is_recent!"
           FROM confirmations AS c JOIN users AS u ON u.id = c.user_id
           WHERE c.user_id = $1 AND c.purpose = $2 AND c.used_at IS NULL AND c.expires_at > now()
             AND (u.password_version, u.email_version, u.factor_version)
                 = (c.password_version, c.email_version, c.factor_version)
           ORDER BY c.created_at DESC, c.id DESC LIMIT 1"#,
        user.as_uuid(),
        Purpose::ChangeEmail.name(),
        SAME_EMAIL.as_secs_f64(),
    );
    Ok(pending.fetch_optional(connection).await?)
}

/// Deletes the changes of address that wait for a user, with the links that cancel them, in the caller's transaction.
/// Returns whether there were any.
///
/// # Errors
/// When the database fails.
pub async fn void_changes_of(connection: &mut PgConnection, user: UserId) -> Result<bool, DatabaseError> {
    let deleted = sqlx::query!(
        "DELETE FROM confirmations WHERE user_id = $1 AND used_at IS NULL AND purpose = ANY ($2::text[])",
        user.as_uuid(),
        &[Purpose::ChangeEmail.name(), Purpose::CancelEmailChange.name()] as _,
    );
    Ok(deleted.execute(connection).await?.rows_affected() > 0)
}

/// Whether a change of a user's address can still be undone.
///
/// # Errors
/// When the database fails.
pub async fn has_open_undo(connection: &mut PgConnection, user: UserId) -> Result<bool, DatabaseError> {
    let is_open = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM confirmations
               WHERE user_id = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > now()) AS "is_open!""#,
        user.as_uuid(),
        Purpose::UndoEmailChange.name(),
    );
    Ok(is_open.fetch_one(connection).await?)
}

/// Deletes the undos of a user's later changes of address, in the caller's transaction: an earlier one was used.
///
/// # Errors
/// When the database fails.
pub async fn void_later_undos(connection: &mut PgConnection, user: UserId, than: Uuid) -> Result<(), DatabaseError> {
    sqlx::query!(
        "DELETE FROM confirmations AS c USING confirmations AS used
         WHERE used.id = $2 AND c.user_id = $1 AND c.purpose = $3 AND (c.created_at, c.id) > (used.created_at, used.id)",
        user.as_uuid(),
        than,
        Purpose::UndoEmailChange.name(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes the undos of the changes that a user's account has seen since it left this address, in the caller's
/// transaction. Nothing happens unless an open undo restores the address: its reader could use that one, which voids
/// them as well.
///
/// # Errors
/// When the database fails.
pub async fn void_undos_since_leaving(
    connection: &mut PgConnection,
    user: UserId,
    address: &str,
) -> Result<(), DatabaseError> {
    sqlx::query!(
        "DELETE FROM confirmations AS c USING confirmations AS left_by
         WHERE left_by.user_id = $1 AND left_by.purpose = $3 AND left_by.email = $2
           AND left_by.used_at IS NULL AND left_by.expires_at > now()
           AND c.user_id = $1 AND c.purpose = $3 AND (c.created_at, c.id) > (left_by.created_at, left_by.id)",
        user.as_uuid(),
        address,
        Purpose::UndoEmailChange.name(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Lets the same undos expire no later than an open one that restores the address: none of them is left once that one
/// can no longer void it. Where several restore it, the first of them to expire counts: it limits the others as well.
///
/// # Errors
/// When the database fails.
pub async fn limit_undos_since_leaving(
    connection: &mut PgConnection,
    user: UserId,
    address: &str,
) -> Result<(), DatabaseError> {
    sqlx::query!(
        "UPDATE confirmations AS c SET expires_at = limited.until
         FROM (SELECT since.id, min(left_by.expires_at) AS until
               FROM confirmations AS left_by JOIN confirmations AS since
                    ON since.user_id = $1 AND since.purpose = $3
                   AND (since.created_at, since.id) > (left_by.created_at, left_by.id)
               WHERE left_by.user_id = $1 AND left_by.purpose = $3 AND left_by.email = $2
                 AND left_by.used_at IS NULL AND left_by.expires_at > now()
               GROUP BY since.id) AS limited
         WHERE c.id = limited.id AND c.expires_at > limited.until",
        user.as_uuid(),
        address,
        Purpose::UndoEmailChange.name(),
    )
    .execute(connection)
    .await?;
    Ok(())
}
