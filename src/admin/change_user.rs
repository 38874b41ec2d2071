use super::{Rooms, action::AdminAction};
use crate::{
    audit,
    identity::{AccessTooLarge, BlockReason, CustomClaims, Role, RoleError, Roles, fit_together},
    kernel::UserId,
    mail,
    postgres::DatabaseError,
    sessions::{self, EndReason, Ended, FreshAuthority},
    users::{self, AccessChange, Blocking, User},
};
use serde_json::json;

/// The changes to a user.
#[derive(Debug, Clone, Default)]
pub struct UserChange {
    /// Their roles and claims.
    pub access: AccessChange,
    /// One role, whatever the others are at that moment.
    pub role: Option<RoleChange>,
    /// Whether they are blocked.
    pub blocking: Option<Blocking>,
}

/// The change of one role.
#[derive(Debug, Clone)]
pub enum RoleChange {
    /// The user has it from now on.
    Grant(Role),
    /// The user no longer has it.
    Remove(Role),
}

/// The outcome of the changes.
#[must_use]
#[derive(Debug)]
pub enum UserChanged {
    /// Changed.
    Changed(Box<User>),
    /// The user does not exist.
    NotFound,
    /// The user already has the maximum number of roles.
    RoleRefused(RoleError),
    /// Their access token would be too large.
    AccessTooLarge(AccessTooLarge),
    /// The user is the last administrator and would no longer be one: nothing was changed.
    LastAdmin,
    /// The session of the administrator who asks is no longer fresh, or they are no longer one: nothing was changed.
    NotFresh,
}

struct Change<'w> {
    action: AdminAction<'w>,
    by: FreshAuthority,
    wanted: UserChange,
}

/// What the transaction decided.
enum Decided {
    /// With the user as they are now.
    Changed(Ended, Box<User>),
    NotFound,
    RoleRefused(RoleError),
    AccessTooLarge(AccessTooLarge),
    LastAdmin,
    NotFresh,
}

/// Changes a user's roles, claims and block, all or nothing, and revokes the sessions or access tokens that are
/// affected.
///
/// # Errors
/// When the database fails.
pub async fn change_user(
    rooms: Rooms<'_>,
    by: &FreshAuthority,
    user: UserId,
    wanted: UserChange,
) -> Result<UserChanged, DatabaseError> {
    let sessions = rooms.sessions;
    let by = by.clone();
    let done = sessions.world().transaction(by.caller(), move |work| {
        Box::pin(Change { action: AdminAction { work, user }, by, wanted }.apply())
    });
    Ok(match done.await? {
        Decided::Changed(ended, user) => {
            sessions.apply(&ended);
            UserChanged::Changed(user)
        }
        Decided::NotFound => UserChanged::NotFound,
        Decided::AccessTooLarge(error) => UserChanged::AccessTooLarge(error),
        Decided::RoleRefused(error) => UserChanged::RoleRefused(error),
        Decided::LastAdmin => UserChanged::LastAdmin,
        Decided::NotFresh => UserChanged::NotFresh,
    })
}

impl Change<'_> {
    /// Unless it is changed, at most an event was written.
    async fn apply(mut self) -> Result<Decided, DatabaseError> {
        users::lock_admins(self.action.work.connection).await?;
        if !self.by.still_stands(&mut self.action.work).await? {
            return Ok(Decided::NotFresh);
        }
        let Some(user) = users::lookup_in(self.action.work.connection, self.action.user).await? else {
            return Ok(Decided::NotFound);
        };
        if let Err(error) = self.settle_roles(&user) {
            return Ok(Decided::RoleRefused(error));
        }
        if let Err(error) = self.check_size(&user) {
            return Ok(Decided::AccessTooLarge(error));
        }
        if self.removes_admin() && self.action.removes_the_last_admin(&user).await? {
            return Ok(Decided::LastAdmin);
        }
        let mut ended = self.change_access(&user).await?;
        ended.add(self.change_block().await?);
        let changed = users::lookup_in(self.action.work.connection, self.action.user).await?;
        // None only if nothing was changed: a change locks the user.
        Ok(changed.map_or(Decided::NotFound, |user| Decided::Changed(ended, Box::new(user))))
    }

    /// Adds or removes one role, now that no other transaction changes roles.
    fn settle_roles(&mut self, user: &User) -> Result<(), RoleError> {
        self.wanted.access.roles = match self.wanted.role.take() {
            None => return Ok(()),
            Some(RoleChange::Grant(role)) => Some(Roles::parse(&user.roles)?.with(role)?),
            Some(RoleChange::Remove(role)) => Some(Roles::parse(&user.roles)?.without(&role)),
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

    fn removes_admin(&self) -> bool {
        let demoted = self.wanted.access.roles.as_ref().is_some_and(|roles| !roles.contains(&Role::admin()));
        let blocked = matches!(self.wanted.blocking, Some(Blocking::Block(_)));
        demoted || blocked
    }

    /// Records only what differs from `before`: nobody else changes it meanwhile.
    async fn change_access(&mut self, before: &User) -> Result<Ended, DatabaseError> {
        let (user, action) = (self.action.user, &mut self.action);
        let changed = users::change_access(action.work.connection, user, &self.wanted.access).await?;
        let Some(revision) = changed else { return Ok(Ended::default()) };
        let roles = self.wanted.access.roles.as_ref().filter(|roles| roles.to_strings() != before.roles);
        if let Some(roles) = roles {
            action.record(audit::Kind::RolesChanged, json!({ "roles": roles.to_strings() })).await?;
        }
        let claims = self.wanted.access.claims.clone().map(CustomClaims::into_value);
        if claims.is_some_and(|claims| claims != before.claims) {
            action.record(audit::Kind::ClaimsChanged, json!({})).await?;
        }
        let mut ended = sessions::cut_off(&mut action.work, user, revision).await?;
        let demanding = &action.work.world.config.factors.required_by_roles;
        let demands = |role: &String| demanding.contains(role) && !before.roles.contains(role);
        if roles.is_some_and(|roles| roles.to_strings().iter().any(demands)) {
            ended.add(sessions::end_with_one_factor(&mut action.work, user).await?);
        }
        Ok(ended)
    }

    async fn change_block(&mut self) -> Result<Ended, DatabaseError> {
        let (user, action) = (self.action.user, &mut self.action);
        let Some(blocking) = &self.wanted.blocking else { return Ok(Ended::default()) };
        if !users::set_blocked(action.work.connection, user, blocking).await? {
            return Ok(Ended::default());
        }
        match blocking {
            Blocking::Unblock => {
                action.record(audit::Kind::UserUnblocked, json!({})).await?;
                Ok(Ended::default())
            }
            Blocking::Block(reason) => {
                let ended = sessions::end_all_of(&mut action.work, user, None, &EndReason::Blocked).await?;
                let reason = reason.as_ref().map(BlockReason::as_str);
                let details = json!({ "reason": reason, "sessions": ended.live() });
                action.record(audit::Kind::UserBlocked, details).await?;
                action.work.enqueue_email(user, mail::Notification::Blocked).await?;
                Ok(ended)
            }
        }
    }
}
