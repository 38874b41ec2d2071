use super::{
    Ended, Sessions,
    end::{end_surplus, ending},
    model::{EndReason, Generation, Grant, LiveSession, Transport},
    room::SessionError,
    store::{self, LockedUser, NewRow},
    token::Secret,
};
use crate::{
    audit,
    kernel::{Actor, Client, Moment, SessionId, UserId},
    mail,
    postgres::DatabaseError,
};
use serde_json::json;

/// A sign-in whose password was right a moment ago.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Who.
    pub user: UserId,
    /// Which password it was: should it have been changed since, no session is opened.
    pub password_version: i32,
    /// How the refresh token will travel.
    pub transport: Transport,
    /// Whether the person wants to be remembered: the long idle lifetime.
    pub remembered: bool,
    /// What they call the device.
    pub device_name: Option<String>,
    /// From where.
    pub client: Client,
    /// Whether the device proved that it signed in before.
    pub known_device: bool,
}

/// What became of a sign-in.
#[must_use]
#[derive(Debug)]
pub enum Opening {
    /// Signed in.
    Opened(Grant),
    /// The user is blocked.
    Blocked,
    /// The password is no longer theirs, or there is no such user any more.
    Outdated,
}

enum Decided {
    Opened(LockedUser, SessionId, Ended),
    Blocked,
    Outdated,
}

impl Sessions {
    /// Opens a session. A block or a password change that races the sign-in comes wholly before it, and then there is
    /// no session, or wholly after it, and then it ends the new one too.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open(&self, new: NewSession) -> Result<Opening, SessionError> {
        let secret = Secret::draw(&self.world().entropy);
        match self.decide(new.clone(), &secret).await? {
            Decided::Blocked => Ok(Opening::Blocked),
            Decided::Outdated => Ok(Opening::Outdated),
            Decided::Opened(user, session, ended) => {
                self.learn(&ended);
                self.hand_out(&new, user, session, &secret).map(Opening::Opened)
            }
        }
    }

    async fn decide(&self, new: NewSession, secret: &Secret) -> Result<Decided, DatabaseError> {
        let (room, secret_hash) = (self.clone(), secret.digest());
        let db = &self.world().db;
        db.transaction(move |connection| {
            Box::pin(async move {
                let Some(user) = store::lock_user(connection, new.user).await? else { return Ok(Decided::Outdated) };
                if user.password_version != new.password_version {
                    room.record_failure(connection, &new, user.now, "password_changed_meanwhile").await?;
                    return Ok(Decided::Outdated);
                }
                if user.is_blocked {
                    room.record_failure(connection, &new, user.now, "account_blocked").await?;
                    return Ok(Decided::Blocked);
                }
                let keep = room.world().config.sessions.max_per_user.saturating_sub(1);
                let ended = end_surplus(connection, room.world(), new.user, keep).await?;
                if !ended.is_empty() {
                    let event = surplus(&new, &ended);
                    audit::record(connection, user.now, room.world(), &event).await?;
                }
                let session = SessionId::new(user.now, &room.world().entropy);
                let is_familiar = new.known_device || store::is_familiar(connection, new.user, &new.client).await?;
                store::add(connection, room.row(&new, session, user.now, secret_hash)).await?;
                store::note_sign_in(connection, new.user, user.now, new.client.language).await?;
                room.record(connection, (&new, session), user.now, !is_familiar).await?;
                if !is_familiar {
                    let (world, notice) = (room.world(), mail::Notice::NewDevice);
                    mail::tell(connection, (world, user.now), new.user, notice, &new.client).await?;
                }
                Ok(Decided::Opened(user, session, ended))
            })
        })
        .await
    }

    fn row(&self, new: &NewSession, id: SessionId, now: Moment, secret_hash: crate::kernel::Digest32) -> NewRow {
        let absolute_expires_at = now + self.world().config.sessions.absolute_ttl;
        NewRow {
            id,
            user: new.user,
            now,
            idle_expires_at: absolute_expires_at.min(now + self.idle_ttl(new.remembered)),
            absolute_expires_at,
            transport: new.transport,
            remembered: new.remembered,
            secret_hash,
            device_name: new.device_name.clone(),
            client: new.client.clone(),
        }
    }

    async fn record(
        &self,
        connection: &mut sqlx::PgConnection,
        (new, session): (&NewSession, SessionId),
        now: Moment,
        is_new_device: bool,
    ) -> Result<(), DatabaseError> {
        let event = audit::Event {
            kind: audit::Kind::SignedIn,
            actor: Actor::User(new.user),
            user: Some(new.user),
            session: Some(session),
            client: &new.client,
            details: json!({
                "transport": new.transport.name(), "remembered": new.remembered, "new_device": is_new_device,
            }),
        };
        audit::record(connection, now, self.world(), &event).await
    }

    /// The password was right, and of no use.
    async fn record_failure(
        &self,
        connection: &mut sqlx::PgConnection,
        new: &NewSession,
        now: Moment,
        reason: &str,
    ) -> Result<(), DatabaseError> {
        let event = audit::Event {
            kind: audit::Kind::SignInFailed,
            actor: Actor::Anonymous,
            user: Some(new.user),
            session: None,
            client: &new.client,
            details: json!({ "reason": reason }),
        };
        audit::record(connection, now, self.world(), &event).await
    }

    fn hand_out(
        &self,
        new: &NewSession,
        user: LockedUser,
        session: SessionId,
        secret: &Secret,
    ) -> Result<Grant, SessionError> {
        let absolute_expires_at = user.now + self.world().config.sessions.absolute_ttl;
        let live = LiveSession {
            now: user.now,
            user: new.user,
            created_at: user.now,
            remembered: new.remembered,
            idle_expires_at: absolute_expires_at.min(user.now + self.idle_ttl(new.remembered)),
            absolute_expires_at,
            roles: user.roles,
            access_revision: user.access_revision,
            claims: user.claims,
        };
        let refresh_token = self.tokens().issue(session, Generation::FIRST, secret);
        self.grant(session, live, new.transport, refresh_token)
    }
}

/// Sessions made room for this one.
fn surplus<'a>(new: &'a NewSession, ended: &Ended) -> audit::Event<'a> {
    ending(Actor::User(new.user), Some(new.user), None, &new.client, &EndReason::SessionLimit, ended.live())
}
