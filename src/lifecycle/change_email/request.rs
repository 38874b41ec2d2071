use crate::{
    audit,
    confirmations::{self, NewConfirmation, Owner, PendingChange, Purpose},
    factors,
    identity::EmailAddress,
    kernel::{Client, Duration, SessionId, UserId, new_uuid},
    lifecycle::{
        Lifecycle,
        request::{described, refusal},
        room::MailLimit,
    },
    mail::{ConfirmationEmail, Notification},
    postgres::DatabaseError,
    sessions::Fresh,
    users::{self, User},
    work::{Caller, Work},
};
use serde_json::{Map, Value, json};

/// The member of a change's payload that names the session it was requested in.
pub(super) const SESSION: &str = "session";

/// The outcome of requesting another address. It depends on nothing that is known of the new one.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeRequest {
    /// An email follows.
    Accepted {
        /// How long its link works.
        expires_in: Duration,
    },
    /// The user has this address already.
    OwnAddress,
    /// An administrator removed the user's second factors: the next one is set up first, with a code to the present address.
    AfterReset,
    /// The session is no longer fresh, or was revoked meanwhile.
    NotFresh,
    /// Too many emails were requested for the address, from the network, or by the user.
    Limited {
        /// How long until the next may be.
        wait: Duration,
    },
}

/// A request, within its transaction.
struct Requesting {
    room: Lifecycle,
    fresh: Fresh,
    email: EmailAddress,
    limits: Vec<MailLimit>,
}

impl Lifecycle {
    /// Requests another address. Who has it is looked up afterwards, by a background task (L-5).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn request_email_change(
        &self,
        fresh: &Fresh,
        email: EmailAddress,
        client: &Client,
    ) -> Result<ChangeRequest, DatabaseError> {
        let user = fresh.signed_in().user;
        let limits = self.limits_of_change(user, email.as_str(), client);
        let requesting = Requesting { room: self.clone(), fresh: fresh.clone(), email, limits };
        let caller = Caller::user(user, client);
        let requested = self.world().transaction(caller, move |work| Box::pin(requesting.decide(work))).await?;
        match requested {
            ChangeRequest::Accepted { .. } => {
                self.world().metrics.confirmation(Purpose::ChangeEmail.name(), "requested");
            }
            ChangeRequest::OwnAddress
            | ChangeRequest::AfterReset
            | ChangeRequest::NotFresh
            | ChangeRequest::Limited { .. } => {}
        }
        Ok(requested)
    }

    /// The change of address that waits for a user.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn pending_email(&self, user: UserId) -> Result<Option<PendingChange>, DatabaseError> {
        self.world().db.run(move |connection| Box::pin(confirmations::pending_change(connection, user))).await
    }
}

/// Whether a change of a user's address can still be undone, in the caller's transaction.
///
/// # Errors
/// When the database fails.
pub async fn has_open_undo(work: &mut Work<'_>, user: UserId) -> Result<bool, DatabaseError> {
    confirmations::has_open_undo(work.connection, user).await
}

impl Requesting {
    async fn decide(self, mut work: Work<'_>) -> Result<ChangeRequest, DatabaseError> {
        let id = self.fresh.signed_in().user;
        let is_fresh = self.fresh.lock(&mut work).await?;
        let Some(user) = users::lookup_in(work.connection, id).await?.filter(|_| is_fresh) else {
            return Ok(ChangeRequest::NotFresh);
        };
        if user.email.as_ref().is_some_and(|own| own.as_str() == self.email.as_str()) {
            return Ok(ChangeRequest::OwnAddress);
        }
        if factors::waits_for_factor(&mut work, id).await? {
            return Ok(ChangeRequest::AfterReset);
        }
        if let Some(refused) = refusal(&mut work, self.limits.clone()).await? {
            self.room.world().metrics.limited(refused.name);
            return Ok(ChangeRequest::Limited { wait: refused.wait });
        }
        let accepted = ChangeRequest::Accepted { expires_in: self.room.lifetime(Purpose::ChangeEmail) };
        let pending = confirmations::pending_change(work.connection, id).await?;
        let is_same = pending.as_ref().is_some_and(|pending| pending.email == self.email.as_str());
        if is_same && pending.is_some_and(|pending| pending.is_recent) {
            return Ok(accepted);
        }
        if !is_same {
            confirmations::void_changes_of(work.connection, id).await?;
        }
        self.add(&mut work, &user).await?;
        Ok(accepted)
    }

    /// Adds the change, and the link by which the reader of the old address cancels it.
    async fn add(&self, work: &mut Work<'_>, user: &User) -> Result<(), DatabaseError> {
        let client = described(&work.caller.client);
        let session = self.fresh.signed_in().session;
        let change = self.confirmation(work, Purpose::ChangeEmail, self.email.as_str(), Some(session));
        let owner = Owner { user: user.id, is_versioned: true };
        confirmations::add_for(work.connection, change, owner).await?;
        let details = json!({ "purpose": Purpose::ChangeEmail.name() });
        work.record(audit::Kind::ConfirmationRequested, user.id, details).await?;
        // The first address of a user who has none: it is sent to no other one.
        let Some(old) = &user.email else { return Ok(()) };
        let cancel = self.confirmation(work, Purpose::CancelEmailChange, old.as_str(), None);
        let confirmation = cancel.id;
        confirmations::add_for(work.connection, cancel, owner).await?;
        let email = Notification::EmailChangeRequested;
        let user = Some(user.id);
        work.enqueue_confirmation_email(ConfirmationEmail { confirmation, user, email, details: client }).await
    }

    fn confirmation(
        &self,
        work: &Work<'_>,
        purpose: Purpose,
        email: &str,
        session: Option<SessionId>,
    ) -> NewConfirmation {
        let mut payload = Map::from_iter([("client".to_owned(), described(&work.caller.client))]);
        payload.insert("language".to_owned(), json!(work.caller.client.language));
        if let Some(session) = session {
            payload.insert(SESSION.to_owned(), json!(session));
        }
        NewConfirmation {
            id: new_uuid(work.now, &work.world.rng),
            purpose,
            email: email.to_owned(),
            payload: Value::Object(payload),
            browser: None,
            lifetime: self.room.lifetime(purpose),
            // Who has the new address is looked up in the background. The old one is the user's.
            is_looked_up: purpose == Purpose::CancelEmailChange,
        }
    }
}
