//! Stale tokens.

use super::{
    super::{
        family::Family,
        kit::Stop,
        model::{Outcome, TokenNo},
        trial::Trial,
    },
    races::at_once,
};
use tokio::try_join;

/// A token that is so many generations old comes back: with another key than its rotation had, and without one.
pub async fn replay(trial: &Trial<'_>, generations: usize) -> Result<(), Stop> {
    let mut chance = trial.fork_chance();
    for round in 0..trial.kit.settings.rounds.saturating_mul(2) {
        let family = grown(trial, generations, &mut chance).await?;
        let stale = TokenNo(family.newest().0.saturating_sub(generations));
        let key = if round % 2 == 0 { None } else { family.new_key(&mut chance) };
        family.refresh(stale, key).await?;
        family.expect_over().await?;
        family.close().await?;
    }
    Ok(())
}

/// A session that was refreshed so often. It stops growing when it is told that it is over: the history shows it.
async fn grown<'k>(trial: &'k Trial<'k>, generations: usize, chance: &mut fastrand::Rng) -> Result<Family<'k>, Stop> {
    let family = Family::open(trial).await?;
    for _generation in 0..generations {
        if !matches!(family.rotate(chance).await?, Outcome::Handed(_)) {
            break;
        }
    }
    Ok(family)
}

/// Every token of the family, with a key and without, at every instance; and every access token.
pub async fn after_reuse(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut chance = trial.fork_chance();
    if !trial.can_use_access() {
        trial.remark("access tokens cannot be tried");
    }
    for _round in 0..trial.kit.settings.rounds {
        let family = grown(trial, 5, &mut chance).await?;
        expect_alive(trial, &family).await?;
        family.settle(TokenNo(2), None).await?;
        let key = family.new_key(&mut chance);
        for number in (0..=family.newest().0).rev() {
            for _instance in &trial.kit.settings.bases {
                family.settle(TokenNo(number), key).await?;
            }
        }
        family.expect_over().await?;
        family.close().await?;
    }
    Ok(())
}

/// Before the end access tokens do work: else that they work no more would say nothing.
async fn expect_alive(trial: &Trial<'_>, family: &Family<'_>) -> Result<(), Stop> {
    let grants = if trial.can_use_access() { family.grants() } else { Vec::new() };
    for access in grants.iter().filter_map(|grant| grant.access.as_ref()) {
        if family.use_access(access, trial.kit.next_base()).await? == Outcome::Dead {
            trial.object("an access token works no more although its session lives".to_owned());
        }
    }
    Ok(())
}

/// A replay, and beside it redemptions of the newest token: what they hand out is dead too.
pub async fn in_flight(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut chance = trial.fork_chance();
    for _round in 0..trial.kit.settings.rounds.saturating_mul(6) {
        let family = grown(trial, 2, &mut chance).await?;
        let key = family.new_key(&mut chance);
        let newest = family.newest();
        let (honest, replays) = ([key; 4], [None; 2]);
        try_join!(at_once(&family, newest, &honest), at_once(&family, TokenNo(0), &replays))?;
        family.expect_over().await?;
        family.close().await?;
    }
    Ok(())
}
