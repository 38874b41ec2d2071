//! A hundred refreshes in turn say no more than that there were a hundred.

use super::super::{history::Call, model::TokenNo};
use std::collections::BTreeMap;

/// Fewer in turn are shown.
const SHOWN: usize = 3;

/// The calls without those that only lead from one token to the next; and for calls that follow upon such, by number,
/// how many are left out before them. The calls are in the order in which they were sent.
#[must_use]
pub fn abridge(calls: &[Call]) -> (Vec<Call>, BTreeMap<usize, usize>) {
    let mut presented: BTreeMap<TokenNo, usize> = BTreeMap::new();
    for token in calls.iter().filter_map(Call::redeems) {
        let times = presented.entry(token).or_default();
        *times = times.saturating_add(1);
    }
    let once = |token: Option<TokenNo>| token.and_then(|token| presented.get(&token)) == Some(&1);
    let is_link = |before: Option<&Call>, call: &Call| {
        let continues = before.is_some_and(|before| before.issued().is_some() && before.issued() == call.redeems());
        continues && once(call.redeems()) && once(call.issued()) && call.issued() != call.redeems()
    };
    let (mut kept, mut left_out, mut run): (Vec<Call>, BTreeMap<usize, usize>, Vec<&Call>) = Default::default();
    let before = std::iter::once(None).chain(calls.iter().map(Some));
    for (before, call) in before.zip(calls) {
        if is_link(before, call) {
            run.push(call);
            continue;
        }
        close(&mut kept, &mut left_out, &mut run, call.number);
        kept.push(call.clone());
    }
    kept.extend(run.into_iter().cloned());
    (kept, left_out)
}

fn close(kept: &mut Vec<Call>, left_out: &mut BTreeMap<usize, usize>, run: &mut Vec<&Call>, next: usize) {
    if run.len() > SHOWN {
        left_out.insert(next, run.len());
        run.clear();
    }
    kept.extend(run.drain(..).cloned());
}
