//! Waiting for the removal of factors that a user has lost, recovery codes among them. Who has the password alone can start it:
//! the owner learns of it every day, on every page and in every session, and can cancel it until it is over.

use super::{
    Factors, OpenChallenge, remove_all,
    store::recoveries::{self as store, DueRecovery, Recovery},
};
use crate::{
    audit,
    kernel::{Duration, UserId},
    postgres::DatabaseError,
    work::Work,
};
use serde_json::json;

impl Factors {
    /// The recovery of a user that is under way.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn recovery_of(&self, user: UserId) -> Result<Option<Recovery>, DatabaseError> {
        self.world().db.run(move |connection| Box::pin(store::find(connection, user))).await
    }
}

/// Whether a user can complete a recovery, in the caller's transaction: they have a password and an address.
///
/// # Errors
/// When the database fails.
pub async fn can_recover(work: &mut Work<'_>, user: UserId) -> Result<bool, DatabaseError> {
    store::is_possible(work.connection, user).await
}

/// Starts the recovery of the user of a challenge, in the caller's transaction, which holds the lock on the user. None if the
/// password or a factor has changed; with whether it is new: one that is under way goes on.
///
/// # Errors
/// When the database fails.
pub async fn start_recovery(
    work: &mut Work<'_>,
    challenge: &OpenChallenge,
    delay: Duration,
) -> Result<Option<(Recovery, bool)>, DatabaseError> {
    let pending = &challenge.pending;
    let versions = (pending.password_version, pending.factor_version);
    let is_new = store::start(work.connection, pending.user, versions, delay).await?;
    if is_new {
        let details = json!({ "wait_seconds": delay.as_secs() });
        work.record(audit::Kind::FactorRecoveryStarted, pending.user, details).await?;
    }
    Ok(store::find(work.connection, pending.user).await?.map(|recovery| (recovery, is_new)))
}

/// Cancels the recovery of a user, in the caller's transaction, with an event if there was one.
///
/// # Errors
/// When the database fails.
pub async fn cancel_recovery(work: &mut Work<'_>, user: UserId) -> Result<(), DatabaseError> {
    if store::cancel(work.connection, user).await? {
        work.record(audit::Kind::FactorRecoveryCancelled, user, json!({})).await?;
    }
    Ok(())
}

/// Removes all factors of a user whose waiting time is over, in the caller's transaction, which holds the lock on the user. False
/// if there is no such recovery.
///
/// # Errors
/// When the database fails.
pub async fn complete_recovery(work: &mut Work<'_>, user: UserId) -> Result<bool, DatabaseError> {
    if !store::complete(work.connection, user).await? {
        return Ok(false);
    }
    let _removed = remove_all(work, user, "recovered").await?;
    Ok(true)
}

/// A recovery whose next email is due, in the caller's transaction. What no longer counts is passed over and deleted.
///
/// # Errors
/// When the database fails.
pub async fn next_due_recovery(work: &mut Work<'_>) -> Result<Option<DueRecovery>, DatabaseError> {
    while let Some(due) = store::next_due(work.connection).await? {
        if due.counts {
            return Ok(Some(due));
        }
        store::cancel(work.connection, due.user).await?;
    }
    Ok(None)
}

/// The email that was due is enqueued: `link_lifetime` of the last one's link.
///
/// # Errors
/// When the database fails.
pub async fn recovery_email_enqueued(
    work: &mut Work<'_>,
    due: &DueRecovery,
    link_lifetime: Duration,
) -> Result<(), DatabaseError> {
    if due.is_ready {
        store::link_sent(work.connection, due.user, link_lifetime).await
    } else {
        store::remind_later(work.connection, due.user).await
    }
}
