mod news;

pub(super) use news::News;

use crate::{
    config::TokenOptions,
    kernel::{Clock, Duration, Moment, SessionId, UserId},
    keys::Verified,
    postgres::Notifications,
};
use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};
use tokio::sync::Notify;
use uuid::Uuid;

/// How much longer an entry is kept than the last token it can affect: clock differences, a token signed in the instant
/// in which its session was revoked, and one signed while the revocation of all sessions was still being written (two
/// minutes).
const SLACK: Duration = Duration::from_mins(3);
/// Maximum number of entries: about 25 MB. If more are revoked within an access token's lifetime, the database is asked
/// until there is room again.
const LIMIT: usize = 250_000;

/// A revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revocation {
    /// One session.
    Session(SessionId),
    /// Access tokens of a user that carry an older revision of roles and claims.
    Access(UserId, i32),
    /// Every session opened up to this moment.
    Everyone(Moment),
}

/// Whether a verified access token is still valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenStanding {
    /// No revocation affects it.
    Good,
    /// Its session was revoked.
    SessionEnded,
    /// Its session is live, but roles or claims have changed since it was signed.
    Outdated,
}

/// When something was revoked, on two clocks. Tokens expire by the database's, but that can be set; the clock of
/// uptime is never set. A revocation is dropped once it is old enough on both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Death {
    at: Moment,
    uptime: Duration,
}

impl Death {
    /// Now.
    pub fn now(clock: &Clock) -> Self {
        Self { at: clock.now(), uptime: clock.uptime() }
    }

    /// Whether it is about to be old enough on the clock of uptime, and not on the other one, where less time has passed.
    fn outlives(&self, now: Self, keep: Duration) -> bool {
        let (on_uptime, on_database) = (self.uptime + keep, self.at + keep);
        let left = on_uptime.saturating_sub(now.uptime);
        left < SLACK && on_database > now.at + left + SLACK
    }

    /// The same, received again.
    fn again(self, death: Self) -> Self {
        Self { at: self.at.max(death.at), ..self }
    }

    /// At this time of the database's clock, received only now.
    pub fn received(at: Moment, clock: &Clock) -> Self {
        Self { at, uptime: clock.uptime() }
    }
}

/// The revocations of the last access token's lifetime, in memory: bearer requests do not read the database.
#[derive(Debug, Clone)]
pub struct Revocations {
    set: Arc<RwLock<Set>>,
    keep: Duration,
    limit: usize,
    /// Whether there was room for everything.
    whole: Arc<AtomicBool>,
    /// Milliseconds of uptime until which everything has been received.
    trusted_until: Arc<AtomicU64>,
    /// Milliseconds of uptime at which everything had been received.
    heard_at: Arc<AtomicU64>,
    /// Told when there is news.
    changed: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Set {
    sessions: HashMap<SessionId, Death>,
    access: HashMap<UserId, (i32, Death)>,
    /// Sessions opened up to this time are revoked, and when that happened.
    everyone: Option<(Moment, Death)>,
    /// The time of the last revocation that did not fit.
    overflow: Option<Death>,
    /// The latest time that the database's clock ever showed: tokens were signed up to then, and if it is set back they
    /// live on until it comes round again.
    latest: Moment,
    /// Whether anyone takes the news.
    is_followed: bool,
    /// What was added since the news was last taken.
    news: News,
}

impl Revocations {
    pub(super) fn new(options: &TokenOptions) -> Self {
        Self {
            set: Arc::default(),
            keep: options.access_token_ttl + SLACK,
            limit: LIMIT,
            whole: Arc::new(AtomicBool::new(true)),
            trusted_until: Arc::default(),
            heard_at: Arc::default(),
            changed: Arc::default(),
        }
    }

    /// Whether the token was cut off before its time, as far as the set knows.
    #[must_use]
    pub fn standing_of(&self, token: &Verified) -> TokenStanding {
        let set = self.set.read().unwrap_or_else(PoisonError::into_inner);
        if set.has_ended(token.session) {
            return TokenStanding::SessionEnded;
        }
        let revised = set.access.get(&token.user).is_some_and(|(revision, _)| token.access_revision < *revision);
        if revised { TokenStanding::Outdated } else { TokenStanding::Good }
    }

    /// Whether this session was revoked, as far as the set knows. A revocation is never undone.
    pub(super) fn has_ended(&self, session: SessionId) -> bool {
        let set = self.set.read().unwrap_or_else(PoisonError::into_inner);
        set.has_ended(session)
    }

