//! Invitations: confirmations that administrators request, for addresses that have no account.

use crate::{
    confirmations::{Purpose, SAME_EMAIL},
    kernel::{Moment, UserId},
    postgres::DatabaseError,
};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// An invitation that can still be used.
#[derive(Debug, Clone)]
pub struct OpenInvitation {
    /// Its id.
    pub id: Uuid,
    /// The canonical address that it was sent to.
    pub email: String,
    /// What the account begins with.
    pub payload: Value,
    /// When it was sent.
    pub created_at: Moment,
    /// When its link expires.
    pub expires_at: Moment,
}

/// The newest open invitation of an address, if it was sent a moment ago: no second email is sent then. Locked: it is not
/// used meanwhile.
///
/// # Errors
/// When the database fails.
pub async fn recent_invitation(connection: &mut PgConnection, email: &str) -> Result<Option<Uuid>, DatabaseError> {
    let found = sqlx::query_scalar!(
        "SELECT id FROM confirmations
         WHERE email = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > now()
           AND looked_up_at > now() - make_interval(secs => $3)
         ORDER BY created_at DESC, id DESC LIMIT 1 FOR UPDATE",
        email,
        Purpose::Invite.name(),
        SAME_EMAIL.as_secs_f64(),
    );
    Ok(found.fetch_optional(connection).await?)
}

/// Replaces what an invitation gives.
///
/// # Errors
/// When the database fails.
pub async fn replace_payload(connection: &mut PgConnection, id: Uuid, payload: Value) -> Result<(), DatabaseError> {
    sqlx::query!("UPDATE confirmations SET payload = $2 WHERE id = $1", id, payload).execute(connection).await?;
    Ok(())
}

/// The open invitations, newest first.
///
/// # Errors
/// When the database fails.
pub async fn open_invitations(
    connection: &mut PgConnection,
    only: Option<Uuid>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<OpenInvitation>, DatabaseError> {
    let found = sqlx::query_as!(
        OpenInvitation,
        "SELECT id, email, payload, created_at, expires_at FROM confirmations
         WHERE purpose = $1 AND used_at IS NULL AND expires_at > now()
           AND ($2::uuid IS NULL OR id = $2) AND ($3::uuid IS NULL OR id < $3)
         ORDER BY id DESC LIMIT $4",
        Purpose::Invite.name(),
        only,
        before,
        limit,
    );
    Ok(found.fetch_all(connection).await?)
}

/// Revokes an invitation, with its email if that was not sent yet. False: it is not open.
///
/// # Errors
/// When the database fails.
pub async fn revoke_invitation(connection: &mut PgConnection, id: Uuid) -> Result<bool, DatabaseError> {
    let revoked = sqlx::query!(
        "DELETE FROM confirmations WHERE id = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > now()",
        id,
        Purpose::Invite.name(),
    );
    Ok(revoked.execute(connection).await?.rows_affected() == 1)
}

/// Whether this user may still invite: an administrator who is not blocked. Locked: no change comes between.
///
/// # Errors
/// When the database fails.
pub async fn still_invites(connection: &mut PgConnection, user: UserId) -> Result<bool, DatabaseError> {
    let found = sqlx::query_scalar!(
        "SELECT id FROM users WHERE id = $1 AND blocked_at IS NULL AND 'admin' = ANY (roles) FOR SHARE",
        user.as_uuid(),
    );
    Ok(found.fetch_optional(connection).await?.is_some())
}
