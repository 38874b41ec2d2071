//! How a redemption reaches the database, and how its own outcome comes back (S-41 to S-43, ADR 0030).
//!
//! 1. A redemption waits in the queue of its thread ([`Batches::rotate`]).
//! 2. A free slot takes what has queued up, at most [`MOST`] redemptions, each session once ([`Queue::next_batch`]).
//!    A redemption does not wait for others: with a free slot, it is sent at once.
//! 3. One redemption travels by the single-row statement ([`Batches::rotate_alone`]), several by one statement for all
//!    ([`Batches::rotate_together`]).
//! 4. Each gets its own answer when the statement has committed. If a batch fails as a whole, each continues alone.

use super::{
    model::{LiveSession, Redemption},
    store,
};
use crate::{kernel::Duration, postgres::DatabaseError, world::World};
use std::{
    collections::{HashSet, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use thread_local::ThreadLocal;
use tokio::sync::oneshot;

/// Statements under way for each thread. With one, the thread would idle while Postgres commits; more than two make the
/// batches smaller and the work per rotation larger (docs/performance.md).
const SLOTS: usize = 2;
/// Rotations in one statement. Beyond it the work per rotation no longer falls (docs/performance.md).
const MOST: usize = 64;
/// A statement that takes longer, because it waits for a row's lock or the database is slow, no longer keeps its slot:
/// others do not wait behind it.
const SLOT_PATIENCE: Duration = Duration::from_millis(100);
/// The time limit of a batch. After it, each of its redemptions still has time to run alone.
const BATCH_PATIENCE: Duration = Duration::from_secs(1);
/// The database itself refuses to write this long after a statement was sent. We wait a little longer.
pub(super) const STATEMENT: Duration = Duration::from_millis(2_400);

/// What a rotation did: the session as it is now, or nothing.
type Outcome = Result<Option<LiveSession>, DatabaseError>;

/// The way of redemptions to the database. Each thread has a queue of its own, so that a request and its answer never
/// change threads.
#[derive(Clone)]
pub(super) struct Batches {
    world: World,
    queues: Arc<ThreadLocal<Arc<Mutex<Queue>>>>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    slots_taken: usize,
}

struct Waiting {
    redemption: Arc<Redemption>,
    reply: oneshot::Sender<Outcome>,
}

impl Batches {
    pub fn new(world: World) -> Self {
        Self { world, queues: Arc::default() }
    }

    /// Rotates, together with others that are redeemed at the same time. None if nothing was changed.
    ///
    /// # Errors
    /// When the database fails on this redemption alone.
    pub async fn rotate(&self, redemption: &Arc<Redemption>) -> Outcome {
        match self.enqueue(Arc::clone(redemption)).await {
            Ok(outcome) => outcome,
            // Its batch failed as a whole, perhaps because of another row.
            Err(_no_answer) => self.rotate_alone(redemption).await,
        }
    }

    /// Rotates by a statement of its own, which waits for the row's lock.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rotate_alone(&self, redemption: &Arc<Redemption>) -> Outcome {
        let (world, redemption) = (self.world.clone(), Arc::clone(redemption));
        let work = self.world.db.run(move |connection| {
            Box::pin(async move {
                if !redemption.is_in_time(world.clock.uptime()) {
                    return Err(DatabaseError::TooSlow);
                }
                let deadline = world.clock.now() + STATEMENT;
                store::rotate(connection, &redemption, &world.config.sessions, deadline).await
            })
        });
        work.await
    }

    /// Rotates a batch by one statement. Each redemption is answered where it succeeds; where it fails, none is, and
    /// the dropped senders say so.
    async fn rotate_together(&self, batch: Vec<Waiting>) {
        let world = self.world.clone();
        let work = self.world.db.run_within(BATCH_PATIENCE, move |connection| {
            Box::pin(async move {
                let uptime = world.clock.uptime();
                let (batch, late): (Vec<_>, Vec<_>) =
                    batch.into_iter().partition(|waiting| waiting.redemption.is_in_time(uptime));
                for waiting in late {
                    waiting.answer(Err(DatabaseError::TooSlow));
                }
                let deadline = world.clock.now() + STATEMENT;
                let redemptions = batch.iter().map(|waiting| waiting.redemption.as_ref());
                let granted = store::rotate_batch(connection, redemptions, &world.config.sessions, deadline).await?;
                answer_each(batch, granted);
                Ok(())
            })
        });
        if let Err(error) = work.await {
            tracing::warn!(error = error.chain(), "sessions.batch_failed: each of its rotations continues alone");
        }
    }

    fn enqueue(&self, redemption: Arc<Redemption>) -> oneshot::Receiver<Outcome> {
        let queue = self.queues.get_or_default();
        let (reply, answer) = oneshot::channel();
        let has_slot = lock(queue).add(Waiting { redemption, reply });
        if has_slot {
            tokio::spawn(self.clone().send_all(Arc::clone(queue)));
        }
        answer
    }

    /// Sends batch after batch in one slot, until nothing is queued.
    async fn send_all(self, queue: Arc<Mutex<Queue>>) {
        // The requests that can be read now join the first batch.
        tokio::task::yield_now().await;
        loop {
            let batch = lock(&queue).next_batch();
            if batch.is_empty() {
                return;
            }
            self.world.metrics.batched(batch.len());
            let mut sending = Box::pin(self.clone().send(batch));
            if tokio::time::timeout(SLOT_PATIENCE, &mut sending).await.is_err() {
                tokio::spawn(sending);
            }
        }
    }

    async fn send(self, mut batch: Vec<Waiting>) {
        match batch.pop() {
            Some(only) if batch.is_empty() => {
                let outcome = self.rotate_alone(&only.redemption).await;
                only.answer(outcome);
            }
            Some(last) => {
                batch.push(last);
                self.rotate_together(batch).await;
            }
            None => {}
        }
    }
}

impl Queue {
    /// Adds a redemption. Returns whether a slot was free: the caller has it now.
    fn add(&mut self, waiting: Waiting) -> bool {
        self.waiting.push_back(waiting);
        let is_free = self.slots_taken < SLOTS;
        self.slots_taken += usize::from(is_free);
        is_free
    }

    /// The next batch, in order of arrival. Empty if nothing is queued; the slot is then free again.
    ///
    /// A session appears once: a second redemption of its token waits for the next batch and then finds itself stale. A
    /// client that has gone takes its request with it.
    fn next_batch(&mut self) -> Vec<Waiting> {
        let (mut batch, mut later, mut sessions) = (Vec::new(), VecDeque::new(), HashSet::new());
        while batch.len() < MOST
            && let Some(waiting) = self.waiting.pop_front()
        {
            if waiting.reply.is_closed() {
                continue;
            }
            let is_first = sessions.insert(waiting.redemption.presented.session);
            if is_first { batch.push(waiting) } else { later.push_back(waiting) }
        }
        later.append(&mut self.waiting);
        self.waiting = later;
        if batch.is_empty() {
            self.slots_taken = self.slots_taken.saturating_sub(1);
        }
        batch
    }
}

impl Waiting {
    /// A client that has gone is not answered.
    fn answer(self, outcome: Outcome) {
        drop(self.reply.send(outcome));
    }
}

/// Gives each redemption of a committed batch its own outcome.
fn answer_each(batch: Vec<Waiting>, granted: Vec<(usize, LiveSession)>) {
    let mut outcomes: Vec<Option<LiveSession>> = batch.iter().map(|_| None).collect();
    for (position, live) in granted {
        if let Some(outcome) = outcomes.get_mut(position) {
            *outcome = Some(live);
        }
    }
    for (waiting, outcome) in batch.into_iter().zip(outcomes) {
        waiting.answer(Ok(outcome));
    }
}

/// A panic elsewhere leaves the queue as sound as it was: it is changed in single steps.
fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Batches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Batches")
    }
}
