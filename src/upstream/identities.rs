//! Identities: connected, used, disconnected. Each in the caller's transaction, which holds the lock on the user.

use super::store;
use crate::{
    audit,
    identity::{UpstreamIdentity, UpstreamStep},
    kernel::{Moment, UserId},
    mail,
    postgres::DatabaseError,
    work::Work,
};
use serde_json::json;

/// The names of the providers whose identities open an account.
///
/// # Errors
/// When the database fails.
pub async fn connected_to(work: &mut Work<'_>, user: UserId) -> Result<Vec<String>, DatabaseError> {
    Ok(store::list(work.connection, user).await?.into_iter().map(|identity| identity.provider).collect())
}

/// Whether a sign-in may go on.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepStanding {
    /// It may.
    Good,
    /// The identity does not open this account any more.
    Disconnected,
    /// Another account has the identity, or this one has another one of the provider.
    Taken,
}

/// How an identity stands, before a session is added.
///
/// # Errors
/// When the database fails.
pub async fn standing(work: &mut Work<'_>, user: UserId, step: &UpstreamStep) -> Result<StepStanding, DatabaseError> {
    let owner = store::owner(work.connection, &step.identity).await?.map(|owner| owner.user);
    if owner == Some(user) {
        return Ok(StepStanding::Good);
    }
    if !step.is_new {
        return Ok(StepStanding::Disconnected);
    }
    let is_free = owner.is_none() && !store::has_another(work.connection, user, &step.identity).await?;
    Ok(if is_free { StepStanding::Good } else { StepStanding::Taken })
}

/// Completes a sign-in whose session was just added: the identity is connected, or was used.
///
/// # Errors
/// When the database fails; when another account has got the identity since [`standing`]: the session is not kept then.
pub async fn complete(work: &mut Work<'_>, user: UserId, step: &UpstreamStep) -> Result<(), DatabaseError> {
    if step.is_new
        && store::owner(work.connection, &step.identity).await?.is_none()
        && !link(work, user, &step.identity).await?
    {
        return Err(DatabaseError::Raced("an identity was connected"));
    }
    store::touch(work.connection, &step.identity).await
}

/// Whether an account has an identity.
///
/// # Errors
/// When the database fails.
pub async fn has_owner(work: &mut Work<'_>, identity: &UpstreamIdentity) -> Result<bool, DatabaseError> {
    Ok(store::owner(work.connection, identity).await?.is_some())
}

/// Connects an identity. The owner receives an email. False if an account has it, or the user has another one of the provider.
///
/// # Errors
/// When the database fails.
pub async fn link(work: &mut Work<'_>, user: UserId, identity: &UpstreamIdentity) -> Result<bool, DatabaseError> {
    let added = link_first(work, user, identity).await?;
    if added {
        work.enqueue_email(user, mail::Notification::IdentityLinked).await?;
    }
    Ok(added)
}

/// The same for an account that has just been created, or taken over: without the email.
///
/// # Errors
/// When the database fails.
pub async fn link_first(work: &mut Work<'_>, user: UserId, identity: &UpstreamIdentity) -> Result<bool, DatabaseError> {
    let added = store::add(work.connection, user, identity).await?;
    if added {
        work.record(audit::Kind::IdentityLinked, user, json!({ "provider": identity.provider })).await?;
    }
    Ok(added)
}

/// The outcome of disconnecting.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unlinking {
    /// It is disconnected.
    Done(UpstreamIdentity),
    /// It was not connected.
    Missing,
    /// Nothing else opens the account.
    LastCredential,
}

/// Disconnects a user from a provider, unless nothing else opens the account: a password, a passkey, another identity. The owner
/// receives an email. The caller ends the sessions that were opened through it.
///
/// # Errors
/// When the database fails.
pub async fn unlink(work: &mut Work<'_>, user: UserId, provider: &str) -> Result<Unlinking, DatabaseError> {
    if !store::list(work.connection, user).await?.iter().any(|found| found.provider == provider) {
        return Ok(Unlinking::Missing);
    }
    let mut others = work.world.config.upstream.names();
    others.retain(|name| name != provider);
    let passkeys = work.world.config.passkeys.enabled;
    if !store::is_opened_otherwise(work.connection, user, &others, passkeys).await? {
        return Ok(Unlinking::LastCredential);
    }
    let Some(taken) = store::take(work.connection, user, provider).await? else { return Ok(Unlinking::Missing) };
    let details = json!({ "provider": provider, "reason": "removed_by_user" });
    work.record(audit::Kind::IdentityUnlinked, user, details).await?;
    work.enqueue_email(user, mail::Notification::IdentityUnlinked).await?;
    Ok(Unlinking::Done(taken))
}

/// Disconnects a user from a provider for an administrator, also where nothing else opens the account. The user receives an
/// email. None: they are not connected.
///
/// # Errors
/// When the database fails.
pub async fn take_away(
    work: &mut Work<'_>,
    user: UserId,
    provider: &str,
) -> Result<Option<UpstreamIdentity>, DatabaseError> {
    let Some(taken) = store::take(work.connection, user, provider).await? else { return Ok(None) };
    let details = json!({ "provider": provider, "reason": "removed_by_admin" });
    work.record(audit::Kind::IdentityUnlinked, user, details).await?;
    work.enqueue_email(user, mail::Notification::IdentityUnlinked).await?;
    Ok(Some(taken))
}

/// Disconnects a user from every provider that was connected since a time, or from all. Without emails: what it belongs to sends
/// one.
///
/// # Errors
/// When the database fails.
pub async fn unlink_since(
    work: &mut Work<'_>,
    user: UserId,
    since: Option<Moment>,
    reason: &'static str,
) -> Result<(), DatabaseError> {
    for provider in store::remove_since(work.connection, user, since).await? {
        let details = json!({ "provider": provider, "reason": reason });
        work.record(audit::Kind::IdentityUnlinked, user, details).await?;
    }
    Ok(())
}
