//! What no longer works because another confirmation was used.

use crate::{
    confirmations::{Confirmation, Purpose},
    kernel::UserId,
    postgres::DatabaseError,
};
use sqlx::PgConnection;
use uuid::Uuid;

/// What becomes of the links that undo a change of a user's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undos {
    /// They work as before.
    Stay,
    /// They work no longer.
    Go,
}

/// Deletes all other confirmations of a user, in the caller's transaction.
///
/// # Errors
/// When the database fails.
pub async fn void_all_of(
    connection: &mut PgConnection,
    user: UserId,
    except: Uuid,
    undos: Undos,
) -> Result<(), DatabaseError> {
    sqlx::query!(
        "DELETE FROM confirmations WHERE user_id = $1 AND id <> $2 AND (purpose <> $3 OR $4)",
        user.as_uuid(),
        except,
        Purpose::UndoEmailChange.name(),
        undos == Undos::Go,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes the other confirmations of the same purpose and address, in the caller's transaction.
///
/// # Errors
/// When the database fails.
pub async fn void_others_like(connection: &mut PgConnection, used: &Confirmation) -> Result<(), DatabaseError> {
    sqlx::query!(
        "DELETE FROM confirmations WHERE email = $1 AND purpose = $2 AND id <> $3",
        used.email,
        used.purpose.name(),
        used.id,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes the open invitations that a user has sent, in the caller's transaction, and returns which. One that is being used
/// at this moment came first: to wait for it could be to wait for each other.
///
/// # Errors
/// When the database fails.
pub async fn void_invitations_by(connection: &mut PgConnection, user: UserId) -> Result<Vec<Uuid>, DatabaseError> {
    let voided = sqlx::query_scalar!(
        "DELETE FROM confirmations WHERE id IN (
             SELECT id FROM confirmations
             WHERE purpose = $1 AND used_at IS NULL AND payload ->> 'invited_by' = $2 FOR UPDATE SKIP LOCKED)
         RETURNING id",
        Purpose::Invite.name(),
        user.to_string(),
    );
    Ok(voided.fetch_all(connection).await?)
}
