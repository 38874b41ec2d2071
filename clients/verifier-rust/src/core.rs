//! Decides everything, with clocks as parameters and without I/O.

use crate::{
    Claims, Error,
    clock::{Now, milliseconds},
    keys::Keys,
    known::{Entry, Known, Name},
    position::{Event, Position, is_event},
    token::is_access_token,
};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

/// Milliseconds by which clocks may differ.
const LEEWAY: i64 = 5000;
/// Seconds by which `keep` exceeds the longest life of an access token.
const KEPT_LONGER: u64 = 180;

/// What to do while it is not known whether sessions were revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnStale {
    /// Refuse every token with [`Error::Stale`].
    #[default]
    Refuse,
    /// Ask Heirloom about each token: a request to `/api/v1/auth/check`.
    Ask,
    /// For at most this long, answer from what was known last; then refuse.
    Accept(Duration),
}

/// The verifier without its connection.
#[derive(Debug)]
pub(crate) struct Core {
    pub issuer: String,
    pub audience: String,
    on_stale: OnStale,
    keys: RwLock<Arc<Keys>>,
    pub known: Known,
    position: Mutex<Position>,
    /// The longest life of an access token in seconds, as the last event says.
    lifetime: AtomicI64,
}

impl Core {
    pub fn new(issuer: String, audience: String, on_stale: OnStale) -> Self {
        let (known, position) = (Known::nothing(), Mutex::default());
        let lifetime = AtomicI64::new(i64::MAX);
        Self { issuer, audience, on_stale, keys: RwLock::default(), known, position, lifetime }
    }

    pub fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn set_keys(&self, keys: Keys) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    /// A new connection.
    pub fn connected(&self) {
        self.position().connected();
    }

    /// Takes an event. If it is not taken, the connection is of no more use.
    pub fn event(&self, jws: &str, now: Now) -> Result<(), &'static str> {
        let mut position = self.position();
        if !std::mem::take(&mut position.is_open) {
            return Err("ignored");
        }
        let event: Option<Event> = self.keys().open(jws, is_event);
        let event = event.filter(|event| event.iss == self.issuer).ok_or("forged")?;
        let is_newer = position.advance(&event, now)?;

        let until = now.mono.saturating_add(Duration::from_secs(event.keep));
        let add = |entry, value| self.known.add(entry, value, until, now.mono);
        event.sessions.iter().for_each(|name| add(Entry::Session(*name), 0));
        event.access.iter().for_each(|(name, rev)| add(Entry::User(*name), rev.0));
        if event.everyone >= 0 {
            add(Entry::Everyone, event.everyone);
        }
        self.known.forget(event.n, now.mono);
        let lifetime = i64::try_from(event.keep.saturating_sub(KEPT_LONGER)).unwrap_or(i64::MAX);
        self.lifetime.store(lifetime, Ordering::Release);
        // Last: nothing is fresh before all of it is known.
        if is_newer {
            self.known.refresh(event.iat, now.mono);
        }
        Ok(())
    }

    /// The claims of a token, and whether Heirloom must be asked about it. Checks Invalid, Expired, Stale, Revoked, Outdated,
    /// in this order.
    pub fn verify(&self, token: &str, now: Now) -> Result<(Claims, bool), Error> {
        let claims: Claims = self.keys().open(token, is_access_token).ok_or(Error::Invalid)?;
        let begins = milliseconds(claims.nbf);
        if !claims.are_for(&self.issuer, &self.audience) || begins > now.wall.saturating_add(LEEWAY) {
            return Err(Error::Invalid);
        }
        // Signed while tokens lived longer, it would outlive what is remembered of its session's end.
        let latest = claims.iat.saturating_add(self.lifetime.load(Ordering::Acquire));
        // Our clock may be set back, which brings back no token whose session's end is forgotten.
        let wall = now.wall.max(self.known.server_time(now.mono).saturating_sub(LEEWAY));
        if milliseconds(claims.exp.min(latest)).saturating_add(LEEWAY) <= wall {
            return Err(Error::Expired);
        }
        let longer = if let OnStale::Accept(longer) = self.on_stale { longer } else { Duration::ZERO };
        let is_stale = !self.known.is_fresh(now, longer);
        if is_stale && self.on_stale != OnStale::Ask {
            return Err(Error::Stale);
        }
        self.judge(&claims, now.mono).map(|()| (claims, is_stale))
    }

    fn judge(&self, claims: &Claims, mono: Duration) -> Result<(), Error> {
        let find = |entry| self.known.find(entry, mono);
        let everyone = find(Entry::Everyone);
        let was_everyone = everyone.is_some_and(|until| claims.opened_at().is_none_or(|opened| opened <= until));
        if was_everyone || find(Entry::Session(Name::of(&claims.sid))).is_some() {
            return Err(Error::Revoked);
        }
        let rev = find(Entry::User(Name::of(&claims.sub)));
        if rev.is_some_and(|rev| claims.rev < rev) { Err(Error::Outdated) } else { Ok(()) }
    }

    fn position(&self) -> MutexGuard<'_, Position> {
        self.position.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
