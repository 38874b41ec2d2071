use super::{
    Authority, Sessions, SignedIn,
    model::EndReason,
    revocations::{Death, Revocation},
    store::{self, EndedRow},
};
use crate::{
    audit::{self, About},
    identity::{BlockReason, UpstreamIdentity},
    kernel::{Client, Moment, SessionId, Transport, UserId},
    keys::Verified,
    mail,
    postgres::{Channel, DatabaseError},
    work::{Caller, Work},
};
use serde_json::json;
use uuid::Uuid;

/// How many sessions one statement revokes.
const AT_ONCE: usize = 5_000;

/// What a transaction has revoked. The instance must [`Sessions::apply`] it once the transaction has committed, before
/// it answers; the transaction itself notifies the other instances.
#[must_use = "the instance that revokes must apply it before it answers: `Sessions::apply`"]
#[derive(Debug, Default)]
pub struct Ended {
    revoked: Vec<Revocation>,
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

    /// Whether nothing was revoked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.revoked.is_empty()
    }

    /// Both together.
    pub fn add(&mut self, other: Self) {
        self.revoked.extend(other.revoked);
        self.live = self.live.saturating_add(other.live);
        self.reason = self.reason.or(other.reason);
    }

    fn of(rows: &[EndedRow], reason: &EndReason) -> Self {
        let live = rows.iter().filter(|row| row.was_live).count();
        let revoked = rows.iter().map(|row| Revocation::Session(row.id)).collect();
        Self { revoked, live: u64::try_from(live).unwrap_or(u64::MAX), reason: Some(reason.code()) }
    }

    /// Everyone's sessions, of which so many were live.
    pub(super) fn everyone(at: Moment, live: u64, reason: &EndReason) -> Self {
        Self { revoked: vec![Revocation::Everyone(at)], live, reason: Some(reason.code()) }
    }
}

/// Ends these sessions, in the caller's transaction.
pub(super) async fn end(
    work: &mut Work<'_>,
    sessions: &[SessionId],
    reason: &EndReason,
) -> Result<Ended, DatabaseError> {
    let ids: Vec<Uuid> = sessions.iter().map(SessionId::as_uuid).collect();
    let rows = store::end(work.connection, &ids, reason).await?;
    announce(work, Ended::of(&rows, reason)).await
}

/// Ends all sessions of a user but perhaps one, in the caller's transaction.
///
/// # Errors
/// When the database fails.
pub async fn end_all_of(
    work: &mut Work<'_>,
    user: UserId,
    except: Option<SessionId>,
    reason: &EndReason,
) -> Result<Ended, DatabaseError> {
    let rows = store::end_all_of(work.connection, user, except, reason).await?;
    announce(work, Ended::of(&rows, reason)).await
}

/// Ends the sessions of a user that were opened through an identity of another provider, until a time if one is given, but perhaps
/// one, in the caller's transaction, which holds the lock on the user.
///
/// # Errors
/// When the database fails.
pub async fn end_through(
    work: &mut Work<'_>,
    user: UserId,
    identity: &UpstreamIdentity,
    until: Option<Moment>,
    except: Option<SessionId>,
    reason: &EndReason,
) -> Result<Ended, DatabaseError> {
    let rows = store::end_through(work.connection, user, identity, until, except, reason).await?;
    let ended = announce(work, Ended::of(&rows, reason)).await?;
    if !ended.is_empty() {
        let details = json!({ "reason": reason.text(), "sessions": ended.live, "provider": identity.provider });
        work.record(audit::Kind::SessionsEnded, user, details).await?;
    }
    Ok(ended)
}

/// Ends the sessions of a user that were opened or confirmed with fewer than two factors, in the caller's transaction, which
/// holds the lock on the user: a role that was just granted demands two.
///
/// # Errors
/// When the database fails.
pub async fn end_with_one_factor(work: &mut Work<'_>, user: UserId) -> Result<Ended, DatabaseError> {
    let reason = EndReason::SecondFactorRequired;
    let rows = store::end_with_one_factor(work.connection, user, &reason).await?;
    let ended = announce(work, Ended::of(&rows, &reason)).await?;
    record(work, user.into(), &reason, &ended).await?;
    Ok(ended)
}

