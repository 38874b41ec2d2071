//! One running scenario: what it has seen, and what is wrong.

use super::{
    history::Call,
    judge::{Judgement, abridge, evidence, fork_evidence, judge, judge_fork},
    kit::{Kit, Stop, lock},
    log::Log,
    model::Outcome,
    property::Property,
    report::{CallRecord, Figure},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

/// The most contradicting histories of which the calls are worked out.
const EXAMINED: usize = 8;

/// One running scenario.
pub struct Trial<'k> {
    /// What all scenarios share.
    pub kit: &'k Kit,
    /// Where its random choices come from.
    pub rng: Mutex<fastrand::Rng>,
    seen: Arc<Mutex<Seen>>,
}

/// Something that must not happen.
#[derive(Debug, Clone)]
pub struct Found {
    /// The properties of which one is violated.
    pub candidates: Vec<Property>,
    /// What is wrong; none where the calls tell.
    pub sentence: Option<String>,
    /// The calls that show it.
    pub core: Vec<Call>,
    /// The same for the report.
    pub shown: Vec<CallRecord>,
}

/// A measured figure: in words, and as a time where it is one.
pub type Measured = (String, Option<Figure>);

/// What a trial has seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// Sessions whose calls were checked.
    pub families: usize,
    /// How often which outcome.
    pub outcomes: BTreeMap<&'static str, usize>,
    /// What is wrong.
    pub found: Vec<Found>,
    /// Sessions whose histories contradict the specification.
    pub contradictions: usize,
    /// How often each property was put to the test.
    pub tried: BTreeMap<Property, u64>,
    /// Figures.
    pub measured: BTreeMap<Property, Measured>,
    /// Properties that do not apply, and why.
    pub not_applicable: BTreeMap<Property, String>,
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
    /// Adds what another attempt at the same scenario has seen. Violations stay, and so does what was tried.
    pub fn merge(&mut self, later: Self) {
        self.families = self.families.saturating_add(later.families);
        self.contradictions = self.contradictions.saturating_add(later.contradictions);
        self.given_up = self.given_up.saturating_add(later.given_up);
        self.found.extend(later.found);
        self.notes.extend(later.notes);
        self.measured.extend(later.measured);
        self.not_applicable.extend(later.not_applicable);
        for (word, count) in later.outcomes {
            let sum = self.outcomes.entry(word).or_default();
            *sum = sum.saturating_add(count);
        }
        self.add_tried(later.tried);
        // An outage of an earlier attempt no longer hides anything.
        self.unanswered = later.unanswered;
        self.unforeseen.extend(later.unforeseen);
    }

    fn add_tried(&mut self, more: BTreeMap<Property, u64>) {
        for (property, times) in more {
            let sum = self.tried.entry(property).or_default();
            *sum = sum.saturating_add(times);
        }
    }
}

impl<'k> Trial<'k> {
    /// A trial that has seen nothing yet.
    pub fn new(kit: &'k Kit, name: &str) -> Self {
        let rng = Mutex::new(kit.rng(name));
        Self { kit, rng, seen: Arc::default() }
    }

    /// Random choices for one client of several.
    pub fn fork_rng(&self) -> fastrand::Rng {
        lock(&self.rng).fork()
    }

    /// A property is violated, and the scenario itself has seen how.
    pub fn violate(&self, property: Property, sentence: String, shown: Vec<CallRecord>) {
        let mut seen = lock(&self.seen);
        seen.found.push(Found { candidates: vec![property], sentence: Some(sentence), core: Vec::new(), shown });
    }

    /// A token was redeemed for two, and whether both live was not seen yet.
    pub fn suspects_fork(&self) -> bool {
        let seen = lock(&self.seen);
        let forks = seen.found.iter().filter(|found| found.candidates.contains(&Property::Fork));
        let mut candidates = forks.map(|found| found.candidates.len()).peekable();
        candidates.peek().is_some() && candidates.all(|number| number > 1)
    }

    /// Something happened that could have violated a property.
    pub fn tried(&self, property: Property) {
        let mut seen = lock(&self.seen);
        let times = seen.tried.entry(property).or_default();
        *times = times.saturating_add(1);
    }

