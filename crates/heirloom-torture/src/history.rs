//! Was it correct? A history of overlapping calls, checked against the sequential specification.
//!
//! The search of Wing and Gong ("Testing and verifying concurrent objects", 1993) with Lowe's memory of what was tried:
//! is there an order of the calls, consistent with real time (a call that was answered before another was sent comes
//! before it), in which every outcome is right? A call without an answer may stand anywhere after it was sent, or
//! nowhere. Three facts keep the search small: a call that may come next and changes nothing may as well come at once; of
//! unanswered calls that ask the same, the one sent first may as well be the one that took effect; and of calls without a
//! key that present the same token and are refused alike, the one that ended first may as well come first.

use super::{
    model::{Ask, Outcome, Rules, Span, State, TokenNo},
    property::Property,
};
use std::collections::{BTreeMap, HashSet};

/// States that are looked at before the search gives up.
const PATIENCE: usize = 400_000;

/// A point in time: its place among all others that this process noted, and milliseconds since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Counts up, never the same twice.
    pub tick: u64,
    /// For retry windows, and for reading.
    pub millis: u64,
}

/// One call, as the client saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its place among all calls of the family.
    pub number: usize,
    /// What was asked.
    pub ask: Ask,
    /// The outcome.
    pub outcome: Outcome,
    /// Before the request was sent.
    pub sent: Stamp,
    /// After the answer was read, or given up.
    pub finished: Stamp,
}

impl Call {
    /// From when on others come after this one; an unanswered call may take effect at any time.
    fn done_by(&self) -> u64 {
        if self.outcome == Outcome::Unknown { u64::MAX } else { self.finished.tick }
    }

    fn span(&self) -> Span {
        let (latest, end) = if self.outcome == Outcome::Unknown {
            (u64::MAX, u64::MAX)
        } else {
            (self.finished.millis, self.finished.tick)
        };
        Span { earliest: self.sent.millis, latest, ticks: (self.sent.tick, end) }
    }

    /// The token that it redeems, if it redeems a genuine one.
    #[must_use]
    pub fn redeems(&self) -> Option<TokenNo> {
        if let Ask::Refresh(token, _) = self.ask { Some(token) } else { None }
    }

    /// The token that it was issued.
    #[must_use]
    pub fn issued(&self) -> Option<TokenNo> {
        self.outcome.issued()
    }

    /// The token that it was issued in place of the one that it redeems.
    #[must_use]
    pub fn successor(&self) -> Option<TokenNo> {
        self.issued().filter(|issued| Some(*issued) != self.redeems())
    }

    /// It was answered.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        !matches!(self.outcome, Outcome::Unknown | Outcome::Unforeseen)
    }

    /// It was sent after the other was answered.
    #[must_use]
    pub fn follows(&self, other: &Self) -> bool {
        other.is_answered() && self.sent.tick > other.finished.tick
    }

    /// Both were under way at once.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.sent.tick < other.finished.tick && other.sent.tick < self.finished.tick
    }
}

/// What the search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// There is such an order.
    Explained,
    /// There is no such order.
    Contradicts,
    /// The search was given up.
    GivenUp,
}

/// All calls of one family.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// In any order.
    pub calls: Vec<Call>,
}

impl History {
    /// The same without the outcomes that the profile does not know: they are reported elsewhere, and prove nothing.
    #[must_use]
    pub fn as_far_as_understood(&self) -> Self {
        let mut understood = self.clone();
        for call in understood.calls.iter_mut().filter(|call| call.outcome == Outcome::Unforeseen) {
            call.outcome = Outcome::Unknown;
        }
        understood
    }

    /// Looks for an order.
    #[must_use]
    pub fn check(&self, rules: Rules) -> Finding {
        let may_repeat = [
            Property::ReuseDetected,
            Property::LeewayEnds,
            Property::ForgedRefused,
            Property::CrashSafe,
            Property::RetryWithKey,
        ];
        let repeats_allowed =
            rules.retires_nothing() || rules.allowing.is_some_and(|allowed| may_repeat.contains(&allowed));
        if !repeats_allowed && self.hands_one_token_out_twice() {
            return Finding::Contradicts;
        }
        let contested = if rules.leeway > 0 { self.with_two_successors() } else { HashSet::new() };
        Search { calls: &self.calls, rules, contested, tried: HashSet::new() }.run()
    }

