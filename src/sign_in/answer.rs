//! What a client is answered after a sign-in, by either of its steps.

use super::{SignInError, SigningIn};
use crate::{
    factors::{Challenge, FactorKind},
    http::{Problem, SecondFactorWanted, kind},
    sessions::Entered,
    users::too_many_attempts,
};

/// The session that a sign-in created, or the reason why it created none.
pub(super) fn entered(outcome: SigningIn) -> Result<Box<Entered>, Problem> {
    match outcome {
        SigningIn::Opened(entered) => Ok(entered),
        SigningIn::WrongCredentials => Err(Problem::new(kind::INVALID_CREDENTIALS, "Check both and try again.")),
        SigningIn::Limited { wait } => Err(too_many_attempts(wait)),
        SigningIn::Blocked => Err(Problem::new(kind::ACCOUNT_BLOCKED, "Ask an administrator.")),
        SigningIn::Unverified => {
            Err(Problem::new(kind::EMAIL_NOT_VERIFIED, "Open the link in the email that was sent to the address."))
        }
        SigningIn::SecondFactorRequired(challenge) => Err(second_factor_required(challenge)),
        SigningIn::EnrolmentRequired(challenge) => Err(enrolment_required(challenge)),
        SigningIn::CodeInvalid { attempts_left } => {
            let problem = Problem::new(kind::CODE_INVALID, "It is wrong, or was used before.");
            Err(problem.with_attempts_left(attempts_left))
        }
        SigningIn::PasskeyInvalid { attempts_left, is_unknown } => Err(passkey_invalid(attempts_left, is_unknown)),
        SigningIn::ChallengeExpired => Err(challenge_expired()),
        SigningIn::IdentityTaken => Err(identity_taken()),
    }
}

fn second_factor_required(challenge: Challenge) -> Problem {
    let wanted = SecondFactorWanted {
        challenge: challenge.token,
        factors: challenge.factors.into_iter().map(FactorKind::name).collect(),
        expires_in: challenge.expires_in.as_secs(),
        email_code_required: None,
        recovery_ready_at: challenge.recovery_ready_at,
    };
    Problem::new(kind::SECOND_FACTOR_REQUIRED, "Send the challenge with a proof of one of the factors.")
        .with_second_factor(wanted)
}

fn enrolment_required(challenge: Challenge) -> Problem {
    let wanted = SecondFactorWanted {
        challenge: challenge.token,
        factors: challenge.factors.into_iter().map(FactorKind::name).collect(),
        expires_in: challenge.expires_in.as_secs(),
        email_code_required: Some(challenge.email_code_required),
        recovery_ready_at: None,
    };
    Problem::new(kind::SECOND_FACTOR_ENROLMENT_REQUIRED, "Send the challenge to set up one of the factors.")
        .with_second_factor(wanted)
}

/// An identity of another provider cannot be connected to the account.
pub(super) fn identity_taken() -> Problem {
    Problem::new(kind::IDENTITY_TAKEN, "Another account has it, or yours has another one of the same provider.")
}

/// One code for all reasons: the log has which it was. That this server has no such passkey is said, so that browsers can
/// stop offering it (`WebAuthn` Level 3 §5.1.10.2).
pub(super) fn passkey_invalid(attempts_left: Option<u32>, is_unknown: bool) -> Problem {
    let problem = Problem::new(kind::PASSKEY_INVALID, "Try again, or sign in another way.");
    match attempts_left {
        Some(left) => problem.with_attempts_left(left),
        None => problem.with_reason(is_unknown.then_some("unknown_passkey")),
    }
}

/// The challenge of the second step cannot be used any more.
pub(super) fn challenge_expired() -> Problem {
    Problem::new(kind::CHALLENGE_EXPIRED, "Sign in again.")
}

/// The ticket of a passkey's ceremony cannot be used any more.
pub(super) fn ticket_expired() -> Problem {
    Problem::new(kind::CHALLENGE_EXPIRED, "Ask for options again.")
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Accounts(error) => error.into(),
            SignInError::Database(error) => error.into(),
            SignInError::Factors(error) => error.into(),
            SignInError::Sessions(error) => error.into(),
        }
    }
}
