//! Removing factors. The recovery codes go with the last one.

use super::{model::FactorKind, passkeys::store as passkeys, store};
use crate::{
    audit,
    kernel::{Moment, UserId},
    mail,
    postgres::DatabaseError,
    work::Work,
};
use serde_json::json;
use uuid::Uuid;

/// What was removed.
#[must_use]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RemovedFactors {
    /// Whether an authenticator app was.
    pub totp: bool,
    /// How many passkeys were.
    pub passkeys: u32,
}

impl RemovedFactors {
    /// How many factors.
    #[must_use]
    pub fn count(self) -> u32 {
        u32::from(self.totp).saturating_add(self.passkeys)
    }

    /// The events.
    async fn record(self, work: &mut Work<'_>, user: UserId, reason: &'static str) -> Result<(), DatabaseError> {
        if self.totp {
            let details = json!({ "factor": FactorKind::Totp.name(), "reason": reason });
            work.record(audit::Kind::FactorRemoved, user, details).await?;
        }
        if self.passkeys > 0 {
            let details = json!({ "factor": FactorKind::Passkey.name(), "number": self.passkeys, "reason": reason });
            work.record(audit::Kind::FactorRemoved, user, details).await?;
        }
        Ok(())
    }

    /// The emails to the owner.
    async fn notify(self, work: &mut Work<'_>, user: UserId) -> Result<(), DatabaseError> {
        if self.totp {
            work.enqueue_email(user, mail::Notification::FactorRemoved).await?;
        }
        if self.passkeys > 0 {
            work.enqueue_email(user, mail::Notification::PasskeyRemoved).await?;
        }
        Ok(())
    }

    async fn report(self, work: &mut Work<'_>, user: UserId, reason: &'static str) -> Result<(), DatabaseError> {
        self.record(work, user, reason).await?;
        self.notify(work, user).await
    }
}

/// Removes all factors and recovery codes of a user, in the caller's transaction, which holds the lock on the user. The
/// owner receives an email if there was one.
///
/// # Errors
/// When the database fails.
pub async fn remove_all(
    work: &mut Work<'_>,
    user: UserId,
    reason: &'static str,
) -> Result<RemovedFactors, DatabaseError> {
    let removed = remove(work, user, reason).await?;
    removed.notify(work, user).await?;
    Ok(removed)
}

/// The same, without the emails.
pub(super) async fn remove(
    work: &mut Work<'_>,
    user: UserId,
    reason: &'static str,
) -> Result<RemovedFactors, DatabaseError> {
    let secret = store::delete_secret(work.connection, user).await?;
    let passkeys = passkeys::delete_all(work.connection, user).await?;
    store::delete_codes(work.connection, user).await?;
    // A secret that is not confirmed yet may be a thief's: what was begun with it is void too.
    if secret.is_some() || passkeys > 0 {
        store::count_change(work.connection, user).await?;
    }
    let removed = RemovedFactors { totp: secret == Some(true), passkeys };
    removed.record(work, user, reason).await?;
    Ok(removed)
}

/// The factors of a user with their dates, in the caller's transaction.
///
/// # Errors
/// When the database fails.
pub async fn listed_factors(work: &mut Work<'_>, user: UserId) -> Result<Vec<(FactorKind, Moment)>, DatabaseError> {
    let app = store::of(work.connection, user).await?.and_then(|factors| factors.totp_since);
    let passkeys = passkeys::list(work.connection, user).await?;
    let passkeys = passkeys.into_iter().map(|passkey| (FactorKind::Passkey, passkey.created_at));
    Ok(app.map(|since| (FactorKind::Totp, since)).into_iter().chain(passkeys).collect())
}

/// The outcome of the removal of one factor.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// It is removed.
    Removed,
    /// There was none.
    Missing,
    /// It is the only one, and a role demands one; or it is the only passkey, and nothing else opens the account.
    LastFactor,
}

/// Whether the user may not remove a factor of this kind.
async fn must_keep_last(work: &mut Work<'_>, user: UserId, removed: FactorKind) -> Result<bool, DatabaseError> {
    let config = &work.world.config;
    let (demanding, providers) = (config.factors.required_by_roles.clone(), config.upstream.names());
    store::must_keep_last(work.connection, user, removed, &demanding, &providers).await
}

/// Removes the authenticator app of a user, in the caller's transaction, which holds the lock on the user. A secret that was
/// not confirmed goes as well.
///
/// # Errors
/// When the database fails.
pub async fn remove_totp(work: &mut Work<'_>, user: UserId, reason: &'static str) -> Result<Removal, DatabaseError> {
    let factors = store::of(work.connection, user).await?;
    let is_set_up = factors.is_some_and(|factors| factors.totp_since.is_some());
    if is_set_up && must_keep_last(work, user, FactorKind::Totp).await? {
        return Ok(Removal::LastFactor);
    }
    let secret = store::delete_secret(work.connection, user).await?;
    if secret.is_some() {
        store::count_change(work.connection, user).await?;
        store::delete_codes_without_factor(work.connection, user).await?;
    }
    let removed = RemovedFactors { totp: secret == Some(true), passkeys: 0 };
    removed.report(work, user, reason).await?;
    Ok(if removed.totp { Removal::Removed } else { Removal::Missing })
}

/// Removes one passkey of a user, in the caller's transaction, which holds the lock on the user.
///
/// # Errors
/// When the database fails.
pub async fn remove_passkey(
    work: &mut Work<'_>,
    user: UserId,
    passkey: Uuid,
    reason: &'static str,
) -> Result<Removal, DatabaseError> {
    if !passkeys::list(work.connection, user).await?.iter().any(|own| own.id == passkey) {
        return Ok(Removal::Missing);
    }
    if must_keep_last(work, user, FactorKind::Passkey).await? {
        return Ok(Removal::LastFactor);
    }
    passkeys::delete(work.connection, user, passkey).await?;
    store::count_change(work.connection, user).await?;
    store::delete_codes_without_factor(work.connection, user).await?;
    RemovedFactors { totp: false, passkeys: 1 }.report(work, user, reason).await?;
    Ok(Removal::Removed)
}

/// Removes the factors of a user that were added since a time, in the caller's transaction, which holds the lock on the user.
/// The recovery codes then go too: they may be of the one who added a factor. So do those that were created since.
///
/// # Errors
/// When the database fails.
pub async fn remove_added_since(
    work: &mut Work<'_>,
    user: UserId,
    since: Moment,
    reason: &'static str,
) -> Result<(), DatabaseError> {
    let totp = store::delete_secret_of_since(work.connection, user, since).await?;
    let passkeys = passkeys::delete_since(work.connection, user, since).await?;
    let removed = RemovedFactors { totp, passkeys };
    let new_codes = store::delete_codes_since(work.connection, user, since).await?;
    if removed.count() > 0 {
        store::delete_codes(work.connection, user).await?;
        store::count_change(work.connection, user).await?;
    } else if new_codes {
        store::count_change(work.connection, user).await?;
        work.record(audit::Kind::RecoveryCodesRemoved, user, json!({ "reason": reason })).await?;
    }
    removed.report(work, user, reason).await
}