    /// Tokens that were redeemed for different ones without a key.
    fn with_two_successors(&self) -> HashSet<TokenNo> {
        let mut first = BTreeMap::new();
        let redeemed = self.calls.iter().filter_map(|call| match call.ask {
            Ask::Refresh(presented, None) => Some((presented, call.successor()?)),
            _other => None,
        });
        redeemed
            .filter(|(token, issued)| *first.entry(*token).or_insert(*issued) != *issued)
            .map(|(token, _)| token)
            .collect()
    }

    /// A token succeeds one other, and the first succeeds none.
    fn hands_one_token_out_twice(&self) -> bool {
        let mut predecessors = BTreeMap::new();
        self.calls.iter().any(|call| match (call.ask, call.successor()) {
            (_, Some(TokenNo(0))) => true,
            (Ask::Refresh(presented, _), Some(token)) => *predecessors.entry(token).or_insert(presented) != presented,
            _harmless => false,
        })
    }

    /// Of a history that contradicts: its shortest beginning that does.
    #[must_use]
    pub fn shortest(&self, rules: Rules) -> Self {
        let mut ends: Vec<u64> = self.calls.iter().map(Call::done_by).filter(|end| *end != u64::MAX).collect();
        ends.sort_unstable();
        let fine = ends.partition_point(|end| self.until(*end).check(rules) != Finding::Contradicts);
        ends.get(fine).map_or_else(|| self.clone(), |end| self.until(*end))
    }

    /// Of a history that contradicts: the fewest calls whose outcomes alone cannot all be right whatever the others did.
    #[must_use]
    pub fn core(&self, rules: Rules) -> Vec<Call> {
        let mut core = self.clone();
        core.calls.sort_by_key(|call| call.finished.tick);
        for place in (0..core.calls.len()).rev() {
            if let Some(weaker) = core.without(place).filter(|weaker| weaker.check(rules) == Finding::Contradicts) {
                core = weaker;
            }
        }
        // What is left without an outcome was unanswered, or does not matter.
        core.calls.retain(|call| call.outcome != Outcome::Unknown);
        core.calls.sort_by_key(|call| call.sent.tick);
        core.calls
    }

    /// The same with one outcome forgotten; none when that would leave a token that came from nowhere.
    fn without(&self, place: usize) -> Option<Self> {
        let outcome = self.calls.get(place)?.outcome;
        let presents = |call: &Call| match (call.ask, outcome) {
            (Ask::Refresh(presented, _) | Ask::SignOut(presented), Outcome::Issued(handed)) => presented == handed,
            _other => false,
        };
        if self.calls.iter().any(|call| call.outcome != Outcome::Unknown && presents(call)) {
            return None;
        }
        let mut weaker = self.clone();
        weaker.calls.get_mut(place)?.outcome = Outcome::Unknown;
        Some(weaker)
    }

    /// What was known at this tick.
    fn until(&self, tick: u64) -> Self {
        let begun = self.calls.iter().filter(|call| call.sent.tick <= tick);
        let known = begun.map(|call| {
            let outcome = if call.finished.tick <= tick { call.outcome } else { Outcome::Unknown };
            Call { outcome, ..call.clone() }
        });
        Self { calls: known.collect() }
    }
}

/// Which calls have been placed, a bit each.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Placed(Vec<bool>);

impl Placed {
    fn has(&self, call: usize) -> bool {
        self.0.get(call).copied().unwrap_or_default()
    }

    fn with(&self, call: usize) -> Self {
        let mut more = self.clone();
        more.place(call);
        more
    }

    fn place(&mut self, call: usize) {
        if let Some(placed) = self.0.get_mut(call) {
            *placed = true;
        }
    }
}

