//! The server is restarted in between.

use super::super::{
    client::{Asked, Manner},
    family::Family,
    kit::Stop,
    model::TokenNo,
    profile::Request,
    trial::Trial,
};
use std::time::Duration;
use std::{
    collections::BTreeMap,
    process::Stdio,
    sync::atomic::{AtomicBool, Ordering},
};
use tokio::try_join;

/// Sessions that the restart is to leave as they were.
pub const SESSIONS: usize = 4;
/// How long the server may take until it serves again.
const PATIENCE: Duration = Duration::from_mins(2);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Rotations and revocations survive, and a retry still gets a lost answer.
pub async fn restart(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut rng = trial.fork_rng();
    let stolen = Family::open(trial).await?;
    stolen.rotate(&mut rng).await?;
    stolen.settle(TokenNo(0), None).await?;
    let left = Family::open(trial).await?;
    left.rotate(&mut rng).await?;
    let can_leave = trial.needs_sign_out().is_ok();
    if can_leave {
        left.sign_out(left.newest()).await?;
    }
    let copied = Family::open(trial).await?;
    copied.rotate(&mut rng).await?;
    let lost = Family::open(trial).await?;
    let key = lost.new_key(&mut rng);
    lost.settle(TokenNo(0), key).await?;

    restart_and_watch(trial).await?;

    stolen.expect_revoked().await?;
    if can_leave {
        left.expect_revoked().await?;
    }
    if key.is_some() {
        lost.settle(TokenNo(0), key).await?;
    }
    lost.rotate(&mut rng).await?;
    copied.settle(TokenNo(0), None).await?;
    copied.expect_revoked().await?;
    for family in [stolen, left, copied, lost] {
        family.close().await?;
    }
    Ok(())
}

/// Runs the command while the server is watched: one that never stopped answering was not restarted.
async fn restart_and_watch(trial: &Trial<'_>) -> Result<(), Stop> {
    let (interrupted, done) = (AtomicBool::new(false), AtomicBool::new(false));
    let restart = async {
        let ended = execute(trial.kit.settings.restart.as_deref().unwrap_or_default()).await;
        done.store(true, Ordering::Relaxed);
        ended
    };
    let watch = async {
        while !done.load(Ordering::Relaxed) {
            interrupted.fetch_or(!all_serve(trial).await?, Ordering::Relaxed);
        }
        Ok(())
    };
    try_join!(restart, watch)?;
    let waited = until_ready(trial).await?;
    let cause = "every instance went on answering: the restart command restarted none";
    if waited || interrupted.into_inner() { Ok(()) } else { Err(Stop::Fail(cause.to_owned())) }
}

async fn execute(command: &str) -> Result<(), Stop> {
    let mut shell = tokio::process::Command::new("sh");
    shell.args(["-c", command]).stdin(Stdio::null()).stdout(Stdio::null());
    let status = shell.status().await.map_err(|error| Stop::Fail(format!("the restart command: {error}")))?;
    if status.success() { Ok(()) } else { Err(Stop::Fail(format!("the restart command ended with {status}"))) }
}

/// Waits until every instance serves again. Returns whether one of them did not at the first look.
async fn until_ready(trial: &Trial<'_>) -> Result<bool, Stop> {
    let deadline = trial.kit.uptime().saturating_add(PATIENCE);
    let mut interrupted = false;
    while !all_serve(trial).await? {
        interrupted = true;
        if trial.kit.uptime() > deadline {
            return Err(Stop::Fail("the server does not serve again after the restart command".to_owned()));
        }
    }
    Ok(interrupted)
}

/// Whether every instance answers, and without an error of its own. Takes a little while.
async fn all_serve(trial: &Trial<'_>) -> Result<bool, Stop> {
    let kit = trial.kit;
    let request = kit.profile().ready.clone().unwrap_or_else(home);
    let mut all = true;
    for base in &kit.settings.bases {
        let asked = Asked { request: &request, values: Vec::new(), header: None };
        let answer = kit.send(base, asked, Manner::Patient).await?;
        all &= answer.reply().is_some_and(|reply| !reply.is_outage());
    }
    tokio::time::sleep(PAUSE).await;
    Ok(all)
}

fn home() -> Request {
    let (method, url) = ("GET".to_owned(), "{base}".to_owned());
    Request { method, url, headers: BTreeMap::new(), json: None, form: None }
}
