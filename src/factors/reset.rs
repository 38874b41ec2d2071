//! Removing all factors of a user who has lost them, by an administrator or an operator.

use super::{
    remove::{RemovedFactors, remove},
    store,
};
use crate::{kernel::UserId, mail, postgres::DatabaseError, work::Work};

/// Removes all factors and recovery codes of a user who has lost them, in the caller's transaction, which holds the lock on the
/// user. The owner receives an email. The next factor is set up with an emailed code: an administrator may have been deceived.
///
/// # Errors
/// When the database fails.
pub async fn reset(work: &mut Work<'_>, user: UserId) -> Result<RemovedFactors, DatabaseError> {
    let removed = remove(work, user, "reset_by_admin").await?;
    if removed.count() > 0 {
        store::mark_reset(work.connection, user).await?;
        work.enqueue_email(user, mail::Notification::FactorsReset).await?;
    }
    Ok(removed)
}

/// Whether the next factor of a user is set up with an emailed code, in the caller's transaction. Until then the address stays: who
/// could change it would receive that code.
///
/// # Errors
/// When the database fails.
pub async fn waits_for_factor(work: &mut Work<'_>, user: UserId) -> Result<bool, DatabaseError> {
    Ok(store::of(work.connection, user).await?.is_some_and(|factors| factors.asks_email_code))
}
