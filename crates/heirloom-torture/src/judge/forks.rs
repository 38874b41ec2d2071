//! Two live tokens from one.

use super::super::{history::Call, model::TokenNo};
use std::collections::{BTreeMap, BTreeSet};

/// The fewest calls that show a fork: one token was redeemed for two different ones, and both lived when both had been
/// issued.
pub fn fork(calls: &[Call]) -> Option<Vec<Call>> {
    let heirs = Heirs::of(calls);
    twice(calls).find_map(|(one, other)| heirs.both_live(one, other))
}

/// Whether one token was redeemed for two different ones.
pub fn redeemed_twice(calls: &[Call]) -> bool {
    twice(calls).next().is_some()
}

/// Pairs of redemptions of one token that were issued different ones.
fn twice(calls: &[Call]) -> impl Iterator<Item = (&Call, &Call)> {
    let redeemed = |call: &&Call| call.redeems().is_some() && call.successor().is_some();
    calls.iter().filter(redeemed).enumerate().flat_map(move |(place, one)| {
        let others = calls.iter().filter(redeemed).skip(place.saturating_add(1));
        let pairs = others.filter(|other| other.redeems() == one.redeems() && other.issued() != one.issued());
        pairs.map(move |other| (one, other))
    })
}

struct Heirs<'a> {
    calls: &'a [Call],
    /// The redemptions that were issued a token, by the token that was presented.
    by_token: BTreeMap<TokenNo, Vec<&'a Call>>,
}

impl<'a> Heirs<'a> {
    fn of(calls: &'a [Call]) -> Self {
        let mut by_token: BTreeMap<TokenNo, Vec<&Call>> = BTreeMap::new();
        for call in calls.iter().filter(|call| call.successor().is_some()) {
            if let Some(token) = call.redeems() {
                by_token.entry(token).or_default().push(call);
            }
        }
        Self { calls, by_token }
    }

    /// Each chain was refreshed after the other had begun, and they never met.
    fn both_live(&self, one: &Call, other: &Call) -> Option<Vec<Call>> {
        let (ours, theirs) = (self.path(one, other)?, self.path(other, one)?);
        let tokens = |path: &[&Call]| path.iter().filter_map(|call| call.issued()).collect::<BTreeSet<_>>();
        if !tokens(&ours).is_disjoint(&tokens(&theirs)) {
            return None;
        }
        let before = self.before(one);
        let numbers: BTreeSet<_> = ours.iter().chain(&theirs).chain(&before).map(|call| call.number).collect();
        let mut shown: Vec<_> = self.calls.iter().filter(|call| numbers.contains(&call.number)).cloned().collect();
        shown.sort_by_key(|call| call.sent.tick);
        Some(shown)
    }

    /// The redemptions that led to the token which this one presents: it did not come from nowhere.
    fn before(&self, from: &Call) -> Vec<&'a Call> {
        let (mut found, mut token): (Vec<&Call>, _) = (Vec::new(), from.redeems());
        while let Some(call) = token.and_then(|token| self.calls.iter().find(|call| call.issued() == Some(token))) {
            if call.redeems() == token || found.iter().any(|known| known.number == call.number) {
                break;
            }
            found.push(call);
            token = call.redeems();
        }
        found
    }

    /// From a redemption through its successors to one that was sent after `other` was answered.
    fn path(&self, from: &'a Call, other: &Call) -> Option<Vec<&'a Call>> {
        let (mut open, mut seen) = (vec![vec![from]], BTreeSet::new());
        while let Some(path) = open.pop() {
            let last = path.last()?;
            let successors = last.issued().and_then(|token| self.by_token.get(&token));
            for next in successors.into_iter().flatten().copied() {
                let longer: Vec<_> = path.iter().copied().chain([next]).collect();
                if next.follows(other) && next.follows(from) {
                    return Some(longer);
                }
                if seen.insert(next.number) {
                    open.push(longer);
                }
            }
        }
        None
    }
}
