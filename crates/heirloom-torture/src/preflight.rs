//! Before anything is judged: does the profile fit, and does the server do what a refresh endpoint does at all?
//!
//! A wrong pointer, a spent token or a closed port would otherwise look like violations, or like nothing to complain
//! about.

use super::{
    family::Family,
    kit::{Kit, Stop},
    model::{Outcome, TokenNo},
    report::{Preflight, Step},
    scenario::Scenario,
    secret::Guarded,
    trial::Trial,
};
use std::time::Duration;

/// Not a token of any server.
const GARBAGE: &str = "not-a-refresh-token";

/// Until a token whose text counts seconds is written in another one.
const NEXT_SECOND: Duration = Duration::from_millis(1100);
/// The longest leeway that is waited out before anything is judged.
const LONGEST_LEEWAY: Duration = Duration::from_mins(1);

/// What was seen, or why it is not as it must be.
type Checked = Result<String, Stop>;

/// One session: begun, rotated, its access token used, garbage refused, signed out.
pub async fn check(kit: &Kit, scenarios: &[&'static Scenario]) -> Preflight {
    let trial = Trial::new(kit, "preflight");
    let mut preflight = Preflight::default();
    if let Err(stop) = all_steps(&trial, scenarios, &mut preflight).await {
        preflight.failed = Some(stop.to_string());
    }
    preflight
}

async fn all_steps(trial: &Trial<'_>, scenarios: &[&'static Scenario], preflight: &mut Preflight) -> Result<(), Stop> {
    if let Some(cause) = &trial.kit.settings.undescribed {
        return step(preflight, "the server's description", fail(cause.clone()));
    }
    (preflight.tokens_given, preflight.tokens_needed) = (trial.kit.tokens_left(), needed(trial, scenarios));
    step(preflight, "enough initial tokens", enough(preflight.tokens_given, preflight.tokens_needed))?;
    let family = match Family::open(trial).await {
        Ok(family) => family,
        Err(stop) => return step(preflight, "a session begins", Err(stop)),
    };
    step(preflight, "a session begins", Ok("an answer with a refresh token".to_owned()))?;
    step(preflight, "one rotation", rotation(trial, &family).await)?;
    preflight.rotates = Some(!trial.kit.keeps_tokens());
    preflight.old_tokens_stay_valid = trial.kit.rules().old_tokens_stay;
    if trial.can_use_access() {
        step(preflight, "one use of the access token", access(trial, &family).await)?;
        step(preflight, "garbage as an access token", forged_access(&family).await)?;
    }
    step(preflight, "garbage as a refresh token", refusal(&family).await)?;
    if trial.needs_sign_out().is_ok() {
        step(preflight, "one sign-out", sign_out(&family).await)?;
    }
    if tries_old_token(trial) && !trial.kit.rules().retires_nothing() {
        let works = old_token_works(trial).await;
        preflight.old_token_works = works.as_ref().ok().copied();
        step(preflight, "an old refresh token", works.map(old_token))?;
    }
    Ok(())
}

/// Whether it is seen, in a session of its own, if a refresh token works after another one was issued for it: the profile
/// does not state it, and announces no leeway that would explain it.
fn tries_old_token(trial: &Trial<'_>) -> bool {
    trial.kit.profile().old_tokens.is_none() && trial.kit.rules().leeway == 0
}

/// Whether the first token of a session and its successor both refresh, and what they bring too.
async fn old_token_works(trial: &Trial<'_>) -> Result<bool, Stop> {
    let family = Family::open(trial).await?;
    let mut successors = Vec::new();
    for _again in 0..2 {
        if trial.kit.rotation.is_irregular() {
            tokio::time::sleep(NEXT_SECOND).await;
        }
        let Outcome::Issued(successor) = family.settle(TokenNo(0), None).await? else { return Ok(false) };
        successors.push(successor);
    }
    successors.dedup();
    let are_two = successors.len() > 1;
    for successor in successors {
        if family.settle(successor, None).await?.issued().is_none() {
            return Ok(false);
        }
    }
    Ok(are_two)
}

fn old_token(works: bool) -> String {
    if works {
        "it still works, and so does its successor; where the server documents that, state `old_tokens` in the profile"
    } else {
        "it does not stay valid beside its successor"
    }
    .to_owned()
}

fn step(preflight: &mut Preflight, name: &str, checked: Checked) -> Result<(), Stop> {
    let (saw, passed) = match &checked {
        Ok(saw) => (saw.clone(), true),
        Err(stop) => (stop.to_string(), false),
    };
    preflight.steps.push(Step { name: name.to_owned(), saw, passed });
    checked.map(drop)
}

fn fail<T>(cause: String) -> Result<T, Stop> {
    Err(Stop::Fail(cause))
}

