//! Many at once.

use super::super::{
    family::Family,
    kit::{Stop, lock},
    model::{KeyNo, TokenNo},
    trial::Trial,
};
use futures_util::future::try_join_all;

/// Rounds of a race: more of the narrow ones, which cost little.
fn rounds(trial: &Trial<'_>, width: usize) -> usize {
    let narrow = if width < 8 {
        6
    } else if width < 64 {
        3
    } else {
        1
    };
    trial.kit.settings.rounds.saturating_mul(narrow)
}

/// Of any number of redemptions without a key one rotates; the others are replays.
pub async fn race(trial: &Trial<'_>, width: usize) -> Result<(), Stop> {
    for round in 0..rounds(trial, width) {
        let family = begun(trial, round).await?;
        at_once(&family, family.newest(), &vec![None; width]).await?;
        family.expect_over().await?;
        family.close().await?;
    }
    Ok(())
}

/// With one key they are one request: all get the same successor.
pub async fn shared_key(trial: &Trial<'_>, width: usize) -> Result<(), Stop> {
    trial.needs_retry()?;
    for round in 0..rounds(trial, width) {
        let family = begun(trial, round).await?;
        let key = family.new_key(&mut trial.fork_chance());
        at_once(&family, family.newest(), &vec![key; width]).await?;
        // Whatever was handed out must be the one token that lives.
        family.rotate(&mut trial.fork_chance()).await?;
        family.rotate(&mut trial.fork_chance()).await?;
        family.close().await?;
    }
    Ok(())
}

/// With two keys they are two holders.
pub async fn two_keys(trial: &Trial<'_>) -> Result<(), Stop> {
    trial.needs_retry()?;
    for round in 0..rounds(trial, 8) {
        let family = begun(trial, round).await?;
        let mut chance = trial.fork_chance();
        let keys = [family.new_key(&mut chance), family.new_key(&mut chance)];
        at_once(&family, family.newest(), &keys.repeat(4)).await?;
        family.expect_over().await?;
        family.close().await?;
    }
    Ok(())
}

/// A session: in even rounds a new one, in odd rounds one that was refreshed before.
async fn begun<'k>(trial: &'k Trial<'k>, round: usize) -> Result<Family<'k>, Stop> {
    let family = Family::open(trial).await?;
    if round % 2 == 1 {
        let mut chance = lock(&trial.chance).fork();
        family.rotate(&mut chance).await?;
    }
    Ok(family)
}

/// One redemption for each key, at once.
pub async fn at_once(family: &Family<'_>, token: TokenNo, keys: &[Option<KeyNo>]) -> Result<(), Stop> {
    try_join_all(keys.iter().map(|key| family.refresh(token, *key))).await.map(drop)
}
