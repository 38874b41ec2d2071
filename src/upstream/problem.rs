use super::room::{Provider, Upstream};
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

impl Upstream {
    /// The provider of this name.
    ///
    /// # Errors
    /// 404 where there is none.
    pub fn named(&self, name: &str) -> Result<&Provider, Problem> {
        self.provider(name).ok_or_else(|| Problem::not_found("provider"))
    }
}
