//! Stale tokens.

use super::super::{
    client::Manner,
    family::Family,
    kit::Stop,
    model::{Outcome, TokenNo},
    trial::Trial,
};
use super::beside::{Meetings, ROUNDS};
use std::time::Duration;

/// The longest leeway that is waited out.
const LONGEST_LEEWAY: u64 = 60_000;

/// A token that is this many generations old is replayed: with another key than its rotation had, and without one.
pub async fn replay(trial: &Trial<'_>, generations: usize) -> Result<(), Stop> {
    let mut rng = trial.fork_rng();
    for round in 0..trial.kit.settings.rounds.saturating_mul(2) {
        let family = grown(trial, generations, &mut rng).await?;
        wait_leeway_out(trial).await?;
        let stale = TokenNo(family.newest().0.saturating_sub(generations));
        let key = if round % 2 == 0 { None } else { family.new_key(&mut rng) };
        family.settle(stale, key).await?;
        family.expect_revoked().await?;
        family.close().await?;
    }
    Ok(())
}

/// Until no leeway is left for any token.
async fn wait_leeway_out(trial: &Trial<'_>) -> Result<(), Stop> {
    let leeway = trial.kit.rules().leeway;
    if leeway > LONGEST_LEEWAY {
        return Err(Stop::Fail(format!("a leeway of {} s is too long to be waited out", leeway / 1000)));
    }
    if leeway > 0 {
        // Servers count in seconds.
        tokio::time::sleep(Duration::from_millis(leeway.saturating_add(1000))).await;
    }
    Ok(())
}

/// A session that was refreshed this many times. It stops growing when the server answers that it was revoked: the history
/// shows it.
pub async fn grown<'k>(trial: &'k Trial<'k>, generations: usize, rng: &mut fastrand::Rng) -> Result<Family<'k>, Stop> {
    let family = Family::open(trial).await?;
    for _generation in 0..generations {
        if !matches!(family.rotate(rng).await?, Outcome::Issued(_)) {
            break;
        }
    }
    Ok(family)
}

/// Every token of the family, with a key and without, at every instance.
pub async fn after_reuse(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut rng = trial.fork_rng();
    for _round in 0..trial.kit.settings.rounds {
        let family = grown(trial, 5, &mut rng).await?;
        family.settle(TokenNo(2), None).await?;
        let key = family.new_key(&mut rng);
        for number in (0..=family.newest().0).rev() {
            for _instance in &trial.kit.settings.bases {
                family.settle(TokenNo(number), key).await?;
            }
        }
        family.expect_revoked().await?;
        family.close().await?;
    }
    Ok(())
}

/// A replay beside one redemption of the newest token: what that hands out must not work either. More redemptions would
/// be replays themselves where the server has no keys.
pub async fn in_flight(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut rng = trial.fork_rng();
    let mut meetings = Meetings::none();
    for round in 0..trial.kit.settings.rounds.saturating_mul(ROUNDS) {
        let family = grown(trial, 2, &mut rng).await?;
        let (newest, key) = (family.newest(), family.new_key(&mut rng));
        let redemption = Box::pin(family.refresh_in(newest, key, Manner::Racing));
        let replay = Box::pin(family.refresh_in(TokenNo(0), None, Manner::Racing));
        meetings.meet(trial, &family, round, (redemption, replay)).await?;
        family.expect_revoked().await?;
        family.close().await?;
    }
    meetings.expect_any("replay beside a redemption")
}
