use crate::kernel::Duration;
use bytes::Bytes;
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

/// How many events wait for a listener, at most: twice what is sent in [`PATIENCE`] at the highest rate. Nothing is taken
/// while a large snapshot is written. All queues share the bytes of an event.
const QUEUE: usize = 1_024;
/// Who takes nothing for so long is dropped.
const PATIENCE: Duration = Duration::from_secs(10);
/// Who has not read the snapshot after so long is dropped: each holds its own, of up to five megabytes.
const SNAPSHOT_PATIENCE: Duration = Duration::from_mins(1);
/// How much of a snapshot is written at once: what a listener has not read yet waits here only once for all.
const CHUNK: usize = 16 * 1024;

/// The near end of a listener.
pub(super) struct Listener {
    events: mpsc::Sender<Bytes>,
    /// An event whose turn has not come for this listener.
    held: Option<Bytes>,
    progress: Arc<Progress>,
    joined: Duration,
    /// How much it had taken when it was last seen, and since when it has been that while events waited.
    seen: (u64, Duration),
}

/// What both ends know of a listener.
#[derive(Debug, Default)]
struct Progress {
    /// Grows with everything that it takes.
    taken: AtomicU64,
    has_snapshot: AtomicBool,
}

/// The far end of a listener: what it reads. It belongs to the body of an answer, and counts as long as that is there,
/// whatever became of the near end: the connection counts for nothing else.
#[derive(Debug)]
pub(super) struct Listening {
    unread: Bytes,
    events: mpsc::Receiver<Bytes>,
    progress: Arc<Progress>,
    _permit: OwnedSemaphorePermit,
}

/// The stream has ended before the listener had read everything: nothing more is written, and its connection is closed.
#[derive(Debug, thiserror::Error)]
#[error("the stream ended before it was read")]
pub(super) struct Dropped;

impl Listener {
    /// Both ends.
    pub fn new(permit: OwnedSemaphorePermit, uptime: Duration) -> (Self, Listening) {
        let (events, receiver) = mpsc::channel(QUEUE);
        let progress = Arc::<Progress>::default();
        let listening =
            Listening { unread: Bytes::new(), events: receiver, progress: Arc::clone(&progress), _permit: permit };
        (Self { events, held: None, progress, joined: uptime, seen: (0, uptime) }, listening)
    }

    /// Sends an event, after the one that is held. Whether there was room.
    pub fn send(&mut self, event: Bytes) -> bool {
        self.send_held() && self.events.try_send(event).is_ok()
    }

    /// Holds an event until its turn, and sends the one before it. Whether there was room.
    pub fn hold(&mut self, event: Bytes) -> bool {
        let had_room = self.send_held();
        self.held = Some(event);
        had_room
    }

    /// Whether an event is held.
    pub fn holds(&self) -> bool {
        self.held.is_some()
    }

    /// Sends the event that is held, if any. Whether there was room.
    pub fn send_held(&mut self) -> bool {
        self.held.take().is_none_or(|event| self.events.try_send(event).is_ok())
    }

    /// Whether it has taken something within [`PATIENCE`], or everything; and the snapshot within [`SNAPSHOT_PATIENCE`].
    pub fn reads(&mut self, uptime: Duration) -> bool {
        let taken = self.progress.taken.load(Ordering::Relaxed);
        if self.events.capacity() == QUEUE || taken != self.seen.0 {
            self.seen = (taken, uptime);
        }
        let has_snapshot = self.progress.has_snapshot.load(Ordering::Relaxed);
        uptime < self.seen.1 + PATIENCE && (has_snapshot || uptime < self.joined + SNAPSHOT_PATIENCE)
    }
}

impl Listening {
    /// Reads this first.
    #[must_use]
    pub fn beginning_with(self, snapshot: Bytes) -> Self {
        Self { unread: snapshot, ..self }
    }

    /// The next piece; none at the end.
    ///
    /// # Errors
    /// When it was dropped with something left to read.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Dropped> {
        if self.events.is_closed() && !(self.unread.is_empty() && self.events.is_empty()) {
            return Err(Dropped);
        }
        let piece = if self.unread.is_empty() {
            self.events.recv().await
        } else {
            Some(self.unread.split_to(self.unread.len().min(CHUNK)))
        };
        self.progress.taken.fetch_add(1, Ordering::Relaxed);
        // What is asked for after the last piece says that this one was written.
        self.progress.has_snapshot.store(self.unread.is_empty(), Ordering::Relaxed);
        Ok(piece)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;
    use tokio::sync::Semaphore;

