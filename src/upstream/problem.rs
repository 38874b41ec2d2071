use crate::http::{Problem, kind};

/// What was presented in a provider's name proves no user. One answer for all reasons: the log has which.
#[must_use]
pub fn upstream_denied() -> Problem {
    Problem::new(kind::UPSTREAM_DENIED, "Sign in with the provider again.")
}

/// A provider gave no usable answer.
#[must_use]
pub fn upstream_failed() -> Problem {
    Problem::new(kind::UPSTREAM_FAILED, "Try again in a moment, or sign in another way.")
}
