use crate::{
    audit,
    kernel::{Operator, UserId},
    lifecycle::{self, Deletion},
    postgres::DatabaseError,
    sessions::Sessions,
};

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

/// Deletes a user and what is stored about them; their sessions and access tokens are revoked at once. Audit events
/// stay: they hold the user's id, and neither address nor name. At the command line only.
///
/// # Errors
/// When the database fails: nothing was deleted then.
pub async fn delete_user(sessions: &Sessions, operator: Operator, user: UserId) -> Result<UserDeleted, DatabaseError> {
    let done = sessions.world().transaction(operator.into(), move |mut work| {
        Box::pin(async move { lifecycle::delete_account(&mut work, user, audit::Kind::UserDeleted).await })
    });
    Ok(match done.await? {
        Deletion::Deleted(ended) => {
            sessions.apply(&ended);
            UserDeleted::Deleted(ended.live())
        }
        Deletion::NotFound => UserDeleted::NotFound,
        Deletion::LastAdmin => UserDeleted::LastAdmin,
    })
}