/// Revokes all sessions of a user who is about to be deleted, in the caller's transaction, and keeps others from
/// opening until it commits. Their rows are deleted with the user's; the revocations are kept longer than an access
/// token lives. None if the user does not exist.
///
/// # Errors
/// When the database fails.
pub async fn end_before_deletion(work: &mut Work<'_>, user: UserId) -> Result<Option<Ended>, DatabaseError> {
    if store::lock_user(work.connection, user).await?.is_none() {
        return Ok(None);
    }
    let ended = end_all_of(work, user, None, &EndReason::UserDeleted).await?;
    store::remember_departed(work.connection, user).await?;
    Ok(Some(ended))
}

/// Ends a user's live sessions beyond the `keep` used last, in the caller's transaction.
///
/// # Errors
/// When the database fails.
pub async fn end_surplus(work: &mut Work<'_>, user: UserId, keep: u32) -> Result<Ended, DatabaseError> {
    let surplus = store::surplus(work.connection, user, keep).await?;
    end_these(work, user, &surplus).await
}

/// Ends these sessions of a user, which are beyond the limit, in the caller's transaction.
pub(super) async fn end_these(work: &mut Work<'_>, user: UserId, surplus: &[Uuid]) -> Result<Ended, DatabaseError> {
    if surplus.is_empty() {
        return Ok(Ended::default());
    }
    let reason = EndReason::SessionLimit;
    let rows = store::end(work.connection, surplus, &reason).await?;
    let ended = announce(work, Ended::of(&rows, &reason)).await?;
    record(work, user.into(), &reason, &ended).await?;
    work.enqueue_email(user, mail::Notification::SessionLimit).await?;
    Ok(ended)
}

/// Cuts off a user's access tokens that are older than this revision of their roles and claims, in the caller's
/// transaction. The sessions live on: the next rotation brings the new roles.
///
/// # Errors
/// When the database fails.
pub async fn cut_off(work: &mut Work<'_>, user: UserId, revision: i32) -> Result<Ended, DatabaseError> {
    announce(work, Ended { revoked: vec![Revocation::Access(user, revision)], ..Ended::default() }).await
}

/// Notifies every instance when the transaction commits.
pub(super) async fn announce(work: &mut Work<'_>, ended: Ended) -> Result<Ended, DatabaseError> {
    if !ended.revoked.is_empty() {
        work.notify(Channel::Revocations, &Revocation::texts(&ended.revoked)).await?;
    }
    Ok(ended)
}

/// Records that sessions were revoked, if any were.
async fn record(work: &mut Work<'_>, about: About, reason: &EndReason, ended: &Ended) -> Result<(), DatabaseError> {
    if ended.is_empty() {
        return Ok(());
    }
    let details = json!({ "reason": reason.text(), "sessions": ended.live });
    work.record(audit::Kind::SessionsEnded, about, details).await
}

impl Sessions {
    /// Applies the revocations of a committed transaction on this instance.
    pub fn apply(&self, ended: &Ended) {
        self.revocations().apply(&ended.revoked, Death::now(&self.world().clock));
        if let Some(reason) = ended.reason {
            self.world().metrics.ended(reason, ended.live);
        }
    }

    /// Applies a revocation that another instance may have written a moment ago: the answer about a refresh token then
    /// holds for the session's access tokens, too.
    pub(super) fn apply_revocation(&self, session: SessionId) {
        self.revocations().apply(&[Revocation::Session(session)], Death::now(&self.world().clock));
    }

