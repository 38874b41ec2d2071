//! A sign-in in two steps: the password was right, the second factor is missing. No session exists in between, and no cookie:
//! only a row, which expires soon.

use super::{CorrectCode, FactorKind, Factors, PendingSignIn, store::challenges as store};
use crate::{
    kernel::{Duration, new_uuid},
    postgres::DatabaseError,
    work::Work,
};
use std::fmt;
use uuid::Uuid;
use zeroize::Zeroizing;

/// How long the second step may take.
pub(super) const LIFETIME: Duration = Duration::from_mins(5);
/// How many codes may be tried at one challenge.
pub(super) const ATTEMPTS: i32 = 5;

/// What a client needs for the second step.
pub struct Challenge {
    /// Sent back with the code. It grants nothing by itself.
    pub token: Zeroizing<String>,
    /// Which factors the user may present.
    pub factors: Vec<FactorKind>,
    /// How long it can be used.
    pub expires_in: Duration,
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
    id: Uuid,
}

/// The second step: a challenge, and a code that is right.
#[derive(Debug, Clone)]
pub struct SecondFactor {
    /// What was begun.
    pub challenge: OpenChallenge,
    /// What completes it.
    pub code: CorrectCode,
}

/// The outcome of using a second factor up.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactorUse {
    /// Both were used up.
    Accepted,
    /// The challenge was used, has expired, or a factor was added or removed since.
    ChallengeExpired,
    /// The code was used by another request. The challenge can still be used.
    CodeUsed,
}

impl SecondFactor {
    /// Uses challenge and code up, in the caller's transaction. Of any number of requests with the same code, or at the same
    /// challenge, one is accepted.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn use_up(&self, work: &mut Work<'_>) -> Result<FactorUse, DatabaseError> {
        let Self { challenge: OpenChallenge { id, .. }, code } = self;
        if !store::use_up(work.connection, *id, code.factor_version).await? {
            return Ok(FactorUse::ChallengeExpired);
        }
        if !code.use_up(work).await? {
            store::reopen(work.connection, *id).await?;
            return Ok(FactorUse::CodeUsed);
        }
        Ok(FactorUse::Accepted)
    }
}

impl Factors {
    /// Begins the second step, in the caller's transaction, which holds the lock on the user.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn challenge(&self, work: &mut Work<'_>, pending: &PendingSignIn) -> Result<Challenge, DatabaseError> {
        let id = new_uuid(work.now, &work.world.rng);
        store::add(work.connection, id, pending, LIFETIME).await?;
        let factors = super::store::of(work.connection, pending.user).await?;
        let factors = factors.map(|factors| factors.kinds()).unwrap_or_default();
        let token = self.challenge_tokens().write(id).ok_or(DatabaseError::Nonsense("the keys of challenges"))?;
        Ok(Challenge { token: Zeroizing::new(token), factors, expires_in: LIFETIME })
    }

    /// Counts an attempt at a challenge, before a code is compared. None if the challenge is unknown, used or expired, had its
    /// attempts, or the password or a factor of its user was changed since.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_challenge(&self, token: &str) -> Result<Option<OpenChallenge>, DatabaseError> {
        let Some(id) = self.challenge_tokens().read(token) else { return Ok(None) };
        let counted = self.world().db.run(move |connection| Box::pin(store::take(connection, id, ATTEMPTS))).await?;
        Ok(counted.map(|(pending, attempts)| OpenChallenge {
            pending,
            attempts_left: u32::try_from(ATTEMPTS.saturating_sub(attempts)).unwrap_or_default(),
            id,
        }))
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
