use std::time::{Duration, Instant, SystemTime};

/// A moment on both clocks that a verifier reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    /// Since the verifier was created. Nobody can set this clock: it is for ages.
    pub mono: Duration,
    /// Milliseconds since 1970: what tokens and events are compared with.
    pub wall: i64,
}

/// The machine's clocks.
#[derive(Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the verifier reads a clock")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    #[expect(clippy::disallowed_methods, reason = "the one place where the verifier reads a clock")]
    pub fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        Now { mono: self.0.elapsed(), wall: i64::try_from(wall).unwrap_or(i64::MAX) }
    }
}

pub(crate) const fn milliseconds(seconds: i64) -> i64 {
    seconds.saturating_mul(1000)
}
