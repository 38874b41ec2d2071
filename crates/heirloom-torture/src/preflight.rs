//! Before anything is judged: does the profile fit, and does the server do what a refresh endpoint does at all?
//!
//! A wrong pointer, a spent token or a closed port would otherwise look like violations, or like nothing to complain
//! about.

use super::{
    family::Family,
    kit::{Kit, Stop},
    model::{Outcome, TokenNo},
    scenario::Scenario,
    trial::Trial,
};

/// Not a token of any server.
const GARBAGE: &str = "not-a-refresh-token";

/// One session: begun, rotated, its access token used, garbage refused, signed out.
pub async fn check(kit: &Kit, scenarios: &[&'static Scenario]) -> Result<(), Stop> {
    let trial = Trial::new(kit, "preflight");
    expect_enough_tokens(&trial, scenarios)?;
    let family = Family::open(&trial).await?;
    expect_rotation(&trial, &family).await?;
    expect_access(&trial, &family).await?;
    expect_refusal(&family).await?;
    if trial.needs_sign_out().is_ok() && family.sign_out(family.newest()).await? != Outcome::SignedOut {
        return fail(format!("the sign-out was answered with {}", family.last_answer()));
    }
    Ok(())
}

fn fail<T>(cause: String) -> Result<T, Stop> {
    Err(Stop::Fail(cause))
}

/// Each initial token is good for one session, and this check uses one.
fn expect_enough_tokens(trial: &Trial<'_>, scenarios: &[&'static Scenario]) -> Result<(), Stop> {
    let Some(given) = trial.kit.tokens_left() else { return Ok(()) };
    let tried = scenarios.iter().filter(|scenario| scenario.needs(trial).is_ok());
    let needed = tried.map(|scenario| scenario.sessions(&trial.kit.settings)).sum::<usize>().saturating_add(1);
    if given < needed { fail(format!("{needed} initial tokens are needed, {given} were given")) } else { Ok(()) }
}

async fn expect_rotation(trial: &Trial<'_>, family: &Family<'_>) -> Result<(), Stop> {
    let outcome = family.rotate(&mut trial.fork_rng()).await?;
    let answer = family.last_answer();
    match outcome {
        Outcome::Issued(token) if token != TokenNo(0) => Ok(()),
        Outcome::Issued(_) => fail(
            "a refresh returns no new token: the server does not rotate refresh tokens, or \
                                    `answer.refresh_token` is wrong"
                .to_owned(),
        ),
        Outcome::Reused | Outcome::Ended | Outcome::Invalid | Outcome::Denied => {
            fail(format!("the first refresh of a session was refused: {answer}; was its token used before?"))
        }
        Outcome::Unknown => fail(format!("the first refresh of a session was not answered: {answer}")),
        Outcome::Unforeseen | Outcome::SignedOut | Outcome::Alive | Outcome::Dead => {
            fail(format!("the first refresh of a session was answered with {answer}, which the profile does not know"))
        }
    }
}

async fn expect_access(trial: &Trial<'_>, family: &Family<'_>) -> Result<(), Stop> {
    if !trial.can_use_access() {
        return Ok(());
    }
    let access = family.grants().last().and_then(|grant| grant.access.clone());
    let Some(access) = access else { return fail("the answers have no token at `answer.access_token`".to_owned()) };
    match family.use_access(&access, trial.kit.next_base()).await? {
        Outcome::Alive => Ok(()),
        _refused => fail(format!("a new access token does not work: {}", family.last_answer())),
    }
}

async fn expect_refusal(family: &Family<'_>) -> Result<(), Stop> {
    match family.refresh_forged(GARBAGE.to_owned()).await? {
        Outcome::Invalid | Outcome::Ended | Outcome::Denied | Outcome::Reused => Ok(()),
        _accepted => fail(format!("garbage as a refresh token was answered with {}", family.last_answer())),
    }
}
