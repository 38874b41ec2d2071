use super::*;

const RULES: Rules = Rules {
    retry_window: 1000,
    leeway: 0,
    stale_sign_out: StaleSignOut::Ends,
    keeps_tokens: false,
    old_tokens_stay: false,
    allowing: None,
};
const KEY: Option<KeyNo> = Some(KeyNo(1));
const OTHER: Option<KeyNo> = Some(KeyNo(2));

fn at(earliest: u64) -> Span {
    Span { earliest, latest: earliest, ticks: (earliest, earliest) }
}

fn token(number: usize) -> TokenNo {
    TokenNo(number)
}

/// Token 0 was rotated with `KEY`, token 1 is the newest; or it is unknown.
fn rotated(newest: Option<TokenNo>) -> State {
    State::Live { newest, last: Some(Rotation { retired: token(0), key: KEY, at: at(0) }) }
}

/// A state, the token that is presented to it, with which key, the result, and what may follow.
type Row<'a> = (&'a State, usize, Option<KeyNo>, Outcome, Vec<State>);

#[test]
fn what_may_follow_upon_a_refresh() {
    let first = State::new();
    let live = rotated(Some(token(1)));
    let hidden = rotated(None);
    let twice =
        State::Live { newest: Some(token(2)), last: Some(Rotation { retired: token(1), key: OTHER, at: at(10) }) };
    let issued = Outcome::Issued;
    let table: Vec<Row> = vec![
        // The newest token rotates, and is never refused.
        (&first, 0, KEY, issued(token(1)), vec![rotated_at_10(0, 1, KEY)]),
        (&live, 1, OTHER, issued(token(2)), vec![twice.clone()]),
        // It may stay the newest.
        (&live, 1, OTHER, issued(token(1)), vec![live.clone()]),
        (&live, 1, KEY, Outcome::Reused, vec![]),
        (&live, 1, KEY, Outcome::Ended, vec![]),
        (&live, 1, KEY, Outcome::Denied, vec![]),
        (&live, 1, KEY, Outcome::Invalid, vec![]),
        (&live, 1, KEY, Outcome::Unforeseen, vec![]),
        (&live, 1, OTHER, Outcome::Unknown, vec![live.clone(), rotated_without_an_answer(1, OTHER)]),
        // The same request again: the same successor, no second one, no alarm.
        (&live, 0, KEY, issued(token(1)), vec![live.clone()]),
        (&live, 0, KEY, issued(token(7)), vec![]),
        (&live, 0, KEY, Outcome::Reused, vec![]),
        (&live, 0, KEY, Outcome::Unknown, vec![live.clone()]),
        (&hidden, 0, KEY, issued(token(1)), vec![live.clone()]),
        // Another key or none, or a successor that was used: a replay, and the family ends.
        (&live, 0, None, Outcome::Reused, vec![State::Revoked]),
        (&live, 0, OTHER, Outcome::Reused, vec![State::Revoked]),
        (&live, 0, None, issued(token(1)), vec![]),
        (&live, 0, None, Outcome::Denied, vec![State::Revoked]),
        (&live, 0, None, Outcome::Ended, vec![State::Revoked]),
        (&live, 0, None, Outcome::Invalid, vec![State::Revoked]),
        (&live, 0, None, Outcome::Unknown, vec![live.clone(), State::Revoked]),
        (&twice, 0, KEY, Outcome::Reused, vec![State::Revoked]),
        (&twice, 0, KEY, issued(token(1)), vec![]),
        (&hidden, 0, None, Outcome::Reused, vec![State::Revoked]),
        // After the end nothing works again.
        (&State::Revoked, 1, KEY, Outcome::Ended, vec![State::Revoked]),
        (&State::Revoked, 0, None, Outcome::Reused, vec![State::Revoked]),
        (&State::Revoked, 1, KEY, issued(token(2)), vec![]),
        (&State::Revoked, 1, KEY, Outcome::Invalid, vec![State::Revoked]),
    ];
    for (state, presented, key, outcome, expected) in table {
        let states = state.after(RULES, Ask::Refresh(token(presented), key), outcome, at(10));
        assert_eq!(states, expected, "{state:?}, token {presented} with {key:?}: {outcome:?}");
    }
}

