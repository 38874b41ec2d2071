use super::{
    Sessions, end,
    model::{
        Breach, EndReason, Grant, LatestWrite, LiveSession, Offered, Redemption, Refusal, Rotation, SessionStanding,
        Verdict,
    },
    room::SessionError,
    store,
    token::{PresentedToken, Secret},
};
use crate::{
    audit::About,
    kernel::{Client, Duration, SessionId},
    mail,
    postgres::DatabaseError,
    work::Caller,
};
use serde_json::json;
use std::sync::Arc;

/// The time limit of a rotation (S-37).
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// How many times to try again because an obstacle was gone, before giving up.
const TRIES: u32 = 3;
/// How long to wait before the row is looked at again where the database is away.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

impl Sessions {
    /// Redeems a refresh token: the steps in the module's documentation.
    ///
    /// # Errors
    /// When the database fails or does not answer in time. The token then stays valid.
    pub async fn rotate(&self, offered: &Offered, client: &Client) -> Result<Rotation, SessionError> {
        let rotation = match self.redemption(offered, client) {
            Some(redemption) => self.redeem(&Arc::new(redemption)).await,
            None => Ok(Rotation::Refused(Refusal::Invalid)),
        };
        self.count(rotation.as_ref().ok(), offered.key.is_some());
        rotation
    }

    /// Counts an outcome. None: there is none, because the database failed.
    pub(super) fn count(&self, rotation: Option<&Rotation>, had_key: bool) {
        self.world().metrics.rotated(rotation.map_or("unavailable", |rotation| rotation.name(had_key)));
    }

    /// None if the token was never issued; that is known without the database.
    pub(super) fn redemption(&self, offered: &Offered, client: &Client) -> Option<Redemption> {
        let Offered { token, key, transport } = offered;
        let (presented, nonce) = (self.tokens().read(token)?, self.world().rng.bytes());
        let successor = self.tokens().successor(&presented, &nonce, key.as_ref())?;
        let (client, began) = (client.clone(), self.world().clock.uptime());
        let (key, transport) = (key.clone(), *transport);
        Some(Redemption {
            presented,
            successor,
            key,
            transport,
            nonce,
            client,
            proof: None,
            began,
            latest_write: LatestWrite::default(),
        })
    }

    pub(super) async fn redeem(&self, redemption: &Arc<Redemption>) -> Result<Rotation, SessionError> {
        let tries = async {
            for number in 0..TRIES {
                let Some((verdict, live)) = self.attempt(redemption, number == 0).await? else {
                    // A genuine token without a row: the row has been swept (S-23).
                    return Ok(Rotation::Refused(Refusal::Expired));
                };
                if let Some(rotation) = self.settle(redemption, verdict, live).await? {
                    return Ok(rotation);
                }
            }
            Err(DatabaseError::TooSlow.into())
        };
        tokio::time::timeout(PATIENCE, tries).await.unwrap_or(Err(DatabaseError::TooSlow.into()))
    }

    /// Writes, and if nothing was changed, reads why. The first attempt is part of a batch; a later one, whose row
    /// may be locked, is sent alone. None if the session does not exist.
    async fn attempt(
        &self,
        redemption: &Arc<Redemption>,
        is_first: bool,
    ) -> Result<Option<(Verdict, LiveSession)>, DatabaseError> {
        let batches = self.batches();
        let written = match (&redemption.proof, is_first) {
            (Some(_), _) => self.write_step_up(redemption).await,
            (None, true) => batches.rotate(redemption).await.map(ours),
            (None, false) => batches.rotate_alone(Arc::downgrade(redemption)).await.map(ours),
        };
        match written {
            Ok(Some(decided)) => return Ok(Some(decided)),
            Ok(None) => {}
            // It is unknown whether it was written: the second read finds our nonce, or does not.
            Err(error) if error.is_lost_connection() => {}
            Err(error) => return Err(error),
        }
        let found = self.look(redemption).await?;
        let Some((standing, live)) = found else { return Ok(None) };
        // If the estimate of the database's clock was the obstacle, it is correct again now.
        self.world().clock.synchronize(standing.now);
        let verdict = standing.judge(redemption, self.tokens(), &self.world().config.sessions);
        Ok(Some((verdict, live)))
    }

