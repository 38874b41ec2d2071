//! What a history shows: nothing wrong, or which property is violated.
//!
//! A history that contradicts the specification is explained by a server with one fault. For each property there is a
//! specification that allows its violation (`Rules::allowing`); the properties whose specification explains the shortest
//! beginning that contradicts are the candidates. Where there are several, `settle` chooses when the run has ended: a
//! property that is violated beyond doubt elsewhere explains it, or else the first in `PREFERENCE`.

mod abridge;
mod evidence;
mod forks;
mod sentence;
mod settle;

pub use abridge::abridge;
pub use evidence::evidence;
pub use sentence::sentence;
pub use settle::settle;

use super::{
    history::{Call, Finding, History},
    model::{Outcome, Rules},
    property::Property,
};
use std::collections::BTreeSet;

/// The order in which a property is blamed where nothing else decides.
pub const PREFERENCE: [Property; 10] = [
    Property::CrashSafe,
    Property::ForgedRefused,
    Property::RetryWithKey,
    Property::LeewayEnds,
    Property::SignOutEndsSession,
    Property::ReuseEndsSession,
    Property::ReuseDetected,
    Property::LiveSessionWorks,
    Property::RetryInLeeway,
    Property::Fork,
];

/// What a history shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// Nothing wrong.
    Explained,
    /// The search was given up.
    GivenUp,
    /// A violation.
    Contradicts {
        /// The properties that may be violated, in the order of `PREFERENCE`.
        candidates: Vec<Property>,
        /// The fewest calls that show it.
        calls: Vec<Call>,
    },
}

/// Judges a history.
#[must_use]
pub fn judge(history: &History, rules: Rules) -> Judgement {
    if let Some(fork) = judge_fork(history, rules) {
        return fork;
    }
    match history.check(rules) {
        Finding::Explained => Judgement::Explained,
        Finding::GivenUp => Judgement::GivenUp,
        Finding::Contradicts => {
            let shortest = history.shortest(rules);
            let calls = shortest.core(rules);
            Judgement::Contradicts { candidates: candidates(history, &shortest, &calls, rules), calls }
        }
    }
}

/// Whether it shows a fork, which needs no search.
#[must_use]
pub fn judge_fork(history: &History, rules: Rules) -> Option<Judgement> {
    let calls = forks::fork(&history.calls).filter(|_| !rules.retires_nothing())?;
    Some(Judgement::Contradicts { candidates: vec![Property::Fork], calls })
}

/// How often a history put a fork to the test although something else is wrong in it: none of its tokens was redeemed for two.
#[must_use]
pub fn fork_evidence(calls: &[Call], rules: Rules) -> Option<u64> {
    let tried = evidence(calls, rules).remove(&Property::Fork)?;
    (!forks::redeemed_twice(calls)).then_some(tried)
}

fn candidates(history: &History, shortest: &History, core: &[Call], rules: Rules) -> Vec<Property> {
    let alone = History { calls: core.to_vec() };
    let explains = |property: &Property| {
        let allowing = Some(*property);
        let explains = |history: &History| history.check(Rules { allowing, ..rules }) == Finding::Explained;
        // Where a server has several faults, none of them explains all that happened, but one may explain the fewest calls.
        let is_end = matches!(property, Property::ReuseEndsSession | Property::SignOutEndsSession);
        *property != Property::Fork && (explains(shortest) || is_end && explains(&alone))
    };
    let mut found: Vec<_> = PREFERENCE.into_iter().filter(explains).collect();
    if found.contains(&Property::ReuseDetected) && !is_raced(history, core) {
        // A refusal that gives no reason, with nothing beside it, shows no more than that the server did not notice.
        found.retain(|property| *property != Property::ReuseEndsSession);
    }
    if forks::redeemed_twice(core) && !rules.retires_nothing() {
        found.push(Property::Fork);
    }
    if found.is_empty() {
        found.push(fallback(core));
    }
    found
}

/// Whether a refusal in the core came beside a rotation.
fn is_raced(history: &History, core: &[Call]) -> bool {
    let refusals = core.iter().filter(|call| call.redeems().is_some() && call.outcome.is_refusal());
    let rotations = || history.calls.iter().filter(|call| call.issued().is_some());
    refusals.into_iter().any(|refusal| rotations().any(|rotation| rotation.overlaps(refusal)))
}

/// Several faults at once explain it, and none alone.
fn fallback(core: &[Call]) -> Property {
    let outcomes: BTreeSet<_> = core.iter().map(|call| call.outcome.word()).collect();
    match core.last().map(|call| call.outcome) {
        Some(Outcome::Issued(_)) if outcomes.contains("signed out") => Property::SignOutEndsSession,
        Some(Outcome::Issued(_)) if outcomes.contains("reused") => Property::ReuseEndsSession,
        Some(Outcome::Issued(_)) => Property::ReuseDetected,
        _refused => Property::LiveSessionWorks,
    }
}

#[cfg(test)]
mod tests;
