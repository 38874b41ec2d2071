//! A step-up: a rotation that also records that the user has just proved who they are. It is begun before the proof is looked
//! at, so that a retry is answered and a replay detected as for a refresh; it is completed with the proof.

use super::{
    Sessions,
    batches::STATEMENT,
    model::{LiveSession, Offered, Proof, Redemption, Refusal, Rotation, Verdict},
    room::SessionError,
    rotate::PATIENCE,
    store,
};
use crate::{
    audit::{self, About},
    identity::{AuthenticationMethods, ProvenBy},
    kernel::{Actor, Client, SessionId, UserId},
    postgres::DatabaseError,
    work::{Caller, Work},
};
use serde_json::json;
use std::{fmt, sync::Arc};

/// A step-up whose token is current. Nothing is changed yet.
pub struct StepUp {
    /// Whose session it is.
    pub user: UserId,
    /// By which methods the session was opened, or stepped up since.
    pub methods: AuthenticationMethods,
    redemption: Redemption,
}

/// The outcome of a presented token, before the proof is looked at.
#[must_use]
#[derive(Debug)]
pub enum Begun {
    /// It is current: a proof completes the step-up.
    Current(Box<StepUp>),
    /// The outcome does not depend on a proof: a retry, a reuse, or a refusal.
    Decided(Rotation),
}

impl fmt::Debug for StepUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StepUp(…)")
    }
}

impl Sessions {
    /// Looks at the token of a step-up. A token that is current is not used up by it.
    ///
    /// # Errors
    /// When the database fails. The token then stays valid.
    pub async fn begin_step_up(&self, offered: &Offered, client: &Client) -> Result<Begun, SessionError> {
        let begun = tokio::time::timeout(PATIENCE, self.begin(offered, client)).await;
        let begun = begun.unwrap_or(Err(DatabaseError::TooSlow.into()));
        match &begun {
            Ok(Begun::Current(_)) => {}
            Ok(Begun::Decided(rotation)) => self.count(Some(rotation), offered.key.is_some()),
            Err(_) => self.count(None, offered.key.is_some()),
        }
        begun
    }

    async fn begin(&self, offered: &Offered, client: &Client) -> Result<Begun, SessionError> {
        let Some(redemption) = self.redemption(offered, client) else {
            return Ok(Begun::Decided(Rotation::Refused(Refusal::Invalid)));
        };
        let session = redemption.presented.session;
        let found = self.world().db.run(move |connection| Box::pin(store::look(connection, session))).await?;
        let Some((standing, live)) = found else {
            return Ok(Begun::Decided(Rotation::Refused(Refusal::Expired)));
        };
        let (user, methods) = (live.user, AuthenticationMethods::from_names(&live.amr));
        let verdict = standing.judge(&redemption, self.tokens(), &self.world().config.sessions);
        Ok(match self.settle(&redemption, verdict, live).await? {
            Some(rotation) => Begun::Decided(rotation),
            None => Begun::Current(Box::new(StepUp { user, methods, redemption })),
        })
    }

    /// Rotates, and records the proof in the same statement. If the token was used meanwhile, this is a reuse.
    ///
    /// # Errors
    /// When the database fails or does not answer in time. The token then stays valid.
    pub async fn step_up(&self, step_up: StepUp, proof: Proof) -> Result<Rotation, SessionError> {
        // The time that a rotation may take begins after the proof was checked.
        let began = self.world().clock.uptime();
        let redemption = Redemption { proof: Some(proof), began, ..step_up.redemption };
        let had_key = redemption.key.is_some();
        let rotation = self.redeem(&Arc::new(redemption)).await;
        self.count(rotation.as_ref().ok(), had_key);
        rotation
    }

    /// Rotates by a transaction of its own, with the event. None if nothing was changed.
    pub(super) async fn write_step_up(
        &self,
        redemption: &Arc<Redemption>,
    ) -> Result<Option<(Verdict, LiveSession)>, DatabaseError> {
        let (caller, redemption) = (Caller::anonymous(&redemption.client), Arc::clone(redemption));
        self.world().transaction(caller, move |work| Box::pin(async move { write(work, &redemption).await })).await
    }
}

/// The user of a session proved one more method in it, in the caller's transaction: a factor that was just set up.
///
/// # Errors
/// When the database fails.
pub async fn add_method(work: &mut Work<'_>, session: SessionId, proven: ProvenBy) -> Result<(), DatabaseError> {
    let methods = store::methods_of(work.connection, session).await?;
    store::set_methods(work.connection, session, &methods.and(proven)).await
}

/// The proof is used up after the rotation, so that a token that cannot rotate costs no code; and where another request has used
/// it, the rotation is taken back: a step-up that fails spends no token (F-15).
async fn write(mut work: Work<'_>, redemption: &Redemption) -> Result<Option<(Verdict, LiveSession)>, DatabaseError> {
    let world = work.world.clone();
    if !redemption.is_in_time(world.clock.uptime()) {
        return Err(DatabaseError::TooSlow);
    }
    let deadline = world.clock.now() + STATEMENT;
    redemption.latest_write.note(world.clock.uptime() + STATEMENT);
    let options = &world.config.sessions;
    let factor = redemption.proof.as_ref().and_then(Proof::factor);
    if let Some(factor) = factor {
        // Before the session's row, in the order in which a removal of factors locks them.
        store::lock_user(work.connection, factor.user()).await?;
        store::set_savepoint(work.connection).await?;
    }
    let Some(live) = store::rotate(work.connection, redemption, options, deadline).await? else { return Ok(None) };
    if let Some(factor) = factor
        && !factor.use_up(&mut work).await?
    {
        store::roll_back_to_savepoint(work.connection).await?;
        return Ok(Some((Verdict::Refused(Refusal::CodeUsed), live)));
    }
    // A password that was changed meanwhile proves nothing: the session is then rotated, and as old as before.
    if live.authenticated_at == live.now {
        work.happens_at(live.now);
        work.caller.actor = Actor::User(live.user);
        let about = About::session(live.user, redemption.presented.session);
        work.record(audit::Kind::SteppedUp, about, json!({})).await?;
    }
    Ok(Some((Verdict::Ours, live)))
}
