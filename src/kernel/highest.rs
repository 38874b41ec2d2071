use super::Moment;
use std::sync::{Arc, Mutex, PoisonError};

/// The highest number that this process has seen, and when: what was seen once must not become lower.
#[derive(Debug, Clone, Default)]
pub struct Highest(Arc<Mutex<Option<Seen>>>);

/// A number, and when it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The number.
    pub number: i64,
    /// On the database's clock.
    pub at: Moment,
}

impl Highest {
    /// The highest so far. None: nothing was seen yet.
    #[must_use]
    pub fn seen(&self) -> Option<Seen> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a number, if none higher was seen.
    pub fn raise(&self, number: i64, at: Moment) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.is_none_or(|seen| number >= seen.number) {
            *seen = Some(Seen { number, at });
        }
    }

    /// Forgets what was seen, and begins again with a lower number.
    pub fn lower(&self, number: i64, at: Moment) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Seen { number, at });
    }
}
