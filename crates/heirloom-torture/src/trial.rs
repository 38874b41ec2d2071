//! One scenario under way: what it has seen, and what is wrong with it.

use super::{
    history::{Call, Finding, History},
    kit::{Kit, Stop, lock},
    model::{Ask, Outcome, TokenNo},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

/// Histories that contradict and are told with their calls, and other objections that are told: of each so many.
const TOLD: usize = 3;

/// One scenario under way.
pub struct Trial<'k> {
    /// What all scenarios share.
    pub kit: &'k Kit,
    /// Chance.
    pub chance: Mutex<fastrand::Rng>,
    seen: Mutex<Seen>,
}

/// What a trial has seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// Sessions whose calls were checked.
    pub families: usize,
    /// How often which outcome.
    pub outcomes: BTreeMap<&'static str, usize>,
    /// What is wrong: one sentence each, and the calls that show it.
    pub objections: Vec<Objection>,
    /// Tokens that were replaced by others.
    pub rotations: usize,
    /// Sessions whose histories contradict the specification.
    pub contradictions: usize,
    /// Histories too tangled to be judged.
    pub given_up: usize,
    /// Answers that the profile does not know.
    pub unforeseen: BTreeSet<String>,
    /// Answers that told of an outage, or did not come although they were waited for.
    pub unanswered: BTreeMap<String, usize>,
    /// What else is worth knowing.
    pub notes: BTreeSet<String>,
}

impl Seen {
    fn told(&self, kind: impl Fn(&Objection) -> bool) -> usize {
        self.objections.iter().filter(|objection| kind(objection)).count()
    }
}

/// Something that should not be.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Objection {
    /// In words.
    pub what: String,
    /// The calls that show it, as text.
    pub calls: Vec<String>,
}

impl<'k> Trial<'k> {
    /// A trial that has seen nothing yet.
    pub fn new(kit: &'k Kit, name: &str) -> Self {
        let chance = Mutex::new(kit.chance(name));
        Self { kit, chance, seen: Mutex::default() }
    }

    /// Chance for one client of several.
    pub fn fork_chance(&self) -> fastrand::Rng {
        lock(&self.chance).fork()
    }

    /// Something is wrong that no single call shows.
    pub fn object(&self, what: String) {
        let mut seen = lock(&self.seen);
        if seen.told(|objection| objection.calls.is_empty()) < TOLD {
            seen.objections.push(Objection { what, calls: Vec::new() });
        }
    }

    /// Something is worth knowing.
    pub fn remark(&self, note: impl Into<String>) {
        lock(&self.seen).notes.insert(note.into());
    }

    /// An answer did not come although it was waited for, or told of an outage.
    pub fn count_unanswered(&self, cause: String) {
        let mut seen = lock(&self.seen);
        let count = seen.unanswered.entry(cause).or_default();
        *count = count.saturating_add(1);
    }

    /// A token was replaced by another.
    pub fn count_rotation(&self) {
        let mut seen = lock(&self.seen);
        seen.rotations = seen.rotations.saturating_add(1);
    }

    /// An answer came that the profile does not know.
    pub fn count_unforeseen(&self, told: String) {
        lock(&self.seen).unforeseen.insert(told);
    }

    /// Sessions can be ended.
    pub fn needs_sign_out(&self) -> Result<(), Stop> {
        let skip = |why: String| Err(Stop::Skip(why));
        let Some(sign_out) = &self.kit.profile().sign_out else {
            return skip("the profile has no `sign_out`".to_owned());
        };
        let lacking = self.kit.lacks(&sign_out.request, &["refresh_token"]);
        lacking.map_or(Ok(()), |name| skip(format!("sign-out needs --set {name}=…")))
    }

    /// Requests can be marked as the same as before.
    pub fn needs_retry(&self) -> Result<(), Stop> {
        let retry = self.kit.profile().retry.as_ref();
        retry.map(|_| ()).ok_or_else(|| Stop::Skip("the profile has no `retry`".to_owned()))
    }

