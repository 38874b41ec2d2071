//! What is tried, one file for each kind of trouble. `table.rs` lists it.

mod access;
mod answers;
mod beside;
mod busy;
mod foreign;
mod forged;
mod leeway;
mod lifetime;
mod races;
mod replays;
mod restart;
mod retries;
mod revocation;
mod storm;
mod table;

pub use table::ALL;

use super::{
    kit::{Settings, Source, Stop},
    property::Property,
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
    /// The properties that it judges.
    pub judges: &'static [Property],
    /// Those of them that it must have put to the test: otherwise it could not be tried.
    pub(crate) proves: &'static [Property],
    trouble: Trouble,
}

#[derive(Debug, Clone, Copy)]
enum Trouble {
    Race(usize),
    RaceAndUse,
    SharedKey(usize),
    TwoKeys,
    LostAnswer,
    LostAnswerWithoutKey,
    LateRetry,
    Reordered,
    Replay(usize),
    AfterReuse,
    ReuseInFlight,
    Leeway,
    SignOut,
    RefreshAgainstSignOut,
    RefreshAgainstSignIn,
    AccessAfterEnd,
    Restart,
    Forged,
    TokenKinds,
    Unsigned,
    OtherClient,
    WiderScope,
    Answers,
    Lifetime,
    Idle,
    Storm,
}

impl Scenario {
    /// What it needs of the server, the profile and the command line.
    pub(crate) fn needs(&self, trial: &Trial<'_>) -> Result<(), Stop> {
        let settings = &trial.kit.settings;
        let option = |given: bool, name: &str| if given { Ok(()) } else { Err(Stop::Skip(format!("needs {name}"))) };
        let value = |name: &str| option(settings.values.contains_key(name), &format!("--set {name}=…"));
        match self.trouble {
            Trouble::SharedKey(_)
            | Trouble::TwoKeys
            | Trouble::LostAnswer
            | Trouble::LateRetry
            | Trouble::Reordered => trial.needs_retry().and_then(|()| trial.needs_rotation()),
            Trouble::LostAnswerWithoutKey if trial.kit.rules().leeway > 0 => {
                Err(Stop::Skip("the profile announces a leeway: `leeway` tries it".to_owned()))
            }
            Trouble::Race(_)
            | Trouble::RaceAndUse
            | Trouble::LostAnswerWithoutKey
            | Trouble::Replay(_)
            | Trouble::AfterReuse
            | Trouble::ReuseInFlight
            | Trouble::Leeway => trial.needs_rotation(),
            Trouble::SignOut | Trouble::RefreshAgainstSignOut => trial.needs_sign_out(),
            Trouble::AccessAfterEnd | Trouble::TokenKinds => trial.needs_access(),
            Trouble::RefreshAgainstSignIn => option(matches!(settings.source, Source::SignIn { .. }), "--user"),
            Trouble::Restart => option(settings.restart.is_some(), "--restart-command"),
            Trouble::Lifetime => option(settings.absolute_lifetime.is_some(), "--absolute-lifetime"),
            Trouble::Idle => option(settings.idle_lifetime.is_some(), "--idle-lifetime"),
            Trouble::OtherClient => value("other_client_id"),
            Trouble::WiderScope => value("wider_scope"),
            Trouble::Unsigned | Trouble::Answers | Trouble::Forged | Trouble::Storm => Ok(()),
        }
    }

