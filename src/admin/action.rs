use crate::{audit, kernel::UserId, lifecycle, postgres::DatabaseError, users::User, work::Work};
use serde_json::Value;

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
        lifecycle::removes_the_last_admin(&mut self.work, user).await
    }
}
