use super::{Completion, Lifecycle, complete::CompletionAttempt, takeover::clear_for_reader};
use crate::{
    audit,
    confirmations::{self, Confirmation, Purpose, Undos},
    factors::listed_factors,
    kernel::{Actor, Client, UserId},
    mail,
    passwords::{Password, PasswordHash, QueueKey},
    postgres::DatabaseError,
    sessions::{self, EndReason, Ended},
    upstream,
    users::{self, Accounts, AccountsError, User},
    work::{Caller, Work},
};
use chrono::TimeDelta;
use serde_json::{Map, Value, json};

/// Identities of other providers that were connected within this time may be a thief's: a reset disconnects them, and so does the
/// undo of a change of address.
pub(super) const SUSPECT_IDENTITIES: TimeDelta = TimeDelta::days(30);

/// A password that its user has forgotten, about to be replaced.
struct Reset {
    confirmation: Confirmation,
    user: UserId,
    hash: PasswordHash,
    accounts: Accounts,
}

impl Lifecycle {
    /// Replaces the password, revokes all sessions, and voids everything else that was requested for the user. The user
    /// reads the address, so it is verified. Nobody is signed in by it.
    ///
    /// Of an account whose address was never verified it is a takeover: the one who created it may not have read the
    /// address, and what they enrolled or requested is not the reader's. Not even an undo of theirs works afterwards.
    pub(super) async fn reset_password(&self, attempt: CompletionAttempt<'_>) -> Result<Completion, AccountsError> {
        let CompletionAttempt { confirmation, typed, client, .. } = attempt;
        let Some(user) = self.owner(confirmation.user, &confirmation.email).await? else {
            return Ok(Completion::Expired);
        };
        let Some(new) = &typed.new_password else { return Ok(Completion::Missing("new_password")) };
        let hash = match self.hash_for(&user, new, client).await? {
            Ok(hash) => hash,
            Err(refused) => return Ok(Completion::PasswordRefused(refused)),
        };
        let reset = Reset { confirmation, user: user.id, hash, accounts: self.accounts().clone() };
        let caller = Caller::user(user.id, client);
        let done = self.world().transaction(caller, move |work| Box::pin(reset.carry_out(work)));
        let Some((ended, user)) = done.await? else { return Ok(Completion::Expired) };
        self.sessions().apply(&ended);
        Ok(Completion::done(Purpose::ResetPassword, user))
    }

    /// The user of a confirmation, if the address it was sent to is still theirs.
    async fn owner(&self, user: Option<UserId>, email: &str) -> Result<Option<User>, DatabaseError> {
        let Some(user) = user else { return Ok(None) };
        Ok(self
            .accounts()
            .lookup(user)
            .await?
            .filter(|user| user.email.as_ref().is_some_and(|own| own.as_str() == email)))
    }

    /// Judges and hashes a new password of a user.
    pub(super) async fn hash_for(
        &self,
        user: &User,
        typed: &str,
        client: &Client,
    ) -> Result<Result<PasswordHash, crate::passwords::PasswordError>, AccountsError> {
        let new = match Password::parse_new(typed) {
            Ok(new) => new,
            Err(refused) => return Ok(Err(refused)),
        };
        let context = self.accounts().context_of(user.email.as_ref(), user.name.as_deref());
        self.accounts().new_password(new, context, QueueKey::from(client)).await
    }
}

impl Reset {
    async fn carry_out(self, mut work: Work<'_>) -> Result<Option<(Ended, User)>, DatabaseError> {
        let Self { confirmation, user, hash, accounts } = self;
        if !users::lock(work.connection, user).await? {
            return Ok(None);
        }
        if !confirmations::use_up(work.connection, confirmation.id, Purpose::ResetPassword).await? {
            return Ok(None);
        }
        // Only its owner reads the address.
        work.caller.actor = Actor::User(user);
        users::set_password(work.connection, user, None, &hash).await?;
        let is_takeover = users::verify_email(work.connection, user).await?;
        let ended = sessions::end_all_of(&mut work, user, None, &EndReason::PasswordChanged).await?;
        if is_takeover {
            clear_for_reader(&mut work, user, confirmation.id).await?;
        } else {
            confirmations::void_all_of(work.connection, user, confirmation.id, Undos::Stay).await?;
            let since = work.now - SUSPECT_IDENTITIES;
            upstream::unlink_since(&mut work, user, Some(since), "password_reset").await?;
        }
        // A thief may have changed the address and changed it back: the undo of the second change is theirs.
        confirmations::void_undos_since_leaving(work.connection, user, &confirmation.email).await?;
        work.record(audit::Kind::ConfirmationUsed, user, json!({ "purpose": Purpose::ResetPassword.name() })).await?;
        work.record(audit::Kind::PasswordReset, user, json!({ "sessions": ended.live(), "takeover": is_takeover }))
            .await?;
        let left = left_to(&mut work, user).await?;
        work.enqueue_email_with(user, mail::Notification::PasswordChanged, left).await?;
        // A stranger who guessed at the password of before must not keep its owner from using the new one.
        accounts.guard().start_again(&mut work, user, &confirmation.email).await?;
        Ok(users::lookup_in(work.connection, user).await?.map(|user| (ended, user)))
    }
}

/// What still opens or protects the account, for the email: its owner may find what is not theirs.
pub(super) async fn left_to(work: &mut Work<'_>, user: UserId) -> Result<Map<String, Value>, DatabaseError> {
    let providers = upstream::connected_to(work, user).await?;
    let factors = listed_factors(work, user).await?;
    let factors = factors.into_iter().map(|(kind, since)| json!({ "factor": kind.name(), "since": since }));
    let members = [("providers", json!(providers)), ("factors", factors.collect())];
    let has_some = |(_, value): &(&str, Value)| value.as_array().is_some_and(|all| !all.is_empty());
    Ok(members.into_iter().filter(has_some).map(|(name, value)| (name.to_owned(), value)).collect())
}
