use super::{
    Ended, Sessions,
    end::end_surplus,
    generation::Generation,
    model::{Grant, LiveSession, Transport},
    room::SessionError,
    store::{self, LockedUser, NewRow},
    token::Secret,
};
use crate::{
    audit::{self, About},
    kernel::{Actor, Client, Digest32, Moment, SessionId, UserId},
    mail,
    postgres::DatabaseError,
    work::{Caller, Work},
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
    /// Whether the user wants to be remembered: the long idle lifetime.
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
    /// The password has changed, or the user was deleted.
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
        let secret = Secret::draw(&self.world().rng);
        match self.decide(new.clone(), &secret).await? {
            Decided::Blocked => Ok(Opening::Blocked),
            Decided::Outdated => Ok(Opening::Outdated),
            Decided::Opened(user, session, ended) => {
                self.apply(&ended);
                self.hand_out(&new, user, session, &secret).map(Opening::Opened)
            }
        }
    }

    async fn decide(&self, new: NewSession, secret: &Secret) -> Result<Decided, DatabaseError> {
        let (room, secret_hash) = (self.clone(), secret.digest());
        let caller = Caller::user(new.user, &new.client);
        let decided = self.world().transaction(caller, move |mut work| {
            Box::pin(async move {
                let locked = store::lock_user(work.connection, new.user).await?;
                let Some(user) = locked else { return Ok(Decided::Outdated) };
                work.happens_at(user.now);
                if user.password_version != new.password_version {
                    record_failure(work, new.user, "password_changed_meanwhile").await?;
                    return Ok(Decided::Outdated);
                }
                if user.is_blocked {
                    record_failure(work, new.user, "account_blocked").await?;
                    return Ok(Decided::Blocked);
                }
                let keep = room.world().config.sessions.max_per_user.saturating_sub(1);
                let ended = end_surplus(&mut work, new.user, keep).await?;
                let session = room.add(&mut work, &new, secret_hash).await?;
                Ok(Decided::Opened(user, session, ended))
            })
        });
        decided.await
    }

    /// Adds the row, with the event that says so, and an e-mail if the device is new.
    async fn add(
        &self,
        work: &mut Work<'_>,
        new: &NewSession,
        secret_hash: Digest32,
    ) -> Result<SessionId, DatabaseError> {
        let session = SessionId::new(work.now, &work.world.rng);
        let is_familiar = new.known_device || store::is_familiar(work.connection, new.user, &new.client).await?;
        store::add(work.connection, self.row(new, session, work.now, secret_hash)).await?;
        store::note_sign_in(work.connection, new.user, work.now, new.client.language).await?;
        let details = json!({
            "transport": new.transport.name(), "remembered": new.remembered, "new_device": !is_familiar,
        });
        work.record(audit::Kind::SignedIn, About::session(new.user, session), details).await?;
        if !is_familiar {
            work.enqueue_email(new.user, mail::Notification::NewDevice).await?;
        }
        Ok(session)
    }

    fn row(&self, new: &NewSession, id: SessionId, now: Moment, secret_hash: Digest32) -> NewRow {
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

/// The password was right, and of no use. Whoever has it is not signed in.
async fn record_failure(mut work: Work<'_>, user: UserId, reason: &str) -> Result<(), DatabaseError> {
    work.caller.actor = Actor::Anonymous;
    work.record(audit::Kind::SignInFailed, user, json!({ "reason": reason })).await
}
