//! The end of an account, by its user or by an operator.

use crate::{
    audit,
    kernel::UserId,
    postgres::DatabaseError,
    sessions::{self, Ended},
    users::{self, User},
    work::Work,
};
use serde_json::json;

/// The outcome of a deletion.
#[must_use]
#[derive(Debug)]
pub enum Deletion {
    /// Deleted. The caller applies the revocations once the transaction has committed.
    Deleted(Ended),
    /// The user does not exist.
    NotFound,
    /// The user is the last administrator: nothing was changed.
    LastAdmin,
}

/// Deletes a user and what is stored about them, in the caller's transaction; their sessions and access tokens are revoked at
/// once. Audit events stay: they hold the user's id, and neither address nor name.
///
/// # Errors
/// When the database fails.
pub async fn delete_account(work: &mut Work<'_>, id: UserId, kind: audit::Kind) -> Result<Deletion, DatabaseError> {
    users::lock_admins(work.connection).await?;
    let Some(user) = users::lookup_in(work.connection, id).await? else { return Ok(Deletion::NotFound) };
    if removes_the_last_admin(work, &user).await? {
        return Ok(Deletion::LastAdmin);
    }
    let Some(ended) = sessions::end_before_deletion(work, id).await? else { return Ok(Deletion::NotFound) };
    work.record(kind, id, json!({ "sessions": ended.live() })).await?;
    users::delete(work.connection, id).await?;
    audit::forget_user(work.connection, id).await?;
    Ok(Deletion::Deleted(ended))
}

/// Whether this is the last administrator; the attempt to remove them is recorded. The caller holds the lock for changes of
/// administrators.
///
/// # Errors
/// When the database fails.
pub async fn removes_the_last_admin(work: &mut Work<'_>, user: &User) -> Result<bool, DatabaseError> {
    let is_acting = user.is_admin() && user.blocked_at.is_none();
    if !is_acting || users::other_admins(work.connection, Some(user.id)).await? > 0 {
        return Ok(false);
    }
    work.record_refusal(audit::Kind::AccessDenied, user.id, json!({ "reason": "last_admin" })).await?;
    Ok(true)
}
