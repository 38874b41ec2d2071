#![expect(clippy::panic, reason = "a test stops at the first surprise")]

use super::{
    super::{
        history::Stamp,
        model::{Ask, KeyNo, StaleSignOut, TokenNo},
    },
    *,
};

const RULES: Rules = Rules {
    retry_window: 120_000,
    leeway: 0,
    stale_sign_out: StaleSignOut::Either,
    keeps_tokens: false,
    old_tokens_stay: false,
    allowing: None,
};

struct Written(Vec<Call>);

impl Written {
    /// A call that lasts from one tick to another.
    fn call(mut self, (sent, finished): (u64, u64), ask: Ask, outcome: Outcome) -> Self {
        let stamp = |tick| Stamp { tick, millis: tick };
        let number = self.0.len();
        self.0.push(Call { number, ask, outcome, sent: stamp(sent), finished: stamp(finished) });
        self
    }

    fn refresh(self, during: (u64, u64), token: usize, outcome: Outcome) -> Self {
        self.call(during, Ask::Refresh(TokenNo(token), None), outcome)
    }

    /// The candidates, and how many calls show it.
    fn judged(self, rules: Rules) -> (Vec<Property>, usize) {
        match judge(&History { calls: self.0 }, rules) {
            Judgement::Contradicts { candidates, calls } => (candidates, calls.len()),
            other => panic!("{other:?}"),
        }
    }
}

fn history() -> Written {
    Written(Vec::new())
}

fn issued(token: usize) -> Outcome {
    Outcome::Issued(TokenNo(token))
}

#[test]
fn two_chains_that_both_live_are_a_fork() {
    let race = || history().refresh((1, 10), 0, issued(1)).refresh((2, 11), 0, issued(2));
    let both = race().refresh((12, 13), 1, issued(3)).refresh((14, 15), 2, issued(4));
    assert_eq!(both.judged(RULES), (vec![Property::Fork], 4));
    let older = history().refresh((1, 2), 0, issued(1)).refresh((3, 10), 1, issued(2)).refresh((4, 11), 1, issued(3));
    let older = older.refresh((12, 13), 2, issued(4)).refresh((14, 15), 3, issued(5));
    assert_eq!(older.judged(RULES), (vec![Property::Fork], 5), "the token did not come from nowhere");
    let one = race().refresh((12, 13), 1, issued(3)).refresh((14, 15), 2, Outcome::Denied);
    assert_eq!(one.judged(RULES).0, [Property::ReuseDetected, Property::Fork], "one of them was not shown to live");
    let meet = race().refresh((12, 13), 1, issued(3)).refresh((14, 15), 2, issued(3));
    assert!(!meet.judged(RULES).0.starts_with(&[Property::Fork]), "both lead to the same token");
}

#[test]
fn who_says_reused_must_revoke() {
    let rotated = || history().refresh((1, 2), 0, issued(1));
    let named = rotated().refresh((3, 4), 0, Outcome::Reused).refresh((5, 6), 1, issued(2));
    assert_eq!(named.judged(RULES), (vec![Property::ReuseEndsSession], 3));
    let unnamed = rotated().refresh((3, 4), 0, Outcome::Denied).refresh((5, 6), 1, issued(2));
    assert_eq!(unnamed.judged(RULES), (vec![Property::ReuseDetected], 3));
    let raced =
        history().refresh((1, 4), 0, issued(1)).refresh((2, 5), 0, Outcome::Denied).refresh((6, 7), 1, issued(2));
    assert!(raced.judged(RULES).0.starts_with(&[Property::ReuseEndsSession, Property::ReuseDetected]));
}

#[test]
fn a_stale_token_that_works_again_is_not_recognised() {
    let again = |ask| history().refresh((1, 2), 0, issued(1)).call((3, 4), ask, issued(2));
    assert_eq!(again(Ask::Refresh(TokenNo(0), None)).judged(RULES).0, [Property::ReuseDetected, Property::Fork]);
    let leeway = Rules { leeway: 1, ..RULES };
    let same = history().refresh((1, 2), 0, issued(1)).refresh((5000, 5001), 0, issued(1));
    assert_eq!(same.judged(leeway).0, [Property::LeewayEnds]);
}

