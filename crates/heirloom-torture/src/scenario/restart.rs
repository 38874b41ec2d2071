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
use std::{collections::BTreeMap, process::Stdio};

/// How long the server may take until it serves again.
const PATIENCE: Duration = Duration::from_mins(2);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// What was rotated stays rotated, what was ended stays ended, and a lost answer can still be had.
pub async fn restart(trial: &Trial<'_>) -> Result<(), Stop> {
    let command = trial.kit.settings.restart.as_deref();
    let command = command.ok_or_else(|| Stop::Skip("it needs --restart-command".to_owned()))?;
    let mut chance = trial.fork_chance();
    let stolen = Family::open(trial).await?;
    stolen.rotate(&mut chance).await?;
    stolen.settle(TokenNo(0), None).await?;
    let left = Family::open(trial).await?;
    left.rotate(&mut chance).await?;
    let can_leave = trial.needs_sign_out().is_ok();
    if can_leave {
        left.sign_out(left.newest()).await?;
    }
    let copied = Family::open(trial).await?;
    copied.rotate(&mut chance).await?;
    let lost = Family::open(trial).await?;
    let key = lost.new_key(&mut chance);
    lost.settle(TokenNo(0), key).await?;

    execute(command).await?;
    until_ready(trial).await?;

    stolen.expect_over().await?;
    if can_leave {
        left.expect_over().await?;
    }
    if key.is_some() {
        lost.settle(TokenNo(0), key).await?;
    }
    lost.rotate(&mut chance).await?;
    copied.settle(TokenNo(0), None).await?;
    copied.expect_over().await?;
    for family in [stolen, left, copied, lost] {
        family.close().await?;
    }
    Ok(())
}

async fn execute(command: &str) -> Result<(), Stop> {
    let mut shell = tokio::process::Command::new("sh");
    shell.args(["-c", command]).stdin(Stdio::null()).stdout(Stdio::null());
    let status = shell.status().await.map_err(|error| Stop::Fail(format!("the restart command: {error}")))?;
    if status.success() { Ok(()) } else { Err(Stop::Fail(format!("the restart command ended with {status}"))) }
}

/// Every instance answers again, and without an error of its own.
async fn until_ready(trial: &Trial<'_>) -> Result<(), Stop> {
    let (kit, deadline) = (trial.kit, trial.kit.uptime().saturating_add(PATIENCE));
    let home = || {
        let (method, url) = ("GET".to_owned(), "{base}".to_owned());
        Request { method, url, headers: BTreeMap::new(), json: None, form: None }
    };
    let request = kit.profile().ready.clone().unwrap_or_else(home);
    for base in &kit.settings.bases {
        loop {
            let asked = Asked { request: &request, values: Vec::new(), header: None };
            let reply = kit.send(base, asked, Manner::Patient).await?;
            if reply.is_some_and(|reply| !reply.is_outage()) {
                break;
            }
            if kit.uptime() > deadline {
                return Err(Stop::Fail(format!("{base} does not serve again after the restart command")));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(())
}