fn rotated_at_10(retired: usize, newest: usize, key: Option<KeyNo>) -> State {
    State::Live { newest: Some(token(newest)), last: Some(Rotation { retired: token(retired), key, at: at(10) }) }
}

fn rotated_without_an_answer(retired: usize, key: Option<KeyNo>) -> State {
    State::Live { newest: None, last: Some(Rotation { retired: token(retired), key, at: at(10) }) }
}

#[test]
fn a_retry_is_one_only_inside_its_window() {
    let live = rotated(Some(token(1)));
    let retry = |outcome, span| live.after(RULES, Ask::Refresh(token(0), KEY), outcome, span);
    assert_eq!(retry(Outcome::Reused, at(999)), vec![]);
    assert_eq!(retry(Outcome::Reused, at(1000)), vec![State::Revoked]);
    assert_eq!(retry(Outcome::Issued(token(1)), at(1000)), vec![]);
    // The call lasted over the window's end: either is right.
    let across = Span { earliest: 900, latest: 1100, ticks: (900, 1100) };
    assert_eq!(retry(Outcome::Reused, across), vec![State::Revoked, live.clone()]);
    assert_eq!(retry(Outcome::Issued(token(1)), across), vec![live.clone()]);
}

#[test]
fn a_leeway_is_for_those_without_a_key() {
    let rules = Rules { leeway: 1000, retry_window: 0, ..RULES };
    let live = State::Live { newest: Some(token(1)), last: Some(Rotation { retired: token(0), key: None, at: at(0) }) };
    let again = |outcome, time| live.after(rules, Ask::Refresh(token(0), None), outcome, at(time));
    assert_eq!(again(Outcome::Issued(token(1)), 5), vec![live.clone()]);
    let other =
        State::Live { newest: Some(token(2)), last: Some(Rotation { retired: token(0), key: None, at: at(0) }) };
    assert_eq!(again(Outcome::Issued(token(2)), 5), vec![other], "another token takes the first one's place");
    assert_eq!(again(Outcome::Reused, 5), vec![State::Revoked, live.clone()], "it is not a duty");
    assert_eq!(again(Outcome::Issued(token(1)), 1999), vec![live.clone()], "servers count in seconds");
    assert_eq!(again(Outcome::Reused, 2000), vec![State::Revoked]);
    assert_eq!(again(Outcome::Issued(token(1)), 2000), vec![], "it has an end");
    let none = Rules { leeway: 0, ..rules };
    let at_once = live.after(none, Ask::Refresh(token(0), None), Outcome::Issued(token(1)), at(5));
    assert_eq!(at_once, vec![], "no leeway is not rounded up");
}

/// Each was sent before the other was answered.
#[test]
fn two_redemptions_that_meet_may_share_a_successor() {
    let during = |from: u64, to: u64| Span { earliest: from, latest: to, ticks: (from, to) };
    let live =
        State::Live { newest: Some(token(1)), last: Some(Rotation { retired: token(0), key: None, at: during(0, 9) }) };
    let again = |presented, key, outcome, span| live.after(RULES, Ask::Refresh(token(presented), key), outcome, span);
    let same = Outcome::Issued(token(1));
    assert_eq!(again(0, None, same, during(5, 12)), vec![live.clone()]);
    assert_eq!(again(0, None, Outcome::Denied, during(5, 12)), vec![State::Revoked]);
    assert_eq!(again(0, None, same, during(10, 12)), vec![], "it came later");
    assert_eq!(again(0, None, Outcome::Issued(token(2)), during(5, 12)), vec![], "another token");
    assert_eq!(again(0, KEY, same, during(5, 12)), vec![], "another request");
}

