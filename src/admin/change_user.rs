use super::deed::Deed;
use crate::{
    audit,
    identity::{AccessTooLarge, BlockReason, CustomClaims, Role, RoleError, Roles, fit_together},
    kernel::{Actor, Client, UserId},
    mail,
    postgres::DatabaseError,
    sessions::{self, EndReason, Ended, Sessions},
    users::{self, AccessChange, Accounts, Blocking, User},
};
use serde_json::json;
use sqlx::PgConnection;

/// What is to become of a person.
#[derive(Debug, Clone, Default)]
pub struct UserChange {
    /// Their roles and claims.
    pub access: AccessChange,
    /// One role, whatever the others are at that moment.
    pub role: Option<RoleChange>,
    /// Whether they are blocked.
    pub blocking: Option<Blocking>,
}

/// What is to become of one role.
#[derive(Debug, Clone)]
pub enum RoleChange {
    /// They have it from now on.
    Grant(Role),
    /// They have it no longer.
    Ungrant(Role),
}

/// What became of them.
#[must_use]
#[derive(Debug)]
pub enum UserChanged {
    /// As wanted.
    Changed(Box<User>),
    /// There is no such person.
    NotFound,
    /// They cannot have one role more.
    RoleRefused(RoleError),
    /// Their access token would be too large.
    AccessTooLarge(AccessTooLarge),
    /// They are the last administrator, and would be none any more: nothing was changed.
    LastAdmin,
}

struct Change {
    deed: Deed,
    wanted: UserChange,
}

/// Changes a person's roles, claims and block, all or nothing, and ends or cuts off what that ends or cuts off.
///
/// # Errors
/// When the database fails.
pub async fn change_user(
    (accounts, sessions): (&Accounts, &Sessions),
    actor: Actor,
    user: UserId,
    change: UserChange,
    client: &Client,
) -> Result<UserChanged, DatabaseError> {
    let deed = Deed { world: sessions.world().clone(), actor, user, client: client.clone() };
    let change = Change { deed, wanted: change };
    let done = sessions.world().db.transaction(move |connection| Box::pin(change.apply(connection)));
    let ended = match done.await? {
        Ok(ended) => ended,
        Err(refused) => return Ok(refused),
    };
    sessions.learn(&ended);
    Ok(accounts.lookup(user).await?.map_or(UserChanged::NotFound, |user| UserChanged::Changed(Box::new(user))))
}

impl Change {
    /// The inner error is an answer: nothing was changed by then, and at most an event says so.
    async fn apply(mut self, connection: &mut PgConnection) -> Result<Result<Ended, UserChanged>, DatabaseError> {
        users::lock_admins(connection).await?;
        let Some(user) = users::lookup_in(connection, self.deed.user).await? else {
            return Ok(Err(UserChanged::NotFound));
        };
        if let Err(error) = self.settle_roles(&user) {
            return Ok(Err(UserChanged::RoleRefused(error)));
        }
        if let Err(error) = self.check_size(&user) {
            return Ok(Err(UserChanged::AccessTooLarge(error)));
        }
        if self.takes_admin_away() && self.deed.takes_the_last_admin(connection, &user).await? {
            return Ok(Err(UserChanged::LastAdmin));
        }
        let mut ended = self.change_access(connection).await?;
        ended.add(self.change_block(connection).await?);
        Ok(Ok(ended))
    }

    /// Now that nobody else changes roles: what one role more or less makes of those at hand.
    fn settle_roles(&mut self, user: &User) -> Result<(), RoleError> {
        self.wanted.access.roles = match self.wanted.role.take() {
            None => return Ok(()),
            Some(RoleChange::Grant(role)) => Some(Roles::parse(&user.roles)?.with(role)?),
            Some(RoleChange::Ungrant(role)) => Some(Roles::parse(&user.roles)?.without(&role)),
        };
        Ok(())
    }

    /// Roles and claims travel together. Taking roles away is never refused.
    fn check_size(&self, user: &User) -> Result<(), AccessTooLarge> {
        let AccessChange { roles, claims } = self.wanted.access.clone();
        let adds = roles.iter().flat_map(Roles::iter).any(|role| !user.roles.iter().any(|had| had == role));
        if claims.is_none() && !adds {
            return Ok(());
        }
        let roles = roles.unwrap_or_else(|| Roles::parse(&user.roles).unwrap_or_default());
        fit_together(&roles, &claims.unwrap_or_else(|| CustomClaims::parse(user.claims.clone()).unwrap_or_default()))
    }

    fn takes_admin_away(&self) -> bool {
        let demoted = self.wanted.access.roles.as_ref().is_some_and(|roles| !roles.contains(&Role::admin()));
        let blocked = matches!(self.wanted.blocking, Some(Blocking::Block(_)));
        demoted || blocked
    }

    async fn change_access(&self, connection: &mut PgConnection) -> Result<Ended, DatabaseError> {
        let Some(revision) = users::change_access(connection, self.deed.user, &self.wanted.access).await? else {
            return Ok(Ended::default());
        };
        if let Some(roles) = &self.wanted.access.roles {
            self.deed.record(connection, audit::Kind::RolesChanged, json!({ "roles": roles.to_strings() })).await?;
        }
        if self.wanted.access.claims.is_some() {
            self.deed.record(connection, audit::Kind::ClaimsChanged, json!({})).await?;
        }
        sessions::cut_off(connection, &self.deed.world, self.deed.user, revision).await
    }

    async fn change_block(&self, connection: &mut PgConnection) -> Result<Ended, DatabaseError> {
        let Some(blocking) = &self.wanted.blocking else { return Ok(Ended::default()) };
        if !users::set_blocked(connection, self.deed.user, blocking).await? {
            return Ok(Ended::default());
        }
        match blocking {
            Blocking::Unblock => {
                self.deed.record(connection, audit::Kind::UserUnblocked, json!({})).await?;
                Ok(Ended::default())
            }
            Blocking::Block(reason) => {
                let ended =
                    sessions::end_all_of(connection, &self.deed.world, self.deed.user, None, &EndReason::Blocked)
                        .await?;
                let reason = reason.as_ref().map(BlockReason::as_str);
                let details = json!({ "reason": reason, "sessions": ended.live() });
                self.deed.record(connection, audit::Kind::UserBlocked, details).await?;
                let at = (&self.deed.world, self.deed.world.clock.now());
                mail::tell(connection, at, self.deed.user, mail::Notice::Blocked, &self.deed.client).await?;
                Ok(ended)
            }
        }
    }
}
