//! A sign-in in two steps: the password was right, the second factor is missing. No session exists in between, and no cookie:
//! only a row, which expires soon.

use super::{
    ChallengeKind, FactorKind, Factors, PendingSignIn, ProvenFactor,
    store::{
        challenges::{self as store, Taken, Taking},
        recoveries,
    },
};
use crate::{
    kernel::{Duration, Moment, UserId, new_uuid},
    postgres::DatabaseError,
    work::Work,
};
use std::fmt;
use uuid::Uuid;
use zeroize::Zeroizing;

/// How long the second step may take.
pub(super) const LIFETIME: Duration = Duration::from_mins(5);
/// How long the setting up of a factor may take: an app is to be installed, an email to be read.
const ENROLMENT_LIFETIME: Duration = Duration::from_mins(10);
/// How many codes may be tried at one challenge.
pub(super) const ATTEMPTS: i32 = 5;

/// What a client needs for the second step.
pub struct Challenge {
    /// Sent back with the code. It grants nothing by itself.
    pub token: Zeroizing<String>,
    /// Which factors the user may present, or set up.
    pub factors: Vec<FactorKind>,
    /// How long it can be used.
    pub expires_in: Duration,
    /// Whether an emailed code is needed too, to set up a factor.
    pub email_code_required: bool,
    /// When the factors can be removed, if someone began to wait for that.
    pub recovery_ready_at: Option<Moment>,
    /// Whether the user can have lost factors removed: they have a password and an address.
    pub can_recover: bool,
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Challenge(…)")
    }
}

/// A challenge at which a code is being tried: the attempt is counted.
#[derive(Debug, Clone)]
pub struct OpenChallenge {
    /// What the sign-in asked for.
    pub pending: PendingSignIn,
    /// How many more codes may be tried after this one.
    pub attempts_left: u32,
    /// What it is good for.
    pub kind: ChallengeKind,
    /// The secret of the app that is set up with it, sealed.
    pub(super) sealed: Option<Vec<u8>>,
    id: Uuid,
}

impl OpenChallenge {
    /// Which one.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Keeps the secret of the app that is set up with it, in the caller's transaction. False if it was used meanwhile.
    pub(super) async fn keep(&self, work: &mut Work<'_>, sealed: &[u8]) -> Result<bool, DatabaseError> {
        store::put_secret(work.connection, self.id, sealed).await
    }

    /// Uses the challenge up, in the caller's transaction. False if it was used, has expired, or is of another version of the
    /// user's factors than this one.
    pub(super) async fn use_up(&self, work: &mut Work<'_>, factor_version: i32) -> Result<bool, DatabaseError> {
        store::use_up(work.connection, self.id, factor_version).await
    }
}

/// What completes a sign-in: a factor that was proven, at a challenge or, of a passkey that verified its user, alone.
#[derive(Debug, Clone)]
pub struct SecondFactor {
    /// What was begun.
    pub challenge: Option<OpenChallenge>,
    /// What completes it.
    pub proven: ProvenFactor,
}

/// The outcome of using a second factor up.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactorUse {
    /// Both were used up.
    Accepted,
    /// The challenge was used, has expired, or a factor was added or removed since.
    ChallengeExpired,
    /// The factor's proof was used by another request. The challenge can still be used.
    ProofUsed,
}

impl SecondFactor {
    /// Uses challenge and proof up, in the caller's transaction. Of any number of requests with the same proof, or at the same
    /// challenge, one is accepted.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn use_up(&self, work: &mut Work<'_>) -> Result<FactorUse, DatabaseError> {
        let Self { challenge, proven } = self;
        if let Some(challenge) = challenge
            && !challenge.use_up(work, proven.factor_version()).await?
        {
            return Ok(FactorUse::ChallengeExpired);
        }
        if proven.use_up(work).await? {
            return Ok(FactorUse::Accepted);
        }
        if let Some(challenge) = challenge {
            store::reopen(work.connection, challenge.id).await?;
        }
        Ok(FactorUse::ProofUsed)
    }
}