/// Each property that is allowed to be violated explains its own violation.
#[test]
fn what_a_fault_would_explain() {
    let live = rotated(Some(token(1)));
    let after = |allowing, ask, outcome| {
        live.after(Rules { allowing: Some(allowing), ..RULES }, ask, outcome, at(10)).contains(&live)
    };
    let replay = Ask::Refresh(token(0), None);
    for (property, ask, outcome, explains) in [
        (Property::ReuseEndsSession, replay, Outcome::Reused, true),
        (Property::ReuseEndsSession, replay, Outcome::Denied, true),
        (Property::ReuseEndsSession, replay, Outcome::Issued(token(1)), false),
        (Property::ReuseDetected, replay, Outcome::Denied, true),
        (Property::ReuseDetected, replay, Outcome::Reused, false),
        (Property::ReuseDetected, replay, Outcome::Issued(token(1)), true),
        (Property::LeewayEnds, replay, Outcome::Issued(token(1)), false),
        (Property::SignOutEndsSession, Ask::SignOut(token(1)), Outcome::SignedOut, true),
        (Property::SignOutEndsSession, replay, Outcome::Denied, false),
        (Property::RetryWithKey, Ask::Refresh(token(0), KEY), Outcome::Reused, true),
        (Property::RetryWithKey, Ask::Refresh(token(0), OTHER), Outcome::Reused, false),
        (Property::LiveSessionWorks, Ask::Refresh(token(1), None), Outcome::Denied, true),
        (Property::LiveSessionWorks, Ask::UseAccess(Some(token(1))), Outcome::Dead, true),
        (Property::ForgedRefused, Ask::RefreshForged, Outcome::Issued(token(7)), true),
        (Property::Fork, replay, Outcome::Denied, false),
    ] {
        assert_eq!(after(property, ask, outcome), explains, "{property:?} {ask:?} {outcome:?}");
    }
}

#[test]
fn a_crash_may_have_lost_anything_only_where_that_is_allowed() {
    let live = rotated(Some(token(1)));
    let lost = Rules { allowing: Some(Property::CrashSafe), ..RULES };
    assert_eq!(live.after(RULES, Ask::Restart, Outcome::Done, at(10)), vec![live.clone()]);
    assert_eq!(live.after(lost, Ask::Restart, Outcome::Done, at(10)), vec![live.clone(), State::Lost]);
    assert_eq!(
        State::Lost.after(lost, Ask::Refresh(token(0), None), Outcome::Issued(token(9)), at(20)),
        vec![State::Lost]
    );
}

#[test]
fn a_server_that_does_not_rotate_each_time_returns_the_same_token() {
    let first = State::new();
    for rules in [RULES, Rules { keeps_tokens: true, ..RULES }] {
        let again = first.after(rules, Ask::Refresh(token(0), None), Outcome::Issued(token(0)), at(10));
        assert_eq!(again, vec![State::new()]);
    }
    let rotated = rotated(Some(token(1)));
    assert_eq!(rotated.after(RULES, Ask::Refresh(token(0), None), Outcome::Issued(token(0)), at(10)), vec![]);
}

#[test]
fn an_old_token_may_stay_valid() {
    let rules = Rules { old_tokens_stay: true, ..RULES };
    let live = |newest| State::Live { newest: Some(token(newest)), last: None };
    let after = |state: State, ask, outcome| state.after(rules, ask, outcome, at(10));
    let first = Ask::Refresh(token(0), None);
    assert_eq!(after(live(1), first, Outcome::Issued(token(2))), vec![live(2)]);
    assert_eq!(after(live(2), Ask::Refresh(token(1), None), Outcome::Issued(token(3))), vec![live(3)]);
    assert_eq!(after(live(1), first, Outcome::Denied), vec![], "it is never refused");
    assert_eq!(after(live(1), Ask::SignOut(token(1)), Outcome::SignedOut), vec![State::Revoked]);
    assert_eq!(after(State::Revoked, first, Outcome::Issued(token(2))), vec![], "but it ends with its session");
    assert_eq!(after(State::Revoked, first, Outcome::Denied), vec![State::Revoked]);
}

