//! What a history proves if nothing in it is wrong: the things that happened that could have violated a property.

use super::super::{
    history::Call,
    model::{Ask, Outcome, Rules},
    property::Property,
};
use std::collections::BTreeMap;

/// How often each property was put to the test.
#[must_use]
pub fn evidence(calls: &[Call], rules: Rules) -> BTreeMap<Property, u64> {
    let mut counts = BTreeMap::new();
    let answered: Vec<&Call> = calls.iter().filter(|call| call.is_answered()).collect();
    let mut count = |property, times: usize| {
        if times > 0 {
            counts.insert(property, u64::try_from(times).unwrap_or(u64::MAX));
        }
    };
    let retires = |count: usize| if rules.retires_nothing() { 0 } else { count };
    count(Property::Fork, retires(answered.iter().filter(|call| is_contested(call, &answered)).count()));
    let replays: Vec<_> = answered.iter().copied().filter(|call| is_replay(call, &answered)).collect();
    let refused = replays.iter().filter(|replay| replay.outcome.is_refusal());
    count(Property::ReuseEndsSession, retires(refused.filter(|replay| is_followed(replay, &answered)).count()));
    let late = replays.iter().filter(|replay| is_late(replay, &answered, rules));
    count(Property::ReuseDetected, retires(late.filter(|replay| is_followed(replay, &answered)).count()));
    count(Property::RetryWithKey, answered.iter().filter(|call| is_keyed_retry(call, &answered)).count());
    let left = answered.iter().filter(|call| call.outcome == Outcome::SignedOut);
    count(Property::SignOutEndsSession, left.filter(|call| is_followed(call, &answered)).count());
    let restarts = calls.iter().filter(|call| call.ask == Ask::Restart);
    let bridged = restarts.filter(|restart| {
        answered.iter().any(|call| restart.follows(call)) && answered.iter().any(|call| call.follows(restart))
    });
    count(Property::CrashSafe, bridged.count());
    let forged = answered.iter().filter(|call| call.ask == Ask::RefreshForged);
    count(Property::ForgedRefused, forged.filter(|call| is_followed(call, &answered)).count());
    count(Property::LiveSessionWorks, answered.iter().filter(|call| call.issued().is_some()).count());
    counts
}

/// Another redemption of the same token was under way at the same time, and one of both rotated.
fn is_contested(call: &Call, others: &[&Call]) -> bool {
    let rival =
        |other: &&&Call| other.number != call.number && other.redeems() == call.redeems() && other.overlaps(call);
    call.redeems().is_some() && call.successor().is_some() && others.iter().any(|other| rival(&other))
}

/// Another redemption of the same token, which is not the same request, rotated it.
fn is_replay(call: &Call, others: &[&Call]) -> bool {
    let Ask::Refresh(token, key) = call.ask else { return false };
    let rotated = |other: &&Call| match other.ask {
        Ask::Refresh(presented, with) => {
            let same = key.is_some() && key == with;
            presented == token && other.number != call.number && !same && other.issued().is_some_and(|new| new != token)
        }
        _other => false,
    };
    others.iter().any(|other| rotated(other) && !other.follows(call))
}

/// The token had been replaced before it was presented, and no leeway is left.
fn is_late(call: &Call, others: &[&Call], rules: Rules) -> bool {
    let rotated = |other: &&&Call| {
        other.redeems() == call.redeems()
            && other.successor().is_some()
            && call.follows(other)
            && other.number != call.number
    };
    let waited = |other: &&Call| call.sent.millis.saturating_sub(other.finished.millis) >= rules.leeway_end();
    others.iter().filter(rotated).any(waited)
}

/// Afterwards another token was redeemed: whether the session lives is seen.
fn is_followed(call: &Call, others: &[&Call]) -> bool {
    others.iter().any(|other| other.redeems().is_some() && other.redeems() != call.redeems() && other.follows(call))
}

fn is_keyed_retry(call: &Call, others: &[&Call]) -> bool {
    let keyed = matches!(call.ask, Ask::Refresh(_, Some(_)));
    keyed && others.iter().any(|other| other.ask == call.ask && other.sent.tick < call.sent.tick)
}
