//! One running scenario: what it has seen, and what is wrong.

use super::{
    history::{Call, Finding, History},
    kit::{Kit, Stop, lock},
    model::{Ask, Outcome, TokenNo},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

/// The most contradicting histories that are reported with their calls, and the most other objections.
const REPORTED: usize = 3;

/// One running scenario.
pub struct Trial<'k> {
    /// What all scenarios share.
    pub kit: &'k Kit,
    /// Where its random choices come from.
    pub rng: Mutex<fastrand::Rng>,
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
    /// Histories for which the search was given up.
    pub given_up: usize,
    /// Answers that the profile does not know.
    pub unforeseen: BTreeSet<String>,
    /// Outages, and answers that did not arrive.
    pub unanswered: BTreeMap<String, usize>,
    /// What else is worth knowing.
    pub notes: BTreeSet<String>,
}

impl Seen {
    fn count(&self, kind: impl Fn(&Objection) -> bool) -> usize {
        self.objections.iter().filter(|objection| kind(objection)).count()
    }
}

/// Something that must not happen.
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
        let rng = Mutex::new(kit.rng(name));
        Self { kit, rng, seen: Mutex::default() }
    }

    /// Random choices for one client of several.
    pub fn fork_rng(&self) -> fastrand::Rng {
        lock(&self.rng).fork()
    }

    /// Something is wrong that no single call shows.
    pub fn object(&self, what: String) {
        let mut seen = lock(&self.seen);
        if seen.count(|objection| objection.calls.is_empty()) < REPORTED {
            seen.objections.push(Objection { what, calls: Vec::new() });
        }
    }

    /// Something is worth knowing.
    pub fn remark(&self, note: impl Into<String>) {
        lock(&self.seen).notes.insert(note.into());
    }

    /// An answer did not arrive, or was an outage.
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
    pub fn count_unforeseen(&self, answer: String) {
        lock(&self.seen).unforeseen.insert(answer);
    }

    /// Sign-out can be tried.
    pub fn needs_sign_out(&self) -> Result<(), Stop> {
        let skip = |why: String| Err(Stop::Skip(why));
        let Some(sign_out) = &self.kit.profile().sign_out else {
            return skip("the profile has no `sign_out`".to_owned());
        };
        let lacking = self.kit.lacks(&sign_out.request, &["refresh_token"]);
        lacking.map_or(Ok(()), |name| skip(format!("sign-out needs --set {name}=…")))
    }

    /// Requests can be marked as retries.
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

    /// Checks a session's history against the specification.
    pub fn keep(&self, history: &History, tags: &[String]) {
        let words = in_order(history);
        let history = &history.as_far_as_understood();
        let finding = history.check(self.kit.rules());
        let has_room = lock(&self.seen).count(|objection| !objection.calls.is_empty()) < REPORTED;
        let core = (finding == Finding::Contradicts && has_room).then(|| history.core(self.kit.rules()));
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
                let calls = core.iter().flatten().map(|call| describe(call, tags)).collect();
                let what = "no order of these calls is consistent with one live token per family".to_owned();
                seen.objections.extend(core.is_some().then_some(Objection { what, calls }));
            }
        }
    }

    /// What it has seen in all.
    pub fn into_seen(self) -> Seen {
        self.seen.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The outcome of each call in one word. The second call that gets a token is a retry.
fn in_order(history: &History) -> Vec<&'static str> {
    let mut known = BTreeSet::new();
    let mut calls: Vec<&Call> = history.calls.iter().collect();
    calls.sort_by_key(|call| call.finished.tick);
    let word = |call: &Call| match call.outcome {
        Outcome::Issued(token) if known.insert(token) => "rotated",
        Outcome::Issued(_) => "retried",
        Outcome::Reused => "reused",
        Outcome::Ended => "ended",
        Outcome::Invalid => "invalid",
        Outcome::Denied => "denied",
        Outcome::SignedOut => "signed out",
        Outcome::Alive => "access alive",
        Outcome::Dead => "access rejected",
        Outcome::Unknown => "no answer",
        Outcome::Unforeseen => "unforeseen",
    };
    calls.into_iter().map(word).collect()
}

/// A call as a line; tokens by number and digest.
fn describe(call: &Call, tags: &[String]) -> String {
    let token = |TokenNo(number): TokenNo| format!("t{number} ({})", tags.get(number).map_or("?", String::as_str));
    let asked = match call.ask {
        Ask::Refresh(presented, Some(key)) => format!("refresh {} with key k{}", token(presented), key.0),
        Ask::Refresh(presented, None) => format!("refresh {} without a key", token(presented)),
        Ask::RefreshForged => "refresh with a forged token".to_owned(),
        Ask::SignOut(presented) => format!("sign out with {}", token(presented)),
        Ask::UseAccess => "use the access token".to_owned(),
    };
    let outcome = match call.outcome {
        Outcome::Issued(issued) => format!("issued {}", token(issued)),
        Outcome::Reused => "refused as reused".to_owned(),
        Outcome::Ended => "refused: the session is revoked or expired".to_owned(),
        Outcome::Invalid => "refused as invalid".to_owned(),
        Outcome::Denied => "refused".to_owned(),
        Outcome::SignedOut => "signed out".to_owned(),
        Outcome::Alive => "works".to_owned(),
        Outcome::Dead => "rejected".to_owned(),
        Outcome::Unknown => "no answer".to_owned(),
        Outcome::Unforeseen => "an answer that the profile does not know".to_owned(),
    };
    let (sent, over) = (call.sent, call.finished);
    format!("{:>7}–{} ms (events {}–{}): {asked} → {outcome}", sent.millis, over.millis, sent.tick, over.tick)
}
