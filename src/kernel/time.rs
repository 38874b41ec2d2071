use chrono::{DateTime, Utc};
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Instant,
};

/// A point in time, UTC.
pub type Moment = DateTime<Utc>;
/// A span of time; all lifetimes are kept in it.
pub type Duration = std::time::Duration;

/// The database's clock, as this process knows it: the time last received from the database, carried on by the
/// machine's monotonic clock. A wrong or stepped wall clock on one instance therefore changes no lifetime.
#[derive(Clone, Debug)]
pub struct Clock(Arc<ClockAnchor>);

#[derive(Debug)]
struct ClockAnchor {
    start: Instant,
    /// Microseconds since 1970, on the database's clock, at `start`.
    epoch_at_start: AtomicI64,
}

impl Clock {
    /// A clock that uses the machine's time until first synchronised with the database.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one clock that the others ask")]
    pub fn start() -> Self {
        let anchor =
            ClockAnchor { start: Instant::now(), epoch_at_start: AtomicI64::new(Utc::now().timestamp_micros()) };
        Self(Arc::new(anchor))
    }

    /// The time now, on the database's clock.
    #[must_use]
    pub fn now(&self) -> Moment {
        let micros = self.0.epoch_at_start.load(Ordering::Relaxed).saturating_add(self.elapsed_micros());
        DateTime::from_timestamp_micros(micros).unwrap_or_default()
    }

    /// Adopts the time just received from the database.
    pub fn synchronize(&self, database: Moment) {
        let at_start = database.timestamp_micros().saturating_sub(self.elapsed_micros());
        self.0.epoch_at_start.store(at_start, Ordering::Relaxed);
    }

    /// Time since this process began, on the monotonic clock: for ages and waits, never for lifetimes.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one clock that the others ask")]
    pub fn uptime(&self) -> Duration {
        Instant::now().saturating_duration_since(self.0.start)
    }

    fn elapsed_micros(&self) -> i64 {
        i64::try_from(self.uptime().as_micros()).unwrap_or(i64::MAX)
    }
}

/// Measures how long something takes, on the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// From now on.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "a measure of work, not a time of day")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S-48.
    #[test]
    fn the_clock_follows_the_database_whatever_the_machine_says() {
        let clock = Clock::start();
        let database = DateTime::from_timestamp(4_000_000_000, 0).unwrap_or_default();
        clock.synchronize(database);
        let ahead = clock.now() - database;
        assert!(ahead >= chrono::TimeDelta::zero() && ahead < chrono::TimeDelta::minutes(1));
    }
}
