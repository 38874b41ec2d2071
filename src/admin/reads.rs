//! What administrators may read. Each function requires proof of being an administrator.

use crate::{
    audit::{self, EventFilter, Recorded},
    kernel::{PageRequest, UserId},
    postgres::DatabaseError,
    sessions::{Admin, SessionFilter, SessionView, Sessions},
    users::{Accounts, User, UserFilter},
};

/// Lists users, newest first: one row more than the page holds, if there is one.
///
/// # Errors
/// When the database fails.
pub async fn list_users(
    accounts: &Accounts,
    _by: &Admin,
    filter: UserFilter,
    page: PageRequest,
) -> Result<Vec<User>, DatabaseError> {
    accounts.list(filter, page).await
}

/// One user.
///
/// # Errors
/// When the database fails.
pub async fn find_user(accounts: &Accounts, _by: &Admin, id: UserId) -> Result<Option<User>, DatabaseError> {
    accounts.lookup(id).await
}

/// Lists sessions, newest first: one row more than the page holds, if there is one.
///
/// # Errors
/// When the database fails.
pub async fn list_sessions(
    sessions: &Sessions,
    _by: &Admin,
    filter: SessionFilter,
    page: PageRequest,
) -> Result<Vec<SessionView>, DatabaseError> {
    sessions.list(filter, page).await
}

/// Lists events of the audit log, newest first: one row more than the page holds, if there is one.
///
/// # Errors
/// When the database fails.
pub async fn list_events(
    sessions: &Sessions,
    _by: &Admin,
    filter: EventFilter,
    page: PageRequest,
) -> Result<Vec<Recorded>, DatabaseError> {
    let listing = sessions.world().db.run(move |connection| {
        Box::pin(async move { audit::list(connection, &filter, page.after, page.rows()).await })
    });
    listing.await
}