    /// How many sessions it opens; the storm opens at least as many.
    pub(crate) fn sessions(&self, settings: &Settings) -> usize {
        let in_each_round = match self.trouble {
            Trouble::Race(width) | Trouble::SharedKey(width) => races::rounds(width),
            Trouble::RaceAndUse => races::used_sessions(settings),
            Trouble::TwoKeys => races::rounds(races::TWO_KEYS),
            Trouble::LostAnswer | Trouble::Reordered => retries::ROUNDS,
            Trouble::ReuseInFlight | Trouble::RefreshAgainstSignOut => beside::ROUNDS,
            Trouble::RefreshAgainstSignIn => revocation::SIGN_INS.saturating_add(1),
            Trouble::Replay(_) => 2,
            Trouble::AccessAfterEnd => return access::SESSIONS,
            Trouble::Leeway => return leeway::sessions(settings),
            Trouble::LostAnswerWithoutKey | Trouble::LateRetry | Trouble::AfterReuse => 1,
            Trouble::SignOut => revocation::sessions(&settings.profile),
            Trouble::Restart => return restart::SESSIONS,
            Trouble::Answers => return answers::sessions(&settings.profile),
            Trouble::Forged
            | Trouble::TokenKinds
            | Trouble::Unsigned
            | Trouble::OtherClient
            | Trouble::WiderScope
            | Trouble::Lifetime
            | Trouble::Idle => return 1,
            Trouble::Storm => return storm::sessions(settings),
        };
        in_each_round.saturating_mul(settings.rounds)
    }

    /// Runs it to its end.
    pub(crate) async fn run(&self, trial: &Trial<'_>) -> Result<(), Stop> {
        self.needs(trial)?;
        match self.trouble {
            Trouble::Race(width) => races::race(trial, width).await,
            Trouble::RaceAndUse => races::race_and_use(trial).await,
            Trouble::SharedKey(width) => races::shared_key(trial, width).await,
            Trouble::TwoKeys => races::two_keys(trial).await,
            Trouble::LostAnswer => retries::lost_answer(trial).await,
            Trouble::LostAnswerWithoutKey => retries::lost_answer_without_key(trial).await,
            Trouble::LateRetry => retries::late_retry(trial).await,
            Trouble::Reordered => retries::reordered(trial).await,
            Trouble::Replay(generations) => replays::replay(trial, generations).await,
            Trouble::AfterReuse => replays::after_reuse(trial).await,
            Trouble::ReuseInFlight => replays::in_flight(trial).await,
            Trouble::Leeway => leeway::leeway(trial).await,
            Trouble::SignOut => revocation::sign_out(trial).await,
            Trouble::RefreshAgainstSignOut => revocation::refresh_against_sign_out(trial).await,
            Trouble::RefreshAgainstSignIn => revocation::refresh_against_sign_in(trial).await,
            Trouble::AccessAfterEnd => access::after_end(trial).await,
            Trouble::Restart => restart::restart(trial).await,
            Trouble::Forged => forged::forged(trial).await,
            Trouble::TokenKinds => foreign::token_kinds(trial).await,
            Trouble::Unsigned => foreign::unsigned(trial).await,
            Trouble::OtherClient => foreign::other_client(trial).await,
            Trouble::WiderScope => foreign::wider_scope(trial).await,
            Trouble::Answers => answers::answers(trial).await,
            Trouble::Lifetime => lifetime::absolute(trial).await,
            Trouble::Idle => lifetime::idle(trial).await,
            Trouble::Storm => storm::storm(trial).await,
        }
    }

    /// Whether unanswered calls are part of the test.
    pub(crate) fn bears_outages(&self) -> bool {
        matches!(self.trouble, Trouble::Storm | Trouble::Restart)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::{super::profile::Profile, *};

    #[test]
    fn every_session_that_may_be_needed_is_counted() {
        let sessions = |profile: &str, name: &str| {
            let settings =
                Settings::new(Vec::new(), Profile::load(profile).unwrap(), Source::tokens(std::iter::empty()));
            ALL.iter().find(|scenario| scenario.name == name).unwrap().sessions(&settings)
        };
        assert_eq!(
            sessions("oauth2", "answers"),
            2,
            "a refusal in the shape of RFC 6749 is tried in a session of its own"
        );
        assert_eq!(sessions("heirloom", "answers"), 1);
        assert_eq!(sessions("heirloom", "sign-out"), 2, "once with an older token");
        assert_eq!(sessions("oauth2", "sign-out"), 1);
        assert_eq!(sessions("oauth2", "restart"), 24, "three attempts");
    }
}
