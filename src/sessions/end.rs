use super::{
    Sessions,
    model::{EndReason, Transport},
    revocations::{Death, Revoked},
    store::{self, EndedRow},
};
use crate::{
    audit,
    kernel::{Actor, Client, Duration, SessionId, UserId},
    postgres::{Channel, DatabaseError},
    world::World,
};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

/// How many sessions are ended in one statement.
const AT_ONCE: usize = 5_000;
/// How long the end of everybody's sessions may take: it writes every row.
const EVERYONE: Duration = Duration::from_mins(2);
/// How far our idea of the database's clock may be behind the clock itself.
pub(super) const CLOCK_LAG: Duration = Duration::from_secs(5);

/// What a transaction has ended. The instance must [`Sessions::learn`] it once the transaction has committed, before it
/// answers; the others are told by the transaction itself.
#[must_use = "the instance that revokes must know it before it answers: `Sessions::learn`"]
#[derive(Debug, Default)]
pub struct Ended {
    revoked: Vec<Revoked>,
    live: u64,
    /// For the metrics.
    reason: Option<&'static str>,
}

impl Ended {
    /// How many sessions were live until now.
    #[must_use]
    pub fn live(&self) -> u64 {
        self.live
    }

    /// Whether nothing was ended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.revoked.is_empty()
    }

    /// This and that.
    pub fn add(&mut self, other: Self) {
        self.revoked.extend(other.revoked);
        self.live = self.live.saturating_add(other.live);
        self.reason = self.reason.or(other.reason);
    }

    fn of(rows: &[EndedRow], reason: &EndReason) -> Self {
        let live = rows.iter().filter(|row| row.was_live).count();
        let revoked = rows.iter().map(|row| Revoked::Session(row.id)).collect();
        Self { revoked, live: u64::try_from(live).unwrap_or(u64::MAX), reason: Some(reason.code()) }
    }
}

/// Ends these sessions, in the caller's transaction.
pub(super) async fn end(
    connection: &mut PgConnection,
    world: &World,
    sessions: &[SessionId],
    reason: &EndReason,
) -> Result<Ended, DatabaseError> {
    let ids: Vec<Uuid> = sessions.iter().map(SessionId::as_uuid).collect();
    let rows = store::end(connection, &ids, reason).await?;
    announce(connection, world, Ended::of(&rows, reason)).await
}

/// Ends all sessions of a user but perhaps one, in the caller's transaction.
///
/// # Errors
/// When the database fails.
pub async fn end_all_of(
    connection: &mut PgConnection,
    world: &World,
    user: UserId,
    except: Option<SessionId>,
    reason: &EndReason,
) -> Result<Ended, DatabaseError> {
    let rows = store::end_all_of(connection, user, except, reason).await?;
    announce(connection, world, Ended::of(&rows, reason)).await
}

/// Ends all sessions of a user who is about to be deleted, in the caller's transaction, and keeps others from opening
/// until it ends. Their rows go with the user's; that they ended is remembered for longer than an access token lives.
/// None: there is no such user.
///
/// # Errors
/// When the database fails.
pub async fn end_before_deletion(
    connection: &mut PgConnection,
    world: &World,
    user: UserId,
) -> Result<Option<Ended>, DatabaseError> {
    if store::lock_user(connection, user).await?.is_none() {
        return Ok(None);
    }
    let ended = end_all_of(connection, world, user, None, &EndReason::UserDeleted).await?;
    store::remember_departed(connection, user).await?;
    Ok(Some(ended))
}

/// Ends a user's live sessions beyond the `keep` used last, in the caller's transaction.
///
/// # Errors
/// When the database fails.
pub async fn end_surplus(
    connection: &mut PgConnection,
    world: &World,
    user: UserId,
    keep: u32,
) -> Result<Ended, DatabaseError> {
    let surplus = store::surplus(connection, user, keep).await?;
    let rows = store::end(connection, &surplus, &EndReason::SessionLimit).await?;
    announce(connection, world, Ended::of(&rows, &EndReason::SessionLimit)).await
}

