use super::deed::Deed;
use crate::{
    audit,
    kernel::{Actor, Client, UserId},
    postgres::DatabaseError,
    sessions::{self, Ended, Sessions},
    users,
};
use serde_json::json;
use sqlx::PgConnection;

/// What became of a person who was to be deleted.
#[must_use]
#[derive(Debug)]
pub enum UserDeleted {
    /// They are gone; so many live sessions of theirs have ended.
    Deleted(u64),
    /// There is no such person.
    NotFound,
    /// They are the last administrator: nothing was changed.
    LastAdmin,
}

/// Deletes a person and what is held about them; their sessions end, and their access tokens die at once. Audit events
/// stay: they hold the person's id, and neither address nor name. At the command line only.
///
/// # Errors
/// When the database fails: nothing was deleted then.
pub async fn delete_user(sessions: &Sessions, user: UserId, client: &Client) -> Result<UserDeleted, DatabaseError> {
    let deed = Deed { world: sessions.world().clone(), actor: Actor::Operator, user, client: client.clone() };
    let done = sessions.world().db.transaction(move |connection| Box::pin(delete(deed, connection)));
    Ok(match done.await? {
        Ok(ended) => {
            sessions.learn(&ended);
            UserDeleted::Deleted(ended.live())
        }
        Err(refused) => refused,
    })
}

/// The inner error is an answer: nothing was deleted.
async fn delete(deed: Deed, connection: &mut PgConnection) -> Result<Result<Ended, UserDeleted>, DatabaseError> {
    users::lock_admins(connection).await?;
    let Some(user) = users::lookup_in(connection, deed.user).await? else {
        return Ok(Err(UserDeleted::NotFound));
    };
    if deed.takes_the_last_admin(connection, &user).await? {
        return Ok(Err(UserDeleted::LastAdmin));
    }
    let Some(ended) = sessions::end_before_deletion(connection, &deed.world, deed.user).await? else {
        return Ok(Err(UserDeleted::NotFound));
    };
    deed.record(connection, audit::Kind::UserDeleted, json!({ "sessions": ended.live() })).await?;
    users::delete(connection, deed.user).await?;
    Ok(Ok(ended))
}
