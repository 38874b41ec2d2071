use super::{
    Ended, Sessions,
    end::end_these,
    generation::Generation,
    model::{Grant, LiveSession},
    room::SessionError,
    store::{self, Circumstances, LockedUser, NewSessionRow},
    token::Secret,
};
use crate::{
    audit::{self, About},
    config::EmailVerification,
    factors::{Challenge, Enrolment, FactorUse, PendingSignIn, SecondFactor, trusted_by},
    guessing::Attempt,
    identity::{AuthenticationMethods, UpstreamStep},
    kernel::{Actor, Client, Digest32, Moment, SessionId, Transport, UserId},
    mail,
    postgres::DatabaseError,
    upstream::{self, StepStanding},
    work::{Caller, Work},
};
use serde_json::json;

/// A sign-in whose password was right a moment ago, or whose second factor was.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Who.
    pub user: UserId,
    /// Which password it was: should it have been changed since, no session is opened.
    pub password_version: i32,
    /// By which methods they proved who they are.
    pub methods: AuthenticationMethods,
    /// The second step, or a passkey that is both, if this is one: used up with the opening.
    pub second_factor: Option<SecondFactor>,
    /// The factor that is set up with this sign-in: added with the opening.
    pub enrolment: Option<Enrolment>,
    /// Whether no session is wanted without a second factor, also where no role demands one.
    pub wants_factor: bool,
    /// The identity of another provider through which it is opened, or that it connects.
    pub upstream: Option<UpstreamStep>,
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
    /// The attempt that led here.
    pub forgiven: Attempt,
}

/// The outcome of a sign-in.
#[must_use]
#[derive(Debug)]
pub enum Opening {
    /// Signed in.
    Opened(Grant),
    /// The user is blocked.
    Blocked,
    /// The user has not shown yet that they read their address, and must.
    Unverified,
    /// The user has a second factor, which was not presented yet.
    SecondFactorRequired(Challenge),
    /// A role of the user demands a second factor, or the user wants one, and there is none: one must be set up.
    EnrolmentRequired(Challenge),
    /// The challenge of the second step was used or has expired, or a factor was added or removed since.
    ChallengeExpired,
    /// The proof of the second step was used by another request.
    ProofUsed,
    /// Another account has the identity that was to be connected, or the user has another one of the provider.
    IdentityTaken,
    /// The password has changed, the identity was disconnected, or the user was deleted.
    Outdated,
}

enum Decided {
    Opened(LockedUser, SessionId, Ended),
    /// Never [`Opening::Opened`].
    Refused(Opening),
}

