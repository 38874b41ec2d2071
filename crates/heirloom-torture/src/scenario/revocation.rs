//! Refreshes beside sign-outs and sign-ins.

use super::super::{
    client::Manner,
    family::Family,
    kit::Stop,
    model::{Outcome, StaleSignOut, TokenNo},
    profile::Profile,
    trial::Trial,
};
use super::{
    beside::{Meetings, ROUNDS},
    replays::grown,
};
use futures_util::future::try_join_all;
use tokio::try_join;

/// Sign-ins at once: fewer than any server would allow a user sessions.
pub const SIGN_INS: usize = 6;
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
        if ends_by_stale_token(trial.kit.profile()) && trial.needs_rotation().is_ok() {
            let family = grown(trial, 2, &mut rng).await?;
            family.sign_out(TokenNo(0)).await?;
            family.expect_revoked().await?;
            family.close().await?;
        }
    }
    Ok(())
}

/// Whether the profile promises that an older token of a session signs it out.
fn ends_by_stale_token(profile: &Profile) -> bool {
    profile.sign_out.as_ref().is_some_and(|sign_out| sign_out.by_stale_token == StaleSignOut::Ends)
}

/// Sessions of one round of sign-outs.
pub fn sessions(profile: &Profile) -> usize {
    if ends_by_stale_token(profile) { 2 } else { 1 }
}

/// A sign-out that races a refresh of the same token: a user who signs out means the session, not the token.
pub async fn refresh_against_sign_out(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut rng = trial.fork_rng();
    let mut meetings = Meetings::none();
    for round in 0..trial.kit.settings.rounds.saturating_mul(ROUNDS) {
        let family = Family::open(trial).await?;
        family.rotate(&mut rng).await?;
        let (newest, key) = (family.newest(), family.new_key(&mut rng));
        let refresh = Box::pin(family.refresh_in(newest, key, Manner::Racing));
        let sign_out = Box::pin(family.sign_out_in(newest, Manner::Racing));
        meetings.meet(trial, &family, round, (refresh, sign_out)).await?;
        family.settle(family.newest(), None).await?;
        family.settle(TokenNo(0), None).await?;
        family.close().await?;
    }
    meetings.expect_any("sign-out beside a refresh")
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
