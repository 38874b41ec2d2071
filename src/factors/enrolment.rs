//! Setting up the first factor within a sign-in: a user whose role demands one and who has none enters with it, or not at all.

use super::{
    ConfirmedTotp, FactorUse, NewCodes, OpenChallenge, add_passkey, passkeys::Added, passkeys::VerifiedRegistration,
};
use crate::{identity::ProvenBy, postgres::DatabaseError, work::Work};
use std::{fmt, sync::Arc};

/// What is set up.
#[derive(Clone)]
pub enum NewFactor {
    /// An app whose code was right.
    Totp(ConfirmedTotp),
    /// A passkey whose registration verifies, and what its user calls it.
    Passkey(Arc<VerifiedRegistration>, Option<String>),
}

/// A challenge, and a new factor.
#[derive(Clone)]
pub struct Enrolment {
    /// What was begun.
    pub challenge: OpenChallenge,
    /// What completes it.
    pub factor: NewFactor,
    /// Shown once the session is open.
    pub codes: Arc<NewCodes>,
}

impl NewFactor {
    /// What its user proves by setting it up.
    #[must_use]
    pub const fn proven_by(&self) -> ProvenBy {
        match self {
            Self::Totp(_) => ProvenBy::Code,
            Self::Passkey(..) => ProvenBy::VerifiedKey,
        }
    }
}

impl fmt::Debug for Enrolment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Enrolment(…)")
    }
}

impl Enrolment {
    /// Counts what factors were added and removed when the password was right: the session is opened if it is still so.
    #[must_use]
    pub fn factor_version(&self) -> i32 {
        self.challenge.pending.factor_version
    }

    /// Uses the challenge up, before the session is added, in the caller's transaction, which holds the lock on the user. Nothing
    /// is added yet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn use_up(&self, work: &mut Work<'_>) -> Result<FactorUse, DatabaseError> {
        if let NewFactor::Passkey(verified, _name) = &self.factor
            && verified.is_taken(work).await?
        {
            return Ok(FactorUse::ProofUsed);
        }
        let is_used_up = self.challenge.use_up(work, self.factor_version()).await?;
        Ok(if is_used_up { FactorUse::Accepted } else { FactorUse::ChallengeExpired })
    }

    /// Adds the factor, once the session is added, in the same transaction. False if another user has registered the same passkey
    /// meanwhile: the caller takes back what it wrote.
    ///
    /// # Errors
    /// When the database fails. The session is not added then either.
    pub async fn complete(&self, work: &mut Work<'_>) -> Result<bool, DatabaseError> {
        let is_added = match &self.factor {
            NewFactor::Totp(confirmed) => confirmed.clone().add_new(work, &self.codes).await?,
            NewFactor::Passkey(verified, name) => {
                match add_passkey(work, verified, name.as_deref(), Some(&self.codes)).await? {
                    Added::Now(_) => true,
                    Added::Taken => return Ok(false),
                    Added::Before(_) | Added::Expired => false,
                }
            }
        };
        if is_added {
            return Ok(true);
        }
        Err(DatabaseError::Nonsense("a factor that was set up under the lock of its user"))
    }
}
