//! What a client is answered when a factor could not be checked or changed.

use super::FactorsError;
use crate::http::Problem;

impl From<FactorsError> for Problem {
    fn from(error: FactorsError) -> Self {
        match error {
            FactorsError::Database(error) => error.into(),
            FactorsError::Accounts(error) => error.into(),
            FactorsError::Sealed(_) | FactorsError::Internal(_) => {
                tracing::error!(%error, "factors.failed");
                Self::internal()
            }
        }
    }
}
