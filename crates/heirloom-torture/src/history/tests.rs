mod every_order;

use super::{super::model::KeyNo, *};
use proptest::prelude::*;

const RULES: Rules = Rules {
    retry_window: 120_000,
    leeway: 0,
    stale_sign_out: super::super::model::StaleSignOut::Ends,
    keeps_tokens: false,
    old_tokens_stay: false,
    allowing: None,
};

/// A call that lasts from one tick to another.
fn call(sent: u64, finished: u64, ask: Ask, outcome: Outcome) -> Call {
    Call {
        number: usize::try_from(sent).unwrap_or_default(),
        ask,
        outcome,
        sent: Stamp { tick: sent, millis: sent },
        finished: Stamp { tick: finished, millis: finished },
    }
}

fn refresh(token: usize) -> Ask {
    Ask::Refresh(TokenNo(token), None)
}

fn with_key(token: usize, key: usize) -> Ask {
    Ask::Refresh(TokenNo(token), Some(KeyNo(key)))
}

fn issued(token: usize) -> Outcome {
    Outcome::Issued(TokenNo(token))
}

fn check(calls: Vec<Call>) -> Finding {
    History { calls }.check(RULES)
}

#[test]
fn of_a_race_one_rotates_and_the_rest_are_replays() {
    let race =
        |outcomes: &[Outcome]| outcomes.iter().map(|outcome| call(1, 10, refresh(0), *outcome)).collect::<Vec<_>>();
    let (reused, ended) = (Outcome::Reused, Outcome::Ended);
    assert_eq!(check(race(&[ended, reused, issued(1), ended])), Finding::Explained);
    assert_eq!(check(race(&[issued(1), issued(2)])), Finding::Contradicts, "two rotated");
    assert_eq!(check(race(&[issued(1), issued(1)])), Finding::Explained, "they met, and share a successor");
    assert_eq!(check(race(&[reused, ended])), Finding::Contradicts, "none rotated");
    assert_eq!(check(race(&[issued(1), ended, ended])), Finding::Explained, "the first refusal revoked it");
    let many: Vec<_> = std::iter::repeat_n(ended, 1000).chain([issued(1), reused]).collect();
    assert_eq!(check(race(&many)), Finding::Explained);
}

/// Sixty-two refusals can be put in many orders. That two were rotated must be seen without trying them all.
#[test]
fn a_wide_race_is_judged_without_trying_every_order() {
    let refused = (0..62).map(|number| call(1 + number, 100 + number, refresh(0), Outcome::Denied));
    let both = [call(1, 100, refresh(0), issued(1)), call(2, 90, refresh(0), issued(2))];
    let later = [call(200, 210, refresh(1), issued(3)), call(220, 230, refresh(2), Outcome::Denied)];
    let race = History { calls: refused.chain(both).chain(later).collect() };
    assert_eq!(race.check(RULES), Finding::Contradicts);
    let core = race.shortest(RULES).core(RULES);
    assert!((2..5).contains(&core.len()), "{core:?}");
}

/// The same within a leeway, where the second successor takes the place of the first.
#[test]
fn a_wide_race_in_a_leeway_is_judged_without_trying_every_order() {
    let rules = Rules { leeway: 10_000, ..RULES };
    let refused = (0..62).map(|number| call(1 + number, 100 + number, refresh(0), Outcome::Denied));
    let both = [call(1, 100, refresh(0), issued(1)), call(2, 90, refresh(0), issued(2))];
    let race = |later: [Call; 2]| History { calls: refused.clone().chain(both.clone()).chain(later).collect() };
    let (first, second) = (call(200, 210, refresh(1), issued(3)), |outcome| call(220, 230, refresh(2), outcome));
    assert_eq!(race([first.clone(), second(Outcome::Denied)]).check(rules), Finding::Explained);
    assert_eq!(race([first, second(issued(4))]).check(rules), Finding::Contradicts);
}

