//! A client that refreshes on and on, and notices when the server goes away.

use super::super::{
    client::Manner,
    family::Family,
    kit::Stop,
    model::{KeyNo, Outcome, TokenNo},
    trial::Trial,
};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// How its last request was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// It was answered.
    Answered,
    /// It was not: with this token and this key.
    Open(TokenNo, Option<KeyNo>),
    /// The session was refused.
    Refused,
}

/// Refreshes a session until `stop` is set. Without a key, it stops at the first request that is not answered:
/// to repeat that would be a replay.
pub async fn refresh_on(
    trial: &Trial<'_>,
    family: &Family<'_>,
    pause: Duration,
    stop: &AtomicBool,
) -> Result<Left, Stop> {
    let mut rng = trial.fork_rng();
    while !stop.load(Ordering::Relaxed) {
        let (newest, key) = (family.newest(), family.new_key(&mut rng));
        loop {
            let outcome = family.refresh_in(newest, key, Manner::Crowded).await?;
            match outcome {
                Outcome::Unknown if key.is_none() || stop.load(Ordering::Relaxed) => {
                    return Ok(Left::Open(newest, key));
                }
                Outcome::Unknown => tokio::time::sleep(Duration::from_millis(20)).await,
                refused if refused.is_refusal() => return Ok(Left::Refused),
                _answered => break,
            }
        }
        tokio::time::sleep(pause).await;
    }
    Ok(Left::Answered)
}
