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
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
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
/// The database itself refuses to write this long after a statement was sent. We wait a little longer.
pub(super) const STATEMENT: Duration = Duration::from_millis(2_400);
/// How long a batch is waited for. After it, each of its redemptions still has time to go alone.
const BATCH_PATIENCE: Duration = Duration::from_secs(1);
/// What is [`STATEMENT`] for one, for a batch. Less than the patience: a redemption that then goes alone, and fails at once,
/// is answered 503, and the batch must not write it afterwards (S-38).
const BATCH_STATEMENT: Duration = Duration::from_millis(800);

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
    /// The request holds it: it is gone when the client has gone (S-36).
    redemption: Weak<Redemption>,
    reply: oneshot::Sender<Outcome>,
}

/// A redemption that is about to be sent. From now on it is carried out, whether its client waits or not.
struct Sent {
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
        match self.enqueue(Arc::downgrade(redemption)).await {
            Ok(outcome) => outcome,
            // Its batch failed as a whole, perhaps because of another row.
            Err(_no_answer) => self.rotate_alone(Arc::downgrade(redemption)).await,
        }
    }

    /// Rotates by a statement of its own, which waits for the row's lock. Nothing is sent if the request has ended before
    /// there was a connection.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rotate_alone(&self, redemption: Weak<Redemption>) -> Outcome {
        let world = self.world.clone();
        let work = self.world.db.run(move |connection| {
            Box::pin(async move {
                let redemption = redemption.upgrade().filter(|redemption| redemption.is_in_time(world.clock.uptime()));
                // The connection is as good as before.
                let Some(redemption) = redemption else { return Ok(Err(DatabaseError::TooSlow)) };
                let deadline = world.clock.now() + STATEMENT;
                redemption.latest_write.note(world.clock.uptime() + STATEMENT);
                store::rotate(connection, &redemption, &world.config.sessions, deadline).await.map(Ok)
            })
        });
        work.await?
    }

    /// Rotates a batch by one statement. Each redemption is answered where it succeeds; where it fails, none is, and
    /// the dropped senders say so.
    async fn rotate_together(&self, batch: Vec<Waiting>) {
        let world = self.world.clone();
        let work = self.world.db.run(move |connection| {
            Box::pin(async move {
                let uptime = world.clock.uptime();
                let batch = ready(batch, uptime);
                if batch.is_empty() {
                    return Ok(());
                }
                let (patience, statement) = time_for(&batch, uptime);
                let deadline = world.clock.now() + statement;
                for each in &batch {
                    each.redemption.latest_write.note(uptime + statement);
                }
                let redemptions = batch.iter().map(|sent| sent.redemption.as_ref());
                let rotating = store::rotate_batch(connection, redemptions, &world.config.sessions, deadline);
                let granted = tokio::time::timeout(patience, rotating).await.unwrap_or(Err(DatabaseError::TooSlow))?;
                answer_each(batch, granted);
                Ok(())
            })
        });
        if let Err(error) = work.await {
            tracing::warn!(error = error.chain(), "sessions.batch_failed: each of its rotations continues alone");
        }
    }

    fn enqueue(&self, redemption: Weak<Redemption>) -> oneshot::Receiver<Outcome> {
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
                let outcome = self.rotate_alone(only.redemption).await;
                // A client that has gone is not answered.
                drop(only.reply.send(outcome));
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
            let Some(redemption) = waiting.redemption.upgrade() else { continue };
            let is_first = sessions.insert(redemption.presented.session);
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

/// Those that are sent now. Where the client has gone while there was no connection, nothing is; where it is too late, that is
/// the answer.
fn ready(batch: Vec<Waiting>, uptime: Duration) -> Vec<Sent> {
    let sent = batch.into_iter().filter_map(|Waiting { redemption, reply }| {
        let redemption = redemption.upgrade()?;
        if !redemption.is_in_time(uptime) {
            drop(reply.send(Err(DatabaseError::TooSlow)));
            return None;
        }
        Some(Sent { redemption, reply })
    });
    sent.collect()
}

/// How long a batch is waited for, and within which time the database may write it. One that holds a redemption without time to
/// go alone afterwards has the time of a single one: this is then its last attempt.
fn time_for(batch: &[Sent], uptime: Duration) -> (Duration, Duration) {
    let all_can_go_alone = batch.iter().all(|sent| sent.redemption.is_in_time(uptime + BATCH_PATIENCE));
    if all_can_go_alone { (BATCH_PATIENCE, BATCH_STATEMENT) } else { (Duration::MAX, STATEMENT) }
}

/// Gives each redemption of a committed batch its own outcome. A client that has gone is not answered.
fn answer_each(batch: Vec<Sent>, granted: Vec<(usize, LiveSession)>) {
    let mut outcomes: Vec<Option<LiveSession>> = batch.iter().map(|_| None).collect();
    for (position, live) in granted {
        if let Some(outcome) = outcomes.get_mut(position) {
            *outcome = Some(live);
        }
    }
    for (sent, outcome) in batch.into_iter().zip(outcomes) {
        drop(sent.reply.send(Ok(outcome)));
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