#[test]
fn what_was_forged_changes_nothing() {
    for state in [State::new(), rotated(None), State::Revoked] {
        for (outcome, right) in [
            (Outcome::Invalid, true),
            (Outcome::Denied, true),
            (Outcome::Unknown, true),
            (Outcome::Issued(token(5)), false),
            (Outcome::Reused, true),
            (Outcome::Unforeseen, false),
        ] {
            let expected = if right { vec![state.clone()] } else { vec![] };
            assert_eq!(state.after(RULES, Ask::RefreshForged, outcome, at(10)), expected, "{state:?} {outcome:?}");
        }
    }
}

#[test]
fn a_sign_out_ends_the_family_by_a_stale_token_as_the_server_has_it() {
    let live = rotated(Some(token(1)));
    let sign_out = |number, stale_sign_out, outcome| {
        live.after(Rules { stale_sign_out, ..RULES }, Ask::SignOut(token(number)), outcome, at(10))
    };
    for rule in [StaleSignOut::Ends, StaleSignOut::Nothing, StaleSignOut::Either] {
        assert_eq!(sign_out(1, rule, Outcome::SignedOut), vec![State::Revoked]);
        assert_eq!(sign_out(1, rule, Outcome::Unknown), vec![live.clone(), State::Revoked]);
        assert_eq!(sign_out(1, rule, Outcome::Unforeseen), vec![]);
    }
    assert_eq!(sign_out(0, StaleSignOut::Ends, Outcome::SignedOut), vec![State::Revoked]);
    assert_eq!(sign_out(0, StaleSignOut::Nothing, Outcome::SignedOut), vec![live.clone()]);
    assert_eq!(sign_out(0, StaleSignOut::Either, Outcome::SignedOut), vec![live.clone(), State::Revoked]);
    assert_eq!(State::Revoked.after(RULES, Ask::SignOut(token(0)), Outcome::SignedOut, at(10)), vec![State::Revoked]);
}

/// Some servers revoke the session nevertheless.
#[test]
fn a_sign_out_that_was_refused_promises_nothing() {
    let live = State::Live { newest: Some(token(1)), last: None };
    let after = live.after(RULES, Ask::SignOut(token(0)), Outcome::Denied, at(10));
    assert_eq!(after, vec![live, State::Revoked]);
    assert_eq!(State::Revoked.after(RULES, Ask::SignOut(token(0)), Outcome::Denied, at(10)), vec![State::Revoked]);
}

/// The sign-out was sent before the refresh of the same token was answered: a user who signs out means the session.
#[test]
fn a_sign_out_beside_a_refresh_ends_the_session_whatever_stale_tokens_do() {
    let during = Span { earliest: 0, latest: 9, ticks: (0, 9) };
    let live =
        State::Live { newest: Some(token(1)), last: Some(Rotation { retired: token(0), key: None, at: during }) };
    for stale_sign_out in [StaleSignOut::Nothing, StaleSignOut::Either, StaleSignOut::Ends] {
        let rules = Rules { stale_sign_out, ..RULES };
        assert_eq!(live.after(rules, Ask::SignOut(token(0)), Outcome::SignedOut, at(5)), vec![State::Revoked]);
    }
}

#[test]
fn only_the_newest_access_token_must_work() {
    let live = rotated(Some(token(1)));
    let using = |number: Option<usize>, outcome| live.after(RULES, Ask::UseAccess(number.map(token)), outcome, at(10));
    assert_eq!(using(Some(1), Outcome::Alive), vec![live.clone()]);
    assert_eq!(using(Some(1), Outcome::Dead), vec![]);
    assert_eq!(using(Some(0), Outcome::Dead), vec![live.clone()], "it dies at rotation");
    assert_eq!(using(None, Outcome::Dead), vec![live.clone()], "a newer one came with the same token");
    for outcome in [Outcome::Alive, Outcome::Dead] {
        let after = State::Revoked.after(RULES, Ask::UseAccess(Some(token(1))), outcome, at(10));
        assert_eq!(after, vec![State::Revoked], "how long it lives is measured");
    }
}
