//! Invitations: an administrator or an operator names an address and roles; its user chooses the password.

use super::{
    Lifecycle,
    request::{RequestRefusal, refusal},
    room::MailLimit,
};
use crate::{
    audit::{self, About},
    confirmations::{self, NewConfirmation, OpenInvitation, Purpose},
    identity::{DisplayName, EmailAddress, Roles},
    kernel::{Duration, InvitationId, Moment, PageRequest, UserId, new_uuid},
    mail::{ConfirmationEmail, Notification},
    postgres::DatabaseError,
    sessions::{Authority, FreshAuthority},
    users,
    work::{Caller, Work},
};
use serde_json::{Value, json};
use uuid::Uuid;

/// The members of an invitation's payload. The name is a registration's, too.
const ROLES: &str = "roles";
const INVITED_BY: &str = "invited_by";

/// Who is invited.
#[derive(Debug, Clone)]
pub struct NewInvitation {
    /// Canonical.
    pub email: EmailAddress,
    /// The display name, unless its user types another.
    pub name: Option<DisplayName>,
}

/// An invitation that can still be used.
#[derive(Debug, Clone)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// The address that it was sent to.
    pub email: String,
    /// The display name that the account begins with.
    pub name: Option<String>,
    /// The roles that the account begins with.
    pub roles: Vec<String>,
    /// The administrator who invites. None: an operator.
    pub invited_by: Option<UserId>,
    /// When it was sent.
    pub created_at: Moment,
    /// When its link expires.
    pub expires_at: Moment,
}

/// The outcome of inviting.
#[must_use]
#[derive(Debug)]
pub enum Inviting {
    /// The email follows.
    Invited(Box<Invitation>),
    /// The address has an account.
    EmailTaken,
    /// Too many emails were requested for the address, or from the network.
    Limited {
        /// Which limit it is, for the metrics.
        name: &'static str,
        /// How long until the next may be.
        wait: Duration,
    },
    /// With roles only: the session of the administrator who asks is no longer fresh, or they are no longer one.
    NotFresh,
}

/// A request, within its transaction.
struct InvitationRequest {
    room: Lifecycle,
    new: NewInvitation,
    roles: Roles,
    /// Of who gives roles. None: no roles are given.
    gives_roles: Option<FreshAuthority>,
    limits: Vec<MailLimit>,
}

impl Lifecycle {
    /// Invites a user: the email is sent, and the account is created when its link is used. An invitation that was sent
    /// within ten minutes gives what is named now, and no second email is sent.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn invite(&self, by: &Authority, new: NewInvitation) -> Result<Inviting, DatabaseError> {
        self.send(by.caller(), new, Roles::default(), None).await
    }

    /// The same, with what the user may do from the start.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn invite_with_roles(
        &self,
        by: &FreshAuthority,
        new: NewInvitation,
        roles: Roles,
    ) -> Result<Inviting, DatabaseError> {
        self.send(by.caller(), new, roles, Some(by.clone())).await
    }

    async fn send(
        &self,
        caller: Caller,
        new: NewInvitation,
        roles: Roles,
        gives_roles: Option<FreshAuthority>,
    ) -> Result<Inviting, DatabaseError> {
        let limits = self.limits(new.email.as_str(), &caller.client);
        let inviting = InvitationRequest { room: self.clone(), new, roles, gives_roles, limits };
        let invited = self.world().transaction(caller, move |work| Box::pin(inviting.decide(work)));
        let outcome = invited.await?;
        match &outcome {
            Inviting::Invited(_) => self.world().metrics.confirmation(Purpose::Invite.name(), "requested"),
            Inviting::Limited { name, .. } => self.world().metrics.limited(name),
            Inviting::EmailTaken | Inviting::NotFresh => {}
        }
        Ok(outcome)
    }

    /// The open invitations, newest first: one more than the page holds, if there is one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn invitations(&self, _by: &Authority, page: PageRequest) -> Result<Vec<Invitation>, DatabaseError> {
        self.open_invitations(None, page.after, page.rows()).await
    }

    /// An open invitation.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn invitation(&self, _by: &Authority, id: InvitationId) -> Result<Option<Invitation>, DatabaseError> {
        Ok(self.open_invitations(Some(id.as_uuid()), None, 1).await?.into_iter().next())
    }

    async fn open_invitations(
        &self,
        only: Option<Uuid>,
        before: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<Invitation>, DatabaseError> {
        let found = self
            .world()
            .db
            .run(move |connection| Box::pin(confirmations::open_invitations(connection, only, before, limit)));
        Ok(found.await?.into_iter().map(Invitation::from).collect())
    }

    /// Revokes an invitation: its link no longer works. False: it is not open.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke_invitation(&self, by: &Authority, id: InvitationId) -> Result<bool, DatabaseError> {
        let revoked = self.world().transaction(by.caller(), move |mut work| {
            Box::pin(async move {
                let was_open = confirmations::revoke_invitation(work.connection, id.as_uuid()).await?;
                if was_open {
                    let details = json!({ "invitation": id });
                    work.record(audit::Kind::InvitationRevoked, About::NOBODY, details).await?;
                }
                Ok(was_open)
            })
        });
        revoked.await
    }
}

