//! What a client is answered when a factor could not be checked or changed.

use super::{FactorsError, passkeys::PasskeyError};
use crate::http::Problem;

impl From<PasskeyError> for Problem {
    fn from(error: PasskeyError) -> Self {
        FactorsError::from(error).into()
    }
}

impl From<FactorsError> for Problem {
    fn from(error: FactorsError) -> Self {
        match error {
            FactorsError::Database(error) | FactorsError::Passkeys(PasskeyError::Database(error)) => error.into(),
            FactorsError::Accounts(error) => error.into(),
            FactorsError::Passkeys(_) | FactorsError::Sealed(_) | FactorsError::Internal(_) => {
                tracing::error!(%error, "factors.failed");
                Self::internal()
            }
        }
    }
}
