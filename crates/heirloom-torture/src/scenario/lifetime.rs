//! The absolute end of a session.

use super::super::{
    family::{Family, Grant},
    kit::Stop,
    model::Outcome,
    trial::Trial,
};
use std::time::Duration;

/// Rotations while the answers are watched, and the wait before each: seconds must pass, since answers tell seconds.
const ROTATIONS: u64 = 4;
const WAIT: Duration = Duration::from_millis(1200);
/// Answers round to seconds.
const ROUNDING: u64 = 1100;
/// Absolute lifetimes that are waited for.
const SHORT: Duration = Duration::from_mins(2);

/// No answer promises more than what is left; and where it is short, the end is waited for.
pub async fn lifetime(trial: &Trial<'_>) -> Result<(), Stop> {
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
    expect_promises_kept(trial, &family.grants(), signed_in, absolute);
    if absolute > SHORT {
        trial.remark("the end itself is too far away to be waited for");
        return family.close().await;
    }
    // From here on a refusal may come at any time: no history that the specification could judge.
    let mut outcome = Outcome::Unknown;
    while trial.kit.uptime() < signed_in.saturating_add(absolute).saturating_add(WAIT) {
        outcome = family.rotate(&mut rng).await?;
        tokio::time::sleep(WAIT.min(absolute / 8)).await;
    }
    if matches!(outcome, Outcome::Issued(_)) {
        outcome = family.rotate(&mut rng).await?;
    }
    if matches!(outcome, Outcome::Issued(_)) {
        trial.object("a session is still refreshed after its absolute end".to_owned());
    }
    Ok(())
}

/// What an answer promises, counted from before it was asked for, ends no later than the session does.
fn expect_promises_kept(trial: &Trial<'_>, grants: &[Grant], signed_in: Duration, absolute: Duration) {
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if grants.iter().all(|grant| grant.expires_in.is_none()) {
        trial.remark("the answers do not tell how long a refresh token lives");
    }
    let end = millis(signed_in).saturating_add(millis(absolute)).saturating_add(ROUNDING);
    let promised = |grant: &Grant| Some(grant.asked_at.saturating_add(grant.expires_in?.saturating_mul(1000)));
    for grant in grants {
        if let Some(late) = promised(grant).filter(|promised| *promised > end) {
            let over = late.saturating_sub(end).div_ceil(1000);
            trial.object(format!("t{} is promised {over} s more than the session has left", grant.token.0));
        }
    }
}
