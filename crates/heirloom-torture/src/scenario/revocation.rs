//! Refreshes beside sign-outs and sign-ins.

use super::super::{
    client::Manner,
    family::Family,
    kit::Stop,
    model::{Outcome, TokenNo},
    trial::Trial,
};
use futures_util::future::try_join_all;
use tokio::try_join;

/// Sign-ins at once: fewer than any server would allow a user sessions.
pub const SIGN_INS: usize = 6;
/// Rounds of a sign-out that races a refresh, for a setting of 1.
pub const SIGN_OUT_ROUNDS: usize = 8;
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

/// A sign-out that races a refresh of the same token: a user who signs out means the session, not the token.
pub async fn refresh_against_sign_out(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut rng = trial.fork_rng();
    for _round in 0..trial.kit.settings.rounds.saturating_mul(SIGN_OUT_ROUNDS) {
        let family = Family::open(trial).await?;
        family.rotate(&mut rng).await?;
        let (newest, key) = (family.newest(), family.new_key(&mut rng));
        trial.kit.open_connections(2).await?;
        let refresh = family.refresh_in(newest, key, Manner::Racing);
        let (refreshed, left) = try_join!(refresh, family.sign_out_in(newest, Manner::Racing))?;
        if refreshed == Outcome::Unknown || left == Outcome::Unknown {
            let last = family.last_answer();
            return Err(Stop::Fail(format!("a sign-out beside a refresh was not answered: {last}")));
        }
        family.settle(family.newest(), None).await?;
        family.settle(TokenNo(0), None).await?;
        family.close().await?;
    }
    Ok(())
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
