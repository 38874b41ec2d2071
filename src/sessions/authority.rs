use super::{Admin, FreshAdmin, extract::is_admin, store};
use crate::{
    kernel::{Client, Operator, SessionId},
    postgres::DatabaseError,
    work::{Caller, Work},
};

/// Permission to act on what belongs to other users. Only an administrator's request or the command line has it, so
/// that what asks for it cannot be called without.
#[derive(Debug, Clone)]
pub struct Authority(Caller);

/// Permission for what a stolen access token must not do to other users: to change their roles, to block them, to delete
/// them, to revoke everyone's sessions. Only an administrator's request from a fresh session or the command line has it.
#[derive(Debug, Clone)]
pub struct FreshAuthority {
    caller: Caller,
    /// The administrator's. None: an operator's, who has none.
    session: Option<SessionId>,
}

impl Authority {
    /// An administrator, through a request.
    #[must_use]
    pub fn of(admin: &Admin, client: &Client) -> Self {
        Self(Caller::user(admin.0.user, client))
    }

    /// Who acts, from where.
    #[must_use]
    pub fn caller(&self) -> Caller {
        self.0.clone()
    }
}

impl FreshAuthority {
    /// An administrator, through a request from a fresh session.
    #[must_use]
    pub fn of(FreshAdmin(admin): &FreshAdmin, client: &Client) -> Self {
        Self { caller: Caller::user(admin.0.user, client), session: Some(admin.0.session) }
    }

    /// Who acts, from where.
    #[must_use]
    pub fn caller(&self) -> Caller {
        self.caller.clone()
    }

    /// Checks again, in the caller's transaction: the session may have been revoked meanwhile, or the role removed. Role
    /// and block stay as they are until it ends if the transaction holds the lock for changes of administrators.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn still_stands(&self, work: &mut Work<'_>) -> Result<bool, DatabaseError> {
        let Some(session) = self.session else { return Ok(true) };
        let found = store::freshness(work.connection, session, &work.world.config).await?;
        Ok(found.is_some_and(|found| found.is_fresh && is_admin(&found.roles)))
    }
}

impl From<Operator> for Authority {
    fn from(operator: Operator) -> Self {
        Self(operator.into())
    }
}

impl From<Operator> for FreshAuthority {
    fn from(operator: Operator) -> Self {
        Self { caller: operator.into(), session: None }
    }
}
