//! How long a wrong password takes, for any account or none.
//!
//! A hash that was imported may be dearer than ours: its time would tell that the address has an account. So the answer
//! to a wrong password is held back until a multiple of our own hash's time has passed, whichever hash was verified, or
//! none. Waiting takes no thread ([ADR 0039](../../docs/adr/0039-wrong-passwords-are-held-back.md)).

use super::{Accounts, AccountsError};
use crate::{
    kernel::{Duration, Stopwatch},
    passwords::{self, Password, QueueKey},
};

/// Times of our own hash. Imported hashes that take longer are distinguishable until their users have signed in.
const TIMES: u32 = 4;
/// How often our own hash is measured.
const RUNS: u32 = 3;
/// No answer is held back for longer than this in all, even if the machine was busy when the hash was measured.
const LONGEST: Duration = Duration::from_secs(5);

impl Accounts {
    /// Waits until a wrong password has taken as long as any. The time in the queue does not count: it is the same for all.
    pub(super) async fn hold_back(&self, spent: Duration) -> Result<(), AccountsError> {
        let own = self.own_hash_time().get_or_try_init(|| self.measure()).await?;
        tokio::time::sleep(missing(*own, spent)).await;
        Ok(())
    }

    /// Once for each process, by what an unknown address costs.
    async fn measure(&self) -> Result<Duration, AccountsError> {
        let cost = self.cost();
        let measured = self.hashing().run(QueueKey::Operator, move || {
            let Ok(password) = Password::presented("measured") else { return Duration::ZERO };
            let time = |_run| {
                let watch = Stopwatch::start();
                passwords::burn(&password, cost);
                watch.elapsed()
            };
            // The shortest: whatever else the machine does only adds to it.
            (0..RUNS).map(time).min().unwrap_or_default()
        });
        Ok(measured.await?)
    }
}

/// What is left of the time that all wrong passwords take, where our own hash takes `own`.
fn missing(own: Duration, spent: Duration) -> Duration {
    own.saturating_mul(TIMES).min(LONGEST).saturating_sub(spent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cheap_a_dear_and_no_hash_take_the_same_time_in_all() {
        let own = Duration::from_millis(238);
        // An unknown address, PBKDF2 with 1.2 million iterations, and with two million, the most that is imported.
        for spent in [238, 363, 605, 952].map(Duration::from_millis) {
            assert_eq!(spent + missing(own, spent), Duration::from_millis(952));
        }
    }

    #[test]
    fn what_took_longer_is_not_held_back_any_more() {
        assert_eq!(missing(Duration::from_millis(238), Duration::from_secs(2)), Duration::ZERO);
        assert_eq!(missing(Duration::from_mins(1), Duration::from_secs(2)), Duration::from_secs(3));
    }
}
