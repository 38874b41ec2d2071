use super::{Sessions, extract::lock_live, store};
use crate::{
    audit::{self, About},
    identity::{AuthenticationMethods, ProvenBy, UpstreamStep},
    kernel::Client,
    postgres::DatabaseError,
    upstream::{self, BegunIn, StepStanding, UpstreamUser},
    work::{Caller, Work},
};
use serde_json::json;

/// The outcome of a step-up by a new sign-in with a provider.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderStepUp {
    /// The session is fresh.
    Fresh,
    /// The identity does not open the session's account. Nothing is changed.
    NotConnected,
    /// The user has a second factor: less makes no session fresh. Nothing is changed.
    NeedsSecondFactor,
    /// The session is not live any more.
    SessionEnded,
}

impl ProviderStepUp {
    /// For the metrics, and the pages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fresh => "stepped_up",
            Self::NotConnected => "identity_not_connected",
            Self::NeedsSecondFactor => "step_up_required",
            Self::SessionEnded => "session_revoked",
        }
    }
}

impl Sessions {
    /// Makes the session fresh in which the user was sent to a provider, and has signed in there again. It rotates nothing, because
    /// the refresh token does not come back from there: its cookie is `SameSite=Strict`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn step_up_by_provider(
        &self,
        user: &UpstreamUser,
        begun_in: BegunIn,
        client: &Client,
    ) -> Result<ProviderStepUp, DatabaseError> {
        let step = UpstreamStep { identity: user.identity.clone(), is_new: false, proven_at: user.proven_at };
        let caller = Caller::user(begun_in.user(), client);
        self.world()
            .transaction(caller, move |mut work| Box::pin(async move { write(&mut work, begun_in, &step).await }))
            .await
    }
}

async fn write(work: &mut Work<'_>, begun_in: BegunIn, step: &UpstreamStep) -> Result<ProviderStepUp, DatabaseError> {
    let (user, session) = (begun_in.user(), begun_in.session());
    if !lock_live(work, user, session).await? {
        return Ok(ProviderStepUp::SessionEnded);
    }
    if upstream::standing(work, user, step).await? != StepStanding::Good {
        // As a wrong password: a user of this browser tried to confirm by an account that is not the user's.
        let outcome = ProviderStepUp::NotConnected;
        let details = json!({ "reason": outcome.name(), "provider": step.identity.provider });
        work.record_refusal(audit::Kind::ReauthenticationFailed, Some(user), details).await?;
        return Ok(outcome);
    }
    let found = store::freshness(work.connection, session, &work.world.config).await?;
    if found.is_none_or(|found| found.has_second_factor()) {
        return Ok(ProviderStepUp::NeedsSecondFactor);
    }
    let methods = AuthenticationMethods::of(ProvenBy::Provider);
    store::prove(work.connection, session, &methods, step.proven_at).await?;
    upstream::complete(work, user, step).await?;
    let details = json!({ "provider": step.identity.provider });
    work.record(audit::Kind::SteppedUp, About::session(user, session), details).await?;
    Ok(ProviderStepUp::Fresh)
}
