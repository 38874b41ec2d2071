//! The server is restarted in between, with calls under way.

use super::{
    super::{
        client::{Asked, Manner},
        family::Family,
        history::{Call, Stamp},
        kit::Stop,
        model::{Outcome, TokenNo},
        profile::Request,
        trial::Trial,
    },
    busy::{Left, refresh_on},
};
use futures_util::future::try_join_all;
use std::{
    process::Stdio,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use tokio::try_join;

/// Sessions that are refreshed while the server goes away, with the pause of each between two refreshes.
const BUSY: [u64; 4] = [0, 0, 20, 40];
/// Sessions that are opened, where every attempt is needed.
pub const SESSIONS: usize = ATTEMPTS * (4 + BUSY.len());
/// How long the server may take until it serves again.
const PATIENCE: Duration = Duration::from_mins(2);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);
/// Restarts until one cuts a refresh off.
const ATTEMPTS: usize = 3;
/// Looks at the server while the sessions are refreshed, before it is restarted.
const LOOKS: usize = 20;

/// The sessions that are left alone while the server restarts.
struct Still<'k> {
    /// Its token was replayed.
    stolen: Family<'k>,
    /// Its user signed out.
    left: Family<'k>,
    /// Its first token will be replayed.
    copied: Family<'k>,
    /// The answer to its last refresh was lost.
    lost: Family<'k>,
    key: Option<super::super::model::KeyNo>,
}

impl<'k> Still<'k> {
    async fn prepare(trial: &'k Trial<'k>, rng: &mut fastrand::Rng) -> Result<Self, Stop> {
        let stolen = Family::open(trial).await?;
        if trial.needs_rotation().is_ok() {
            stolen.rotate(rng).await?;
            stolen.settle(TokenNo(0), None).await?;
        }
        let left = Family::open(trial).await?;
        left.rotate(rng).await?;
        if trial.needs_sign_out().is_ok() {
            left.sign_out(left.newest()).await?;
        }
        let copied = Family::open(trial).await?;
        copied.rotate(rng).await?;
        let lost = Family::open(trial).await?;
        let key = lost.new_key(rng);
        lost.settle(TokenNo(0), key).await?;
        Ok(Self { stolen, left, copied, lost, key })
    }

    fn all(&self) -> [&Family<'k>; 4] {
        [&self.stolen, &self.left, &self.copied, &self.lost]
    }

    async fn check(self, trial: &Trial<'_>, rng: &mut fastrand::Rng) -> Result<(), Stop> {
        self.stolen.expect_revoked().await?;
        self.left.expect_revoked().await?;
        if self.key.is_some() {
            self.lost.settle(TokenNo(0), self.key).await?;
        }
        self.lost.rotate(rng).await?;
        if trial.needs_rotation().is_ok() {
            self.copied.settle(TokenNo(0), None).await?;
        }
        self.copied.expect_revoked().await?;
        for family in [self.stolen, self.left, self.copied, self.lost] {
            family.close().await?;
        }
        Ok(())
    }
}

/// Rotations and revocations survive, and a retry still gets a lost answer. Another restart follows one that cut nothing off.
pub async fn restart(trial: &Trial<'_>) -> Result<(), Stop> {
    for _attempt in 0..ATTEMPTS {
        if restart_once(trial).await? {
            return Ok(());
        }
    }
    let advice = "let the restart command kill it (kill -9), instead of waiting for its requests";
    Err(Stop::Fail(format!("no refresh was under way when the server went away: {advice}")))
}

/// False if no refresh was under way, so that nothing could have been lost.
async fn restart_once(trial: &Trial<'_>) -> Result<bool, Stop> {
    let mut rng = trial.fork_rng();
    let still = Still::prepare(trial, &mut rng).await?;
    let mut busy = Vec::new();
    for _holder in BUSY {
        busy.push(Family::open(trial).await?);
    }
    let stop = AtomicBool::new(false);
    let holders =
        busy.iter().zip(BUSY).map(|(family, pause)| refresh_on(trial, family, Duration::from_millis(pause), &stop));
    let restarted = async {
        expect_no_outage(trial).await?;
        let ended = restart_and_watch(trial).await;
        stop.store(true, Ordering::Relaxed);
        ended
    };
    let (left, Restarted { sent, finished, was_away }) = try_join!(try_join_all(holders), restarted)?;
    let cuts = cuts(&busy, was_away);
    if !was_away && !begin_after(&cuts, sent) {
        return Err(Stop::Fail("every instance went on answering: the restart command restarted none".to_owned()));
    }
    for family in still.all().into_iter().chain(&busy) {
        family.restarted(sent, finished);
    }
    if !has_answered(&busy, finished) || !cuts.iter().any(|cut| cut.finished.tick > sent.tick) {
        return Ok(false);
    }
    still.check(trial, &mut rng).await?;
    for (family, left) in busy.into_iter().zip(left) {
        match left {
            Left::Open(token, key) => family.settle(token, key).await?,
            Left::Answered | Left::Refused => family.settle(family.newest(), None).await?,
        };
        family.close().await?;
    }
    Ok(true)
}

