//! Spaces requests out, and holds them back while a rate limit asks for it.

use crate::sync::lock;
use std::{sync::Mutex, time::Duration};
use tokio::time::{Instant, sleep_until};

/// The longest that a limit is waited for at once.
const LONGEST: Duration = Duration::from_mins(1);

/// What every request passes before it is sent.
#[derive(Debug)]
pub struct Gate {
    pace: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When the next request may be sent.
    next: Option<Instant>,
    /// Until when none may be sent.
    closed_until: Option<Instant>,
}

impl Gate {
    /// One that lets this much time pass between two requests.
    pub fn new(pace: Duration) -> Self {
        Self { pace, state: Mutex::default() }
    }

    /// Waits for its turn. A crowd comes through at once, and those after it wait the longer.
    pub async fn enter(&self, is_crowd: bool) {
        let wait_until = self.reserve(Instant::now(), is_crowd);
        if let Some(instant) = wait_until {
            sleep_until(instant).await;
        }
    }

    fn reserve(&self, now: Instant, is_crowd: bool) -> Option<Instant> {
        let mut state = lock(&self.state);
        let turn = state.next.unwrap_or(now).max(now);
        state.next = turn.checked_add(self.pace);
        let closed_until = state.closed_until.filter(|until| *until > now);
        if is_crowd { closed_until } else { closed_until.max(Some(turn)).filter(|until| *until > now) }
    }

    /// Whether a limit asks to wait for longer than a run does.
    pub fn is_too_long(seconds: u64) -> bool {
        seconds > LONGEST.as_secs()
    }

    /// How long no request may be sent.
    pub fn closed_for(&self) -> Option<Duration> {
        let until = lock(&self.state).closed_until?;
        Some(until.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
    }

    /// A limit refused a request: the others wait too.
    pub fn close_for(&self, wait: Duration) {
        let until = Instant::now().checked_add(wait.min(LONGEST));
        let mut state = lock(&self.state);
        state.closed_until = state.closed_until.max(until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_keep_their_distance_and_a_crowd_is_let_through() {
        let (gate, now) = (Gate::new(Duration::from_secs(1)), Instant::now());
        let after = |wait: Option<Instant>| wait.map(|until| until.duration_since(now).as_secs());
        assert_eq!(after(gate.reserve(now, false)), None);
        assert_eq!(after(gate.reserve(now, false)), Some(1));
        assert_eq!(after(gate.reserve(now, true)), None);
        assert_eq!(after(gate.reserve(now, true)), None);
        assert_eq!(after(gate.reserve(now, false)), Some(4));
    }

    #[test]
    fn nothing_passes_while_a_limit_lasts() {
        let gate = Gate::new(Duration::ZERO);
        gate.close_for(Duration::from_secs(30));
        let now = Instant::now();
        for is_crowd in [true, false] {
            assert!(gate.reserve(now, is_crowd).is_some_and(|until| until > now));
        }
        gate.close_for(Duration::from_hours(2));
        assert!(gate.reserve(now, true).is_some_and(|until| until < now + Duration::from_secs(70)));
        assert!(gate.closed_for().is_some_and(|left| left > Duration::from_secs(30)));
        assert_eq!([60, 61].map(Gate::is_too_long), [false, true]);
    }
}
