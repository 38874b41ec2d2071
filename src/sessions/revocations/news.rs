use super::Revocation;

/// How many revocations wait for the follower, at most: 500 KB. It takes none while the set is not complete.
const MOST: usize = 20_000;

/// What was added to the set since it was last taken.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum News {
    /// These, the oldest first.
    Revoked(Vec<Revocation>),
    /// More than can wait. The set holds them.
    TooMany,
}

impl Default for News {
    fn default() -> Self {
        Self::Revoked(Vec::new())
    }
}

impl News {
    pub(super) fn add(&mut self, revoked: Revocation) {
        match self {
            Self::Revoked(waiting) if waiting.len() < MOST => waiting.push(revoked),
            Self::Revoked(_) | Self::TooMany => *self = Self::TooMany,
        }
    }

    /// Takes the oldest, at most so many; or that there were too many, once.
    pub(super) fn take(&mut self, most: usize) -> Self {
        match self {
            Self::Revoked(waiting) => Self::Revoked(waiting.drain(..waiting.len().min(most)).collect()),
            Self::TooMany => std::mem::take(self),
        }
    }

    /// Drops what matters no longer.
    pub(super) fn retain(&mut self, matters: impl Fn(&Revocation) -> bool) {
        if let Self::Revoked(waiting) = self {
            waiting.retain(matters);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn revocation(number: usize) -> Revocation {
        let second = i64::try_from(number).unwrap_or_default();
        Revocation::Everyone(DateTime::from_timestamp(second, 0).unwrap_or_default())
    }

    #[test]
    fn news_is_taken_once_and_the_oldest_first() {
        let mut news = News::default();
        (0..3).for_each(|number| news.add(revocation(number)));
        assert_eq!(news.take(2), News::Revoked(vec![revocation(0), revocation(1)]));
        assert_eq!(news.take(2), News::Revoked(vec![revocation(2)]));
        assert_eq!(news.take(2), News::default());
    }

    ///
    #[test]
    fn so_many_wait_and_of_more_it_is_said_once_that_they_are_too_many() {
        let mut news = News::default();
        (0..MOST).for_each(|number| news.add(revocation(number)));
        assert_eq!(news.take(1), News::Revoked(vec![revocation(0)]));
        (0..9).for_each(|number| news.add(revocation(number)));
        news.retain(|_| true);
        assert_eq!(news.take(1), News::TooMany);
        assert_eq!(news.take(1), News::default());
        news.add(revocation(7));
        assert_eq!(news.take(1), News::Revoked(vec![revocation(7)]));
    }
}
