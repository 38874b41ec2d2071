//! The second step of a sign-in: a code or a passkey, for the challenge that the right password led to.

mod api;
mod pages;

pub(super) use api::{SecondFactorDescribed, SecondStepWanted, complete, routes as api_routes};
pub(super) use pages::{CodePage, page_samples, routes as page_routes};

use super::{SignInError, SigningIn};
use crate::{
    factors::{
        Challenge, FactorCheck, FactorCode, FactorKind, Factors, OpenChallenge, PresentedFactor, ProvenFactor,
        SecondFactor, TrustToken,
    },
    guessing::Attempt,
    identity::DeviceName,
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
    /// Looks at a factor at a challenge, whose attempt is counted, and opens the session.
    ///
    /// # Errors
    /// When the database fails or the hashing threads have too much to do: the attempt does not count then.
    pub async fn attempt(
        &self,
        challenge: OpenChallenge,
        factor: PresentedFactor<'_>,
        presented: Vec<Zeroizing<String>>,
    ) -> Result<SigningIn, SignInError> {
        let outcome = self.check_and_open(challenge, factor, presented).await;
        self.sessions.world().metrics.signed_in(outcome.as_ref().map_or("unavailable", SigningIn::name));
        outcome
    }

    /// The second step in the same request as the first.
    ///
    /// # Errors
    /// As [`SecondStep::attempt`].
    pub async fn at_once(&self, challenge: &Challenge, code: FactorCode<'_>) -> Result<SigningIn, SignInError> {
        match open(self.sessions.factors(), &challenge.token).await? {
            Some(challenge) => self.attempt(challenge, PresentedFactor::Code(code), Vec::new()).await,
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
        factor: PresentedFactor<'_>,
        presented: Vec<Zeroizing<String>>,
    ) -> Result<SigningIn, SignInError> {
        let (factors, user) = (self.sessions.factors(), challenge.pending.user);
        let attempts_left = challenge.attempts_left;
        let (proven, attempt) = match factors.check_presented(user, factor, self.client).await {
            Ok(FactorCheck::Right(proven, attempt)) => (proven, attempt),
            Ok(FactorCheck::Wrong) => return Ok(wrong(factor.kind(), attempts_left)),
            Ok(FactorCheck::TicketExpired) => {
                factors.give_back(&challenge).await?;
                return Ok(SigningIn::ChallengeExpired);
            }
            Ok(FactorCheck::Limited { wait }) => {
                factors.give_back(&challenge).await?;
                return Ok(SigningIn::Limited { wait });
            }
            Err(error) => {
                // If this fails too, the attempt stays counted.
                drop(factors.give_back(&challenge).await);
                return Err(error.into());
            }
        };
        self.open(challenge, proven, attempt, presented).await
    }

    async fn open(
        &self,
        challenge: OpenChallenge,
        proven: ProvenFactor,
        attempt: Attempt,
        presented: Vec<Zeroizing<String>>,
    ) -> Result<SigningIn, SignInError> {
        let (attempts_left, pending, kind) = (challenge.attempts_left, challenge.pending.clone(), proven.kind());
        let entry = Entry {
            credentials: Credentials { user: pending.user, password_version: pending.password_version },
            methods: pending.methods.and(proven.proven_by()),
            second_factor: Some(SecondFactor { challenge: Some(challenge), proven }),
            enrolment: None,
            wants_factor: false,
            upstream: pending.upstream,
            attempt,
            transport: pending.transport,
            remembered: pending.remembered,
            device_name: pending.device_name.map(DeviceName::from_stored),
            presented,
        };
        self.enter(entry, kind, attempts_left).await
    }

    /// Opens the session of a user who proved a factor of this kind.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn enter(&self, entry: Entry, kind: FactorKind, attempts_left: u32) -> Result<SigningIn, SignInError> {
        let (factors, user) = (self.sessions.factors(), entry.credentials.user);
        let outcome = match entry.open(self.accounts, self.sessions, self.client).await?.into() {
            SigningIn::CodeInvalid { .. } => {
                factors.note_used_before(user, kind, self.client).await?;
                used_before(kind, attempts_left)
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
pub(super) async fn open(factors: &Factors, token: &str) -> Result<Option<OpenChallenge>, SignInError> {
    Ok(factors.open_challenge(token).await?)
}

/// What the proof of a factor that does not verify leads to.
fn wrong(kind: FactorKind, attempts_left: u32) -> SigningIn {
    match kind {
        FactorKind::Passkey => SigningIn::PasskeyInvalid { attempts_left: Some(attempts_left), is_unknown: false },
        FactorKind::Totp | FactorKind::RecoveryCode => SigningIn::CodeInvalid { attempts_left },
    }
}

/// What a proof that was used before leads to. A ticket is as good as expired then.
fn used_before(kind: FactorKind, attempts_left: u32) -> SigningIn {
    match kind {
        FactorKind::Passkey => SigningIn::ChallengeExpired,
        FactorKind::Totp | FactorKind::RecoveryCode => SigningIn::CodeInvalid { attempts_left },
    }
}
