use crate::kernel::{Client, Duration, Moment};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// What a person is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// A stale refresh token came back: somebody else may hold it.
    TokenReused,
    /// A sign-in from a device and a place that were not known.
    NewDevice,
    /// The password was changed.
    PasswordChanged,
    /// The account was blocked.
    Blocked,
}

impl Notice {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::TokenReused, Self::NewDevice, Self::PasswordChanged, Self::Blocked];

    /// Its name in the database and in the names of its texts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TokenReused => "token-reused",
            Self::NewDevice => "new-device",
            Self::PasswordChanged => "password-changed",
            Self::Blocked => "blocked",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|notice| notice.name() == name)
    }
}

/// A letter in the outbox, as it is told of. Its words are made when it is sent.
#[derive(Debug, Serialize)]
pub struct LetterView {
    /// Its id.
    pub id: Uuid,
    /// What it tells of.
    pub notice: String,
    /// What there is to say of that.
    pub details: Value,
    /// When it was written.
    pub created_at: Moment,
    /// How often it was tried to send it.
    pub attempts: i32,
    /// When it was sent.
    pub sent_at: Option<Moment>,
    /// When its link was used to end all sessions.
    pub link_used_at: Option<Moment>,
}

/// How long a letter's link works.
pub(super) const LINK_LIFETIME: Duration = Duration::from_hours(7 * 24);
/// The wait after the first attempt. Longer than an attempt may take, so that nobody else tries meanwhile.
const FIRST_WAIT: Duration = Duration::from_mins(1);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_hours(4);
/// Attempts before a letter is given up: some three days.
pub(super) const ATTEMPTS: i32 = 24;

/// How long after the attempt of this number (from one) the next may begin.
pub(super) fn wait_after(attempt: i32) -> Duration {
    let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or_default().min(16);
    (FIRST_WAIT * 2_u32.pow(doublings)).min(LONGEST_WAIT)
}

/// What there is to say: from where and with what, but not of a block, which an administrator's machine did.
pub(super) fn details(notice: Notice, client: &Client) -> Value {
    match notice {
        Notice::Blocked => json!({}),
        Notice::TokenReused | Notice::NewDevice | Notice::PasswordChanged => {
            json!({ "ip": client.ip, "user_agent": client.user_agent })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_four_hours_and_last_three_days_in_all() {
        assert_eq!(wait_after(1), Duration::from_mins(1));
        assert_eq!(wait_after(4), Duration::from_mins(8));
        assert_eq!(wait_after(20), LONGEST_WAIT);
        let whole: Duration = (1..ATTEMPTS).map(wait_after).sum();
        assert!(whole > Duration::from_hours(60) && whole < Duration::from_hours(84), "{whole:?}");
    }

    #[test]
    fn every_notice_is_read_back() {
        for notice in Notice::ALL {
            assert_eq!(Notice::from_name(notice.name()), Some(notice));
        }
    }
}
