//! What is tried, one file for each kind of trouble.

mod access;
mod forged;
mod lifetime;
mod races;
mod replays;
mod restart;
mod retries;
mod revocation;
mod storm;

use super::{
    kit::{Settings, Source, Stop},
    trial::Trial,
};

/// One thing that is tried.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// Rules of `docs/spec/sessions.md`; `docs/torture.md` has them too.
    pub rules: &'static [&'static str],
    /// What a correct server does.
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
    AccessAfterEnd,
    Restart,
    Forged,
    Lifetime,
    Storm,
}

const fn scenario(
    name: &'static str,
    rules: &'static [&'static str],
    trouble: Trouble,
    holds: &'static str,
) -> Scenario {
    Scenario { name, rules, holds, trouble }
}

/// All of them, in the order in which they run.
pub const ALL: &[Scenario] = &[
    scenario("race-2", &["S-1", "S-2", "S-3"], Trouble::Race(2), "one of 2 rotates, then the family is revoked"),
    scenario("race-8", &["S-1", "S-2", "S-3"], Trouble::Race(8), "one of 8 rotates, then the family is revoked"),
    scenario("race-64", &["S-1", "S-2", "S-3"], Trouble::Race(64), "one of 64 rotates, then the family is revoked"),
    scenario(
        "shared-key-2",
        &["S-1", "S-2", "S-17", "S-29"],
        Trouble::SharedKey(2),
        "both get the same successor, and it lives",
    ),
    scenario(
        "shared-key-8",
        &["S-1", "S-2", "S-17", "S-29"],
        Trouble::SharedKey(8),
        "all 8 get the same successor, and it lives",
    ),
    scenario(
        "shared-key-64",
        &["S-1", "S-2", "S-17", "S-29"],
        Trouble::SharedKey(64),
        "all 64 get the same successor, and it lives",
    ),
    scenario("two-keys", &["S-1", "S-2", "S-3", "S-30"], Trouble::TwoKeys, "two holders: the family is revoked"),
    scenario(
        "lost-answer",
        &["S-1", "S-5", "S-17"],
        Trouble::LostAnswer,
        "a retry with the key gets the same successor",
    ),
    scenario(
        "lost-answer-no-key",
        &["S-1", "S-3", "S-30"],
        Trouble::LostAnswerWithoutKey,
        "a retry without a key is a replay",
    ),
    scenario(
        "late-retry",
        &["S-1", "S-3", "S-31"],
        Trouble::LateRetry,
        "a retry after its successor was used is a replay",
    ),
    scenario("reordered", &["S-1", "S-3", "S-31"], Trouble::Reordered, "a retry beside the next rotation never forks"),
    scenario("replay-1", &["S-3", "S-20"], Trouble::Replay(1), "generation n-1 again: the family is revoked"),
    scenario("replay-2", &["S-3", "S-20"], Trouble::Replay(2), "generation n-2 again: the family is revoked"),
    scenario("replay-100", &["S-3", "S-20"], Trouble::Replay(100), "generation n-100 again: the family is revoked"),
    scenario("after-reuse", &["S-3", "S-24"], Trouble::AfterReuse, "after a replay no token of the family works"),
    scenario("reuse-in-flight", &["S-1", "S-3"], Trouble::ReuseInFlight, "nor one issued beside the replay"),
    scenario("sign-out", &["S-1", "S-52"], Trouble::SignOut, "after sign-out no token of the family works"),
    scenario(
        "refresh-sign-out",
        &["S-1", "S-52"],
        Trouble::RefreshAgainstSignOut,
        "after both are answered no token works",
    ),
    scenario(
        "refresh-sign-in",
        &["S-1", "S-5", "S-50"],
        Trouble::RefreshAgainstSignIn,
        "other sign-ins disturb no session",
    ),
    scenario(
        "access-after-end",
        &["S-57", "S-58"],
        Trouble::AccessAfterEnd,
        "after reuse or sign-out no access token works",
    ),
    scenario("restart", &["S-3", "S-4", "S-5"], Trouble::Restart, "a restart loses no rotation and no revocation"),
    scenario("forged", &["S-6", "S-11"], Trouble::Forged, "every mangled token is refused and changes nothing"),
    scenario("lifetime", &["S-7", "S-45"], Trouble::Lifetime, "no rotation extends the absolute lifetime"),
    scenario("storm", &["S-1", "S-2", "S-3", "S-5"], Trouble::Storm, "every history agrees with the specification"),
];

impl Scenario {
    /// What it needs of the profile and the command line.
    pub(crate) fn needs(&self, trial: &Trial<'_>) -> Result<(), Stop> {
        let settings = &trial.kit.settings;
        let option = |given: bool, name: &str| if given { Ok(()) } else { Err(Stop::Skip(format!("needs {name}"))) };
        match self.trouble {
            Trouble::SharedKey(_)
            | Trouble::TwoKeys
            | Trouble::LostAnswer
            | Trouble::LateRetry
            | Trouble::Reordered => trial.needs_retry(),
            Trouble::SignOut | Trouble::RefreshAgainstSignOut => trial.needs_sign_out(),
            Trouble::AccessAfterEnd => trial.needs_access(),
            Trouble::RefreshAgainstSignIn => option(matches!(settings.source, Source::SignIn { .. }), "--user"),
            Trouble::Restart => option(settings.restart.is_some(), "--restart-command"),
            Trouble::Lifetime => option(settings.absolute_lifetime.is_some(), "--absolute-lifetime"),
            Trouble::Race(_)
            | Trouble::LostAnswerWithoutKey
            | Trouble::Replay(_)
            | Trouble::AfterReuse
            | Trouble::ReuseInFlight
            | Trouble::Forged
            | Trouble::Storm => Ok(()),
        }
    }

    /// How many sessions it opens; the storm opens at least as many.
    pub(crate) fn sessions(&self, settings: &Settings) -> usize {
        let in_each_round = match self.trouble {
            Trouble::Race(width) | Trouble::SharedKey(width) => races::rounds(width),
            Trouble::TwoKeys => races::rounds(races::TWO_KEYS),
            Trouble::LostAnswer | Trouble::Reordered => retries::ROUNDS,
            Trouble::ReuseInFlight => replays::IN_FLIGHT_ROUNDS,
            Trouble::RefreshAgainstSignOut => revocation::SIGN_OUT_ROUNDS,
            Trouble::RefreshAgainstSignIn => revocation::SIGN_INS.saturating_add(1),
            Trouble::Replay(_) | Trouble::AccessAfterEnd => 2,
            Trouble::LostAnswerWithoutKey | Trouble::LateRetry | Trouble::AfterReuse | Trouble::SignOut => 1,
            Trouble::Restart => return restart::SESSIONS,
            Trouble::Forged | Trouble::Lifetime => return 1,
            Trouble::Storm => return storm::sessions(settings),
        };
        in_each_round.saturating_mul(settings.rounds)
    }

    /// Runs it to its end.
    pub(crate) async fn run(&self, trial: &Trial<'_>) -> Result<(), Stop> {
        self.needs(trial)?;
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
            Trouble::AccessAfterEnd => access::after_end(trial).await,
            Trouble::Restart => restart::restart(trial).await,
            Trouble::Forged => forged::forged(trial).await,
            Trouble::Lifetime => lifetime::lifetime(trial).await,
            Trouble::Storm => storm::storm(trial).await,
        }
    }

    /// Whether unanswered calls are part of the test.
    pub(crate) fn bears_outages(&self) -> bool {
        matches!(self.trouble, Trouble::Storm | Trouble::Restart)
    }
}