#[test]
fn a_sign_out_that_was_answered_ends_the_session() {
    let sign_out = Ask::SignOut(TokenNo(0));
    let after = history().call((1, 2), sign_out, Outcome::SignedOut).refresh((3, 4), 0, issued(1));
    assert_eq!(after.judged(RULES), (vec![Property::SignOutEndsSession], 2));
    let beside = history().refresh((1, 5), 0, issued(1)).call((2, 6), sign_out, Outcome::SignedOut);
    assert_eq!(beside.refresh((7, 8), 1, issued(2)).judged(RULES), (vec![Property::SignOutEndsSession], 3));
}

#[test]
fn a_retry_with_its_key_gets_the_same_token() {
    let keyed = Ask::Refresh(TokenNo(0), Some(KeyNo(0)));
    for outcome in [Outcome::Reused, Outcome::Denied, issued(7)] {
        let retried = history().call((1, 2), keyed, issued(1)).call((3, 4), keyed, outcome);
        assert_eq!(retried.judged(RULES).0.first(), Some(&Property::RetryWithKey), "{outcome:?}");
    }
}

#[test]
fn what_only_a_restart_explains_is_lost_at_the_restart() {
    let restarted = || history().refresh((1, 2), 0, issued(1)).call((3, 4), Ask::Restart, Outcome::Done);
    let lost = restarted().refresh((5, 6), 1, Outcome::Invalid);
    assert_eq!(lost.judged(RULES).0, [Property::CrashSafe, Property::LiveSessionWorks]);
    let back = restarted().refresh((5, 6), 0, issued(2));
    assert_eq!(back.judged(RULES).0.first(), Some(&Property::CrashSafe));
}

#[test]
fn a_live_session_that_is_refused_was_disturbed() {
    let refused = history().refresh((1, 2), 0, issued(1)).refresh((3, 4), 1, Outcome::Denied);
    assert_eq!(refused.judged(RULES), (vec![Property::LiveSessionWorks], 2));
    let forged = history().refresh((1, 2), 0, issued(1)).call((3, 4), Ask::RefreshForged, Outcome::Invalid).refresh(
        (5, 6),
        1,
        Outcome::Ended,
    );
    assert_eq!(forged.judged(RULES).0, [Property::ForgedRefused, Property::LiveSessionWorks]);
}

#[test]
fn every_sentence_names_the_tokens() {
    for property in PREFERENCE {
        let calls =
            history().refresh((1, 2), 0, issued(1)).refresh((3, 4), 0, Outcome::Denied).refresh((5, 6), 1, issued(2));
        let text = sentence(property, &calls.0);
        assert!(text.len() > 30 && text.ends_with('.') && !text.contains("  "), "{text}");
    }
}

#[test]
fn a_hundred_refreshes_in_turn_are_not_shown() {
    let mut calls = history();
    for token in 0..100 {
        let tick = u64::try_from(token).unwrap_or_default() * 2;
        calls = calls.refresh((tick, tick + 1), token, issued(token + 1));
    }
    calls = calls.refresh((300, 301), 0, Outcome::Denied).refresh((302, 303), 100, issued(101));
    let (kept, left_out) = abridge(&calls.0);
    assert_eq!(kept.iter().map(|call| call.number).collect::<Vec<_>>(), [0, 100, 101]);
    assert_eq!(left_out, [(100, 99)].into());
    let (few, none) = abridge(&kept);
    assert_eq!((few.len(), none.len()), (3, 0));
}

#[test]
fn where_old_tokens_stay_valid_two_live_ones_are_not_a_fork() {
    let rules = Rules { old_tokens_stay: true, ..RULES };
    let both = history().refresh((1, 10), 0, issued(1)).refresh((2, 11), 0, issued(2)).refresh((12, 13), 1, issued(3));
    let both = both.refresh((14, 15), 2, issued(4)).refresh((16, 17), 0, issued(5));
    assert_eq!(judge(&History { calls: both.0.clone() }, rules), Judgement::Explained);
    let counts = evidence(&both.0, rules);
    assert_eq!(
        counts.into_keys().collect::<Vec<_>>(),
        [Property::LiveSessionWorks],
        "nothing could have violated others"
    );
    let refused = both.refresh((18, 19), 0, Outcome::Denied);
    assert_eq!(refused.judged(rules).0, [Property::LiveSessionWorks]);
}
