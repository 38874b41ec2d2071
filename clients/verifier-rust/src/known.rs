use crate::clock::{Now, milliseconds};
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use std::{
    collections::HashMap,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

/// Seconds for which an event proves that nothing else was revoked.
const FRESH: u64 = 5;
/// The same after its `iat` by the wall clock, which may be 5 s late, for an event that may have been as late.
const FRESH_BY_WALL: i64 = 15;
/// What `fresh_until` holds after the end.
const CLOSED: u64 = u64::MAX;

/// What the stream calls a session or a user: the first 8 bytes of the SHA-256 of its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Name([u8; 8]);

/// What may be revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Entry {
    Session(Name),
    /// Its value is the lowest `rev` that is good.
    User(Name),
    /// Its value is the time until which sessions were opened, in milliseconds.
    Everyone,
}

/// The revocations that were received, each with a value and the monotonic time until which it counts. They are in many
/// maps, each with a lock that is held for one entry: a snapshot of 250,000 entries delays no verification.
#[derive(Debug)]
pub(crate) struct Known {
    shards: Vec<RwLock<HashMap<Entry, (i64, Duration)>>>,
    /// Milliseconds of monotonic time until which this is all there is; 0 before the first snapshot.
    fresh_until: AtomicU64,
    /// The same by the wall clock: while a machine is suspended, its monotonic clock stands still.
    fresh_until_wall: AtomicI64,
    /// Milliseconds by which the newest `iat` was ahead of the monotonic clock when it arrived.
    ahead: AtomicI64,
}

impl Known {
    pub fn nothing() -> Self {
        let shards = (0..=u8::MAX).map(|_| RwLock::default()).collect();
        let (fresh_until, fresh_until_wall) = (AtomicU64::new(0), AtomicI64::new(0));
        Self { shards, fresh_until, fresh_until_wall, ahead: AtomicI64::new(i64::MIN) }
    }

    /// Adds an entry, or raises its value and the time until which it counts. What counts no longer raises nothing.
    pub fn add(&self, entry: Entry, value: i64, until: Duration, mono: Duration) {
        let Some(shard) = self.shards.get(entry.shard()) else { return };
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        let known = shard.get(&entry).filter(|(_, until)| mono <= *until);
        let raised = known.map_or((value, until), |known| (value.max(known.0), until.max(known.1)));
        shard.insert(entry, raised);
    }

    /// The value of an entry that counts.
    pub fn find(&self, entry: Entry, mono: Duration) -> Option<i64> {
        let shard = self.shards.get(entry.shard())?.read().unwrap_or_else(PoisonError::into_inner);
        shard.get(&entry).filter(|(_, until)| mono <= *until).map(|(value, _)| *value)
    }

    /// Forgets what no longer counts, in one map at a time.
    pub fn forget(&self, turn: u64, mono: Duration) {
        let [turn, ..] = turn.to_le_bytes();
        if let Some(shard) = self.shards.get(usize::from(turn)) {
            shard.write().unwrap_or_else(PoisonError::into_inner).retain(|_, (_, until)| mono <= *until);
        }
    }

    /// From now on this is all there is: an event with this `iat` is newer than all before it.
    pub fn refresh(&self, iat: i64, mono: Duration) {
        self.ahead.store(milliseconds(iat).saturating_sub_unsigned(whole(mono)), Ordering::Release);
        let until = whole(mono.saturating_add(Duration::from_secs(FRESH)));
        self.fresh_until_wall.store(milliseconds(iat.saturating_add(FRESH_BY_WALL)), Ordering::Release);
        // It stays closed.
        self.fresh_until.fetch_max(until, Ordering::Release);
    }

    /// Whether this is all there is, or was until `longer` ago.
    pub fn is_fresh(&self, now: Now, longer: Duration) -> bool {
        let until = self.fresh_until.load(Ordering::Acquire);
        let by_wall = self.fresh_until_wall.load(Ordering::Acquire);
        let is_fresh = now.mono <= Duration::from_millis(until).saturating_add(longer);
        let by_wall = by_wall.saturating_add_unsigned(whole(longer));
        is_fresh && until != 0 && until != CLOSED && now.wall <= by_wall
    }

    /// What the server's clock reads at least, in milliseconds since 1970, by the newest event and the time since it arrived.
    pub fn server_time(&self, mono: Duration) -> i64 {
        self.ahead.load(Ordering::Acquire).saturating_add_unsigned(whole(mono))
    }

    /// Is never fresh again.
    pub fn close(&self) {
        self.fresh_until.store(CLOSED, Ordering::Release);
    }
}

/// Whole milliseconds.
fn whole(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Entry {
    fn shard(self) -> usize {
        match self {
            Self::Session(Name([first, ..])) | Self::User(Name([first, ..])) => usize::from(first),
            Self::Everyone => 0,
        }
    }
}

impl Name {
    pub fn of(id: &str) -> Self {
        let digest = digest(&SHA256, id.to_ascii_lowercase().as_bytes());
        Self(digest.as_ref().first_chunk().copied().unwrap_or_default())
    }
}

impl TryFrom<String> for Name {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
        bytes.try_into().map(Self).map_err(|_why| "not the name of an entry")
    }
}