struct Search<'a> {
    calls: &'a [Call],
    rules: Rules,
    /// Tokens that were redeemed for different ones inside a leeway: a successor may be issued again, and then takes the place
    /// of the one that was issued meanwhile.
    contested: HashSet<TokenNo>,
    tried: HashSet<(Placed, State)>,
}

impl Search<'_> {
    fn run(mut self) -> Finding {
        let mut open = vec![(Placed(vec![false; self.calls.len()]), State::new())];
        while let Some((mut placed, state)) = open.pop() {
            let Some(next) = self.place_what_changes_nothing(&mut placed, &state) else { return Finding::Explained };
            if !self.tried.insert((placed.clone(), state.clone())) {
                continue;
            }
            if self.tried.len() > PATIENCE {
                return Finding::GivenUp;
            }
            for call in next {
                let states =
                    self.after(&state, call).into_iter().filter(|after| *after != state || self.is_answered(call));
                open.extend(states.map(|after| (placed.with(call), after)));
            }
        }
        Finding::Contradicts
    }

    /// Places what may come at once; returns what may come next, or none when every answer has been explained.
    fn place_what_changes_nothing(&self, placed: &mut Placed, state: &State) -> Option<Vec<usize>> {
        loop {
            let candidates = self.candidates(placed)?;
            let still = |call: &usize| {
                self.is_answered(*call) && !self.is_contested(*call) && self.after(state, *call) == [state.clone()]
            };
            let mut idle = candidates.iter().copied().filter(still).peekable();
            if idle.peek().is_none() {
                return Some(candidates);
            }
            idle.for_each(|call| placed.place(call));
        }
    }

    /// Calls that no other, unplaced, must come before. None: every answered call is placed.
    fn candidates(&self, placed: &Placed) -> Option<Vec<usize>> {
        let open = || self.calls.iter().enumerate().filter(|(number, _)| !placed.has(*number));
        let first_end = open().map(|(_, call)| call.done_by()).filter(|end| *end != u64::MAX).min()?;
        let mut unanswered: HashSet<Ask> = HashSet::new();
        let mut ready: Vec<(usize, &Call)> = open().filter(|(_, call)| call.sent.tick < first_end).collect();
        ready.sort_by_key(|(_, call)| call.sent.tick);
        ready.retain(|(_, call)| call.outcome != Outcome::Unknown || unanswered.insert(call.ask));
        let mut first_refusals = BTreeMap::new();
        for (number, call) in ready.iter().filter(|(_, call)| may_change_places(call)) {
            let first =
                first_refusals.entry((call.redeems(), call.outcome.word())).or_insert((call.done_by(), *number));
            *first = (*first).min((call.done_by(), *number));
        }
        let is_first = |number: usize| first_refusals.values().any(|(_, first)| *first == number);
        ready.retain(|(number, call)| !may_change_places(call) || is_first(*number));
        Some(ready.into_iter().map(|(number, _)| number).collect())
    }

    /// Whether its outcome may matter later although it changes nothing now.
    fn is_contested(&self, call: usize) -> bool {
        let call = self.calls.get(call).filter(|call| call.issued().is_some());
        call.and_then(Call::redeems).is_some_and(|token| self.contested.contains(&token))
    }

    fn is_answered(&self, call: usize) -> bool {
        self.calls.get(call).is_some_and(|call| call.outcome != Outcome::Unknown)
    }

    fn after(&self, state: &State, call: usize) -> Vec<State> {
        let call = self.calls.get(call);
        call.map_or_else(Vec::new, |call| state.after(self.rules, call.ask, call.outcome, call.span()))
    }
}

/// Whether another call that asked for the same and was refused alike may come in its place. Of two of them, the one that
/// ended first may come first: whatever comes between both was sent before that, so it may come before either. A refusal of
/// a stale token may always revoke the session; one that passed without an alarm, inside a leeway, may as well come just
/// after the other. With a key it matters when each was sent.
fn may_change_places(call: &Call) -> bool {
    matches!(call.ask, Ask::Refresh(_, None)) && call.outcome.is_refusal()
}

#[cfg(test)]
mod tests;
