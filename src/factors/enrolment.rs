//! Setting up the first factor within a sign-in: a user whose role demands one and who has none enters with it, or not at all.

use super::{ConfirmedTotp, FactorUse, NewCodes, OpenChallenge};
use crate::{postgres::DatabaseError, work::Work};
use std::{fmt, sync::Arc};

/// A challenge, and a new app whose code was right.
#[derive(Clone)]
pub struct Enrolment {
    /// What was begun.
    pub challenge: OpenChallenge,
    /// What completes it.
    pub confirmed: ConfirmedTotp,
    /// Shown once the session is open.
    pub codes: Arc<NewCodes>,
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
        let is_used_up = self.challenge.use_up(work, self.factor_version()).await?;
        Ok(if is_used_up { FactorUse::Accepted } else { FactorUse::ChallengeExpired })
    }

    /// Adds the factor, once the session is added, in the same transaction.
    ///
    /// # Errors
    /// When the database fails. The session is not added then either.
    pub async fn complete(&self, work: &mut Work<'_>) -> Result<(), DatabaseError> {
        if self.confirmed.clone().add_new(work, &self.codes).await? {
            return Ok(());
        }
        Err(DatabaseError::Nonsense("an app that was set up under the lock of its user"))
    }
}
