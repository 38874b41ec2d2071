//! Two calls beside each other.

use super::super::{family::Family, history::Call, kit::Stop, trial::Trial};
use std::time::Duration;
use tokio::try_join;

/// Rounds of two calls that meet, for a setting of 1: either begins first, by each of the spreads.
pub const ROUNDS: usize = 32;

/// How much later than the first one the last call of a race begins, in milliseconds, by turns. A server may read
/// at once and write later: then those that begin together are refused, and those a moment apart are not.
const SPREADS: [u32; 4] = [0, 1, 3, 6];

/// Each is for two rounds: what is done by turns meets each of them.
pub fn spread(round: usize) -> Duration {
    let milliseconds = SPREADS.get(round / 2 % SPREADS.len()).copied().unwrap_or_default();
    Duration::from_millis(u64::from(milliseconds))
}

/// Whether two calls were answered beside each other, in any round. A busy server may refuse some.
#[derive(Debug)]
pub struct Meetings {
    /// Why not, of the last round.
    missing: Option<String>,
}

impl Meetings {
    /// Before the first round.
    pub fn none() -> Self {
        Self { missing: Some("nothing was sent".to_owned()) }
    }

    /// One more round: two calls, of which by turns either begins first.
    pub async fn meet<T>(
        &mut self,
        trial: &Trial<'_>,
        family: &Family<'_>,
        round: usize,
        (one, other): (impl Future<Output = Result<T, Stop>>, impl Future<Output = Result<T, Stop>>),
    ) -> Result<(), Stop> {
        let later = spread(round);
        let (before_one, before_other) =
            if round.is_multiple_of(2) { (Duration::ZERO, later) } else { (later, Duration::ZERO) };
        trial.kit.open_connections(2).await?;
        let before = family.len();
        try_join!(after(before_one, one), after(before_other, other))?;
        if self.missing.is_some() {
            self.missing = missing(family, before);
        }
        Ok(())
    }

    /// After the last round.
    pub fn expect_any(self, what: &str) -> Result<(), Stop> {
        self.missing.map_or(Ok(()), |why| Err(Stop::Fail(format!("no {what} was answered: {why}"))))
    }
}

async fn after<T>(wait: Duration, call: impl Future<Output = Result<T, Stop>>) -> Result<T, Stop> {
    tokio::time::sleep(wait).await;
    call.await
}

/// Why the calls since then were not answered beside each other.
fn missing(family: &Family<'_>, since: usize) -> Option<String> {
    let calls = family.calls();
    let calls: Vec<&Call> = calls.iter().skip(since).collect();
    if let Some(unanswered) = calls.iter().find(|call| !call.is_answered()) {
        return Some(family.answer_to(unanswered));
    }
    let have_met =
        calls.iter().enumerate().any(|(place, call)| calls.iter().skip(place + 1).any(|other| call.overlaps(other)));
    (!have_met).then(|| "one was answered before the other was sent".to_owned())
}
