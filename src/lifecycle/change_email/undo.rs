use crate::{
    audit,
    confirmations::{self, Confirmation, Purpose},
    identity::EmailAddress,
    kernel::{Actor, UserId},
    lifecycle::{Completion, Lifecycle, complete::CompletionAttempt},
    mail,
    passwords::PasswordHash,
    postgres::DatabaseError,
    sessions::{self, EndReason, Ended},
    users::{self, AccountsError, User},
    work::{Caller, Work},
};
use serde_json::json;

/// A change of address, about to be undone.
struct Undoing {
    undo: Confirmation,
    user: UserId,
    hash: PasswordHash,
}

impl Lifecycle {
    /// Gives the account back to the reader of its old address: with that address and a new password, and with every session
    /// revoked. What came after the change, such as another one, is undone with it.
    pub(in crate::lifecycle) async fn undo_email_change(
        &self,
        attempt: CompletionAttempt<'_>,
    ) -> Result<Completion, AccountsError> {
        let CompletionAttempt { confirmation: undo, typed, client, .. } = attempt;
        let Some(id) = undo.user else { return Ok(Completion::Expired) };
        let Some(user) = self.accounts().lookup(id).await? else { return Ok(Completion::Expired) };
        let Some(new) = &typed.new_password else { return Ok(Completion::Missing("new_password")) };
        // Judged by the address that the user will have.
        let user = User { email: EmailAddress::from_stored(undo.email.clone()), ..user };
        let hash = match self.hash_for(&user, new, client).await? {
            Ok(hash) => hash,
            Err(refused) => return Ok(Completion::PasswordRefused(refused)),
        };
        let undoing = Undoing { undo, user: id, hash };
        let done = self.world().transaction(Caller::user(id, client), move |work| Box::pin(undoing.carry_out(work)));
        let Some((ended, user)) = done.await? else { return Ok(Completion::Expired) };
        self.sessions().apply(&ended);
        Ok(Completion::done(Purpose::UndoEmailChange, user))
    }
}

impl Undoing {
    async fn carry_out(self, mut work: Work<'_>) -> Result<Option<(Ended, User)>, DatabaseError> {
        let Self { undo, user, hash } = self;
        if !users::lock(work.connection, user).await? {
            return Ok(None);
        }
        if !confirmations::use_up(work.connection, undo.id, Purpose::UndoEmailChange).await? {
            return Ok(None);
        }
        // Only the account's owner reads the old address.
        work.caller.actor = Actor::User(user);
        confirmations::void_later_undos(work.connection, user, undo.id).await?;
        let old = EmailAddress::from_stored(undo.email.clone());
        if !users::change_email(work.connection, user, &old).await? {
            return Ok(None);
        }
        users::set_password(work.connection, user, None, &hash).await?;
        let ended = sessions::end_all_of(&mut work, user, None, &EndReason::EmailChanged).await?;
        confirmations::void_all_of(work.connection, user, undo.id).await?;
        let details = json!({ "purpose": Purpose::UndoEmailChange.name() });
        work.record(audit::Kind::ConfirmationUsed, user, details).await?;
        work.record(audit::Kind::EmailChangeUndone, user, json!({ "sessions": ended.live() })).await?;
        work.enqueue_email(user, mail::Notification::PasswordChanged).await?;
        Ok(users::lookup_in(work.connection, user).await?.map(|user| (ended, user)))
    }
}
