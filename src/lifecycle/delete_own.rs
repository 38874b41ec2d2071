use super::{Deletion, delete_account, has_open_undo};
use crate::{
    audit,
    identity::EmailAddress,
    kernel::Client,
    postgres::DatabaseError,
    sessions::{Fresh, Sessions},
    users,
    work::{Caller, Work},
};

/// The outcome of deleting one's own account.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelfDeletion {
    /// Deleted.
    Deleted,
    /// The typed address is another one.
    OtherAddress,
    /// A change of the address can still be undone.
    UndoPending,
    /// The user is the last administrator.
    LastAdmin,
    /// The session is no longer fresh, or was revoked meanwhile.
    NotFresh,
}

/// Deletes the account of a signed-in user who has typed its address, if it has one, as an operator would.
///
/// # Errors
/// When the database fails: nothing was deleted then.
pub async fn delete_own(
    sessions: &Sessions,
    fresh: &Fresh,
    typed: Option<EmailAddress>,
    client: &Client,
) -> Result<SelfDeletion, DatabaseError> {
    let (caller, fresh) = (Caller::user(fresh.signed_in().user, client), fresh.clone());
    let done = sessions
        .world()
        .transaction(caller, move |mut work| Box::pin(async move { decide(&mut work, &fresh, typed.as_ref()).await }));
    Ok(match done.await? {
        Ok(Deletion::Deleted(ended)) => {
            sessions.apply(&ended);
            SelfDeletion::Deleted
        }
        Ok(Deletion::LastAdmin) => SelfDeletion::LastAdmin,
        Ok(Deletion::NotFound) => SelfDeletion::NotFresh,
        Err(refused) => refused,
    })
}

/// The inner error says why it is refused before anything is done.
async fn decide(
    work: &mut Work<'_>,
    fresh: &Fresh,
    typed: Option<&EmailAddress>,
) -> Result<Result<Deletion, SelfDeletion>, DatabaseError> {
    let id = fresh.signed_in().user;
    // In the order in which an operator's deletion locks.
    users::lock_admins(work.connection).await?;
    let is_fresh = fresh.lock(work).await?;
    let Some(user) = users::lookup_in(work.connection, id).await?.filter(|_| is_fresh) else {
        return Ok(Err(SelfDeletion::NotFresh));
    };
    if user.email.as_ref().map(EmailAddress::as_str) != typed.map(EmailAddress::as_str) {
        return Ok(Err(SelfDeletion::OtherAddress));
    }
    // Whoever changed the address must not be able to end the account before its owner has undone the change.
    if has_open_undo(work, id).await? {
        return Ok(Err(SelfDeletion::UndoPending));
    }
    delete_account(work, id, audit::Kind::UserDeletedSelf).await.map(Ok)
}
