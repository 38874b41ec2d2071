//! What a client is answered after a sign-in, by either of its steps.

use super::{SignInError, SigningIn};
use crate::{
    config::HttpOptions,
    factors::{Challenge, FactorKind},
    guessing::DeviceToken,
    http::{Problem, SecondFactorWanted, expired_others, kind},
    kernel::Transport,
    sessions::{Entered, add_cookies, device_cookie, token_answer},
    users::too_many_attempts,
};
use actix_web::{HttpRequest, HttpResponse};

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
    };
    Problem::new(kind::SECOND_FACTOR_REQUIRED, "Send the challenge with a code of one of the factors.")
        .with_second_factor(wanted)
}

/// The challenge of the second step cannot be used any more.
pub(super) fn challenge_expired() -> Problem {
    Problem::new(kind::CHALLENGE_EXPIRED, "Sign in again.")
}

/// The tokens of a new session. By cookie, those of other paths expire.
pub(super) fn tokens_of(
    request: &HttpRequest,
    (grant, device): &Entered,
    options: &HttpOptions,
) -> Result<HttpResponse, Problem> {
    let mut answer = token_answer(grant, device.as_ref().map(DeviceToken::as_str), options);
    if grant.transport == Transport::Cookie {
        let device = device.iter().map(|device| device_cookie(device, options));
        add_cookies(&mut answer, &device.chain(expired_others(request, options)).collect::<Vec<_>>())?;
    }
    Ok(answer)
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
