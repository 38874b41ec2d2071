use super::before::{suspect_factors_since, suspect_identities_since, take_access_back};
use crate::{
    audit,
    confirmations::{self, Confirmation, ConfirmationStanding, Purpose, Undos},
    factors::remove_added_since,
    identity::EmailAddress,
    kernel::{Actor, UserId},
    lifecycle::{
        Completion, Lifecycle, complete::CompletionAttempt, invite::revoke_invitations_by, reset_password::left_to,
        takeover::clear_for_reader,
    },
    mail,
    passwords::PasswordHash,
    postgres::DatabaseError,
    sessions::{self, EndReason, Ended},
    upstream,
    users::{self, Accounts, AccountsError, User},
    work::{Caller, Work},
};
use serde_json::{Value, json};

/// The member of the payload that holds whether the old address was verified.
pub(super) const WAS_VERIFIED: &str = "was_verified";

/// A change of address, about to be undone.
struct Undoing {
    undo: Confirmation,
    user: UserId,
    hash: PasswordHash,
    accounts: Accounts,
}

/// The outcome of an undo.
enum UndoOutcome {
    Undone(Ended, Box<User>),
    /// Another user has the old address by now: nothing is changed.
    AddressTaken,
    /// It was used, or has expired.
    Expired,
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
        let user = User { email: Some(EmailAddress::from_stored(undo.email.clone())), ..user };
        let hash = match self.hash_for(&user, new, client).await? {
            Ok(hash) => hash,
            Err(refused) => return Ok(Completion::PasswordRefused(refused)),
        };
        let undoing = Undoing { undo, user: id, hash, accounts: self.accounts().clone() };
        let done = self.world().transaction(Caller::user(id, client), move |work| Box::pin(undoing.carry_out(work)));
        match done.await? {
            UndoOutcome::Undone(ended, user) => {
                self.sessions().apply(&ended);
                Ok(Completion::done(Purpose::UndoEmailChange, *user))
            }
            UndoOutcome::AddressTaken => Ok(Completion::AddressTaken),
            UndoOutcome::Expired => Ok(Completion::Expired),
        }
    }
}

impl Undoing {
    async fn carry_out(self, mut work: Work<'_>) -> Result<UndoOutcome, DatabaseError> {
        let Self { undo, user, hash, accounts } = self;
        let is_takeover = undo.payload.get(WAS_VERIFIED) != Some(&Value::Bool(true));
        if is_takeover {
            // It may take the role of an administrator away.
            users::lock_admins(work.connection).await?;
        }
        // Whoever uses or voids this link locks its user first: where it stands is where it stays.
        if !users::lock(work.connection, user).await? || !is_waiting(&mut work, &undo).await? {
            return Ok(UndoOutcome::Expired);
        }
        let left = users::lookup_in(work.connection, user).await?.and_then(|user| user.email);
        let old = EmailAddress::from_stored(undo.email.clone());
        if !users::change_email(work.connection, user, &old).await? {
            // The link still works once the address is free.
            return Ok(UndoOutcome::AddressTaken);
        }
        if !confirmations::use_up(work.connection, undo.id, Purpose::UndoEmailChange).await? {
            return Err(DatabaseError::Nonsense("an undo that its user's lock did not keep"));
        }
        // Only the account's owner reads the old address.
        work.caller.actor = Actor::User(user);
        confirmations::void_later_undos(work.connection, user, undo.id).await?;
        users::set_password(work.connection, user, None, &hash).await?;
        let mut ended = sessions::end_all_of(&mut work, user, None, &EndReason::EmailChanged).await?;
        if is_takeover {
            // The reader of an address that was never verified may never have been here, and what waits is not for them.
            if let Some(left) = &left {
                mail::keep_address(work.connection, user, left.as_str()).await?;
            }
            clear_for_reader(&mut work, user, undo.id).await?;
            ended.add(take_access_back(&mut work, user, &undo).await?);
        } else {
            take_back(&mut work, user, &undo).await?;
        }
        let details = json!({ "purpose": Purpose::UndoEmailChange.name() });
        work.record(audit::Kind::ConfirmationUsed, user, details).await?;
        let details = json!({ "sessions": ended.live(), "takeover": is_takeover });
        work.record(audit::Kind::EmailChangeUndone, user, details).await?;
        notify(&mut work, user, left.filter(|left| left.as_str() != old.as_str())).await?;
        accounts.guard().start_again(&mut work, user, old.as_str()).await?;
        let user = users::lookup_in(work.connection, user).await?;
        Ok(user.map_or(UndoOutcome::Expired, |user| UndoOutcome::Undone(ended, Box::new(user))))
    }
}

/// To the address that the account has again, and to the one that it has no longer.
async fn notify(work: &mut Work<'_>, user: UserId, left: Option<EmailAddress>) -> Result<(), DatabaseError> {
    let more = left_to(work, user).await?;
    work.enqueue_email_with(user, mail::Notification::PasswordChanged, more).await?;
    let Some(left) = left else { return Ok(()) };
    work.enqueue_email_to_former(user, mail::Notification::EmailChangeUndone, left.as_str()).await
}

/// A thief who changed the address may have set up factors and connected accounts of their own, before it or since. The owner's
/// stay.
async fn take_back(work: &mut Work<'_>, user: UserId, undo: &Confirmation) -> Result<(), DatabaseError> {
    confirmations::void_all_of(work.connection, user, undo.id, Undos::Stay).await?;
    revoke_invitations_by(work, user).await?;
    remove_added_since(work, user, suspect_factors_since(undo), "email_change_undone").await?;
    upstream::unlink_since(work, user, Some(suspect_identities_since(undo)), "email_change_undone").await
}

async fn is_waiting(work: &mut Work<'_>, undo: &Confirmation) -> Result<bool, DatabaseError> {
    let found = confirmations::find(work.connection, undo.id).await?;
    Ok(found.is_some_and(|found| found.standing == ConfirmationStanding::Waiting))
}
