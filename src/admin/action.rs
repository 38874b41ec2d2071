use crate::{
    audit,
    kernel::UserId,
    postgres::DatabaseError,
    users::{self, User},
    work::Work,
};
use serde_json::{Value, json};

/// What an administrator or an operator does to a user, within one transaction.
pub struct AdminAction<'w> {
    pub work: Work<'w>,
    pub user: UserId,
}

impl AdminAction<'_> {
    /// Records what was done.
    pub async fn record(&mut self, kind: audit::Kind, details: Value) -> Result<(), DatabaseError> {
        self.work.record(kind, self.user, details).await
    }

    /// Whether this is the last administrator; the attempt is recorded. The caller holds the lock
    /// for changes of administrators.
    pub async fn removes_the_last_admin(&mut self, user: &User) -> Result<bool, DatabaseError> {
        let is_acting = user.is_admin() && user.blocked_at.is_none();
        if !is_acting || users::other_admins(self.work.connection, Some(self.user)).await? > 0 {
            return Ok(false);
        }
        self.work.record_refusal(audit::Kind::AccessDenied, self.user, json!({ "reason": "last_admin" })).await?;
        Ok(true)
    }
}