    const EVENT: Bytes = Bytes::from_static(b"event");

    /// Both ends, and how many may still listen.
    fn listener() -> (Listener, Listening, Arc<Semaphore>) {
        let permits = Arc::new(Semaphore::new(1));
        let permit = Arc::clone(&permits).try_acquire_owned().unwrap();
        let (near, far) = Listener::new(permit, Duration::ZERO);
        (near, far, permits)
    }

    ///
    #[tokio::test]
    async fn a_listener_that_takes_nothing_while_events_wait_is_dropped_and_a_slow_one_is_not() {
        let (mut near, far, _permits) = listener();
        let mut far = far.beginning_with(Bytes::from(vec![0; 2 * CHUNK]));
        let second = Duration::from_secs(1);
        // Nothing waits: there is nothing to take, however long.
        assert!(near.reads(second * 40));
        assert!(near.send(EVENT) && near.send(EVENT));
        assert!(near.reads(second * 49));
        // It has taken a piece of what is before the events: slow, and reading.
        assert_eq!(far.next().await.unwrap().unwrap().len(), CHUNK);
        assert!(near.reads(second * 49) && near.reads(second * 58));
        assert!(!near.reads(second * 59));
        // It has taken everything.
        for length in [CHUNK, EVENT.len(), EVENT.len()] {
            assert_eq!(far.next().await.unwrap().unwrap().len(), length);
        }
        assert!(near.reads(second * 200));
    }

    /// each holds a snapshot of its own.
    #[tokio::test]
    async fn a_listener_that_takes_its_snapshot_too_slowly_is_dropped() {
        let (mut near, far, _permits) = listener();
        let mut far = far.beginning_with(Bytes::from(vec![0; 9 * CHUNK]));
        let nine = Duration::from_secs(9);
        assert!(near.send(EVENT));
        for turn in 1..=6 {
            assert_eq!(far.next().await.unwrap().unwrap().len(), CHUNK);
            assert!(near.reads(nine * turn), "{turn}");
        }
        assert!(far.next().await.is_ok() && !near.reads(nine * 7));
        // Once it has been read, there is time.
        for _ in 0..3 {
            assert!(far.next().await.is_ok());
        }
        assert!(near.reads(nine * 8));
    }

    /// while a large snapshot is written, nothing is taken of what comes after it. An event may come every 20 ms
    /// (`publish.rs`), and what fills the whole set is 125 events at once.
    #[test]
    fn the_events_of_ten_seconds_wait_for_a_listener_that_reads_its_snapshot() {
        let (mut near, _far, _permits) = listener();
        assert!((0..50 * PATIENCE.as_secs() + 125).all(|_| near.send(EVENT)));
    }

    /// a beat that waits for its turn goes before the next event.
    #[tokio::test]
    async fn an_event_that_is_held_is_sent_once_and_before_the_next() {
        let [first, second, third] = ["first", "second", "third"].map(|name| Bytes::from_static(name.as_bytes()));
        let (mut near, mut far, _permits) = listener();
        assert!(near.hold(first.clone()) && near.holds());
        assert!(near.hold(second.clone()) && near.holds());
        assert!(near.send(third.clone()) && !near.holds() && near.send_held());
        drop(near);
        for event in [first, second, third] {
            assert_eq!(far.events.recv().await, Some(event));
        }
        assert_eq!(far.events.recv().await, None);
    }

    /// its memory and its connection are not free before that.
    #[tokio::test]
    async fn a_dropped_listener_is_cut_off_and_counts_until_its_connection_is_closed() {
        let (near, far, permits) = listener();
        let mut far = far.beginning_with(Bytes::from(vec![0; 3 * CHUNK]));
        assert!(far.next().await.is_ok());
        drop(near);
        assert!(far.next().await.is_err());
        assert_eq!(permits.available_permits(), 0);
        drop(far);
        assert_eq!(permits.available_permits(), 1);
    }

    #[tokio::test]
    async fn a_dropped_listener_reads_no_event_that_waited() {
        let (mut near, mut far, _permits) = listener();
        assert!(near.send(EVENT) && near.send(EVENT));
        assert_eq!(far.next().await.unwrap(), Some(EVENT));
        drop(near);
        assert!(far.next().await.is_err());
    }

    #[tokio::test]
    async fn a_listener_that_has_read_everything_ends_with_the_stream() {
        let (mut near, mut far, _permits) = listener();
        assert!(near.send(EVENT));
        assert_eq!(far.next().await.unwrap(), Some(EVENT));
        drop(near);
        assert_eq!(far.next().await.unwrap(), None);
    }
}