/// Whether a refusal came in time matters where the leeway ended meanwhile.
#[test]
fn refusals_after_the_end_of_a_leeway_are_not_those_within_it() {
    let rules = Rules { leeway: 50, ..RULES };
    let rotation = call(1, 2, refresh(0), issued(1));
    let within = call(3, 1400, refresh(0), Outcome::Denied);
    let late = call(1300, 1310, refresh(0), Outcome::Denied);
    let next = |sent| call(sent, sent + 1, refresh(1), issued(2));
    // The one that was sent in time may have been refused without an alarm; the late one is a replay.
    assert_eq!(History { calls: vec![rotation.clone(), within.clone(), next(1401)] }.check(rules), Finding::Explained);
    assert_eq!(History { calls: vec![rotation, within, late, next(1401)] }.check(rules), Finding::Contradicts);
}

#[test]
fn real_time_binds() {
    let (first, second) = (call(1, 2, refresh(0), Outcome::Reused), call(3, 4, refresh(0), issued(1)));
    assert_eq!(check(vec![first.clone(), second.clone()]), Finding::Contradicts, "a replay before the use");
    let overlapping = Call { sent: first.sent, ..second };
    assert_eq!(check(vec![first, overlapping]), Finding::Explained);
}

#[test]
fn after_a_reuse_was_answered_nothing_works_again() {
    let stolen = [call(1, 2, refresh(0), issued(1)), call(3, 4, refresh(0), Outcome::Reused)];
    let then = |outcome| check(stolen.iter().cloned().chain([call(5, 6, refresh(1), outcome)]).collect());
    assert_eq!(then(Outcome::Ended), Finding::Explained);
    assert_eq!(then(issued(2)), Finding::Contradicts);
    assert_eq!(then(Outcome::Unknown), Finding::Explained);
    // In flight at the same time, it may have come first; but what it was handed is dead too.
    let flight = call(3, 6, refresh(1), issued(2));
    let with_flight =
        |last: Outcome| check(stolen.iter().cloned().chain([flight.clone(), call(7, 8, refresh(2), last)]).collect());
    assert_eq!(with_flight(Outcome::Ended), Finding::Explained);
    assert_eq!(with_flight(issued(3)), Finding::Contradicts);
}

#[test]
fn a_lost_answer_may_have_been_given_or_not() {
    let lost = call(1, 2, with_key(0, 1), Outcome::Unknown);
    let then = |ask, outcome| check(vec![lost.clone(), call(3, 4, ask, outcome)]);
    assert_eq!(then(with_key(0, 1), issued(1)), Finding::Explained);
    assert_eq!(then(refresh(0), issued(1)), Finding::Explained, "it had not reached the server");
    assert_eq!(then(refresh(0), Outcome::Reused), Finding::Explained, "it had");
    assert_eq!(then(refresh(0), Outcome::Ended), Finding::Explained, "it had, and this is a replay");
    // It may reach the server late.
    let late = [call(3, 4, with_key(0, 2), issued(1)), call(5, 6, refresh(1), Outcome::Ended)];
    assert_eq!(check([vec![lost.clone()], late.to_vec()].concat()), Finding::Explained);
    assert_eq!(check(late.to_vec()), Finding::Contradicts);
}

#[test]
fn retries_get_one_successor_and_it_lives() {
    let retried = |second, newest| {
        check(vec![
            call(1, 9, with_key(0, 1), issued(1)),
            call(1, 9, with_key(0, 1), issued(second)),
            call(10, 11, refresh(newest), issued(5)),
        ])
    };
    assert_eq!(retried(1, 1), Finding::Explained);
    assert_eq!(retried(2, 1), Finding::Contradicts, "a fork");
    assert_eq!(retried(2, 2), Finding::Contradicts, "a fork");
}

#[test]
fn a_token_succeeds_one_other_only() {
    let calls = vec![call(1, 2, refresh(0), issued(1)), call(3, 4, refresh(1), issued(0))];
    assert_eq!(check(calls), Finding::Contradicts, "the first token came back");
    let calls =
        vec![call(1, 2, refresh(0), issued(1)), call(3, 4, refresh(1), issued(2)), call(5, 6, refresh(2), issued(1))];
    assert_eq!(check(calls), Finding::Contradicts);
}

