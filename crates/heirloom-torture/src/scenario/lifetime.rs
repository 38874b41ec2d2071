//! The absolute end of a session, and its end when it is not used.

use super::super::{family::Family, kit::Stop, log::Grant, model::Outcome, property::Property, trial::Trial};
use std::time::Duration;

/// Rotations while the answers are watched, and the wait before each: seconds must pass, since answers tell seconds.
const ROTATIONS: u64 = 4;
const WAIT: Duration = Duration::from_millis(1200);
/// Answers round to seconds.
const ROUNDING: u64 = 1100;
/// Lifetimes that are waited for.
const SHORT: Duration = Duration::from_mins(2);

/// No answer promises more than what is left; and where it is short, the end is waited for.
pub async fn absolute(trial: &Trial<'_>) -> Result<(), Stop> {
    let absolute = trial.kit.settings.absolute_lifetime.unwrap_or_default();
    let mut rng = trial.fork_rng();
    let begun = trial.kit.uptime();
    let family = Family::open(trial).await?;
    let signed_in = trial.kit.uptime();
    for _rotation in 0..ROTATIONS {
        tokio::time::sleep(WAIT).await;
        if trial.kit.uptime().saturating_sub(begun) >= absolute {
            break;
        }
        family.rotate(&mut rng).await?;
    }
    let promised = expect_promises_kept(trial, &family, signed_in, absolute);
    if absolute > SHORT {
        let cause =
            "the answers do not tell how long a refresh token lives, and the end is too far away to be waited for";
        trial.remark("the end itself is too far away to be waited for");
        return if promised { family.close().await } else { Err(Stop::Fail(cause.to_owned())) };
    }
    expect_end(trial, &family, signed_in, absolute).await
}

/// From here on a refusal may come at any time: no history that the specification could judge.
async fn expect_end(
    trial: &Trial<'_>,
    family: &Family<'_>,
    signed_in: Duration,
    absolute: Duration,
) -> Result<(), Stop> {
    let mut rng = trial.fork_rng();
    let (mut outcome, mut rotated_at) = (Outcome::Unknown, Duration::ZERO);
    while trial.kit.uptime() < signed_in.saturating_add(absolute).saturating_add(WAIT) {
        outcome = family.rotate(&mut rng).await?;
        if outcome.issued().is_some() {
            rotated_at = trial.kit.uptime().saturating_sub(signed_in);
        }
        tokio::time::sleep(WAIT.min(absolute / 8)).await;
    }
    if outcome.issued().is_some() {
        outcome = family.rotate(&mut rng).await?;
    }
    if rotated_at < absolute / 2 {
        let cause = format!("the session expired long before its lifetime: after {:.1} s", rotated_at.as_secs_f64());
        return Err(Stop::Fail(cause));
    }
    trial.tried(Property::AbsoluteLifetime);
    if outcome.issued().is_some() {
        let over = trial.kit.uptime().saturating_sub(signed_in).saturating_sub(absolute);
        let sentence = format!(
            "The session was still refreshed {:.1} s after its absolute lifetime of {:.1} s: rotations extend it.",
            over.as_secs_f64(),
            absolute.as_secs_f64(),
        );
        let last = family.len().saturating_sub(1);
        trial.violate(Property::AbsoluteLifetime, sentence, family.shown(|call| call.number == last));
    }
    Ok(())
}

/// What an answer promises, counted from before it was asked for, ends no later than the session does. Returns whether
/// any answer promises something.
fn expect_promises_kept(trial: &Trial<'_>, family: &Family<'_>, signed_in: Duration, absolute: Duration) -> bool {
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let grants = family.grants();
    if grants.iter().all(|grant| grant.expires_in.is_none()) {
        trial.remark("the answers do not tell how long a refresh token lives");
        return false;
    }
    trial.tried(Property::AbsoluteLifetime);
    let end = millis(signed_in).saturating_add(millis(absolute)).saturating_add(ROUNDING);
    let promised = |grant: &Grant| Some(grant.asked.millis.saturating_add(grant.expires_in?.saturating_mul(1000)));
    let late = grants.iter().find_map(|grant| Some((grant, promised(grant).filter(|promised| *promised > end)?)));
    if let Some((grant, late)) = late {
        let over = late.saturating_sub(end).div_ceil(1000);
        let sentence = format!(
            "The server promises that t{} lives {over} s longer than the session may: rotations extend the absolute lifetime.",
            grant.token.0
        );
        let issued = Some(grant.token);
        trial.violate(Property::AbsoluteLifetime, sentence, family.shown(|call| call.issued() == issued));
    }
    true
}

/// A session that is used in time lives, and one that is not expires.
pub async fn idle(trial: &Trial<'_>) -> Result<(), Stop> {
    let idle = trial.kit.settings.idle_lifetime.unwrap_or_default();
    if idle > SHORT {
        return Err(Stop::Fail("the end is too far away to be waited for".to_owned()));
    }
    let mut rng = trial.fork_rng();
    let family = Family::open(trial).await?;
    tokio::time::sleep(idle / 2).await;
    if family.rotate(&mut rng).await?.issued().is_none() {
        let answer = family.last_answer();
        return Err(Stop::Fail(format!("the session expired long before its idle lifetime: {answer}")));
    }
    tokio::time::sleep(idle.saturating_add(WAIT)).await;
    trial.tried(Property::IdleLifetime);
    if family.rotate(&mut rng).await?.issued().is_some() {
        let sentence = format!(
            "The session was still refreshed although it had not been used for longer than its idle lifetime of {:.1} s.",
            idle.as_secs_f64()
        );
        trial.violate(Property::IdleLifetime, sentence, family.shown(|_| true));
    }
    Ok(())
}
