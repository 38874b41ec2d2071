//! Many at once.

use super::super::{
    client::Manner,
    family::Family,
    kit::{Stop, lock},
    model::{KeyNo, Outcome, TokenNo},
    trial::Trial,
};
use futures_util::future::try_join_all;
use std::collections::BTreeSet;

/// Redemptions with two keys.
pub const TWO_KEYS: usize = 8;

/// Rounds of a race, for a setting of 1: more of the narrow ones, which cost little.
pub fn rounds(width: usize) -> usize {
    if width < 8 {
        6
    } else if width < 64 {
        3
    } else {
        1
    }
}

fn all_rounds(trial: &Trial<'_>, width: usize) -> std::ops::Range<usize> {
    0..rounds(width).saturating_mul(trial.kit.settings.rounds)
}

/// Of any number of redemptions without a key one rotates; the others are replays.
pub async fn race(trial: &Trial<'_>, width: usize) -> Result<(), Stop> {
    for round in all_rounds(trial, width) {
        let family = begun(trial, round).await?;
        at_once(trial, &family, family.newest(), &vec![None; width]).await?;
        family.expect_revoked().await?;
        family.close().await?;
    }
    Ok(())
}

/// With one key they are one request: all get the same successor.
pub async fn shared_key(trial: &Trial<'_>, width: usize) -> Result<(), Stop> {
    for round in all_rounds(trial, width) {
        let family = begun(trial, round).await?;
        let key = family.new_key(&mut trial.fork_rng());
        at_once(trial, &family, family.newest(), &vec![key; width]).await?;
        // Whatever was handed out must be the one token that lives.
        family.rotate(&mut trial.fork_rng()).await?;
        family.close().await?;
    }
    Ok(())
}

/// With two keys they are two holders.
pub async fn two_keys(trial: &Trial<'_>) -> Result<(), Stop> {
    for round in all_rounds(trial, TWO_KEYS) {
        let family = begun(trial, round).await?;
        let mut rng = trial.fork_rng();
        let keys = [family.new_key(&mut rng), family.new_key(&mut rng)];
        at_once(trial, &family, family.newest(), &keys.repeat(TWO_KEYS / 2)).await?;
        family.expect_revoked().await?;
        family.close().await?;
    }
    Ok(())
}

/// A session: in even rounds a new one, in odd rounds one that was refreshed before.
async fn begun<'k>(trial: &'k Trial<'k>, round: usize) -> Result<Family<'k>, Stop> {
    let family = Family::open(trial).await?;
    if round % 2 == 1 {
        let mut rng = lock(&trial.rng).fork();
        family.rotate(&mut rng).await?;
    }
    Ok(family)
}

/// One redemption for each key, at once, over new connections; then each successor is redeemed, which shows whether it
/// lives. A busy server may refuse some: two answers still are a race.
async fn at_once(trial: &Trial<'_>, family: &Family<'_>, token: TokenNo, keys: &[Option<KeyNo>]) -> Result<(), Stop> {
    trial.kit.open_connections(keys.len()).await?;
    let redemptions = keys.iter().map(|key| family.refresh_in(token, *key, Manner::Racing));
    let outcomes = try_join_all(redemptions).await?;
    let answered = outcomes.iter().filter(|outcome| **outcome != Outcome::Unknown).count();
    if answered < keys.len().min(2) {
        let last = family.last_answer();
        return Err(Stop::Fail(format!("{answered} of {} redemptions at once were answered: {last}", keys.len())));
    }
    let successors: BTreeSet<_> = outcomes.into_iter().filter_map(Outcome::issued).collect();
    if successors.len() > 1 {
        for successor in successors {
            family.settle(successor, None).await?;
        }
    }
    Ok(())
}