#[test]
fn the_core_is_what_cannot_be_explained() {
    let mut calls = vec![call(1, 2, refresh(0), issued(1))];
    calls.extend((0..40).map(|number| call(3 + number, 90, refresh(1), Outcome::Ended)));
    calls.push(call(50, 80, refresh(1), issued(2)));
    calls.push(call(50, 85, refresh(1), issued(3)));
    let core = History { calls }.shortest(RULES).core(RULES);
    let outcomes: Vec<_> = core.iter().map(|call| call.outcome).collect();
    assert_eq!(outcomes, [issued(1), issued(2), issued(3)]);
}

/// What a client does next; `usize` picks a token among those it knows.
#[derive(Debug, Clone)]
enum Move {
    Rotate { keyed: bool, lost: bool },
    Retry { lost: bool },
    Replay(usize),
    SignOut,
}

fn moves() -> impl Strategy<Value = Vec<(Move, u64, u64)>> {
    let one = prop_oneof![
        6 => (any::<bool>(), any::<bool>()).prop_map(|(keyed, lost)| Move::Rotate { keyed, lost }),
        3 => any::<bool>().prop_map(|lost| Move::Retry { lost }),
        1 => (0_usize..20).prop_map(Move::Replay),
        1 => Just(Move::SignOut),
    ];
    proptest::collection::vec((one, 0_u64..25, 0_u64..25), 1..40)
}

/// A server that does one thing after another, seen by clients whose calls overlap: each takes effect at its own instant
/// within a longer call.
fn simulate(moves: &[(Move, u64, u64)]) -> Vec<Call> {
    let (mut newest, mut is_known, mut last, mut over) = (0, true, None, false);
    let mut calls = Vec::new();
    for (number, (step, before, after)) in moves.iter().enumerate() {
        let rotation = (refresh(newest), with_key(newest, number));
        let (ask, outcome, unread) = match (step, last) {
            (Move::Rotate { keyed, lost }, _) if is_known => {
                let ask = if *keyed { rotation.1 } else { rotation.0 };
                if !over {
                    is_known = !lost;
                    last = Some((ask, *keyed));
                    newest += 1;
                }
                (ask, if over { Outcome::Ended } else { issued(newest) }, *lost)
            }
            (Move::Retry { lost }, Some((ask, keyed))) => {
                let outcome = if over {
                    Outcome::Ended
                } else if keyed {
                    issued(newest)
                } else {
                    Outcome::Reused
                };
                is_known |= !over && keyed && !lost;
                over |= !keyed;
                (ask, outcome, *lost)
            }
            (Move::Replay(old), _) if newest > 0 => {
                let outcome = if over { Outcome::Ended } else { Outcome::Reused };
                over = true;
                (with_key(old % newest, 1000 + number), outcome, false)
            }
            (Move::SignOut, _) if is_known => {
                over = true;
                (Ask::SignOut(TokenNo(newest)), Outcome::SignedOut, false)
            }
            _nothing_to_repeat => continue,
        };
        let instant = 100 + 10 * u64::try_from(number).unwrap_or_default();
        calls.push(call(instant - before, instant + after + 1, ask, if unread { Outcome::Unknown } else { outcome }));
    }
    calls
}

proptest! {
    #[test]
    fn whatever_a_right_server_does_is_explained(moves in moves()) {
        prop_assert_eq!(check(simulate(&moves)), Finding::Explained);
    }

    #[test]
    fn a_token_issued_after_every_client_knew_of_the_revocation_never_is(moves in moves(), fresh in 900_usize..1000) {
        let mut calls = simulate(&moves);
        calls.push(call(10_000, 10_001, Ask::SignOut(TokenNo(0)), Outcome::SignedOut));
        calls.push(call(10_002, 10_003, refresh(fresh - 900), issued(fresh)));
        prop_assert_eq!(check(calls), Finding::Contradicts);
    }

    #[test]
    fn a_core_contradicts_and_has_outcomes_only_of_the_history(moves in moves()) {
        let mut calls = simulate(&moves);
        calls.push(call(10_000, 10_001, refresh(800), issued(801)));
        calls.push(call(10_000, 10_001, refresh(800), issued(802)));
        let history = History { calls };
        prop_assert_eq!(history.check(RULES), Finding::Contradicts);
        let core = history.shortest(RULES).core(RULES);
        prop_assert!(!core.is_empty() && core.iter().all(|call| history.calls.contains(call)));
    }
}