/// Cuts off a user's access tokens that are older than this revision of their roles and claims, in the caller's
/// transaction. The sessions live on: the next rotation brings the new roles.
///
/// # Errors
/// When the database fails.
pub async fn cut_off(
    connection: &mut PgConnection,
    world: &World,
    user: UserId,
    revision: i32,
) -> Result<Ended, DatabaseError> {
    announce(connection, world, Ended { revoked: vec![Revoked::Access(user, revision)], ..Ended::default() }).await
}

/// Notifies every instance when the transaction commits.
async fn announce(connection: &mut PgConnection, world: &World, ended: Ended) -> Result<Ended, DatabaseError> {
    if !ended.revoked.is_empty() {
        let (texts, now) = (Revoked::texts(&ended.revoked), world.clock.now());
        world.notifications.notify(connection, Channel::Revocations, now, &texts).await?;
    }
    Ok(ended)
}

impl Sessions {
    /// This instance knows from here on.
    pub fn learn(&self, ended: &Ended) {
        self.revocations().learn(&ended.revoked, Death::now(&self.world().clock));
        if let Some(reason) = ended.reason {
            self.world().metrics.ended(reason, ended.live);
        }
    }

    /// This instance knows from here on that a session has ended, which another one may have done a moment ago: what it
    /// has told of a refresh token holds for the access tokens at once.
    pub(super) fn hear_of(&self, session: SessionId) {
        self.revocations().learn(&[Revoked::Session(session)], Death::now(&self.world().clock));
    }

