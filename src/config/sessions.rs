use super::{Reader, names};
use crate::kernel::Duration;

/// How long sessions live and how many there may be.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// How long a remembered session lasts without a rotation.
    pub idle_ttl: Duration,
    /// One that is not remembered, after so long.
    pub short_idle_ttl: Duration,
    /// How long any session lasts after its sign-in.
    pub absolute_ttl: Duration,
    /// How long a retired token without a key is answered with its successor; zero: never.
    pub reuse_leeway: Duration,
    /// For how long a retry with the same `Idempotency-Key` is honoured, as long as the successor is unused. By default
    /// longer than any session lives (S-18).
    pub retry_window: Duration,
    /// At this limit, a further sign-in revokes the session that has been idle longest.
    pub max_per_user: u32,
    /// How long after a sign-in or a step-up a session is fresh.
    pub step_up_max_age: Duration,
}

pub(super) fn read(reader: &mut Reader, insecure_for_tests: bool) -> SessionOptions {
    let least = if insecure_for_tests { "1s" } else { "5m" };
    let least_age = if insecure_for_tests { "1s" } else { "1m" };
    let options = SessionOptions {
        idle_ttl: reader.duration(names::SESSION_IDLE_TTL, "14d", least..="3650d"),
        short_idle_ttl: reader.duration(names::SESSION_SHORT_IDLE_TTL, "12h", least..="3650d"),
        absolute_ttl: reader.duration(names::SESSION_ABSOLUTE_TTL, "90d", least..="3650d"),
        reuse_leeway: reader.duration(names::REUSE_LEEWAY, "0s", "0s"..="1h"),
        retry_window: reader.duration(names::RETRY_WINDOW, "3650d", "0s"..="3650d"),
        max_per_user: reader.number(names::MAX_SESSIONS_PER_USER, 20, 1..=10_000),
        step_up_max_age: reader.duration(names::STEP_UP_MAX_AGE, "10m", least_age..="24h"),
    };
    if options.idle_ttl > options.absolute_ttl && reader.raw(names::SESSION_IDLE_TTL).is_some() {
        reader.problem(
            names::SESSION_IDLE_TTL,
            "is longer than HEIRLOOM_SESSION_ABSOLUTE_TTL: no session lives that long",
        );
    }
    options
}
