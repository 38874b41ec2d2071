//! What a client is answered when a factor could not be checked or changed.

use super::{FactorsError, passkeys::PasskeyError};
use crate::http::{FieldError, Problem, kind};

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

/// The only factor must stay.
#[must_use]
pub fn last_factor() -> Problem {
    Problem::new(kind::LAST_FACTOR, "A role demands one, or there is no password. Set up another one first.")
}

/// The code of the email is needed too.
#[must_use]
pub fn email_code_missing() -> Problem {
    Problem::field("email_code", "required", "the code of the email is needed")
}

/// The code of the email is wrong.
#[must_use]
pub fn email_code_invalid() -> Problem {
    let message = "It is not the code of the newest email.";
    let errors = vec![FieldError::new("email_code", "invalid", message)];
    Problem { errors, ..Problem::new(kind::CODE_INVALID, message) }
}

/// An administrator removed all factors: one is set up first, with an emailed code.
#[must_use]
pub fn after_reset() -> Problem {
    Problem::new(kind::FORBIDDEN, "An administrator removed your second factors. Set up a second factor first.")
}
