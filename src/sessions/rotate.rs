use super::{
    Sessions, end,
    model::{EndReason, Grant, Refusal, Request, Rotation, Transport, Verdict},
    room::{Granted, SessionError},
    store::{self, Row, Step},
    token::{Presented, RetryKey, Secret},
};
use crate::{
    audit,
    kernel::{Client, Duration, SessionId},
    keys::Subject,
    mail,
    postgres::DatabaseError,
};
use serde_json::json;

/// How long a rotation may take in all; the contract's five seconds.
const PATIENCE: Duration = Duration::from_secs(5);
/// After so long in all the database itself refuses to write: what was answered 503 is not written later, not even by
/// a Postgres that was stopped with the statement in its hands and comes back.
const LATEST_WRITE: Duration = Duration::from_millis(4_500);
/// The same for one statement, which we wait for a little longer than this.
const STATEMENT: Duration = Duration::from_millis(2_400);
/// How often what stood in the way may be gone at the second look before we give up.
const TRIES: u32 = 3;

impl Sessions {
    /// Redeems a refresh token: the six steps at the room's door.
    ///
    /// # Errors
    /// When the database fails or does not answer in time. The token is then as good as before.
    pub async fn rotate(
        &self,
        token: &str,
        key: Option<&RetryKey>,
        transport: Transport,
        client: &Client,
    ) -> Result<Rotation, SessionError> {
        let rotation = self.judge(token, key, transport, client).await;
        self.world().metrics.rotated(rotation.as_ref().map_or("unavailable", |rotation| rotation.name(key.is_some())));
        rotation
    }

    async fn judge(
        &self,
        token: &str,
        key: Option<&RetryKey>,
        transport: Transport,
        client: &Client,
    ) -> Result<Rotation, SessionError> {
        let Some(presented) = self.tokens().read(token) else { return Ok(Rotation::Refused(Refusal::Invalid)) };
        let nonce = self.world().entropy.bytes();
        let request = Request { presented: &presented, key, transport, nonce: &nonce };
        let rotation = tokio::time::timeout(PATIENCE, self.redeem(&request, client)).await;
        rotation.unwrap_or(Err(DatabaseError::TooSlow.into()))
    }

    async fn redeem(&self, request: &Request<'_>, client: &Client) -> Result<Rotation, SessionError> {
        let Some(successor) = self.tokens().successor(request.presented, request.nonce, request.key) else {
            return Ok(Rotation::Refused(Refusal::Invalid));
        };
        let began = self.world().clock.uptime();
        for _ in 0..TRIES {
            match self.replace(request, &successor, client, began + LATEST_WRITE).await {
                Ok(Some(row)) => {
                    if let Some(refused) = self.forgotten(request.presented, &row, client).await? {
                        return Ok(refused);
                    }
                    return self.granted(request, row, &successor).map(Rotation::Rotated);
                }
                Ok(None) => {}
                // Nobody knows whether it was written: the second look finds our nonce, or does not.
                Err(error) if error.is_lost_connection() => {}
                Err(error) => return Err(error.into()),
            }
            if let Some(rotation) = self.look_again(request, &successor, client).await? {
                return Ok(rotation);
            }
        }
        Err(DatabaseError::TooSlow.into())
    }

    async fn replace(
        &self,
        request: &Request<'_>,
        successor: &Secret,
        client: &Client,
        latest_write: Duration,
    ) -> Result<Option<Row>, DatabaseError> {
        let (session, generation, secret_hash) = Step::of(request.presented);
        let options = &self.world().config.sessions;
        let step = Step {
            session,
            generation,
            secret_hash,
            transport: request.transport,
            next_secret_hash: successor.digest(),
            nonce: *request.nonce,
            idle_ttl: options.idle_ttl,
            short_idle_ttl: options.short_idle_ttl,
            client: client.clone(),
        };
        let clock = self.world().clock.clone();
        let db = &self.world().db;
        db.run(move |connection| {
            // Begun later, it might wait for the row's lock past the time at which we answer.
            let in_time = clock.uptime() + STATEMENT <= latest_write;
            let deadline = clock.now() + STATEMENT;
            Box::pin(async move {
                if in_time { store::rotate(connection, step, deadline).await } else { Err(DatabaseError::TooSlow) }
            })
        })
        .await
    }