    /// Reads the row. When a host or a thread ends, several connections of the pool are lost at once: each that is met is closed,
    /// and the next one is asked (S-39). An outage is not reported before the database can no longer write what was sent (S-38).
    async fn look(&self, redemption: &Redemption) -> Result<Option<(SessionStanding, LiveSession)>, DatabaseError> {
        let (mut connections, _idle) = self.world().db.connections();
        loop {
            match self.look_once(redemption.presented.session).await {
                Err(error) if error.is_lost_connection() && connections > 0 => connections -= 1,
                Err(error)
                    if error.is_outage() && redemption.latest_write.may_be_written(self.world().clock.uptime()) =>
                {
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
                found => return found,
            }
        }
    }

    async fn look_once(&self, session: SessionId) -> Result<Option<(SessionStanding, LiveSession)>, DatabaseError> {
        self.world().db.run(move |connection| Box::pin(store::look(connection, session))).await
    }

    /// Carries out a verdict. None if the obstacle is gone: try again.
    pub(super) async fn settle(
        &self,
        redemption: &Redemption,
        verdict: Verdict,
        live: LiveSession,
    ) -> Result<Option<Rotation>, SessionError> {
        let session = redemption.presented.session;
        if verdict.grants() && self.revocations().has_ended(session) {
            let rotation = self.revoke_family(redemption, &live, Breach::RevocationLost).await?;
            // If the database had lost the revocation, the family is revoked again (ADR 0020). If not, it was revoked
            // right after the grant: the tokens no longer work, and of many redemptions one has rotated.
            if !matches!(rotation, Rotation::Refused(Refusal::Revoked(_))) {
                return Ok(Some(rotation));
            }
        }
        Ok(Some(match verdict {
            Verdict::Current => return Ok(None),
            Verdict::Ours => Rotation::Rotated(self.hand_over(redemption, live, &redemption.successor)?),
            Verdict::Retry(existing) => Rotation::Retried(self.hand_over(redemption, live, &existing)?),
            Verdict::Breach(breach) => self.revoke_family(redemption, &live, breach).await?,
            Verdict::Refused(refusal) => {
                if matches!(refusal, Refusal::Revoked(_)) {
                    self.apply_revocation(session);
                }
                Rotation::Refused(refusal)
            }
        }))
    }

    fn hand_over(&self, redemption: &Redemption, live: LiveSession, successor: &Secret) -> Result<Grant, SessionError> {
        let PresentedToken { session, generation, .. } = redemption.presented;
        let refresh_token = self.tokens().issue(session, generation.next(), successor);
        self.grant(session, live, redemption.transport, refresh_token)
    }

    /// Revokes the family and records the event, in one transaction. Of several at once, the first does it; the
    /// others find it revoked, and for which reason.
    async fn revoke_family(
        &self,
        redemption: &Redemption,
        live: &LiveSession,
        breach: Breach,
    ) -> Result<Rotation, DatabaseError> {
        let (user, found_at) = (live.user, live.now);
        let PresentedToken { session, generation, .. } = redemption.presented;
        let caller = Caller { actor: breach.actor(), client: redemption.client.clone() };
        let ended = self.world().transaction(caller, move |mut work| {
            Box::pin(async move {
                work.happens_at(found_at);
                let ended = end::end(&mut work, &[session], &breach.reason()).await?;
                if ended.is_empty() {
                    return Ok(Err(store::revoked_reason(work.connection, session).await?));
                }
                let details = json!({ "generation": generation.number() });
                work.record(breach.kind(), About::session(user, session), details).await?;
                if breach == Breach::Reused {
                    work.enqueue_email(user, mail::Notification::TokenReused).await?;
                }
                Ok(Ok(ended))
            })
        });
        let ended = ended.await?;
        self.apply_revocation(session);
        match ended {
            Ok(ended) => self.apply(&ended),
            Err(reason) => {
                // Without a reason there is no row any more: its user was deleted meanwhile (S-23).
                let refusal = reason.map(|reason| Refusal::Revoked(EndReason::code_of(&reason)));
                return Ok(Rotation::Refused(refusal.unwrap_or(Refusal::Expired)));
            }
        }
        tracing::warn!(session.id = %session, %generation, reason = breach.reason().text(), "sessions.family_ended");
        Ok(breach.rotation(session, generation))
    }
}

/// What was written is ours.
fn ours(written: Option<LiveSession>) -> Option<(Verdict, LiveSession)> {
    written.map(|live| (Verdict::Ours, live))
}
