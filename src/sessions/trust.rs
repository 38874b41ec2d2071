//! How the feed treats notifications that it cannot trust.

use crate::kernel::Duration;

/// How often rejected notifications are logged, however many there are.
const LOG_EVERY: Duration = Duration::from_mins(10);

/// What to read from the tables at the next beat.
#[derive(Debug, Default)]
pub(super) struct Hints {
    pub revocations: bool,
    pub signing_keys: bool,
}

/// Why a notification was not trusted, wholly or in part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rejection {
    /// No instance with our master key sent it on this channel.
    NotGenuine,
    /// It was sent too long ago, or its sender's clock is far off.
    Stale,
    /// A part of it means nothing to this version, or is dated in the future.
    NotUnderstood,
}

impl Rejection {
    /// The name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotGenuine => "not_genuine",
            Self::Stale => "stale",
            Self::NotUnderstood => "not_understood",
        }
    }
}

/// Rejected notifications that have not been logged yet. Metrics count each, the log has a line now and then.
#[derive(Debug, Default)]
pub(super) struct Rejections {
    not_genuine: u64,
    stale: u64,
    not_understood: u64,
    next_line: Duration,
}

impl Rejections {
    pub fn add(&mut self, rejection: Rejection) {
        let number = match rejection {
            Rejection::NotGenuine => &mut self.not_genuine,
            Rejection::Stale => &mut self.stale,
            Rejection::NotUnderstood => &mut self.not_understood,
        };
        *number = number.saturating_add(1);
    }

    /// Logs the collected rejections, unless they were logged in the last minutes.
    pub fn report(&mut self, uptime: Duration) {
        if !self.is_due(uptime) {
            return;
        }
        tracing::warn!(
            not_genuine = self.not_genuine,
            stale = self.stale,
            not_understood = self.not_understood,
            "sessions.notifications_rejected: a role that may connect to the database sends them, or an instance of \
             another version or with another master key"
        );
        *self = Self { next_line: uptime + LOG_EVERY, ..Self::default() };
    }

    fn is_due(&self, uptime: Duration) -> bool {
        let any = [self.not_genuine, self.stale, self.not_understood].iter().any(|number| *number > 0);
        any && uptime >= self.next_line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_one_line_in_ten_minutes() {
        let mut rejections = Rejections::default();
        let second = Duration::from_secs(1);
        assert!(!rejections.is_due(second));
        (0..1_000).for_each(|_| rejections.add(Rejection::NotGenuine));
        assert!(rejections.is_due(second));
        rejections.report(second);
        (0..1_000).for_each(|_| rejections.add(Rejection::Stale));
        assert!(!rejections.is_due(LOG_EVERY));
        assert!(rejections.is_due(LOG_EVERY + second));
    }
}