    /// Ends one session. None: there is none of that id (of that user, if one is named).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end(
        &self,
        session: SessionId,
        owner: Option<UserId>,
        by: (Actor, EndReason),
        client: &Client,
    ) -> Result<Option<u64>, DatabaseError> {
        let (world, client, (actor, reason)) = (self.world().clone(), client.clone(), by);
        let ended = self.world().db.transaction(move |connection| {
            Box::pin(async move {
                let Some((user, _)) = store::find(connection, session).await? else { return Ok(None) };
                if owner.is_some_and(|owner| owner != user) {
                    return Ok(None);
                }
                let ended = end(connection, &world, &[session], &reason).await?;
                if !ended.is_empty() {
                    let event = ending(actor, Some(user), Some(session), &client, &reason, ended.live);
                    audit::record(connection, world.clock.now(), &world, &event).await?;
                }
                Ok(Some(ended))
            })
        });
        let Some(ended) = ended.await? else { return Ok(None) };
        self.learn(&ended);
        Ok(Some(ended.live))
    }

    /// Ends all sessions of a user but perhaps one. Returns how many were live.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_all(
        &self,
        user: UserId,
        except: Option<SessionId>,
        by: (Actor, EndReason),
        client: &Client,
    ) -> Result<u64, DatabaseError> {
        let (world, client, (actor, reason)) = (self.world().clone(), client.clone(), by);
        let ended = self.world().db.transaction(move |connection| {
            Box::pin(async move {
                let ended = end_all_of(connection, &world, user, except, &reason).await?;
                let event = ending(actor, Some(user), None, &client, &reason, ended.live);
                audit::record(connection, world.clock.now(), &world, &event).await?;
                Ok(ended)
            })
        });
        let ended = ended.await?;
        self.learn(&ended);
        Ok(ended.live)
    }

    /// Ends again what this instance knows to have ended, should the database have forgotten it: a standby may take over
    /// that had not yet received the end.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn end_again(&self) -> Result<(), DatabaseError> {
        self.end_everyone_again().await?;
        for known in self.revocations().ended().chunks(AT_ONCE) {
            let (world, known) = (self.world().clone(), known.to_vec());
            let ended = self.world().db.transaction(move |connection| {
                Box::pin(async move {
                    let ended = end(connection, &world, &known, &EndReason::RevocationLost).await?;
                    if !ended.is_empty() {
                        let server = Client::server();
                        let event = ending(Actor::Server, None, None, &server, &EndReason::RevocationLost, ended.live);
                        audit::record(connection, world.clock.now(), &world, &event).await?;
                    }
                    Ok(ended)
                })
            });
            let ended = ended.await?;
            if !ended.is_empty() {
                tracing::error!(
                    sessions = ended.live,
                    "sessions.revocations_lost: the database had forgotten their end"
                );
            }
            self.learn(&ended);
        }
        Ok(())
    }

    async fn end_everyone_again(&self) -> Result<(), DatabaseError> {
        let Some(until) = self.revocations().everyone() else { return Ok(()) };
        if until > self.world().clock.now() + CLOCK_LAG {
            tracing::error!(%until, "sessions.revocation_in_the_future: not written, the database's clock was set back");
            return Ok(());
        }
        let db = &self.world().db;
        if db.run(move |connection| Box::pin(store::knows_end_of_everyone(connection, until))).await? {
            return Ok(());
        }
        let world = self.world().clone();
        let ended = db.long_transaction(EVERYONE, move |connection| {
            Box::pin(async move {
                let reason = EndReason::RevocationLost;
                let live = store::end_everyone_again(connection, until, &reason).await?;
                let live = u64::try_from(live).unwrap_or_default();
                let server = Client::server();
                let event = ending(Actor::Server, None, None, &server, &reason, live);
                audit::record(connection, world.clock.now(), &world, &event).await?;
                let revoked = vec![Revoked::Everyone(until)];
                announce(connection, &world, Ended { revoked, live, reason: Some(reason.code()) }).await
            })
        });
        let ended = ended.await?;
        tracing::error!(sessions = ended.live, "sessions.revocations_lost: the database had forgotten everyone's end");
        self.learn(&ended);
        Ok(())
    }

    /// Ends everybody's sessions. Returns how many were live.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_everyone(&self, by: (Actor, EndReason), client: &Client) -> Result<u64, DatabaseError> {
        let (world, client, (actor, reason)) = (self.world().clone(), client.clone(), by);
        let ended = self.world().db.long_transaction(EVERYONE, move |connection| {
            Box::pin(async move {
                let (live, at) = store::end_everyone(connection, &reason).await?;
                let live = u64::try_from(live).unwrap_or_default();
                let event = ending(actor, None, None, &client, &reason, live);
                audit::record(connection, at, &world, &event).await?;
                let revoked = vec![Revoked::Everyone(at)];
                announce(connection, &world, Ended { revoked, live, reason: Some(reason.code()) }).await
            })
        });
        let ended = ended.await?;
        self.learn(&ended);
        Ok(ended.live)
    }
}

pub(super) fn ending<'a>(
    actor: Actor,
    user: Option<UserId>,
    session: Option<SessionId>,
    client: &'a Client,
    reason: &EndReason,
    live: u64,
) -> audit::Event<'a> {
    let details = json!({ "reason": reason.text(), "sessions": live });
    audit::Event { kind: audit::Kind::SessionsEnded, actor, user, session, client, details }
}

impl Sessions {
    /// Signs out: ends the session of any genuine token that came the way it left, whatever its generation. What is
    /// unknown or over already is no error.
    ///
    /// # Errors
    /// When the database fails: the session then lives on.
    pub async fn sign_out(&self, token: &str, transport: Transport, client: &Client) -> Result<(), DatabaseError> {
        let Some(presented) = self.tokens().read(token) else { return Ok(()) };
        let session = presented.session;
        let found = self.world().db.run(move |connection| Box::pin(store::look(connection, session))).await?;
        let Some((standing, live)) = found else { return Ok(()) };
        if standing.transport == transport {
            self.end(session, None, (Actor::User(live.user), EndReason::SignedOut), client).await?;
        }
        Ok(())
    }

    /// Which session a genuine refresh token belongs to, whatever its generation and however it came.
    #[must_use]
    pub fn session_of(&self, token: &str) -> Option<SessionId> {
        self.tokens().read(token).map(|presented| presented.session)
    }
}
