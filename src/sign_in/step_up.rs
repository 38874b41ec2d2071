//! A user who is signed in confirms it, with the password, a code of a second factor, or a passkey.

mod api;

pub(super) use api::{StepUpDescribed, routes};

use super::SignInError;
use crate::{
    factors::{FactorCheck, FactorKind, PresentedFactor},
    guessing::Attempt,
    identity::{AuthenticationMethods, ProvenBy},
    kernel::{Client, Duration, UserId},
    sessions::{Begun, Offered, Proof, Proven, Refusal, Rotation, Sessions},
    users::{Accounts, PasswordCheck},
};

/// What a user presents. Not `Debug`: it may be right.
#[derive(Clone, Copy)]
enum Presented<'a> {
    /// The password.
    Password(&'a str),
    /// A second factor.
    Factor(PresentedFactor<'a>),
}

/// The outcome of a step-up.
#[must_use]
#[derive(Debug)]
enum SteppedUp {
    /// What a rotation can become. Where the token was current, the session is fresh now.
    Rotation(Rotation),
    /// Nothing was changed; the token is as good as before.
    WrongPassword,
    /// As after a wrong password.
    WrongCode,
    /// As after a wrong password.
    WrongPasskey,
    /// The ticket of the passkey's ceremony was used, or has expired. Nothing was changed.
    TicketExpired,
    /// Too many were wrong lately: this one was not checked.
    Limited {
        /// How long until the next may be tried.
        wait: Duration,
    },
}

/// The rooms that a step-up passes.
struct Confirming<'a> {
    accounts: &'a Accounts,
    sessions: &'a Sessions,
    client: &'a Client,
}

impl Confirming<'_> {
    /// Judges the token as a refresh does, then checks what was presented, then rotates.
    ///
    /// # Errors
    /// When the database fails or the hashing threads have too much to do.
    async fn check_and_rotate(&self, offered: &Offered, presented: Presented<'_>) -> Result<SteppedUp, SignInError> {
        let step_up = match self.sessions.begin_step_up(offered, self.client).await? {
            Begun::Current(step_up) => step_up,
            Begun::Decided(rotation) => return Ok(SteppedUp::Rotation(rotation)),
        };
        let (user, methods) = (step_up.user, step_up.methods.clone());
        let checked = match presented {
            Presented::Password(password) => self.check_password(user, password, &methods).await?,
            Presented::Factor(factor) => self.check_factor(user, factor, &methods).await?,
        };
        let (proof, attempt) = match checked {
            Ok(right) => right,
            Err(refused) => return Ok(refused),
        };
        let factor = match &proof.of {
            Proven::Factor(factor) => Some(factor.kind()),
            Proven::Password { .. } => None,
        };
        let rotation = self.sessions.step_up(*step_up, proof).await?;
        if let Some(kind) = factor {
            if matches!(rotation, Rotation::Refused(Refusal::CodeUsed)) {
                self.sessions.factors().note_used_before(user, kind, self.client).await?;
                return Ok(used_before(kind));
            }
            self.sessions.factors().count_accepted(kind);
            // The token is used up: its successor must be answered, also if this fails.
            drop(self.sessions.factors().forgive(attempt).await);
        }
        Ok(SteppedUp::Rotation(rotation))
    }

    async fn check_password(
        &self,
        user: UserId,
        password: &str,
        methods: &AuthenticationMethods,
    ) -> Result<Result<(Proof, Attempt), SteppedUp>, SignInError> {
        Ok(match self.accounts.check_again(user, password, self.client).await? {
            PasswordCheck::Right(credentials, forgiven) => {
                let of = Proven::Password { version: credentials.password_version };
                Ok((Proof { of, methods: methods.stepped_up(ProvenBy::Password) }, forgiven))
            }
            PasswordCheck::Wrong => Err(SteppedUp::WrongPassword),
            PasswordCheck::Limited { wait } => Err(SteppedUp::Limited { wait }),
        })
    }

    async fn check_factor(
        &self,
        user: UserId,
        factor: PresentedFactor<'_>,
        methods: &AuthenticationMethods,
    ) -> Result<Result<(Proof, Attempt), SteppedUp>, SignInError> {
        Ok(match self.sessions.factors().check_presented(user, factor, self.client).await? {
            FactorCheck::Right(proven, attempt) => {
                let methods = methods.stepped_up(proven.proven_by());
                Ok((Proof { of: Proven::Factor(proven), methods }, attempt))
            }
            FactorCheck::Wrong => Err(wrong(factor.kind())),
            FactorCheck::TicketExpired => Err(SteppedUp::TicketExpired),
            FactorCheck::Limited { wait } => Err(SteppedUp::Limited { wait }),
        })
    }
}

fn wrong(kind: FactorKind) -> SteppedUp {
    match kind {
        FactorKind::Passkey => SteppedUp::WrongPasskey,
        FactorKind::Totp | FactorKind::RecoveryCode => SteppedUp::WrongCode,
    }
}

fn used_before(kind: FactorKind) -> SteppedUp {
    match kind {
        FactorKind::Passkey => SteppedUp::TicketExpired,
        FactorKind::Totp | FactorKind::RecoveryCode => SteppedUp::WrongCode,
    }
}
