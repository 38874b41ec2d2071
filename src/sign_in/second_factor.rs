//! The second step of a sign-in: a code, for the challenge that the right password led to.

mod api;
mod pages;

pub(super) use api::{SecondFactorDescribed, routes as api_routes};
pub(super) use pages::{CodePage, page_samples, routes as page_routes};

use super::{SignInError, SigningIn};
use crate::{
    factors::{Challenge, CodeCheck, FactorCode, Factors, OpenChallenge, SecondFactor, TrustToken},
    identity::{DeviceName, ProvenBy},
    kernel::Client,
    sessions::{Entry, Sessions},
    users::{Accounts, Credentials},
};
use zeroize::Zeroizing;

/// The rooms that the second step passes.
pub(super) struct SecondStep<'a> {
    pub accounts: &'a Accounts,
    pub sessions: &'a Sessions,
    pub client: &'a Client,
}

impl SecondStep<'_> {
    /// Compares a code at a challenge, whose attempt is counted, and opens the session.
    ///
    /// # Errors
    /// When the database fails or the hashing threads have too much to do: the attempt does not count then.
    pub async fn attempt(
        &self,
        challenge: OpenChallenge,
        code: FactorCode<'_>,
        presented: Vec<Zeroizing<String>>,
    ) -> Result<SigningIn, SignInError> {
        let outcome = self.check_and_open(challenge, code, presented).await;
        self.sessions.world().metrics.signed_in(outcome.as_ref().map_or("unavailable", SigningIn::name));
        outcome
    }

    /// The second step in the same request as the first.
    ///
    /// # Errors
    /// As [`SecondStep::attempt`].
    pub async fn at_once(&self, challenge: &Challenge, code: FactorCode<'_>) -> Result<SigningIn, SignInError> {
        match open(self.sessions.factors(), &challenge.token).await? {
            Some(challenge) => self.attempt(challenge, code, Vec::new()).await,
            None => Ok(SigningIn::ChallengeExpired),
        }
    }

    /// Trusts the browser in which the second step was just completed. If that fails, the user is signed in all the same.
    pub async fn trust(&self, challenge: &OpenChallenge) -> Option<TrustToken> {
        match self.sessions.factors().trust(challenge, self.client).await {
            Ok(token) => token,
            Err(error) => {
                tracing::warn!(error = error.chain(), "sign_in.device_not_trusted");
                None
            }
        }
    }

    async fn check_and_open(
        &self,
        challenge: OpenChallenge,
        code: FactorCode<'_>,
        presented: Vec<Zeroizing<String>>,
    ) -> Result<SigningIn, SignInError> {
        let (factors, user) = (self.sessions.factors(), challenge.pending.user);
        let attempts_left = challenge.attempts_left;
        let (code, attempt) = match factors.check(user, code, self.client).await {
            Ok(CodeCheck::Right(code, attempt)) => (code, attempt),
            Ok(CodeCheck::Wrong) => return Ok(SigningIn::CodeInvalid { attempts_left }),
            Ok(CodeCheck::Limited { wait }) => {
                factors.give_back(&challenge).await?;
                return Ok(SigningIn::Limited { wait });
            }
            Err(error) => {
                // If this fails too, the attempt stays counted.
                drop(factors.give_back(&challenge).await);
                return Err(error.into());
            }
        };
        let (kind, pending) = (code.kind(), challenge.pending.clone());
        let entry = Entry {
            credentials: Credentials { user, password_version: pending.password_version },
            methods: pending.methods.and(ProvenBy::Code),
            second_factor: Some(SecondFactor { challenge, code }),
            enrolment: None,
            attempt,
            transport: pending.transport,
            remembered: pending.remembered,
            device_name: pending.device_name.map(DeviceName::from_stored),
            presented,
        };
        let outcome = match entry.open(self.accounts, self.sessions, self.client).await?.into() {
            SigningIn::CodeInvalid { .. } => {
                factors.note_used_before(user, kind, self.client).await?;
                SigningIn::CodeInvalid { attempts_left }
            }
            outcome => outcome,
        };
        if matches!(outcome, SigningIn::Opened(_)) {
            factors.count_accepted(kind);
        }
        Ok(outcome)
    }
}

/// Begins an attempt at a challenge.
///
/// # Errors
/// When the database fails.
async fn open(factors: &Factors, token: &str) -> Result<Option<OpenChallenge>, SignInError> {
    Ok(factors.open_challenge(token).await?)
}
