//! The threads that hash passwords: few, with a short queue, and apart from everything else.
//!
//! A hash takes a quarter of a second of one core by design. On the threads that answer requests, a
//! flood of sign-ins would stop every refresh; with an endless queue, all would wait for callers that
//! gave up long ago. So a job is refused at once when the queue is full, refused when it has
//! waited too long, and skipped when its caller has left. The caller answers 503 with `Retry-After`.
//!
//! Jobs are queued by client address and served in turn, so that one address, which may cause as many as
//! its rate limit allows, delays another by one job at most, and is itself refused first (`queue.rs`).

mod queue;
#[cfg(test)]
mod tests;

pub use queue::QueueKey;
use queue::{Bounds, Queue, Rejected};
use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};
use tokio::{sync::oneshot, time::timeout};
use tracing::Span;

type Job = Box<dyn FnOnce() + Send>;

/// How much hashing may be under way, and how long one may wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashingLimits {
    /// Threads, at least one.
    pub threads: usize,
    /// Jobs that may wait for a thread. One more is refused.
    pub queue: usize,
    /// Of these, jobs of one [`QueueKey`].
    pub per_key: usize,
    /// How long a job may wait for a thread. A user has reloaded the page by then.
    pub max_wait: Duration,
}

/// The threads and their queue. They end, after the job in hand, when the pool is dropped.
#[derive(Debug)]
pub struct HashingPool {
    shared: Arc<Shared>,
    queued: Arc<AtomicUsize>,
    running: Arc<AtomicUsize>,
    max_wait: Duration,
}

/// What the threads and the pool share.
#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue<Job>>,
    arrived: Condvar,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue<Job>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next job. None: the pool is gone.
    fn next(&self) -> Option<Job> {
        let waiting = self.arrived.wait_while(self.queue(), |queue| queue.is_idle());
        waiting.unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Why a job has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HashingError {
    /// The queue is full, or the job waited too long in it: it was not run. Come again later.
    #[error("too many passwords are being checked at this moment; try again in a few seconds")]
    Busy,
    /// The job panicked: a fault in this server. The panic hook has reported where.
    #[error("a password could not be checked because of a fault in the server")]
    Panicked,
}

impl HashingError {
    /// The stable code for clients.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Busy => "temporarily_unavailable",
            Self::Panicked => "internal_error",
        }
    }
}

impl HashingLimits {
    /// The default for this machine.
    #[must_use]
    pub fn for_this_machine() -> Self {
        Self::for_cores(thread::available_parallelism().map_or(1, usize::from))
    }

    /// The default for a machine with so many cores: all but one, which is left to everything else.
    #[must_use]
    pub fn for_cores(cores: usize) -> Self {
        Self { threads: cores.saturating_sub(1).max(1), queue: 256, per_key: 64, max_wait: Duration::from_secs(5) }
    }
}

impl HashingPool {
    /// Starts the threads, named `hashing-1` and so on.
    ///
    /// # Errors
    /// When the operating system refuses a thread.
    pub fn start(limits: HashingLimits) -> io::Result<Self> {
        let queue = Mutex::new(Queue::new(Bounds { all: limits.queue, each: limits.per_key }));
        let shared = Arc::new(Shared { queue, arrived: Condvar::new() });
        for number in 1..=limits.threads.max(1) {
            let shared = Arc::clone(&shared);
            thread::Builder::new().name(format!("hashing-{number}")).spawn(move || work(&shared))?;
        }
        Ok(Self { shared, queued: Arc::default(), running: Arc::default(), max_wait: limits.max_wait })
    }

    /// Runs a job on one of the threads, inside the caller's tracing span.
    ///
    /// Dropping the future takes the job out of the queue; one that has begun runs to its end and its
    /// result is thrown away. Needs a tokio runtime with a timer.
    ///
    /// # Errors
    /// [`HashingError::Busy`] when it was not run, [`HashingError::Panicked`] when it did not finish.
    pub async fn run<T>(&self, key: QueueKey, job: impl FnOnce() -> T + Send + 'static) -> Result<T, HashingError>
    where
        T: Send + 'static,
    {
        let (start, started) = oneshot::channel();
        let (finish, finished) = oneshot::channel();
        let (span, running) = (Span::current(), Arc::clone(&self.running));
        self.enqueue(key, move || {
            let is_awaited = start.send(()).is_ok();
            if is_awaited {
                let counted = Counted::one_of(&running);
                let result = span.in_scope(job);
                drop(counted);
                // Fails when the caller has left meanwhile.
                let _ = finish.send(result);
            }
        })?;
        self.wait_for_thread(started).await?;
        finished.await.or(Err(HashingError::Panicked))
    }

    /// Jobs waiting for a thread, those whose callers have left included until a thread skips them.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    /// Jobs being run.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }

    fn enqueue(&self, key: QueueKey, job: impl FnOnce() + Send + 'static) -> Result<(), HashingError> {
        let counted = Counted::one_of(&self.queued);
        let job: Job = Box::new(move || {
            drop(counted);
            job();
        });
        // A refused job is dropped after the lock is released, because dropping it wakes its caller.
        let refused = self.shared.queue().add(key, job);
        self.shared.arrived.notify_one();
        match refused {
            Some(Rejected::New(_)) => Err(HashingError::Busy),
            Some(Rejected::Waiting(_)) | None => Ok(()),
        }
    }

    async fn wait_for_thread(&self, mut started: oneshot::Receiver<()>) -> Result<(), HashingError> {
        if let Ok(answer) = timeout(self.max_wait, &mut started).await {
            return answer.or(Err(HashingError::Busy));
        }
        // From here on no thread will begin it; one that did so in this very moment has the word.
        started.close();
        started.try_recv().or(Err(HashingError::Busy))
    }
}

/// One of a number, for as long as it lives: also when a job panics or is never run.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn one_of(number: &Arc<AtomicUsize>) -> Self {
        number.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(number))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for HashingPool {
    fn drop(&mut self) {
        self.shared.queue().close();
        self.shared.arrived.notify_all();
    }
}

/// The life of one thread: until the pool is gone.
fn work(shared: &Shared) {
    while let Some(job) = shared.next() {
        // The caller learns of a panic by its channel closing; the thread goes on.
        let _ = catch_unwind(AssertUnwindSafe(job));
    }
}
