use super::Rooms;
use crate::{
    audit,
    kernel::Operator,
    mail,
    passwords::{Password, PasswordError, QueueKey},
    sessions::{self, EndReason},
    users::{self, AccountsError, User},
};
use serde_json::json;

/// The outcome of setting a password as an operator.
#[must_use]
#[derive(Debug)]
pub enum PasswordSet {
    /// Set; this many live sessions were revoked.
    Set(u64),
    /// The user does not exist.
    NotFound,
    /// It is too easy to guess.
    Refused(PasswordError),
}

/// Sets a user's password and revokes all their sessions. At the command line only: an administrator in the console may
/// not choose users' passwords (ASVS 5, 6.4.6).
///
/// # Errors
/// When the database fails or the hashing threads have too much to do.
pub async fn set_password(
    rooms: Rooms<'_>,
    operator: Operator,
    user: &User,
    password: Password,
) -> Result<PasswordSet, AccountsError> {
    let Rooms { accounts, sessions } = rooms;
    let context = accounts.context_of(user.email.as_ref(), user.name.as_deref());
    let hash = match accounts.new_password(password, context, QueueKey::Operator).await? {
        Ok(hash) => hash,
        Err(refused) => return Ok(PasswordSet::Refused(refused)),
    };
    let id = user.id;
    // As at a step-up, the id stands in for an address that the user does not have.
    let name = user.email.as_ref().map_or_else(|| id.to_string(), |email| email.as_str().to_owned());
    let guard = accounts.guard().clone();
    let done = sessions.world().transaction(operator.into(), move |mut work| {
        Box::pin(async move {
            if !users::set_password(work.connection, id, None, &hash).await? {
                return Ok(None);
            }
            let ended = sessions::end_all_of(&mut work, id, None, &EndReason::PasswordChanged).await?;
            work.record(audit::Kind::PasswordChanged, id, json!({ "sessions": ended.live() })).await?;
            work.enqueue_email(id, mail::Notification::PasswordChanged).await?;
            guard.start_again(&mut work, id, &name).await?;
            Ok(Some(ended))
        })
    });
    let Some(ended) = done.await? else { return Ok(PasswordSet::NotFound) };
    sessions.apply(&ended);
    Ok(PasswordSet::Set(ended.live()))
}
