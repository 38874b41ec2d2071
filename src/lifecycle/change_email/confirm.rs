use super::{
    before::{ACCESS, OPENED_AT, access_of},
    request::SESSION,
    undo::WAS_VERIFIED,
};
use crate::{
    audit,
    confirmations::{self, Confirmation, NewConfirmation, Owner, Purpose, Undos},
    factors,
    identity::EmailAddress,
    kernel::{SessionId, UserId, new_uuid},
    lifecycle::{Completion, Lifecycle, complete::CompletionAttempt},
    mail::{self, ConfirmationEmail, Notification},
    postgres::DatabaseError,
    sessions::{self, EndReason, Ended},
    users::{self, AccountsError, User},
    work::{Caller, Work},
};
use serde_json::{Value, json};
use uuid::Uuid;

/// A change that its user has confirmed, within its transaction.
struct Changing {
    room: Lifecycle,
    user: UserId,
    change: Confirmation,
    keep: Option<SessionId>,
}

/// The outcome of a change.
enum ChangeOutcome {
    Changed(Ended, Box<User>),
    /// Another user has the address by now, or can have it back: nothing is changed.
    AddressTaken,
    /// It was used, or something has changed since.
    Expired,
}

impl Lifecycle {
    /// Changes the address. The link alone does not: its reader is signed in, or types the password. Every other session is
    /// revoked, and the reader of the old address can undo the change.
    pub(in crate::lifecycle) async fn change_email(
        &self,
        attempt: CompletionAttempt<'_>,
    ) -> Result<Completion, AccountsError> {
        let user = match self.proven(&attempt).await? {
            Ok(user) => user,
            Err(refused) => return Ok(refused),
        };
        let CompletionAttempt { confirmation: change, typed, client, .. } = attempt;
        let here = typed.signed_in.as_ref().filter(|signed_in| signed_in.user == user);
        let keep = here.map(|signed_in| signed_in.session).or_else(|| requested_in(&change));
        let changing = Changing { room: self.clone(), user, change, keep };
        let caller = Caller::user(user, client);
        let done = self.world().transaction(caller, move |work| Box::pin(changing.carry_out(work)));
        match done.await? {
            ChangeOutcome::Changed(ended, user) => {
                self.sessions().apply(&ended);
                Ok(Completion::done(Purpose::ChangeEmail, *user))
            }
            ChangeOutcome::AddressTaken => Ok(Completion::AddressTaken),
            ChangeOutcome::Expired => Ok(Completion::Expired),
        }
    }
}

/// The session in which a change was requested.
fn requested_in(change: &Confirmation) -> Option<SessionId> {
    change.payload.get(SESSION).and_then(Value::as_str).and_then(|id| id.parse().ok())
}

impl Changing {
    async fn carry_out(self, mut work: Work<'_>) -> Result<ChangeOutcome, DatabaseError> {
        let (id, user) = (self.change.id, self.user);
        if !users::lock(work.connection, user).await? {
            return Ok(ChangeOutcome::Expired);
        }
        let Some(before) = users::lookup_in(work.connection, user).await? else { return Ok(ChangeOutcome::Expired) };
        let waits = factors::waits_for_factor(&mut work, user).await?;
        if waits || !confirmations::use_up(work.connection, id, Purpose::ChangeEmail).await? {
            return Ok(ChangeOutcome::Expired);
        }
        let new = EmailAddress::from_stored(self.change.email.clone());
        if !users::change_email(work.connection, user, &new).await? {
            // The link still works once the address is free.
            confirmations::give_back(work.connection, id).await?;
            return Ok(ChangeOutcome::AddressTaken);
        }
        let ended = sessions::end_all_of(&mut work, user, self.keep, &EndReason::EmailChanged).await?;
        confirmations::void_all_of(work.connection, user, id, Undos::Stay).await?;
        let details = json!({ "purpose": Purpose::ChangeEmail.name() });
        work.record(audit::Kind::ConfirmationUsed, user, details).await?;
        work.record(audit::Kind::EmailChanged, user, json!({ "sessions": ended.live() })).await?;
        self.offer_undo(&mut work, &before).await?;
        let user = users::lookup_in(work.connection, user).await?;
        Ok(user.map_or(ChangeOutcome::Expired, |user| ChangeOutcome::Changed(ended, Box::new(user))))
    }

    /// Reserves the old address, if there was one, and sends the link that undoes the change to it, with what waits to be sent.
    async fn offer_undo(&self, work: &mut Work<'_>, before: &User) -> Result<(), DatabaseError> {
        let Some(old) = &before.email else { return Ok(()) };
        mail::keep_address(work.connection, self.user, old.as_str()).await?;
        let opened_at = match requested_in(&self.change) {
            Some(session) => sessions::opened_at(work.connection, session).await?,
            None => None,
        };
        let undo: Uuid = new_uuid(work.now, &work.world.rng);
        let details = crate::lifecycle::request::described(&work.caller.client);
        let purpose = Purpose::UndoEmailChange;
        let new = NewConfirmation {
            id: undo,
            purpose,
            email: old.as_str().to_owned(),
            payload: json!({
                "client": details, "language": work.caller.client.language,
                WAS_VERIFIED: before.email_verified_at.is_some(), OPENED_AT: opened_at, ACCESS: access_of(before),
            }),
            browser: None,
            lifetime: self.room.lifetime(purpose),
            is_looked_up: true,
        };
        // Nothing that a thief changes later voids it.
        confirmations::add_for(work.connection, new, Owner { user: self.user, is_versioned: false }).await?;
        confirmations::limit_undos_since_leaving(work.connection, self.user, &self.change.email).await?;
        let (user, email) = (Some(self.user), Notification::EmailChanged);
        work.enqueue_confirmation_email(ConfirmationEmail { confirmation: undo, user, email, details }).await
    }
}