    /// A figure was measured.
    pub fn measured(&self, property: Property, words: impl Into<String>, figure: Option<Figure>) {
        lock(&self.seen).measured.insert(property, (words.into(), figure));
    }

    /// A property does not apply.
    pub fn not_applicable(&self, property: Property, why: impl Into<String>) {
        lock(&self.seen).not_applicable.insert(property, why.into());
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

    /// The server rotates refresh tokens each time, and retires the old ones.
    pub fn needs_rotation(&self) -> Result<(), Stop> {
        let skip = |cause: &str| Err(Stop::Skip(cause.to_owned()));
        let rules = self.kit.rules();
        if rules.keeps_tokens {
            skip("the server does not rotate refresh tokens")
        } else if self.kit.rotation.is_irregular() {
            skip("the server does not rotate refresh tokens each time")
        } else if rules.old_tokens_stay {
            skip("the profile states that old refresh tokens stay valid")
        } else {
            Ok(())
        }
    }

    /// Whether access tokens can be tried.
    pub fn can_use_access(&self) -> bool {
        let profile = self.kit.profile();
        let access = profile.access.as_ref().filter(|_| profile.answer.access_token.is_some());
        access.is_some_and(|access| self.kit.lacks(&access.request, &["access_token"]).is_none())
    }

    /// Judges a session's history.
    pub fn keep(&self, log: &Log) {
        let (history, rules) = (log.history(self.kit.lifetimes()), self.kit.rules());
        let has_room = lock(&self.seen).contradictions < EXAMINED;
        // More of the same would tell nothing more; a fork is seen without a search, and may be what is behind the others.
        let judgement =
            if has_room { judge(&history, rules) } else { judge_fork(&history, rules).unwrap_or(Judgement::GivenUp) };
        let mut seen = lock(&self.seen);
        seen.families = seen.families.saturating_add(1);
        for word in words(&log.calls) {
            let count = seen.outcomes.entry(word).or_default();
            *count = count.saturating_add(1);
        }
        match judgement {
            Judgement::Explained => {
                if let Some(tried) = self.evidence(log) {
                    seen.add_tried(tried);
                } else {
                    let count = seen.unanswered.entry("the session may have expired".to_owned()).or_default();
                    *count = count.saturating_add(1);
                }
            }
            Judgement::GivenUp if has_room => seen.given_up = seen.given_up.saturating_add(1),
            Judgement::GivenUp => {}
            Judgement::Contradicts { candidates, calls } => {
                seen.contradictions = seen.contradictions.saturating_add(1);
                let tried = fork_evidence(&log.evidence(self.kit.lifetimes()).calls, rules);
                seen.add_tried(tried.map(|times| (Property::Fork, times)).into_iter().collect());
                let (fewer, left_out) = abridge(&calls);
                let mut shown = log.shown(&fewer);
                for (call, record) in fewer.iter().zip(shown.iter_mut().skip(1)) {
                    let before =
                        left_out.get(&call.number).map(|count| format!("after {count} more refreshes in turn"));
                    record.note = before.or_else(|| record.note.take());
                }
                seen.found.push(Found { candidates, sentence: None, core: calls, shown });
            }
        }
    }

    /// What a history that is explained has put to the test. None: only an expiry that nobody saw explains it.
    fn evidence(&self, log: &Log) -> Option<BTreeMap<Property, u64>> {
        let (history, rules) = (log.evidence(self.kit.lifetimes()), self.kit.rules());
        let is_explained = !log.may_be_excused() || matches!(judge(&history, rules), Judgement::Explained);
        is_explained.then(|| evidence(&history.calls, rules))
    }

    /// What it sees, also when it is stopped before its end.
    pub fn seen(&self) -> Arc<Mutex<Seen>> {
        Arc::clone(&self.seen)
    }
}

/// The outcome of each call in one word. The second call that gets a token is a retry.
fn words(calls: &[Call]) -> Vec<&'static str> {
    let mut known = BTreeSet::new();
    let mut calls: Vec<&Call> = calls.iter().collect();
    calls.sort_by_key(|call| call.finished.tick);
    let word = |call: &Call| match call.outcome {
        Outcome::Issued(token) if known.insert(token) => "rotated",
        Outcome::Issued(_) => "retried",
        other => other.word(),
    };
    calls.into_iter().map(word).collect()
}
