use crate::{
    accounts, audit,
    kernel::{Client, UserId, World},
    postgres::DatabaseError,
    sessions::{self, Ended, Sessions},
};
use serde_json::{Value, json};
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

/// Whom to delete.
struct Deletion {
    world: World,
    user: UserId,
    client: Client,
}

/// Deletes a person and what is held about them; their sessions end, and their access tokens die at once. Audit events
/// stay: they hold the person's id, and neither address nor name. At the command line only.
///
/// # Errors
/// When the database fails: nothing was deleted then.
pub async fn delete_user(sessions: &Sessions, user: UserId, client: &Client) -> Result<UserDeleted, DatabaseError> {
    let deletion = Deletion { world: sessions.world().clone(), user, client: client.clone() };
    let done = sessions.world().db.transaction(move |connection| Box::pin(deletion.apply(connection)));
    Ok(match done.await? {
        Ok(ended) => {
            sessions.learn(&ended);
            UserDeleted::Deleted(ended.live())
        }
        Err(refused) => refused,
    })
}

impl Deletion {
    /// The inner error is an answer: nothing was deleted.
    async fn apply(self, connection: &mut PgConnection) -> Result<Result<Ended, UserDeleted>, DatabaseError> {
        accounts::lock_admins(connection).await?;
        let Some(user) = accounts::lookup_in(connection, self.user).await? else {
            return Ok(Err(UserDeleted::NotFound));
        };
        let is_acting_admin = user.is_admin() && user.blocked_at.is_none();
        if is_acting_admin && accounts::other_admins(connection, Some(self.user)).await? == 0 {
            self.record(connection, audit::Kind::AccessDenied, json!({ "reason": "last_admin" })).await?;
            return Ok(Err(UserDeleted::LastAdmin));
        }
        let Some(ended) = sessions::end_before_deletion(connection, self.user).await? else {
            return Ok(Err(UserDeleted::NotFound));
        };
        self.record(connection, audit::Kind::UserDeleted, json!({ "sessions": ended.live() })).await?;
        accounts::delete(connection, self.user).await?;
        Ok(Ok(ended))
    }

    async fn record(
        &self,
        connection: &mut PgConnection,
        kind: audit::Kind,
        details: Value,
    ) -> Result<(), DatabaseError> {
        let Self { world, user, client } = self;
        let event = audit::Event { kind, actor: None, user: Some(*user), session: None, client, details };
        audit::record(connection, world.clock.now(), world, &event).await
    }
}