    /// The sessions that the set knows to be revoked.
    pub(super) fn ended(&self) -> Vec<SessionId> {
        self.set.read().unwrap_or_else(PoisonError::into_inner).sessions.keys().copied().collect()
    }

    /// Up to which moment all sessions were revoked, as far as the set knows.
    pub(super) fn everyone(&self) -> Option<Moment> {
        self.set.read().unwrap_or_else(PoisonError::into_inner).everyone.map(|(until, _)| until)
    }

    pub(super) fn apply(&self, revoked: &[Revocation], death: Death) {
        let mut set = self.set.write().unwrap_or_else(PoisonError::into_inner);
        set.latest = set.latest.max(death.at);
        let death = Death { at: set.latest, ..death };
        let mut has_news = false;
        for revoked in revoked {
            if set.len() < self.limit || matches!(revoked, Revocation::Everyone(_)) {
                has_news |= set.add(*revoked, death);
            } else {
                set.overflow = Some(death);
            }
        }
        self.whole.store(set.overflow.is_none(), Ordering::Release);
        if has_news {
            self.changed.notify_one();
        }
    }

    /// From now on, what is added is news.
    pub(super) fn follow(&self) {
        self.set.write().unwrap_or_else(PoisonError::into_inner).is_followed = true;
    }

    /// Returns when there is news. For one follower.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Takes the oldest news, at most so many.
    pub(super) fn take_news(&self, most: usize) -> News {
        self.set.write().unwrap_or_else(PoisonError::into_inner).news.take(most)
    }

    /// Everything that the set holds.
    pub(super) fn all(&self) -> Vec<Revocation> {
        let set = self.set.read().unwrap_or_else(PoisonError::into_inner);
        let sessions = set.sessions.keys().map(|session| Revocation::Session(*session));
        let access = set.access.iter().map(|(user, (revision, _))| Revocation::Access(*user, *revision));
        let everyone = set.everyone.map(|(until, _)| Revocation::Everyone(until));
        sessions.chain(access).chain(everyone).collect()
    }

    /// Whether the set is complete: its feed was alive a moment ago, and everything fitted.
    #[must_use]
    pub fn is_trusted(&self, uptime: Duration) -> bool {
        milliseconds(uptime) < self.trusted_until.load(Ordering::Acquire) && self.whole.load(Ordering::Acquire)
    }

    /// Everything has been heard `at` this time, and until the other one nothing more is needed to trust in that; both
    /// on the clock of [`crate::kernel::Clock::uptime`].
    pub(super) fn trust(&self, at: Duration, until: Duration) {
        self.heard_at.store(milliseconds(at), Ordering::Release);
        self.trusted_until.store(milliseconds(until), Ordering::Release);
    }

    /// From now on the database is asked.
    pub(super) fn distrust(&self) {
        self.trusted_until.store(0, Ordering::Release);
    }

    /// How long ago everything had been heard.
    #[must_use]
    pub fn age(&self, uptime: Duration) -> Duration {
        uptime.saturating_sub(Duration::from_millis(self.heard_at.load(Ordering::Acquire)))
    }

    /// Forgets what can kill no token any more. What is kept because the database's clock was set back is news again in time:
    /// followers know one clock only, and would forget it.
    pub(super) fn prune(&self, now: Death) {
        let mut set = self.set.write().unwrap_or_else(PoisonError::into_inner);
        set.latest = set.latest.max(now.at);
        if set.renew(|death| death.outlives(now, self.keep), now.uptime) {
            self.changed.notify_one();
        }
        let kept = |death: &Death| death.at + self.keep > now.at || death.uptime + self.keep > now.uptime;
        set.sessions.retain(|_, death| kept(death));
        set.access.retain(|_, (_, death)| kept(death));
        set.everyone = set.everyone.filter(|(_, death)| kept(death));
        set.overflow = set.overflow.filter(kept);
        let mut news = std::mem::take(&mut set.news);
        news.retain(|revoked| set.holds(revoked));
        set.news = news;
        self.whole.store(set.overflow.is_none(), Ordering::Release);
    }