impl InvitationRequest {
    async fn decide(self, mut work: Work<'_>) -> Result<Inviting, DatabaseError> {
        let Self { room, new, roles, gives_roles, limits } = self;
        let email = new.email.as_str();
        if let Some(by) = gives_roles
            && !by.still_stands(&mut work).await?
        {
            return Ok(Inviting::NotFresh);
        }
        // The count locks the address: of two invitations at once the second finds the first.
        if let Some(RequestRefusal { name, wait }) = refusal(&mut work, limits).await? {
            return Ok(Inviting::Limited { name, wait });
        }
        let payload = payload_of(&work, &new, &roles);
        let recent = confirmations::recent_invitation(work.connection, email).await?;
        // Asked afterwards: the earlier invitation may have been used meanwhile.
        let is_taken = confirmations::owner_of(work.connection, email).await?.is_some()
            || users::is_reserved(work.connection, email, None).await?;
        if is_taken {
            return Ok(Inviting::EmailTaken);
        }
        let id = match recent {
            Some(id) => {
                confirmations::replace_payload(work.connection, id, payload).await?;
                id
            }
            None => room.send_invitation(&mut work, email, payload).await?,
        };
        let details = json!({ "invitation": id, "roles": roles.to_strings() });
        work.record(audit::Kind::UserInvited, About::NOBODY, details).await?;
        let found = confirmations::open_invitations(work.connection, Some(id), None, 1).await?;
        let invitation = found.into_iter().next().ok_or(DatabaseError::Nonsense("an invitation"))?;
        Ok(Inviting::Invited(Box::new(invitation.into())))
    }
}

impl Lifecycle {
    async fn send_invitation(&self, work: &mut Work<'_>, email: &str, payload: Value) -> Result<Uuid, DatabaseError> {
        let (id, purpose) = (new_uuid(work.now, &work.world.rng), Purpose::Invite);
        let (email, lifetime) = (email.to_owned(), self.lifetime(purpose));
        let new = NewConfirmation { id, purpose, email, payload, browser: None, lifetime, is_looked_up: true };
        confirmations::add(work.connection, new).await?;
        let email =
            ConfirmationEmail { confirmation: id, user: None, email: Notification::Invitation, details: json!({}) };
        work.enqueue_confirmation_email(email).await?;
        self.world().metrics.confirmation(purpose.name(), "sent");
        Ok(id)
    }
}

fn payload_of(work: &Work<'_>, new: &NewInvitation, roles: &Roles) -> Value {
    json!({
        "name": new.name.as_ref().map(DisplayName::as_str),
        ROLES: roles.to_strings(),
        INVITED_BY: work.caller.actor.user(),
        "language": work.caller.client.language,
    })
}

impl From<OpenInvitation> for Invitation {
    fn from(found: OpenInvitation) -> Self {
        Self {
            id: found.id.into(),
            email: found.email,
            name: found.payload.get("name").and_then(Value::as_str).map(str::to_owned),
            roles: roles_of(&found.payload).to_strings(),
            invited_by: invited_by(&found.payload),
            created_at: found.created_at,
            expires_at: found.expires_at,
        }
    }
}

/// The roles that an invitation gives.
pub(super) fn roles_of(payload: &Value) -> Roles {
    let words = payload.get(ROLES).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    Roles::parse(words).unwrap_or_default()
}

/// Revokes what was sent in the name of a user whose account others may have used.
pub(super) async fn revoke_invitations_by(work: &mut Work<'_>, user: UserId) -> Result<(), DatabaseError> {
    for id in confirmations::void_invitations_by(work.connection, user).await? {
        work.record(audit::Kind::InvitationRevoked, About::NOBODY, json!({ "invitation": id })).await?;
    }
    Ok(())
}

/// Whether who invited may still do so: an operator may, an administrator as long as they are one.
pub(super) async fn still_stands(work: &mut Work<'_>, payload: &Value) -> Result<bool, DatabaseError> {
    match invited_by(payload) {
        Some(admin) => confirmations::still_invites(work.connection, admin).await,
        None => Ok(true),
    }
}

fn invited_by(payload: &Value) -> Option<UserId> {
    payload.get(INVITED_BY)?.as_str()?.parse().ok()
}
