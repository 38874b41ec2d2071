use crate::{
    audit,
    kernel::{Actor, Client, UserId},
    postgres::DatabaseError,
    users::{self, User},
    world::World,
};
use serde_json::{Value, json};
use sqlx::PgConnection;

/// Who does something to whom, from where.
pub struct Deed {
    pub world: World,
    pub actor: Actor,
    pub user: UserId,
    pub client: Client,
}

impl Deed {
    /// Records what was done, in the caller's transaction.
    pub async fn record(
        &self,
        connection: &mut PgConnection,
        kind: audit::Kind,
        details: Value,
    ) -> Result<(), DatabaseError> {
        let Self { actor, user, client, world } = self;
        let event = audit::Event { kind, actor: *actor, user: Some(*user), session: None, client, details };
        audit::record(connection, world.clock.now(), world, &event).await
    }

    /// Whether nobody would be an administrator any more without this one; that it was tried is recorded. The caller
    /// holds the lock of those who decide who is one.
    pub async fn takes_the_last_admin(
        &self,
        connection: &mut PgConnection,
        user: &User,
    ) -> Result<bool, DatabaseError> {
        let is_acting = user.is_admin() && user.blocked_at.is_none();
        if !is_acting || users::other_admins(connection, Some(self.user)).await? > 0 {
            return Ok(false);
        }
        self.record(connection, audit::Kind::AccessDenied, json!({ "reason": "last_admin" })).await?;
        Ok(true)
    }
}
