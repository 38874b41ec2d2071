//! Revokes the sessions of all users at once.

use super::{
    Ended, FreshAuthority, Sessions,
    end::announce,
    model::EndReason,
    store::{self, EveryoneEnded},
};
use crate::{
    audit::{self, About},
    identity::BlockReason,
    kernel::Duration,
    postgres::DatabaseError,
    work::{Caller, Work},
};
use serde_json::json;

/// How long it may take: it writes every row.
const EVERYONE: Duration = Duration::from_mins(2);
/// How far the estimate of the database's clock may be behind the clock itself.
pub(super) const CLOCK_LAG: Duration = Duration::from_secs(5);

/// The outcome of revoking everyone's sessions.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EveryoneRevoked {
    /// Revoked. So many were live.
    Revoked(u64),
    /// The administrator's session is no longer fresh, or they are no longer one: nothing was changed.
    NotFresh,
}

impl Sessions {
    /// Revokes all sessions of all users.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke_everyone(
        &self,
        by: &FreshAuthority,
        words: Option<BlockReason>,
    ) -> Result<EveryoneRevoked, DatabaseError> {
        let (reason, by) = (EndReason::Admin(words), by.clone());
        let ended = self.world().long_transaction(EVERYONE, by.caller(), move |mut work| {
            Box::pin(async move {
                if !by.still_stands(&mut work).await? {
                    return Ok(None);
                }
                let everyone = store::end_everyone(work.connection, &reason).await?;
                work.happens_at(everyone.at);
                record_everyone(&mut work, &reason, everyone).await.map(Some)
            })
        });
        let Some(ended) = ended.await? else { return Ok(EveryoneRevoked::NotFresh) };
        self.apply(&ended);
        Ok(EveryoneRevoked::Revoked(ended.live()))
    }

    /// Revokes again what this instance knows to be revoked, if the database has lost it.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn end_everyone_again(&self) -> Result<(), DatabaseError> {
        let Some(until) = self.revocations().everyone() else { return Ok(()) };
        if until > self.world().clock.now() + CLOCK_LAG {
            tracing::error!(%until, "sessions.revocation_in_the_future: not written, the database's clock was set back");
            return Ok(());
        }
        let db = &self.world().db;
        if db.run(move |connection| Box::pin(store::knows_end_of_everyone(connection, until))).await? {
            return Ok(());
        }
        let ended = self.world().long_transaction(EVERYONE, Caller::server(), move |mut work| {
            Box::pin(async move {
                let reason = EndReason::RevocationLost;
                let everyone = store::end_everyone_again(work.connection, until, &reason).await?;
                record_everyone(&mut work, &reason, everyone).await
            })
        });
        let ended = ended.await?;
        tracing::error!(
            sessions = ended.live(),
            "sessions.revocations_lost: the database had lost the revocation of all sessions"
        );
        self.apply(&ended);
        Ok(())
    }
}

async fn record_everyone(
    work: &mut Work<'_>,
    reason: &EndReason,
    everyone: EveryoneEnded,
) -> Result<Ended, DatabaseError> {
    let live = u64::try_from(everyone.live).unwrap_or_default();
    if everyone.all > 0 {
        let details = json!({ "reason": reason.text(), "sessions": live });
        work.record(audit::Kind::SessionsEnded, About::NOBODY, details).await?;
    }
    announce(work, Ended::everyone(everyone.at, live, reason)).await
}