/// Each initial token is good for one session, and this check uses one or two.
fn needed(trial: &Trial<'_>, scenarios: &[&'static Scenario]) -> Option<usize> {
    trial.kit.tokens_left()?;
    let tried = scenarios.iter().filter(|scenario| scenario.needs(trial).is_ok());
    let own = if tries_old_token(trial) { 2 } else { 1 };
    Some(tried.map(|scenario| scenario.sessions(&trial.kit.settings)).sum::<usize>().saturating_add(own))
}

fn enough(given: Option<usize>, needed: Option<usize>) -> Checked {
    let (Some(given), Some(needed)) = (given, needed) else { return Ok("none are needed: a user signs in".to_owned()) };
    if given < needed {
        return fail(format!("{needed} initial tokens are needed, {given} were given"));
    }
    Ok(format!("{given} were given, {needed} are needed"))
}

async fn rotation(trial: &Trial<'_>, family: &Family<'_>) -> Checked {
    if rotated(trial, family, "first").await? {
        rotated(trial, family, "second").await?;
    } else {
        // Its text may count seconds. And if its successor stands where the profile does not look, it is spent, which shows
        // when no leeway is left.
        let leeway = Duration::from_millis(trial.kit.rules().leeway_end()).min(LONGEST_LEEWAY);
        tokio::time::sleep(NEXT_SECOND.max(leeway)).await;
        if !rotated(trial, family, "second").await? {
            trial.kit.rotation.is_absent();
            return Ok("no other refresh token: the server does not rotate".to_owned());
        }
    }
    let is_irregular = trial.kit.rotation.is_irregular();
    let saw = if is_irregular { "another refresh token, but not each time" } else { "another refresh token" };
    Ok(saw.to_owned())
}

/// Redeems the newest token. Whether another one was issued.
async fn rotated(trial: &Trial<'_>, family: &Family<'_>, which: &str) -> Result<bool, Stop> {
    let presented = family.newest();
    let outcome = family.rotate(&mut trial.fork_rng()).await?;
    let (answer, place) = (family.last_answer(), &trial.kit.profile().answer.refresh_token);
    match outcome {
        Outcome::Issued(token) => Ok(token != presented),
        Outcome::Unknown => fail(format!("the {which} refresh of a session was not answered: {answer}")),
        refused if refused.is_refusal() => fail(format!(
            "the {which} refresh of a session was refused: {answer}; was its token used before, or does a refresh return \
             the next one elsewhere than at {place} (`answer.refresh_token`)?"
        )),
        _unforeseen => fail(format!(
            "the {which} refresh of a session was answered with {answer}, which the profile does not know{}",
            hint(trial)
        )),
    }
}

/// Without the place of access tokens, an answer that brings nothing else looks like one without any token.
fn hint(trial: &Trial<'_>) -> &'static str {
    let knows_access = trial.kit.profile().answer.access_token.is_some();
    if knows_access { "" } else { "; does it bring an access token only? Then name its place: `answer.access_token`" }
}

async fn access(trial: &Trial<'_>, family: &Family<'_>) -> Checked {
    let grant = family.grants().last().filter(|grant| grant.access.is_some()).cloned();
    let Some(grant) = grant else { return fail("the answers have no token at `answer.access_token`".to_owned()) };
    match family.use_access(&grant, trial.kit.next_instance()).await? {
        Outcome::Alive => Ok("it works".to_owned()),
        _refused => fail(format!("a new access token does not work: {}", family.last_answer())),
    }
}

/// An endpoint that lets everyone in would make every access token look alive.
async fn forged_access(family: &Family<'_>) -> Checked {
    let garbage = Guarded::new("not-an-access-token".to_owned());
    match family.use_forged_access(&garbage, "garbage").await? {
        Outcome::Alive => fail(format!("garbage as an access token was accepted: {}", family.last_answer())),
        Outcome::Unknown => fail(format!("garbage as an access token met an outage: {}", family.last_answer())),
        _refused => Ok(format!("it is refused: {}", family.last_answer())),
    }
}

async fn refusal(family: &Family<'_>) -> Checked {
    match family.refresh_forged(GARBAGE.to_owned(), "garbage".to_owned()).await? {
        refused if refused.is_refusal() => Ok(format!("it is refused: {}", family.last_answer())),
        _accepted => fail(format!("garbage as a refresh token was answered with {}", family.last_answer())),
    }
}

async fn sign_out(family: &Family<'_>) -> Checked {
    match family.sign_out(family.newest()).await? {
        Outcome::SignedOut => Ok("it is answered with success".to_owned()),
        _other => fail(format!("the sign-out was answered with {}", family.last_answer())),
    }
}