    /// How long an entry is kept.
    pub(super) fn keep(&self) -> Duration {
        self.keep
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.set.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn milliseconds(uptime: Duration) -> u64 {
    u64::try_from(uptime.as_millis()).unwrap_or(u64::MAX)
}

impl Set {
    fn len(&self) -> usize {
        self.sessions.len() + self.access.len() + usize::from(self.everyone.is_some())
    }

    fn has_ended(&self, session: SessionId) -> bool {
        self.sessions.contains_key(&session) || self.everyone.is_some_and(|(until, _)| opened_up_to(session, until))
    }

    /// Whether it holds this, or more.
    fn holds(&self, revoked: &Revocation) -> bool {
        match revoked {
            Revocation::Session(session) => self.sessions.contains_key(session),
            Revocation::Access(user, revision) => self.access.get(user).is_some_and(|(known, _)| known >= revision),
            Revocation::Everyone(until) => self.everyone.is_some_and(|(known, _)| known >= *until),
        }
    }

    /// Tells the follower again of those that are due, as if they had been received now. Returns whether there are any.
    fn renew(&mut self, is_due: impl Fn(&Death) -> bool, now: Duration) -> bool {
        let Self { sessions, access, everyone, news, .. } = self;
        let sessions = sessions.iter_mut().map(|(id, death)| (Revocation::Session(*id), death));
        let access = access.iter_mut().map(|(user, (revision, death))| (Revocation::Access(*user, *revision), death));
        let everyone = everyone.iter_mut().map(|(until, death)| (Revocation::Everyone(*until), death));
        let mut has_news = false;
        for (revoked, death) in sessions.chain(access).chain(everyone).filter(|(_, death)| is_due(death)) {
            death.uptime = now;
            if self.is_followed {
                news.add(revoked);
                has_news = true;
            }
        }
        has_news
    }

    /// Adds a revocation. Returns whether it is news for the follower, which forgets by the time of the first news: what is known
    /// keeps its uptime.
    fn add(&mut self, revoked: Revocation, death: Death) -> bool {
        let is_news = match revoked {
            Revocation::Session(session) => {
                let known = self.sessions.get(&session).copied();
                self.sessions.insert(session, known.map_or(death, |known| known.again(death)));
                known.is_none()
            }
            Revocation::Access(user, revision) => {
                let known = self.access.get(&user).copied().filter(|(known, _)| *known >= revision);
                self.access.insert(user, known.map_or((revision, death), |(known, since)| (known, since.again(death))));
                known.is_none()
            }
            Revocation::Everyone(until) => {
                let known = self.everyone.filter(|(known, _)| *known >= until);
                self.everyone = Some(known.map_or((until, death), |(known, since)| (known, since.again(death))));
                known.is_none()
            }
        };
        let is_for_follower = is_news && self.is_followed;
        if is_for_follower {
            self.news.add(revoked);
        }
        is_for_follower
    }
}

/// A session's id holds the millisecond in which it was opened (UUIDv7).
fn opened_up_to(session: SessionId, at: Moment) -> bool {
    let opened = session.as_uuid().get_timestamp().map(|timestamp| timestamp.to_unix());
    let Some((seconds, nanos)) = opened else { return true };
    let opened_ms = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000) + i64::from(nanos / 1_000_000);
    opened_ms <= at.timestamp_millis()
}

impl Revocation {
    /// The texts of notifications, several words to a text.
    pub(super) fn texts(revoked: &[Self]) -> Vec<String> {
        let mut texts = vec![String::new()];
        for word in revoked.iter().map(Self::word) {
            match texts.last_mut() {
                Some(last) if last.len() + word.len() < Notifications::LONGEST => {
                    if !last.is_empty() {
                        last.push(' ');
                    }
                    last.push_str(&word);
                }
                _ => texts.push(word),
            }
        }
        texts
    }

    /// Reads a text: what is understood of it, and whether that is all. A newer version may say more.
    pub(super) fn read(text: &str) -> (Vec<Self>, bool) {
        let words: Vec<_> = text.split_whitespace().map(Self::from_word).collect();
        let is_all = words.iter().all(Option::is_some);
        (words.into_iter().flatten().collect(), is_all)
    }

    fn word(&self) -> String {
        match self {
            Self::Session(session) => format!("s:{}", session.as_uuid().simple()),
            Self::Access(user, revision) => format!("a:{}:{revision}", user.as_uuid().simple()),
            Self::Everyone(at) => format!("e:{}", at.timestamp_micros()),
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        let id = |text: &str| Uuid::try_parse(text).ok();
        match word.split_once(':')? {
            ("s", session) => Some(Self::Session(id(session)?.into())),
            ("a", rest) => {
                let (user, revision) = rest.split_once(':')?;
                Some(Self::Access(id(user)?.into(), revision.parse().ok()?))
            }
            ("e", at) => Some(Self::Everyone(chrono::DateTime::from_timestamp_micros(at.parse().ok()?)?)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
