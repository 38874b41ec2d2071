//! The search, against one that tries every order.

use super::*;
use crate::model::StaleSignOut;

/// Half a second, and a second more for servers that round.
const IN_LEEWAY: Rules = Rules { leeway: 500, stale_sign_out: StaleSignOut::Either, ..RULES };

/// Whether some order explains the calls. It tries all of them.
fn is_explained(calls: &[Call], state: &State, rules: Rules) -> bool {
    let Some(first_end) = calls.iter().map(Call::done_by).filter(|end| *end != u64::MAX).min() else { return true };
    (0..calls.len()).any(|place| {
        let mut others = calls.to_vec();
        let call = others.remove(place);
        let after = || state.after(rules, call.ask, call.outcome, call.span());
        call.sent.tick < first_end && after().iter().any(|state| is_explained(&others, state, rules))
    })
}

/// Each token has two successors of its own.
fn redemption() -> impl Strategy<Value = (Ask, Outcome)> {
    let token = prop_oneof![5 => Just(0_usize), 2 => 1_usize..3];
    let outcome = prop_oneof![4 => (1_usize..3).prop_map(Some), 3 => Just(None)];
    (token, outcome, 0..8).prop_map(|(token, successor, luck)| {
        let issued = successor.map(|which| Outcome::Issued(TokenNo(2 * token + which)));
        let outcome = if luck == 0 { Outcome::Unknown } else { issued.unwrap_or(Outcome::Denied) };
        (Ask::Refresh(TokenNo(token), None), outcome)
    })
}

/// Also where a server has a fault.
fn allowing() -> impl Strategy<Value = Option<Property>> {
    let faults = [
        Property::ReuseDetected,
        Property::ReuseEndsSession,
        Property::LeewayEnds,
        Property::RetryInLeeway,
        Property::LiveSessionWorks,
    ];
    proptest::option::of(proptest::sample::select(faults.to_vec()))
}

/// Calls that overlap, over the end of a leeway and beyond.
fn calls() -> impl Strategy<Value = Vec<Call>> {
    let time = prop_oneof![0_u64..400, 0_u64..4000];
    let length = prop_oneof![1_u64..100, 1_u64..2500];
    let sign_out = (0_usize..3).prop_map(|token| (Ask::SignOut(TokenNo(token)), Outcome::SignedOut));
    let one = (prop_oneof![9 => redemption(), 1 => sign_out], time, length);
    proptest::collection::vec(one, 2..7).prop_map(|calls| {
        let stamp =
            |millis, place: usize| Stamp { tick: millis * 16 + u64::try_from(place).unwrap_or_default(), millis };
        let call = |(number, ((ask, outcome), sent, length))| {
            let finished = sent + length;
            Call { number, ask, outcome, sent: stamp(sent, number), finished: stamp(finished, number) }
        };
        calls.into_iter().enumerate().map(call).collect()
    })
}

/// The leeway lasts 60 ms. The second successor takes the place of the first, which is then issued again, so that a use of
/// the second is a replay: if the first is placed at once, while it is the newest, it is not issued again.
#[test]
fn a_successor_may_be_issued_again_after_another_one() {
    let rules = Rules { leeway: 60, ..IN_LEEWAY };
    let calls = [
        (0, Outcome::Issued(TokenNo(1)), 8, 50),
        (0, Outcome::Denied, 20, 26),
        (0, Outcome::Issued(TokenNo(2)), 48, 76),
        (0, Outcome::Issued(TokenNo(1)), 56, 84),
        (2, Outcome::Denied, 116, 196),
    ];
    let stamp = |millis| Stamp { tick: millis, millis };
    let calls = calls.into_iter().enumerate().map(|(number, (token, outcome, sent, finished))| {
        let ask = Ask::Refresh(TokenNo(token), None);
        Call { number, ask, outcome, sent: stamp(sent), finished: stamp(finished) }
    });
    let history = History { calls: calls.collect() };
    assert!(is_explained(&history.calls, &State::new(), rules));
    assert_eq!(history.check(rules), Finding::Explained);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_search_finds_an_order_where_there_is_one(calls in calls(), allowing in allowing()) {
        let rules = Rules { allowing, ..IN_LEEWAY };
        let expected = if is_explained(&calls, &State::new(), rules) { Finding::Explained } else { Finding::Contradicts };
        prop_assert_eq!(History { calls }.check(rules), expected);
    }
}
