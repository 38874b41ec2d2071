//! A user who has lost all second factors, recovery codes too: the password starts a waiting time, in which an email a day and every
//! session can cancel it; then the link of a last email and the password remove the factors.

use super::{Completion, Lifecycle, complete::CompletionAttempt, request::described};
use crate::{
    audit,
    confirmations::{self, NewConfirmation, Owner, Purpose},
    factors::{self, DueRecovery, Recovery},
    kernel::{Actor, Client, UserId, new_uuid},
    mail::{ConfirmationEmail, Notification},
    postgres::DatabaseError,
    sessions::{self, EndReason, Ended, SignedIn},
    users::{self, AccountsError, User},
    work::{Caller, Work},
};
use serde_json::{Value, json};
use uuid::Uuid;

/// The outcome of starting the waiting time.
#[must_use]
#[derive(Debug, Clone, Copy)]
pub enum RecoveryStart {
    /// It is under way.
    Started(Recovery),
    /// The user has no password, and the last step needs one: nothing was started.
    NoPassword,
    /// The challenge cannot be used.
    ChallengeExpired,
}

impl Lifecycle {
    /// Starts the waiting time of who presents the challenge of a sign-in, and sends the first email. One that is under way goes on.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn start_factor_recovery(
        &self,
        challenge: &str,
        client: &Client,
    ) -> Result<RecoveryStart, DatabaseError> {
        let Some(challenge) = self.sessions().factors().look_at_challenge(challenge).await? else {
            return Ok(RecoveryStart::ChallengeExpired);
        };
        let room = self.clone();
        let started = self.world().transaction(Caller::anonymous(client), move |mut work| {
            Box::pin(async move {
                let user = challenge.pending.user;
                if !users::lock(work.connection, user).await? {
                    return Ok(RecoveryStart::ChallengeExpired);
                }
                // Without an address nobody hears of it, and an administrator removes the factors instead.
                let owner = users::lookup_in(work.connection, user).await?.and_then(|owner| owner.email);
                let Some(address) = owner else { return Ok(RecoveryStart::ChallengeExpired) };
                if !factors::can_recover(&mut work, user).await? {
                    return Ok(RecoveryStart::NoPassword);
                }
                let delay = work.world.config.accounts.factor_recovery_delay;
                let Some((recovery, is_new)) = factors::start_recovery(&mut work, &challenge, delay).await? else {
                    return Ok(RecoveryStart::ChallengeExpired);
                };
                if is_new {
                    let details = described(&work.caller.client);
                    let to = Recipient { user, email: address.as_str(), details };
                    room.write(&mut work, to, false).await?;
                }
                Ok(RecoveryStart::Started(recovery))
            })
        });
        started.await
    }

    /// Cancels the recovery of the user of a session. Nothing happens where none is under way.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn cancel_own_factor_recovery(&self, me: &SignedIn, client: &Client) -> Result<(), DatabaseError> {
        let user = me.user;
        let cancelled = self.world().transaction(Caller::user(user, client), move |mut work| {
            Box::pin(async move {
                users::lock(work.connection, user).await?;
                factors::cancel_recovery(&mut work, user).await
            })
        });
        cancelled.await
    }

    /// Cancels by the link of an email. The link alone does not: its reader is signed in, or types the password.
    pub(super) async fn cancel_factor_recovery(
        &self,
        attempt: CompletionAttempt<'_>,
    ) -> Result<Completion, AccountsError> {
        let user = match self.proven(&attempt).await? {
            Ok(user) => user,
            Err(refused) => return Ok(refused),
        };
        let (id, purpose) = (attempt.confirmation.id, Purpose::CancelFactorRecovery);
        let done = self.world().transaction(Caller::user(user, attempt.client), move |mut work| {
            Box::pin(async move {
                let is_there = users::lock(work.connection, user).await?;
                if !is_there || !confirmations::use_up(work.connection, id, purpose).await? {
                    return Ok(None);
                }
                factors::cancel_recovery(&mut work, user).await?;
                users::lookup_in(work.connection, user).await
            })
        });
        Ok(done.await?.map_or(Completion::Expired, |user| Completion::done(purpose, user)))
    }

    /// Removes the factors, by the link of the last email and the password, and revokes all sessions. Nobody is signed in by it.
    pub(super) async fn recover_factors(&self, attempt: CompletionAttempt<'_>) -> Result<Completion, AccountsError> {
        let user = match self.proven(&attempt).await? {
            Ok(user) => user,
            Err(refused) => return Ok(refused),
        };
        let id = attempt.confirmation.id;
        let done = self
            .world()
            .transaction(Caller::user(user, attempt.client), move |work| Box::pin(remove_lost(work, user, id)));
        let Some((ended, user)) = done.await? else { return Ok(Completion::Expired) };
        self.sessions().apply(&ended);
        Ok(Completion::done(Purpose::RecoverFactors, user))
    }

    /// Sends the emails of recoveries that are due, one after another, each in a transaction of its own.
    ///
    /// # Errors
    /// When the database fails: what was not sent waits.
    pub(super) async fn send_due_of_recoveries(&self) -> Result<(), DatabaseError> {
        while self.send_next_of_recoveries().await? {}
        Ok(())
    }

    /// False: none is due.
    async fn send_next_of_recoveries(&self) -> Result<bool, DatabaseError> {
        let room = self.clone();
        let sent = self.world().transaction(Caller::server(), move |mut work| {
            Box::pin(async move {
                let Some(due) = factors::next_due_recovery(&mut work).await? else { return Ok(false) };
                let DueRecovery { user, email, is_ready, .. } = &due;
                let to = Recipient { user: *user, email, details: json!({}) };
                room.write(&mut work, to, *is_ready).await?;
                let lifetime = room.lifetime(Purpose::RecoverFactors);
                factors::recovery_email_enqueued(&mut work, &due, lifetime).await?;
                Ok(true)
            })
        });
        sent.await
    }

    /// Enqueues one of the emails: the last one, whose link removes the factors, or one whose link cancels that.
    async fn write(&self, work: &mut Work<'_>, to: Recipient<'_>, is_last: bool) -> Result<(), DatabaseError> {
        let (email, purpose) = if is_last {
            (Notification::FactorRecoveryReady, Purpose::RecoverFactors)
        } else {
            (Notification::FactorRecoveryStarted, Purpose::CancelFactorRecovery)
        };
        let new = NewConfirmation {
            id: new_uuid(work.now, &work.world.rng),
            purpose,
            email: to.email.to_owned(),
            payload: json!({ "client": to.details }),
            browser: None,
            lifetime: self.lifetime(purpose),
            is_looked_up: true,
        };
        let (confirmation, owner) = (new.id, Owner { user: to.user, is_versioned: true });
        confirmations::add_for(work.connection, new, owner).await?;
        self.world().metrics.confirmation(purpose.name(), "sent");
        let user = Some(to.user);
        work.enqueue_confirmation_email(ConfirmationEmail { confirmation, user, email, details: to.details }).await
    }
}

/// Who is written to.
struct Recipient<'a> {
    user: UserId,
    email: &'a str,
    /// The client that asked; of reminders none.
    details: Value,
}

async fn remove_lost(mut work: Work<'_>, user: UserId, id: Uuid) -> Result<Option<(Ended, User)>, DatabaseError> {
    let purpose = Purpose::RecoverFactors;
    if !users::lock(work.connection, user).await? || !confirmations::use_up(work.connection, id, purpose).await? {
        return Ok(None);
    }
    // Only its owner reads the address, and has the password.
    work.caller.actor = Actor::User(user);
    if !factors::complete_recovery(&mut work, user).await? {
        return Ok(None);
    }
    let ended = sessions::end_all_of(&mut work, user, None, &EndReason::FactorsRecovered).await?;
    let details = json!({ "sessions": ended.live() });
    work.record(audit::Kind::FactorRecoveryCompleted, user, details).await?;
    Ok(users::lookup_in(work.connection, user).await?.map(|user| (ended, user)))
}