    /// Why nothing was changed. None: what stood in the way has gone, try once more.
    async fn look_again(
        &self,
        request: &Request<'_>,
        successor: &Secret,
        client: &Client,
    ) -> Result<Option<Rotation>, SessionError> {
        let session = request.presented.session;
        let found = self.world().db.run(move |connection| Box::pin(store::look(connection, session))).await?;
        let Some((standing, row)) = found else { return Ok(Some(Rotation::Refused(Refusal::Invalid))) };
        // Should our idea of the database's clock be what stood in the way, it is right again now.
        self.world().clock.heard(standing.now);
        let verdict = standing.judge(request, self.tokens(), &self.world().config.sessions);
        if matches!(verdict, Verdict::Ours | Verdict::Retry(_))
            && let Some(refused) = self.forgotten(request.presented, &row, client).await?
        {
            return Ok(Some(refused));
        }
        Ok(Some(match verdict {
            Verdict::Current => return Ok(None),
            Verdict::Ours => Rotation::Rotated(self.granted(request, row, successor)?),
            Verdict::Retry(existing) => Rotation::Retried(self.granted(request, row, &existing)?),
            Verdict::Reused => self.end_family(request.presented, EndReason::RefreshTokenReused, &row, client).await?,
            Verdict::Refused(Refusal::Ahead) => {
                self.end_family(request.presented, EndReason::RefreshTokenAhead, &row, client).await?
            }
            Verdict::Refused(Refusal::Revoked) => {
                self.hear_of(session);
                Rotation::Refused(Refusal::Revoked)
            }
            Verdict::Refused(refusal @ (Refusal::Invalid | Refusal::Expired | Refusal::Blocked)) => {
                Rotation::Refused(refusal)
            }
        }))
    }

    /// Asked after a grant: the answer that takes its place, should the database have forgotten that the session had ended
    /// (ADR 0020). A session that ended right after what was granted has not been forgotten: what is handed out is dead
    /// on arrival, and of many redemptions at once one has rotated.
    async fn forgotten(
        &self,
        presented: &Presented,
        row: &Row,
        client: &Client,
    ) -> Result<Option<Rotation>, DatabaseError> {
        if !self.revocations().has_ended(presented.session) {
            return Ok(None);
        }
        let rotation = self.end_family(presented, EndReason::RevocationLost, row, client).await?;
        Ok(Some(rotation).filter(|rotation| !matches!(rotation, Rotation::Refused(Refusal::Revoked))))
    }

    fn granted(&self, request: &Request<'_>, mut row: Row, successor: &Secret) -> Result<Grant, SessionError> {
        let session = request.presented.session;
        let claims = row.own_claims();
        self.grant(Granted {
            now: row.now,
            refresh_token: self.tokens().issue(session, request.presented.generation.next(), successor),
            transport: request.transport,
            remembered: row.remembered,
            idle_expires_at: row.idle_expires_at,
            absolute_expires_at: row.absolute_expires_at,
            subject: Subject {
                user: row.user_id,
                session,
                signed_in_at: row.created_at,
                roles: row.roles,
                access_revision: row.access_revision,
                claims,
            },
        })
    }

    /// Ends the family, with the event that says why, in one transaction. Who comes second finds it ended.
    async fn end_family(
        &self,
        presented: &Presented,
        reason: EndReason,
        row: &Row,
        client: &Client,
    ) -> Result<Rotation, DatabaseError> {
        let (user, found_at) = (row.user_id, row.now);
        let (world, session, replayed) = (self.world().clone(), presented.session, presented.generation);
        let (why, client) = (reason.clone(), client.clone());
        let ended = self.world().db.transaction(move |connection| {
            Box::pin(async move {
                let ended = end::end(connection, &[session], &why).await?;
                if !ended.is_empty() {
                    let kind = match why {
                        EndReason::RefreshTokenReused => audit::Kind::RefreshTokenReused,
                        _ => audit::Kind::RefreshTokenAhead,
                    };
                    let event = audit::Event {
                        kind,
                        actor: None,
                        user: Some(user),
                        session: Some(session),
                        client: &client,
                        details: json!({ "generation": replayed.number() }),
                    };
                    audit::record(connection, found_at, &world, &event).await?;
                    if why == EndReason::RefreshTokenReused {
                        let notice = mail::Notice::TokenReused;
                        mail::tell(connection, (&world, found_at), user, notice, &client).await?;
                    }
                }
                Ok(ended)
            })
        });
        let ended = ended.await?;
        self.hear_of(session);
        self.learn(&ended);
        Ok(outcome(&ended, session, presented, &reason))
    }
}

fn outcome(ended: &end::Ended, session: SessionId, presented: &Presented, reason: &EndReason) -> Rotation {
    if ended.is_empty() {
        return Rotation::Refused(Refusal::Revoked);
    }
    tracing::warn!(session.id = %session, generation = %presented.generation, reason = reason.text(), "sessions.family_ended");
    if *reason == EndReason::RefreshTokenReused {
        return Rotation::ReuseDetected { session, replayed: presented.generation };
    }
    Rotation::Refused(Refusal::Ahead)
}
