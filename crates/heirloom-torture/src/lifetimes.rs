//! Sessions that expire while the kit tries something else.

use super::history::{Call, Stamp};
use std::time::Duration;

/// Servers count in seconds.
const ROUNDING: u64 = 1000;

/// How a session began, as far as the kit knows.
#[derive(Debug, Clone, Copy)]
pub struct Beginning {
    /// Not before; none: before the kit had its token, nobody knows when.
    pub since: Option<Stamp>,
    /// When its first token was asked for.
    pub used: Stamp,
}

/// How long sessions live, in milliseconds, as the server is configured; none: not known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lifetimes {
    absolute: Option<u64>,
    idle: Option<u64>,
}

impl Lifetimes {
    /// As the command line has them.
    #[must_use]
    pub fn new(absolute: Option<Duration>, idle: Option<Duration>) -> Self {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self { absolute: absolute.map(millis), idle: idle.map(millis) }
    }

    /// Whether the session may have expired before a call was answered, so that its refusal would be right. Where nobody knows
    /// when it began, it has not if it was refreshed afterwards.
    #[must_use]
    pub fn may_have_ended(self, begun: Beginning, calls: &[Call], call: &Call) -> bool {
        let is_over = |lifetime: Option<u64>, since: u64| {
            let lasted = call.finished.millis.saturating_sub(since);
            lifetime.is_some_and(|lifetime| lasted > lifetime.saturating_sub(ROUNDING))
        };
        let before = calls.iter().filter(|other| other.issued().is_some() && call.follows(other));
        let used = before.map(|other| other.sent.millis).max().unwrap_or(begun.used.millis);
        let is_refreshed = || calls.iter().any(|other| other.issued().is_some() && other.follows(call));
        let is_too_old = begun
            .since
            .map_or_else(|| self.absolute.is_some() && !is_refreshed(), |since| is_over(self.absolute, since.millis));
        is_too_old || is_over(self.idle, used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Ask, Outcome, TokenNo};

    fn call(sent: u64, finished: u64, outcome: Outcome) -> Call {
        let stamp = |millis| Stamp { tick: millis, millis };
        let ask = Ask::Refresh(TokenNo(0), None);
        Call { number: 0, ask, outcome, sent: stamp(sent), finished: stamp(finished) }
    }

    fn may_have_ended(absolute: Option<u64>, idle: Option<u64>, rotated: u64, answered: u64) -> bool {
        let seconds = |lifetime: Option<u64>| lifetime.map(Duration::from_secs);
        let rotation = call(rotated, rotated + 10, Outcome::Issued(TokenNo(1)));
        let refusal = call(answered - 10, answered, Outcome::Denied);
        let used = Stamp { tick: 0, millis: 0 };
        let begun = Beginning { since: Some(used), used };
        Lifetimes::new(seconds(absolute), seconds(idle)).may_have_ended(begun, &[rotation, refusal.clone()], &refusal)
    }

    #[test]
    fn a_session_of_which_nobody_knows_when_it_began_may_have_ended_unless_it_goes_on() {
        let begun = Beginning { since: None, used: Stamp { tick: 0, millis: 0 } };
        let (refusal, later) = (call(10, 20, Outcome::Denied), call(30, 40, Outcome::Issued(TokenNo(1))));
        let hour = Lifetimes::new(Some(Duration::from_hours(1)), None);
        assert!(hour.may_have_ended(begun, std::slice::from_ref(&refusal), &refusal));
        assert!(!hour.may_have_ended(begun, &[refusal.clone(), later], &refusal));
        assert!(!Lifetimes::default().may_have_ended(begun, std::slice::from_ref(&refusal), &refusal));
    }

    #[test]
    fn a_session_may_end_a_second_before_its_lifetime() {
        for (absolute, idle, rotated, answered, expected) in [
            (None, None, 100, 1_000_000, false),
            (Some(8), None, 6900, 7000, false),
            (Some(8), None, 6900, 7001, true),
            (None, Some(5), 3000, 7000, false),
            (None, Some(5), 3000, 7001, true),
            // What was under way at the same time may have come later.
            (None, Some(5), 6995, 7000, true),
        ] {
            let found = may_have_ended(absolute, idle, rotated, answered);
            assert_eq!(found, expected, "{absolute:?} {idle:?}, rotated at {rotated}, refused at {answered}");
        }
    }
}
