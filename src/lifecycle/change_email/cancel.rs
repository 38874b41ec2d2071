use crate::{
    audit,
    confirmations::{self, Purpose},
    kernel::{Client, UserId},
    lifecycle::{Completion, Lifecycle, complete::CompletionAttempt},
    postgres::DatabaseError,
    sessions::SignedIn,
    users::{self, AccountsError},
    work::{Caller, Work},
};
use serde_json::json;

impl Lifecycle {
    /// Cancels the change of address that waits for the user. Nothing happens where none does.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn cancel_own_email_change(&self, signed_in: &SignedIn, client: &Client) -> Result<(), DatabaseError> {
        let user = signed_in.user;
        let cancelled = self.world().transaction(Caller::user(user, client), move |mut work| {
            Box::pin(async move {
                users::lock(work.connection, user).await?;
                cancel(&mut work, user).await
            })
        });
        cancelled.await
    }

    /// Cancels by the link that the old address received. The link alone does not: its reader is signed in, or types the
    /// password.
    pub(in crate::lifecycle) async fn cancel_email_change(
        &self,
        attempt: CompletionAttempt<'_>,
    ) -> Result<Completion, AccountsError> {
        let user = match self.proven(&attempt).await? {
            Ok(user) => user,
            Err(refused) => return Ok(refused),
        };
        let (id, purpose) = (attempt.confirmation.id, Purpose::CancelEmailChange);
        let done = self.world().transaction(Caller::user(user, attempt.client), move |mut work| {
            Box::pin(async move {
                let is_there = users::lock(work.connection, user).await?;
                if !is_there || !confirmations::use_up(work.connection, id, purpose).await? {
                    return Ok(None);
                }
                cancel(&mut work, user).await?;
                users::lookup_in(work.connection, user).await
            })
        });
        Ok(done.await?.map_or(Completion::Expired, |user| Completion::done(purpose, user)))
    }
}

/// Cancels what waits, with an event if anything did.
async fn cancel(work: &mut Work<'_>, user: UserId) -> Result<(), DatabaseError> {
    if !confirmations::void_changes_of(work.connection, user).await? {
        return Ok(());
    }
    let details = json!({ "purpose": Purpose::CancelEmailChange.name() });
    work.record(audit::Kind::ConfirmationUsed, user, details).await
}