impl Factors {
    /// Begins the second step, in the caller's transaction, which holds the lock on the user.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn challenge(&self, work: &mut Work<'_>, pending: &PendingSignIn) -> Result<Challenge, DatabaseError> {
        let factors = super::store::of(work.connection, pending.user).await?;
        let mut factors = factors.map(|factors| factors.kinds()).unwrap_or_default();
        factors.retain(|kind| *kind != FactorKind::Passkey || self.passkeys().is_enabled());
        let token = self.begin(work, pending, ChallengeKind::SecondFactor).await?;
        let recovery_ready_at =
            recoveries::find(work.connection, pending.user).await?.map(|recovery| recovery.ready_at);
        let can_recover = recoveries::is_possible(work.connection, pending.user).await?;
        Ok(Challenge {
            token,
            factors,
            expires_in: LIFETIME,
            email_code_required: false,
            recovery_ready_at,
            can_recover,
        })
    }

    /// Begins the setting up of a second factor, without which the user may not enter, in the caller's transaction, which holds
    /// the lock on the user.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn enrolment_challenge(
        &self,
        work: &mut Work<'_>,
        pending: &PendingSignIn,
        email_code_required: bool,
    ) -> Result<Challenge, DatabaseError> {
        let kind = ChallengeKind::Enrolment { asks_email_code: email_code_required };
        let token = self.begin(work, pending, kind).await?;
        let mut factors = vec![FactorKind::Totp];
        factors.extend(self.passkeys().is_enabled().then_some(FactorKind::Passkey));
        Ok(Challenge {
            token,
            factors,
            expires_in: ENROLMENT_LIFETIME,
            email_code_required,
            recovery_ready_at: None,
            can_recover: false,
        })
    }

    async fn begin(
        &self,
        work: &mut Work<'_>,
        pending: &PendingSignIn,
        kind: ChallengeKind,
    ) -> Result<Zeroizing<String>, DatabaseError> {
        let id = new_uuid(work.now, &work.world.rng);
        let lifetime = if kind.is_enrolment() { ENROLMENT_LIFETIME } else { LIFETIME };
        store::add(work.connection, id, pending, (kind, lifetime)).await?;
        let token = self.challenge_tokens().write(id).ok_or(DatabaseError::Nonsense("the keys of challenges"))?;
        Ok(Zeroizing::new(token))
    }

    /// Counts an attempt at a challenge, before a code is compared. None if the challenge is unknown, used or expired, is for the
    /// setting up of a factor, had its attempts, or the password or a factor of its user was changed since.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_challenge(&self, token: &str) -> Result<Option<OpenChallenge>, DatabaseError> {
        self.take(token, Taking { is_enrolment: false, counts: true }).await
    }

    /// A challenge to present a factor, if it can be used. No attempt is counted.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn look_at_challenge(&self, token: &str) -> Result<Option<OpenChallenge>, DatabaseError> {
        self.take(token, Taking { is_enrolment: false, counts: false }).await
    }

    /// The same at a challenge to set up a factor: it is refused for anything else.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_enrolment(&self, token: &str) -> Result<Option<OpenChallenge>, DatabaseError> {
        self.take(token, Taking { is_enrolment: true, counts: true }).await
    }

    /// A challenge to set up a factor, if it can be used. No attempt is counted.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn look_at_enrolment(&self, token: &str) -> Result<Option<OpenChallenge>, DatabaseError> {
        self.take(token, Taking { is_enrolment: true, counts: false }).await
    }

    async fn take(&self, token: &str, how: Taking) -> Result<Option<OpenChallenge>, DatabaseError> {
        let Some(id) = self.challenge_tokens().read(token) else { return Ok(None) };
        let found = self.world().db.run(move |connection| Box::pin(store::take(connection, id, how, ATTEMPTS)));
        Ok(found.await?.map(|Taken { pending, kind, sealed, attempts }| OpenChallenge {
            pending,
            attempts_left: u32::try_from(ATTEMPTS.saturating_sub(attempts)).unwrap_or_default(),
            kind,
            sealed,
            id,
        }))
    }

    /// Whose sign-in a challenge is of. No attempt is counted. None as of [`Factors::open_challenge`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn user_of_challenge(&self, token: &str) -> Result<Option<UserId>, DatabaseError> {
        let Some(id) = self.challenge_tokens().read(token) else { return Ok(None) };
        self.world().db.run(move |connection| Box::pin(store::user_of(connection, id, ATTEMPTS))).await
    }

    /// No code was compared: the attempt does not count.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn give_back(&self, challenge: &OpenChallenge) -> Result<(), DatabaseError> {
        let id = challenge.id;
        self.world().db.run(move |connection| Box::pin(store::give_back(connection, id))).await
    }
}