    /// Access tokens can be tried.
    pub fn needs_access(&self) -> Result<(), Stop> {
        let cause = "the profile has no `access`, or a name in it has no value";
        if self.can_use_access() { Ok(()) } else { Err(Stop::Skip(cause.to_owned())) }
    }

    /// Whether access tokens can be tried.
    pub fn can_use_access(&self) -> bool {
        let profile = self.kit.profile();
        let access = profile.access.as_ref().filter(|_| profile.answer.access_token.is_some());
        access.is_some_and(|access| self.kit.lacks(&access.request, &["access_token"]).is_none())
    }

    /// Holds a session's history against the specification.
    pub fn keep(&self, history: &History, tags: &[String]) {
        let words = in_order(history);
        let history = &history.as_far_as_understood();
        let finding = history.check(self.kit.rules());
        let telling = lock(&self.seen).told(|objection| !objection.calls.is_empty()) < TOLD;
        let core = (finding == Finding::Contradicts && telling).then(|| history.core(self.kit.rules()));
        let mut seen = lock(&self.seen);
        seen.families = seen.families.saturating_add(1);
        for call in words {
            let count = seen.outcomes.entry(call).or_default();
            *count = count.saturating_add(1);
        }
        match finding {
            Finding::Explained => {}
            Finding::GivenUp => seen.given_up = seen.given_up.saturating_add(1),
            Finding::Contradicts => {
                seen.contradictions = seen.contradictions.saturating_add(1);
                let calls = core.iter().flatten().map(|call| told(call, tags)).collect();
                let what = "no order of these calls agrees with one live token a family".to_owned();
                seen.objections.extend(core.is_some().then_some(Objection { what, calls }));
            }
        }
    }

    /// What it has seen in all.
    pub fn into_seen(self) -> Seen {
        self.seen.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What each call came to, in one word. The second to be handed a token has been retrying.
fn in_order(history: &History) -> Vec<&'static str> {
    let mut known = BTreeSet::new();
    let mut calls: Vec<&Call> = history.calls.iter().collect();
    calls.sort_by_key(|call| call.over.tick);
    let word = |call: &Call| match call.outcome {
        Outcome::Handed(token) if known.insert(token) => "rotated",
        Outcome::Handed(_) => "retried",
        Outcome::Reused => "reused",
        Outcome::Ended => "ended",
        Outcome::Invalid => "invalid",
        Outcome::Denied => "denied",
        Outcome::SignedOut => "signed out",
        Outcome::Alive => "access alive",
        Outcome::Dead => "access dead",
        Outcome::Unknown => "no answer",
        Outcome::Unforeseen => "unforeseen",
    };
    calls.into_iter().map(word).collect()
}

/// A call as a line; tokens by number and digest.
fn told(call: &Call, tags: &[String]) -> String {
    let token = |TokenNo(number): TokenNo| format!("t{number} ({})", tags.get(number).map_or("?", String::as_str));
    let asked = match call.ask {
        Ask::Refresh(presented, Some(key)) => format!("refresh {} with key k{}", token(presented), key.0),
        Ask::Refresh(presented, None) => format!("refresh {} without a key", token(presented)),
        Ask::RefreshForged => "refresh with a forged token".to_owned(),
        Ask::SignOut(presented) => format!("sign out with {}", token(presented)),
        Ask::UseAccess => "use the access token".to_owned(),
    };
    let outcome = match call.outcome {
        Outcome::Handed(handed) => format!("handed {}", token(handed)),
        Outcome::Reused => "refused as reused".to_owned(),
        Outcome::Ended => "refused as ended".to_owned(),
        Outcome::Invalid => "refused as invalid".to_owned(),
        Outcome::Denied => "refused".to_owned(),
        Outcome::SignedOut => "signed out".to_owned(),
        Outcome::Alive => "works".to_owned(),
        Outcome::Dead => "works no more".to_owned(),
        Outcome::Unknown => "no answer".to_owned(),
        Outcome::Unforeseen => "an answer that the profile does not know".to_owned(),
    };
    let (sent, over) = (call.sent, call.over);
    format!("{:>7}–{} ms (events {}–{}): {asked} → {outcome}", sent.millis, over.millis, sent.tick, over.tick)
}
