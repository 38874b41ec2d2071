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
        SigningIn::ChallengeExpired => Err(challenge_expired()),
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
    Problem::new(kind::SECOND_FACTOR_REQUIRED, "Send the challenge with a code of one of the factors.")
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

/// The challenge of the second step cannot be used any more.
pub(super) fn challenge_expired() -> Problem {
    Problem::new(kind::CHALLENGE_EXPIRED, "Sign in again.")
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