    /// Revokes one of the user's own sessions. None if it does not exist or belongs to another user.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_own(
        &self,
        signed_in: &SignedIn,
        session: SessionId,
        client: &Client,
    ) -> Result<Option<u64>, DatabaseError> {
        let caller = Caller::user(signed_in.user, client);
        self.end_one(caller, session, Some(signed_in.user), EndReason::EndedByUser).await
    }

    /// Revokes all of the user's own sessions, except the current one if asked. Returns how many were live.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_all_own(
        &self,
        signed_in: &SignedIn,
        except: Option<SessionId>,
        client: &Client,
    ) -> Result<u64, DatabaseError> {
        let caller = Caller::user(signed_in.user, client);
        self.end_all(caller, signed_in.user, except, EndReason::EndedByUser).await
    }

    /// Revokes any session. None if it does not exist.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke(
        &self,
        by: &Authority,
        session: SessionId,
        words: Option<BlockReason>,
    ) -> Result<Option<u64>, DatabaseError> {
        self.end_one(by.caller(), session, None, EndReason::Admin(words)).await
    }

    /// Ends all sessions of a user. Returns how many were live.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke_user(
        &self,
        by: &Authority,
        user: UserId,
        words: Option<BlockReason>,
    ) -> Result<u64, DatabaseError> {
        self.end_all(by.caller(), user, None, EndReason::Admin(words)).await
    }

    async fn end_one(
        &self,
        caller: Caller,
        session: SessionId,
        owner: Option<UserId>,
        reason: EndReason,
    ) -> Result<Option<u64>, DatabaseError> {
        let ended = self.world().transaction(caller, move |mut work| {
            Box::pin(async move {
                let Some((user, _)) = store::find(work.connection, session).await? else { return Ok(None) };
                if owner.is_some_and(|owner| owner != user) {
                    return Ok(None);
                }
                let ended = end(&mut work, &[session], &reason).await?;
                record(&mut work, About::session(user, session), &reason, &ended).await?;
                Ok(Some(ended))
            })
        });
        let Some(ended) = ended.await? else { return Ok(None) };
        self.apply(&ended);
        Ok(Some(ended.live))
    }

    async fn end_all(
        &self,
        caller: Caller,
        user: UserId,
        except: Option<SessionId>,
        reason: EndReason,
    ) -> Result<u64, DatabaseError> {
        let ended = self.world().transaction(caller, move |mut work| {
            Box::pin(async move {
                let ended = end_all_of(&mut work, user, except, &reason).await?;
                record(&mut work, user.into(), &reason, &ended).await?;
                Ok(ended)
            })
        });
        let ended = ended.await?;
        self.apply(&ended);
        Ok(ended.live)
    }

    /// Revokes again what this instance knows to be revoked, if the database has lost it: a standby may take over
    /// that had not received the revocation.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn end_again(&self) -> Result<(), DatabaseError> {
        self.end_everyone_again().await?;
        for known in self.revocations().ended().chunks(AT_ONCE) {
            let known = known.to_vec();
            let ended = self.world().transaction(Caller::server(), move |mut work| {
                Box::pin(async move {
                    let reason = EndReason::RevocationLost;
                    let ended = end(&mut work, &known, &reason).await?;
                    record(&mut work, About::NOBODY, &reason, &ended).await?;
                    Ok(ended)
                })
            });
            let ended = ended.await?;
            if !ended.is_empty() {
                tracing::error!(
                    sessions = ended.live,
                    "sessions.revocations_lost: the database had lost these revocations"
                );
            }
            self.apply(&ended);
        }
        Ok(())
    }
}

impl Sessions {
    /// Revokes the session of any genuine token that came by its session's transport, whatever its generation: the
    /// client that presents it holds the session. A token that is unknown, or whose session was revoked before, is not
    /// an error.
    ///
    /// # Errors
    /// When the database fails: the session then stays live.
    pub async fn revoke_presented(
        &self,
        token: &str,
        transport: Transport,
        reason: EndReason,
        client: &Client,
    ) -> Result<(), DatabaseError> {
        let Some(presented) = self.tokens().read(token) else { return Ok(()) };
        let session = presented.session;
        let found = self.world().db.run(move |connection| Box::pin(store::look(connection, session))).await?;
        let Some((standing, live)) = found else { return Ok(()) };
        if standing.transport == transport {
            self.end_one(Caller::user(live.user, client), session, None, reason).await?;
        }
        Ok(())
    }

    /// Signs a user out of the session of the request.
    ///
    /// # Errors
    /// When the database fails: the session then stays live.
    pub async fn sign_out(&self, signed_in: &SignedIn, client: &Client) -> Result<(), DatabaseError> {
        let (caller, owner) = (Caller::user(signed_in.user, client), Some(signed_in.user));
        self.end_one(caller, signed_in.session, owner, EndReason::SignedOut).await?;
        Ok(())
    }

    /// Signs out with a genuine access token, also one that is outdated.
    ///
    /// # Errors
    /// When the database fails: the session then stays live.
    pub async fn sign_out_bearer(&self, verified: &Verified, client: &Client) -> Result<(), DatabaseError> {
        let (caller, owner) = (Caller::user(verified.user, client), Some(verified.user));
        self.end_one(caller, verified.session, owner, EndReason::SignedOut).await?;
        Ok(())
    }

    /// Which session a genuine refresh token belongs to, whatever its generation and however it came.
    #[must_use]
    pub fn session_of(&self, token: &str) -> Option<SessionId> {
        self.tokens().read(token).map(|presented| presented.session)
    }
}
