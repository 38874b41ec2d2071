//! What is tried, one file for each kind of trouble.

mod forged;
mod lifetime;
mod races;
mod replays;
mod restart;
mod retries;
mod revocation;
mod storm;

use super::{kit::Stop, trial::Trial};

/// One thing that is tried.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// By which it is picked.
    pub name: &'static str,
    /// By number: invariant 3 is S-3. `docs/torture.md` lists them.
    pub invariants: &'static [u8],
    /// What a right server does.
    pub holds: &'static str,
    trouble: Trouble,
}

#[derive(Debug, Clone, Copy)]
enum Trouble {
    Race(usize),
    SharedKey(usize),
    TwoKeys,
    LostAnswer,
    LostAnswerWithoutKey,
    LateRetry,
    Reordered,
    Replay(usize),
    AfterReuse,
    ReuseInFlight,
    SignOut,
    RefreshAgainstSignOut,
    RefreshAgainstSignIn,
    Restart,
    Forged,
    Lifetime,
    Storm,
}

const fn scenario(name: &'static str, invariants: &'static [u8], trouble: Trouble, holds: &'static str) -> Scenario {
    Scenario { name, invariants, holds, trouble }
}

/// All of them, in the order in which they run.
pub const ALL: &[Scenario] = &[
    scenario("race-2", &[1, 2, 3], Trouble::Race(2), "one of 2 rotates, then the family is dead"),
    scenario("race-8", &[1, 2, 3], Trouble::Race(8), "one of 8 rotates, then the family is dead"),
    scenario("race-64", &[1, 2, 3], Trouble::Race(64), "one of 64 rotates, then the family is dead"),
    scenario("shared-key-2", &[1, 2], Trouble::SharedKey(2), "both get the same successor, and it lives"),
    scenario("shared-key-8", &[1, 2], Trouble::SharedKey(8), "all 8 get the same successor, and it lives"),
    scenario("shared-key-64", &[1, 2], Trouble::SharedKey(64), "all 64 get the same successor, and it lives"),
    scenario("two-keys", &[1, 2, 3], Trouble::TwoKeys, "two holders: the family is dead"),
    scenario("lost-answer", &[1, 5], Trouble::LostAnswer, "a retry with the key gets the same successor"),
    scenario("lost-answer-no-key", &[1, 3], Trouble::LostAnswerWithoutKey, "a retry without a key is a replay"),
    scenario("late-retry", &[1, 3], Trouble::LateRetry, "a retry after the successor was used is a replay"),
    scenario("reordered", &[1, 3], Trouble::Reordered, "a retry beside the next rotation never forks"),
    scenario("replay-1", &[3], Trouble::Replay(1), "generation n-1 again: the family is dead"),
    scenario("replay-2", &[3], Trouble::Replay(2), "generation n-2 again: the family is dead"),
    scenario("replay-100", &[3], Trouble::Replay(100), "generation n-100 again: the family is dead"),
    scenario("after-reuse", &[3], Trouble::AfterReuse, "after a replay no token of the family works"),
    scenario("reuse-in-flight", &[1, 3], Trouble::ReuseInFlight, "nor one handed out beside the replay"),
    scenario("sign-out", &[1], Trouble::SignOut, "after sign-out no token of the family works"),
    scenario("refresh-sign-out", &[1], Trouble::RefreshAgainstSignOut, "after both were answered no token works"),
    scenario("refresh-sign-in", &[1, 5], Trouble::RefreshAgainstSignIn, "other sign-ins disturb no session"),
    scenario("restart", &[3, 4, 5], Trouble::Restart, "a restart forgets no rotation and no end"),
    scenario("forged", &[6], Trouble::Forged, "every mangled token is refused and changes nothing"),
    scenario("lifetime", &[7], Trouble::Lifetime, "rotation moves no session's absolute end"),
    scenario("storm", &[1, 2, 3, 4, 5], Trouble::Storm, "every history agrees with the specification"),
];

impl Scenario {
    /// Runs it to its end.
    pub(crate) async fn run(&self, trial: &Trial<'_>) -> Result<(), Stop> {
        match self.trouble {
            Trouble::Race(width) => races::race(trial, width).await,
            Trouble::SharedKey(width) => races::shared_key(trial, width).await,
            Trouble::TwoKeys => races::two_keys(trial).await,
            Trouble::LostAnswer => retries::lost_answer(trial).await,
            Trouble::LostAnswerWithoutKey => retries::lost_answer_without_key(trial).await,
            Trouble::LateRetry => retries::late_retry(trial).await,
            Trouble::Reordered => retries::reordered(trial).await,
            Trouble::Replay(generations) => replays::replay(trial, generations).await,
            Trouble::AfterReuse => replays::after_reuse(trial).await,
            Trouble::ReuseInFlight => replays::in_flight(trial).await,
            Trouble::SignOut => revocation::sign_out(trial).await,
            Trouble::RefreshAgainstSignOut => revocation::refresh_against_sign_out(trial).await,
            Trouble::RefreshAgainstSignIn => revocation::refresh_against_sign_in(trial).await,
            Trouble::Restart => restart::restart(trial).await,
            Trouble::Forged => forged::forged(trial).await,
            Trouble::Lifetime => lifetime::lifetime(trial).await,
            Trouble::Storm => storm::storm(trial).await,
        }
    }

    /// Whether calls may go unanswered without hiding what should be seen.
    pub(crate) fn bears_outages(&self) -> bool {
        matches!(self.trouble, Trouble::Storm | Trouble::Restart)
    }
}
