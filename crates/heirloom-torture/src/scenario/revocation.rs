//! Refreshes beside sign-outs and sign-ins.

use super::{
    super::{family::Family, kit::Stop, model::Outcome, model::StaleSignOut, trial::Trial},
    races::at_once,
};
use futures_util::future::try_join_all;
use tokio::try_join;

/// Redemptions at once.
const WIDTH: usize = 4;
/// Sign-ins at once: fewer than any server would allow a user sessions.
pub const SIGN_INS: usize = 6;
/// Rounds of a sign-out that races refreshes, for a setting of 1.
pub const SIGN_OUT_ROUNDS: usize = 6;
/// Refreshes beside them.
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

/// A sign-out that races refreshes of the same token.
pub async fn refresh_against_sign_out(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut rng = trial.fork_rng();
    for _round in 0..trial.kit.settings.rounds.saturating_mul(SIGN_OUT_ROUNDS) {
        let family = Family::open(trial).await?;
        family.rotate(&mut rng).await?;
        let (newest, key) = (family.newest(), family.new_key(&mut rng));
        // Without keys they would be replays, and end the family by themselves.
        let keys = vec![key; if key.is_some() { WIDTH } else { 1 }];
        try_join!(at_once(&family, newest, &keys), family.sign_out(newest))?;
        if family_must_be_revoked(trial) {
            family.expect_revoked().await?;
        } else {
            family.settle(family.newest(), None).await?;
        }
        family.close().await?;
    }
    Ok(())
}

/// Where a sign-out by a token that has just been retired may change nothing, the specification alone decides.
fn family_must_be_revoked(trial: &Trial<'_>) -> bool {
    trial.kit.rules().stale_sign_out == StaleSignOut::Ends
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

async fn refresh_on(trial: &Trial<'_>, family: &Family<'_>) -> Result<(), Stop> {
    let mut rng = trial.fork_rng();
    for _refresh in 0..REFRESHES {
        if !matches!(family.rotate(&mut rng).await?, Outcome::Issued(_)) {
            trial.object("a session was refused a refresh while its user signed in elsewhere".to_owned());
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
