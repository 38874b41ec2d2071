//! Lost answers, and retried requests.

use super::super::{client::Manner, family::Family, kit::Stop, trial::Trial};
use std::time::Duration;
use tokio::try_join;

/// Rounds of each, for a setting of 1.
pub const ROUNDS: usize = 6;
/// The longest that a client waits before it goes away, in microseconds: before, while and after the server rotates.
const PATIENCE_MICROS: u64 = 12_000;

fn rounds(trial: &Trial<'_>) -> usize {
    trial.kit.settings.rounds.saturating_mul(ROUNDS)
}

/// The client goes away before it has read the answer, or loses what it has read; then it retries with its key.
pub async fn lost_answer(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut rng = trial.fork_rng();
    for _round in 0..rounds(trial) {
        let family = Family::open(trial).await?;
        let key = family.new_key(&mut rng);
        let patience = Duration::from_micros(rng.u64(..PATIENCE_MICROS));
        let first = family.newest();
        family.refresh_in(first, key, Manner::GoneAfter(patience)).await?;
        family.settle(first, key).await?;
        let (second, key) = (family.newest(), family.new_key(&mut rng));
        for _lost in 0..3 {
            family.settle(second, key).await?;
        }
        family.rotate(&mut rng).await?;
        family.close().await?;
    }
    Ok(())
}

/// A client without a key cannot be distinguished from a thief.
pub async fn lost_answer_without_key(trial: &Trial<'_>) -> Result<(), Stop> {
    for _round in 0..trial.kit.settings.rounds {
        let family = Family::open(trial).await?;
        let first = family.newest();
        family.settle(first, None).await?;
        family.settle(first, None).await?;
        family.expect_revoked().await?;
        family.close().await?;
    }
    Ok(())
}

/// A retry that arrives after its successor was used.
pub async fn late_retry(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut rng = trial.fork_rng();
    for _round in 0..trial.kit.settings.rounds {
        let family = Family::open(trial).await?;
        let (first, key) = (family.newest(), family.new_key(&mut rng));
        family.settle(first, key).await?;
        family.rotate(&mut rng).await?;
        family.settle(first, key).await?;
        family.expect_revoked().await?;
        family.close().await?;
    }
    Ok(())
}

/// A retry that overtakes the next rotation, or is overtaken by it: a retry or a replay, never a second live token.
pub async fn reordered(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut rng = trial.fork_rng();
    for _round in 0..rounds(trial) {
        let family = Family::open(trial).await?;
        let (first, key) = (family.newest(), family.new_key(&mut rng));
        family.settle(first, key).await?;
        let (second, next_key) = (family.newest(), family.new_key(&mut rng));
        try_join!(family.refresh(first, key), family.refresh(second, next_key), family.refresh(first, key))?;
        if family.is_revoked() {
            family.expect_revoked().await?;
        } else {
            family.rotate(&mut rng).await?;
        }
        family.close().await?;
    }
    Ok(())
}
