use super::{
    event::{self, EventKind, Place},
    listener::{Listener, Listening},
    snapshot::{SignedSnapshot, Snapshot, framed},
};
use crate::{
    kernel::{Duration, Moment},
    keys::{Keys, SigningError},
    sessions::revocations::{News, Revocation, Revocations},
    world::World,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Semaphore;

/// How many revocations an event holds at most: it is signed while others wait to join.
const MOST_AT_ONCE: usize = 2_000;
/// For how long who joins gets the same snapshot, at most.
const SHARED: Duration = Duration::from_secs(1);
/// In how many turns a beat reaches all listeners: whatever is sent to a thousand at once holds up every other request.
const TURNS: usize = 25;
/// How far the database's clock may be set back before another stream begins, in seconds.
const SET_BACK: i64 = 5;

/// The stream of revocations of this instance, and who listens to it.
#[derive(Clone)]
pub struct Stream(Arc<Room>);

struct Room {
    world: World,
    keys: Keys,
    revocations: Revocations,
    /// One for each that may listen, held until its connection is closed.
    permits: Arc<Semaphore>,
    state: Mutex<State>,
}

struct State {
    place: Place,
    is_over: bool,
    listeners: Vec<Listener>,
    snapshot: Option<Arc<Snapshot>>,
}

/// Why nobody can join at this moment.
#[derive(Debug, thiserror::Error)]
pub(super) enum JoinError {
    /// As many listen as may.
    #[error("too many listeners")]
    TooMany,
    /// This instance may have missed a revocation, or is stopping.
    #[error("the revocation set is not complete")]
    NotComplete,
    /// No snapshot could be signed.
    #[error("no snapshot could be signed")]
    Signing(#[from] SigningError),
}

impl State {
    /// Sends the beat to the next listeners that wait for it. Whether some still wait.
    fn take_turn(&mut self) -> bool {
        let mut left = self.listeners.len().div_ceil(TURNS);
        let mut do_some_wait = false;
        self.listeners.retain_mut(|listener| {
            let is_next = listener.holds() && left > 0;
            left -= usize::from(is_next);
            let is_there = !is_next || listener.send_held();
            do_some_wait |= listener.holds();
            is_there
        });
        do_some_wait
    }
}

impl Stream {
    /// A stream without listeners.
    #[must_use]
    pub fn new(world: World, keys: Keys, revocations: Revocations) -> Self {
        let place = Place { stream: new_name(&world), number: 0, issued_at: 0, keep: revocations.keep().as_secs() };
        let state = State { place, is_over: false, listeners: Vec::new(), snapshot: None };
        let permits = Arc::new(Semaphore::new(world.config.feed.max_listeners));
        Self(Arc::new(Room { world, keys, revocations, permits, state: Mutex::new(state) }))
    }

    /// How many listen, or hold a connection on which they did.
    #[must_use]
    pub fn listeners(&self) -> usize {
        self.0.world.config.feed.max_listeners.saturating_sub(self.0.permits.available_permits())
    }

    /// Ends every stream: the server is stopping.
    pub fn end(&self) {
        let mut state = self.state();
        state.is_over = true;
        state.listeners.clear();
    }

    /// A new listener: the snapshot, and every event after it.
    ///
    /// # Errors
    /// Why not now.
    pub(super) async fn join(&self) -> Result<Listening, JoinError> {
        let permit = Arc::clone(&self.0.permits).try_acquire_owned().map_err(|_all_taken| JoinError::TooMany)?;
        let (listener, listening) = Listener::new(permit, self.0.world.clock.uptime());
        let snapshot = {
            let mut state = self.state();
            // Under one lock: the listener gets each event that follows the snapshot's number, and none twice.
            let snapshot = self.begin_snapshot(&mut state)?;
            state.listeners.push(listener);
            snapshot
        };
        Ok(listening.beginning_with(self.sign(snapshot).await?.framed()))
    }

    /// The snapshot alone.
    ///
    /// # Errors
    /// Why not now.
    pub(super) async fn snapshot(&self) -> Result<SignedSnapshot, JoinError> {
        let snapshot = self.begin_snapshot(&mut self.state())?;
        Ok(self.sign(snapshot).await?)
    }

    /// Sends what is new to all, and a beat, if one is due or was begun, to those whose turn it is. Nothing unless the set is
    /// complete: who hears nothing knows that they may miss something. Whether some still wait for the beat.
    pub(super) fn publish(&self, is_beat_due: bool) -> bool {
        let mut state = self.state();
        let now = self.0.world.clock.now();
        if state.is_over || !self.is_complete() {
            return false;
        }
        if let Err(error) = self.send_all(&mut state, is_beat_due, now) {
            tracing::error!(%error, "sessions.stream_failed");
            self.begin_another(&mut state);
        }
        if is_beat_due {
            self.drop_who_does_not_read(&mut state);
        }
        state.take_turn()
    }

    /// `now` was read before the set was found to be complete: a process that is suspended between the two must not date
    /// what it knows after the pause.
    fn send_all(&self, state: &mut State, is_beat_due: bool, now: Moment) -> Result<(), SigningError> {
        loop {
            match self.0.revocations.take_news(MOST_AT_ONCE) {
                News::Revoked(news) if news.is_empty() => break,
                News::Revoked(news) => self.send(state, EventKind::Delta, &news, now)?,
                News::TooMany => {
                    tracing::warn!("sessions.too_many_news: every stream ends, and the next snapshot holds them");
                    self.begin_another(state);
                }
            }
        }
        if is_beat_due { self.send(state, EventKind::Beat, &[], now) } else { Ok(()) }
    }

    fn send(&self, state: &mut State, kind: EventKind, news: &[Revocation], now: Moment) -> Result<(), SigningError> {
        self.advance(state, now);
        state.place.number = state.place.number.saturating_add(1);
        let data = event::sign(&self.0.keys, now, kind, &state.place, news)?;
        let event = framed(&data);
        // Who is gone, or has too much before them, gets no more.
        state.listeners.retain_mut(|listener| match kind {
            EventKind::Beat => listener.hold(event.clone()),
            EventKind::Snapshot | EventKind::Delta => listener.send(event.clone()),
        });
        self.0.world.metrics.streamed(kind.name());
        Ok(())
    }

    /// Time passes, and never backwards within a stream.
    fn advance(&self, state: &mut State, now: Moment) {
        let now = now.timestamp();
        if now < state.place.issued_at.saturating_sub(SET_BACK) {
            self.begin_another(state);
        }
        state.place.issued_at = state.place.issued_at.max(now);
    }

    /// Ends every stream; who joins again gets the snapshot of another one.
    fn begin_another(&self, state: &mut State) {
        state.place = Place { stream: new_name(&self.0.world), number: 0, issued_at: 0, keep: state.place.keep };
        state.listeners.clear();
        state.snapshot = None;
    }

    fn begin_snapshot(&self, state: &mut State) -> Result<Arc<Snapshot>, JoinError> {
        // Before the set is found to be complete, as for each event.
        let now = self.0.world.clock.now();
        if state.is_over || !self.is_complete() {
            return Err(JoinError::NotComplete);
        }
        let uptime = self.0.world.clock.uptime();
        let is_current = |snapshot: &&Arc<Snapshot>| {
            let number = snapshot.place.number;
            number == state.place.number && snapshot.begun + SHARED > uptime
        };
        if let Some(snapshot) = state.snapshot.as_ref().filter(is_current) {
            return Ok(Arc::clone(snapshot));
        }
        self.advance(state, now);
        let snapshot = Snapshot::begin(state.place.clone(), uptime);
        state.snapshot = Some(Arc::clone(&snapshot));
        Ok(snapshot)
    }

    async fn sign(&self, snapshot: Arc<Snapshot>) -> Result<SignedSnapshot, SigningError> {
        let Room { world, keys, revocations, .. } = &*self.0;
        snapshot.sign(keys, revocations, world.clock.now()).await
    }

    fn drop_who_does_not_read(&self, state: &mut State) {
        let uptime = self.0.world.clock.uptime();
        let before = state.listeners.len();
        state.listeners.retain_mut(|listener| listener.reads(uptime));
        let dropped = before.saturating_sub(state.listeners.len());
        if dropped > 0 {
            tracing::warn!(
                dropped,
                "sessions.listeners_dropped: they took nothing for 10 s, or not the snapshot within a minute"
            );
        }
    }

    fn is_complete(&self) -> bool {
        self.0.revocations.is_trusted(self.0.world.clock.uptime())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn new_name(world: &World) -> String {
    URL_SAFE_NO_PAD.encode(world.rng.bytes::<16>())
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stream")
    }
}
