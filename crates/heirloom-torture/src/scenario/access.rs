//! Access tokens after the end of their session.

use super::{
    super::{
        family::{Family, Grant},
        kit::Stop,
        model::{Outcome, TokenNo},
        profile::AccessAfterEnd,
        secret::Guarded,
        trial::Trial,
    },
    replays::grown,
};
use std::time::Duration;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// After a reuse, and after a sign-out where there is one: does an access token still work?
pub async fn after_end(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut rng = trial.fork_rng();
    for _round in 0..trial.kit.settings.rounds {
        let family = grown(trial, 2, &mut rng).await?;
        expect_alive(trial, &family).await?;
        family.settle(TokenNo(0), None).await?;
        expect_refused(trial, &family).await?;
        family.close().await?;
        if trial.needs_sign_out().is_ok() {
            let family = grown(trial, 2, &mut rng).await?;
            family.sign_out(family.newest()).await?;
            expect_refused(trial, &family).await?;
            family.close().await?;
        }
    }
    Ok(())
}

/// Before the end the newest access token works: otherwise its refusal afterwards would prove nothing.
async fn expect_alive(trial: &Trial<'_>, family: &Family<'_>) -> Result<(), Stop> {
    let newest = family.grants().last().and_then(|grant| grant.access.clone());
    let Some(newest) = newest else { return Err(Stop::Fail("there is no access token".to_owned())) };
    match family.use_access(&newest, trial.kit.next_base()).await? {
        Outcome::Alive => Ok(()),
        _refused => Err(Stop::Fail("the access token of a live session does not work".to_owned())),
    }
}

async fn expect_refused(trial: &Trial<'_>, family: &Family<'_>) -> Result<(), Stop> {
    if !family.is_revoked() {
        return Err(Stop::Fail("the session was not ended".to_owned()));
    }
    for Grant { token, access, .. } in family.grants() {
        let Some(access) = access else { continue };
        for base in &trial.kit.settings.bases {
            if is_refused_in_time(trial, family, &access, base).await? {
                continue;
            }
            match trial.kit.profile().access_after_end() {
                AccessAfterEnd::Refused => {
                    trial.object(format!("the access token issued with t{} still works at {base}", token.0));
                }
                AccessAfterEnd::UntilExpiry => trial.remark("access tokens live until they expire"),
            }
            return Ok(());
        }
    }
    Ok(())
}

/// Where there are several instances, each has a while to learn of the end.
async fn is_refused_in_time(
    trial: &Trial<'_>,
    family: &Family<'_>,
    access: &Guarded,
    base: &str,
) -> Result<bool, Stop> {
    let several = trial.kit.settings.bases.len() > 1;
    let patience = if several { trial.kit.profile().revocation_seconds } else { 0 };
    let deadline = trial.kit.uptime().saturating_add(Duration::from_secs(patience));
    loop {
        if family.use_access(access, base).await? != Outcome::Alive {
            return Ok(true);
        }
        if trial.kit.uptime() >= deadline {
            return Ok(false);
        }
        tokio::time::sleep(PAUSE).await;
    }
}
