use super::action::AdminAction;
use crate::{
    audit,
    kernel::{Operator, UserId},
    postgres::DatabaseError,
    sessions::{self, Ended, Sessions},
    users,
};
use serde_json::json;

/// The outcome of deleting a user.
#[must_use]
#[derive(Debug)]
pub enum UserDeleted {
    /// Deleted; this many live sessions were revoked.
    Deleted(u64),
    /// The user does not exist.
    NotFound,
    /// The user is the last administrator: nothing was changed.
    LastAdmin,
}

/// What the transaction decided.
enum Decided {
    Deleted(Ended),
    NotFound,
    LastAdmin,
}

/// Deletes a user and what is stored about them; their sessions and access tokens are revoked at once. Audit events
/// stay: they hold the user's id, and neither address nor name. At the command line only.
///
/// # Errors
/// When the database fails: nothing was deleted then.
pub async fn delete_user(sessions: &Sessions, operator: Operator, user: UserId) -> Result<UserDeleted, DatabaseError> {
    let done = sessions.world().transaction(operator.into(), move |work| Box::pin(delete(AdminAction { work, user })));
    Ok(match done.await? {
        Decided::Deleted(ended) => {
            sessions.apply(&ended);
            UserDeleted::Deleted(ended.live())
        }
        Decided::NotFound => UserDeleted::NotFound,
        Decided::LastAdmin => UserDeleted::LastAdmin,
    })
}

async fn delete(mut action: AdminAction<'_>) -> Result<Decided, DatabaseError> {
    let id = action.user;
    users::lock_admins(action.work.connection).await?;
    let Some(user) = users::lookup_in(action.work.connection, id).await? else { return Ok(Decided::NotFound) };
    if action.removes_the_last_admin(&user).await? {
        return Ok(Decided::LastAdmin);
    }
    let ended = sessions::end_before_deletion(&mut action.work, id).await?;
    let Some(ended) = ended else { return Ok(Decided::NotFound) };
    action.record(audit::Kind::UserDeleted, json!({ "sessions": ended.live() })).await?;
    users::delete(action.work.connection, id).await?;
    audit::forget_user(action.work.connection, id).await?;
    Ok(Decided::Deleted(ended))
}