impl Sessions {
    /// Opens a session. A block or a password change that races the sign-in comes wholly before it, and then there is
    /// no session, or wholly after it, and then it ends the new one too.
    ///
    /// Four round trips: the transaction begins with its locks; the row, which is added only if the user may enter; the
    /// event; the commit. A new device and a session beyond the limit cost more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open(&self, new: NewSession) -> Result<Opening, SessionError> {
        let secret = Secret::draw(&self.world().rng);
        match self.decide(new.clone(), &secret).await? {
            Decided::Refused(refusal) => Ok(refusal),
            Decided::Opened(user, session, ended) => {
                self.apply(&ended);
                self.hand_out(&new, user, session, &secret).map(Opening::Opened)
            }
        }
    }

    async fn decide(&self, new: NewSession, secret: &Secret) -> Result<Decided, DatabaseError> {
        let (room, secret_hash) = (self.clone(), secret.digest());
        let caller = Caller::user(new.user, &new.client);
        let locks = store::locks_of_sign_in(new.user);
        let decided = self.world().locked_transaction(locks, caller, move |mut work| {
            Box::pin(async move {
                let session = SessionId::new(work.now, &work.world.rng);
                let row = room.row(&new, session, secret_hash);
                if new.enrolment.is_some() {
                    store::set_savepoint(work.connection).await?;
                }
                if let Some(refusal) = use_second_factor(&mut work, &new).await? {
                    return Ok(Decided::Refused(refusal));
                }
                if let Some(refusal) = look_at_identity(&mut work, &new).await? {
                    return Ok(Decided::Refused(refusal));
                }
                let opened = store::open(work.connection, row).await?;
                let Some((user, circumstances)) = opened else { return Ok(Decided::Refused(Opening::Outdated)) };
                work.happens_at(user.now);
                if let Some(refusal) = room.refusal(&mut work, &new, &user, &circumstances).await? {
                    return Ok(Decided::Refused(refusal));
                }
                // Before anything is recorded: what is taken back would leave a gap among the events.
                if let Some(enrolment) = &new.enrolment
                    && !enrolment.complete(&mut work).await?
                {
                    store::roll_back_to_savepoint(work.connection).await?;
                    return Ok(Decided::Refused(Opening::ProofUsed));
                }
                let ended = end_these(&mut work, new.user, &circumstances.surplus).await?;
                if let Some(step) = &new.upstream {
                    upstream::complete(&mut work, new.user, step).await?;
                }
                record_opening(&mut work, &new, session, &circumstances).await?;
                Ok(Decided::Opened(user, session, ended))
            })
        });
        decided.await
    }

    /// Why the statement added no session.
    async fn refusal(
        &self,
        work: &mut Work<'_>,
        new: &NewSession,
        user: &LockedUser,
        circumstances: &Circumstances,
    ) -> Result<Option<Opening>, DatabaseError> {
        let (refusal, reason) = if user.password_version != new.password_version {
            (Opening::Outdated, "password_changed_meanwhile")
        } else if user.is_blocked {
            (Opening::Blocked, "account_blocked")
        } else if user.has_address && !user.is_verified && self.requires_verification() {
            (Opening::Unverified, "email_not_verified")
        } else if circumstances.lacks_factor && new.factor_version().is_some() {
            (Opening::ChallengeExpired, "factors_changed_meanwhile")
        } else if circumstances.lacks_factor {
            let pending = new.pending(circumstances.factor_version);
            return Ok(Some(Opening::SecondFactorRequired(self.factors().challenge(work, &pending).await?)));
        } else if circumstances.must_enrol {
            let pending = new.pending(circumstances.factor_version);
            let challenge = self.factors().enrolment_challenge(work, &pending, user.is_verified).await?;
            return Ok(Some(Opening::EnrolmentRequired(challenge)));
        } else {
            return Ok(None);
        };
        record_failure(work, new.user, reason).await?;
        Ok(Some(refusal))
    }

    fn requires_verification(&self) -> bool {
        self.world().config.accounts.email_verification == EmailVerification::Required
    }

    fn row(&self, new: &NewSession, id: SessionId, secret_hash: Digest32) -> NewSessionRow {
        let options = &self.world().config.sessions;
        NewSessionRow {
            id,
            user: new.user,
            password_version: new.password_version,
            factor_version: new.factor_version(),
            // A foreign page must not sign a browser in by it: only a sign-in by cookie is one of our own pages.
            // And it stands beside the password only (F-49): after a provider's sign-in ours is asked for, and before one is
            // connected.
            trusted_device: (new.transport == Transport::Cookie
                && !new.wants_factor
                && new.methods.has_password()
                && new.upstream.is_none())
            .then(|| trusted_by(&new.client, &self.world().config.factors))
            .flatten(),
            demanding_roles: self.world().config.factors.required_by_roles.clone(),
            wants_factor: new.wants_factor,
            amr: new.methods.names(),
            identity: new.upstream.as_ref().map(|step| step.identity.clone()),
            proven_at: new.proven_at(),
            idle_ttl: self.idle_ttl(new.remembered),
            absolute_ttl: options.absolute_ttl,
            transport: new.transport,
            remembered: new.remembered,
            secret_hash,
            device_name: new.device_name.clone(),
            client: new.client.clone(),
            known_device: new.known_device,
            keep: options.max_per_user.saturating_sub(1),
            requires_verification: self.requires_verification(),
            forgiven: new.forgiven.clone(),
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
            authenticated_at: new.proven_at().map_or(user.now, |at| at.min(user.now)),
            amr: new.methods.names().into_iter().map(str::to_owned).collect(),
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

impl NewSession {
    /// The version of the factors, one of which was presented or is set up with it. None: only the password was.
    fn factor_version(&self) -> Option<i32> {
        let presented = self.second_factor.as_ref().map(|second| second.proven.factor_version());
        presented.or(self.enrolment.as_ref().map(Enrolment::factor_version))
    }

    /// When the user proved who they are, if that was before: at another provider. Who has presented a second factor since, or
    /// the password, has proved it now.
    fn proven_at(&self) -> Option<Moment> {
        self.upstream.as_ref().filter(|_| self.second_factor.is_none())?.proven_at
    }

    /// What the second step must know.
    fn pending(&self, factor_version: i32) -> PendingSignIn {
        PendingSignIn {
            user: self.user,
            password_version: self.password_version,
            factor_version,
            methods: self.methods.clone(),
            transport: self.transport,
            remembered: self.remembered,
            device_name: self.device_name.clone(),
            upstream: self.upstream.clone(),
        }
    }
}

/// Whether the identity still opens this account, or can be connected to it. None: it does.
async fn look_at_identity(work: &mut Work<'_>, new: &NewSession) -> Result<Option<Opening>, DatabaseError> {
    let Some(step) = &new.upstream else { return Ok(None) };
    Ok(match upstream::standing(work, new.user, step).await? {
        StepStanding::Good => None,
        StepStanding::Taken => Some(Opening::IdentityTaken),
        StepStanding::Disconnected => {
            record_failure(work, new.user, "identity_disconnected_meanwhile").await?;
            Some(Opening::Outdated)
        }
    })
}

/// Uses the second factor up, or the challenge to set one up, before a session is added. None: there is none, or it was accepted.
async fn use_second_factor(work: &mut Work<'_>, new: &NewSession) -> Result<Option<Opening>, DatabaseError> {
    let used = match (&new.second_factor, &new.enrolment) {
        (Some(second_factor), _) => second_factor.use_up(work).await?,
        (None, Some(enrolment)) => enrolment.use_up(work).await?,
        (None, None) => return Ok(None),
    };
    Ok(match used {
        FactorUse::Accepted => None,
        FactorUse::ChallengeExpired => Some(Opening::ChallengeExpired),
        FactorUse::ProofUsed => Some(Opening::ProofUsed),
    })
}

/// Records the sign-in, and sends an email if the device is new.
async fn record_opening(
    work: &mut Work<'_>,
    new: &NewSession,
    session: SessionId,
    circumstances: &Circumstances,
) -> Result<(), DatabaseError> {
    let Circumstances { is_familiar, is_trusted, .. } = *circumstances;
    let mut details = json!({
        "transport": new.transport.name(), "remembered": new.remembered, "new_device": !is_familiar,
    });
    if is_trusted {
        work.world.metrics.second_factor("trusted_device", "accepted");
        details.as_object_mut().map(|details| details.insert("trusted_device".to_owned(), json!(true)));
    }
    if let (Some(step), Some(details)) = (&new.upstream, details.as_object_mut()) {
        details.insert("provider".to_owned(), json!(step.identity.provider));
    }
    work.record(audit::Kind::SignedIn, About::session(new.user, session), details).await?;
    if !is_familiar {
        work.enqueue_email(new.user, mail::Notification::NewDevice).await?;
    }
    Ok(())
}

/// The password was right, and of no use. Whoever has it is not signed in.
async fn record_failure(work: &mut Work<'_>, user: UserId, reason: &str) -> Result<(), DatabaseError> {
    work.caller.actor = Actor::Anonymous;
    work.record_refusal(audit::Kind::SignInFailed, user, json!({ "reason": reason })).await
}