/// The refreshes that were cut off: without an HTTP answer or, where the server was seen away, with an error of its own or of a proxy
/// before it. A server that still runs may answer such an error too, and a rate limit.
fn cuts(busy: &[Family<'_>], was_away: bool) -> Vec<Call> {
    let of = |family: &Family<'_>| {
        let mut calls = family.calls();
        calls.retain(|call| {
            let status = family.status_of(call);
            call.outcome == Outcome::Unknown && status.is_none_or(|status| was_away && is_outage(status))
        });
        calls
    };
    busy.iter().flat_map(of).collect()
}

/// Whether there are some, and none came before: a restart may be over between two looks.
fn begin_after(cuts: &[Call], sent: Stamp) -> bool {
    !cuts.is_empty() && cuts.iter().all(|cut| cut.finished.tick > sent.tick)
}

/// Whether a refresh was answered before the server served again.
fn has_answered(busy: &[Family<'_>], finished: Stamp) -> bool {
    let mut calls = busy.iter().flat_map(Family::calls);
    calls.any(|call| call.issued().is_some() && call.sent.tick < finished.tick)
}

/// Whether a server that answers so may be away. One that limits the rate is there.
fn is_outage(status: u16) -> bool {
    status >= 500
}

/// Under the same load the server answers everything: otherwise an outage shows no restart.
async fn expect_no_outage(trial: &Trial<'_>) -> Result<(), Stop> {
    for _look in 0..LOOKS {
        if let Some(answer) = outage(trial).await? {
            let cause = format!("the server is away now and then without a restart, which hides one: {answer}");
            return Err(Stop::Fail(cause));
        }
    }
    Ok(())
}

/// What was seen of a restart.
struct Restarted {
    /// When its command began.
    sent: Stamp,
    /// When every instance served again.
    finished: Stamp,
    /// Whether an instance was seen not to answer meanwhile.
    was_away: bool,
}

/// Runs the command while the server is watched.
async fn restart_and_watch(trial: &Trial<'_>) -> Result<Restarted, Stop> {
    let sent = trial.kit.stamp();
    let (interrupted, done) = (AtomicBool::new(false), AtomicBool::new(false));
    let restart = async {
        let ended = execute(trial.kit.settings.restart.as_deref().unwrap_or_default()).await;
        done.store(true, Ordering::Relaxed);
        ended
    };
    let watch = async {
        while !done.load(Ordering::Relaxed) {
            interrupted.fetch_or(outage(trial).await?.is_some(), Ordering::Relaxed);
        }
        Ok(())
    };
    try_join!(restart, watch)?;
    let was_away = until_ready(trial).await? || interrupted.into_inner();
    Ok(Restarted { sent, finished: trial.kit.stamp(), was_away })
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
    while outage(trial).await?.is_some() {
        interrupted = true;
        if trial.kit.uptime() > deadline {
            return Err(Stop::Fail("the server does not serve again after the restart command".to_owned()));
        }
    }
    Ok(interrupted)
}

/// An instance that does not answer, or only with an error of its own. Takes a little while.
async fn outage(trial: &Trial<'_>) -> Result<Option<String>, Stop> {
    let kit = trial.kit;
    let request = kit.profile().ready.clone().unwrap_or_else(|| Request::get("{base}"));
    let mut found = None;
    for instance in 0..kit.settings.bases.len() {
        let look = async || {
            let asked = Asked { request: &request, values: Vec::new(), header: None };
            let sent = kit.send(instance, asked, Manner::Patient).await;
            sent.map_err(|error| Stop::Fail(format!("the profile's `ready`: {error}")))
        };
        let mut answer = look().await?;
        if answer.reply().is_none() {
            // The server may have closed a connection that was not used for a while, as the request was sent.
            answer = look().await?;
        }
        if answer.reply().is_none_or(|reply| is_outage(reply.status)) {
            found = Some(answer.summary());
        }
    }
    tokio::time::sleep(PAUSE).await;
    Ok(found)
}
