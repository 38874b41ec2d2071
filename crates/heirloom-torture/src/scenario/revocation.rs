//! Refreshes beside sign-outs and sign-ins.

use super::super::{
    client::Manner,
    family::Family,
    kit::Stop,
    model::{KeyNo, Outcome, TokenNo},
    trial::Trial,
};
use super::races::spread;
use futures_util::future::try_join_all;
use std::time::Duration;
use tokio::try_join;

/// Sign-ins at once: fewer than any server would allow a user sessions.
pub const SIGN_INS: usize = 6;
/// Rounds of a sign-out that races a refresh, for a setting of 1: either begins first, by each of the spreads.
pub const SIGN_OUT_ROUNDS: usize = 32;
/// Refreshes beside sign-ins.
const REFRESHES: usize = 20;

/// After a sign-out was answered no token works, whichever it was given.
pub async fn sign_out(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut rng = trial.fork_rng();
    for _round in 0..trial.kit.settings.rounds {
        let family = Family::open(trial).await?;
        family.rotate(&mut rng).await?;
        family.rotate(&mut rng).await?;
        family.sign_out(family.newest()).await?;
        family.expect_revoked().await?;
        family.close().await?;
    }
    Ok(())
}

/// A sign-out that races a refresh of the same token: a user who signs out means the session, not the token. A busy server
/// may refuse some: whether both were answered is seen in the history.
pub async fn refresh_against_sign_out(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut rng = trial.fork_rng();
    let mut missing = Some("nothing was sent".to_owned());
    for round in 0..trial.kit.settings.rounds.saturating_mul(SIGN_OUT_ROUNDS) {
        let family = Family::open(trial).await?;
        family.rotate(&mut rng).await?;
        let key = family.new_key(&mut rng);
        let (refreshed, left) = refresh_beside_sign_out(trial, &family, key, round).await?;
        if refreshed == Outcome::Unknown || left == Outcome::Unknown {
            missing = missing.map(|_| family.last_answer());
        } else {
            missing = None;
        }
        family.settle(family.newest(), None).await?;
        family.settle(TokenNo(0), None).await?;
        family.close().await?;
    }
    let fail = |last| Err(Stop::Fail(format!("no sign-out beside a refresh was answered: {last}")));
    missing.map_or(Ok(()), fail)
}

/// By turns, either begins first.
async fn refresh_beside_sign_out(
    trial: &Trial<'_>,
    family: &Family<'_>,
    key: Option<KeyNo>,
    round: usize,
) -> Result<(Outcome, Outcome), Stop> {
    let (newest, later) = (family.newest(), spread(round));
    let (refresh_after, sign_out_after) =
        if round.is_multiple_of(2) { (Duration::ZERO, later) } else { (later, Duration::ZERO) };
    trial.kit.open_connections(2).await?;
    let refresh = async {
        tokio::time::sleep(refresh_after).await;
        family.refresh_in(newest, key, Manner::Racing).await
    };
    let sign_out = async {
        tokio::time::sleep(sign_out_after).await;
        family.sign_out_in(newest, Manner::Racing).await
    };
    try_join!(refresh, sign_out)
}

/// New sessions of the same user leave the others alone.
pub async fn refresh_against_sign_in(trial: &Trial<'_>) -> Result<(), Stop> {
    for _round in 0..trial.kit.settings.rounds {
        let family = Family::open(trial).await?;
        let others = try_join_all((0..SIGN_INS).map(|_| visit(trial)));
        try_join!(refresh_on(trial, &family), others)?;
        refresh_on(trial, &family).await?;
        family.close().await?;
    }
    Ok(())
}

/// The history shows a refusal.
async fn refresh_on(trial: &Trial<'_>, family: &Family<'_>) -> Result<(), Stop> {
    let mut rng = trial.fork_rng();
    for _refresh in 0..REFRESHES {
        if !matches!(family.rotate(&mut rng).await?, Outcome::Issued(_)) {
            break;
        }
    }
    Ok(())
}

/// The user signs in on another device, refreshes once, and signs out.
async fn visit(trial: &Trial<'_>) -> Result<(), Stop> {
    let other = Family::open(trial).await?;
    other.rotate(&mut trial.fork_rng()).await?;
    other.close().await
}
