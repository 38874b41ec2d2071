//! A factor that was proven, whichever it is: what it counts as, and its being used up.

use super::{CorrectCode, FactorKind, passkeys::ProvenPasskey};
use crate::{identity::ProvenBy, kernel::UserId, postgres::DatabaseError, work::Work};

/// A factor that was proven and counts once it is used up.
#[derive(Debug, Clone)]
pub enum ProvenFactor {
    /// By a code.
    Code(CorrectCode),
    /// By a signature.
    Passkey(ProvenPasskey),
}

impl ProvenFactor {
    /// Whose.
    #[must_use]
    pub fn user(&self) -> UserId {
        match self {
            Self::Code(code) => code.user,
            Self::Passkey(passkey) => passkey.user,
        }
    }

    /// Of which kind.
    #[must_use]
    pub fn kind(&self) -> FactorKind {
        match self {
            Self::Code(code) => code.kind(),
            Self::Passkey(_) => FactorKind::Passkey,
        }
    }

    /// What it proves.
    #[must_use]
    pub fn proven_by(&self) -> ProvenBy {
        match self {
            Self::Code(_) => ProvenBy::Code,
            Self::Passkey(passkey) if passkey.user_verified => ProvenBy::VerifiedKey,
            Self::Passkey(_) => ProvenBy::Key,
        }
    }

    /// Counts the user's factors: what it was when the proof was looked at.
    #[must_use]
    pub fn factor_version(&self) -> i32 {
        match self {
            Self::Code(code) => code.factor_version,
            Self::Passkey(passkey) => passkey.factor_version,
        }
    }

    /// Uses the proof up, in the caller's transaction. False if it was used before, or its factor is gone.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn use_up(&self, work: &mut Work<'_>) -> Result<bool, DatabaseError> {
        match self {
            Self::Code(code) => code.use_up(work).await,
            Self::Passkey(passkey) => passkey.use_up(work).await,
        }
    }
}
