//! The threads that hash passwords: few, with a short queue, and apart from everything else.
//!
//! A hash takes a quarter of a second of one core by design. On the threads that answer requests, a
//! flood of sign-ins would stop every refresh; with an endless queue, everybody would wait for people
//! who gave up long ago. So a job is refused at once when the queue is full, refused when it has
//! waited too long, and skipped when its caller has gone. The caller answers 503 with `Retry-After`.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
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
    /// How long a job may wait for a thread. A person has reloaded the page by then.
    pub max_wait: Duration,
}

/// The threads and their queue. They end, after the job in hand, when the pool is dropped.
#[derive(Debug)]
pub struct HashingPool {
    jobs: SyncSender<Job>,
    queued: Arc<AtomicUsize>,
    running: Arc<AtomicUsize>,
    max_wait: Duration,
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
    /// The default for a machine with so many cores: all but one, which is left to everything else.
    #[must_use]
    pub fn for_cores(cores: usize) -> Self {
        Self { threads: cores.saturating_sub(1).max(1), queue: 256, max_wait: Duration::from_secs(5) }
    }
}

impl HashingPool {
    /// Starts the threads, named `hashing-1` and so on.
    ///
    /// # Errors
    /// When the operating system refuses a thread.
    pub fn start(limits: HashingLimits) -> io::Result<Self> {
        let (jobs, received) = sync_channel(limits.queue);
        let received = Arc::new(Mutex::new(received));
        for number in 1..=limits.threads.max(1) {
            let received = Arc::clone(&received);
            thread::Builder::new().name(format!("hashing-{number}")).spawn(move || work(&received))?;
        }
        Ok(Self { jobs, queued: Arc::default(), running: Arc::default(), max_wait: limits.max_wait })
    }

    /// Runs a job on one of the threads, inside the caller's tracing span.
    ///
    /// Dropping the future takes the job out of the queue; one that has begun runs to its end and its
    /// result is thrown away. Needs a tokio runtime with a timer.
    ///
    /// # Errors
    /// [`HashingError::Busy`] when it was not run, [`HashingError::Panicked`] when it did not finish.
    pub async fn run<T>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T, HashingError>
    where
        T: Send + 'static,
    {
        let (start, started) = oneshot::channel();
        let (finish, finished) = oneshot::channel();
        let (span, running) = (Span::current(), Arc::clone(&self.running));
        self.enqueue(move || {
            let somebody_waits = start.send(()).is_ok();
            if somebody_waits {
                let counted = Counted::one_of(&running);
                let result = span.in_scope(job);
                drop(counted);
                // Refused when the caller has gone meanwhile.
                let _ = finish.send(result);
            }
        })?;
        self.wait_for_thread(started).await?;
        finished.await.or(Err(HashingError::Panicked))
    }

    /// Jobs waiting for a thread, those whose callers have gone included until a thread skips them.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    /// Jobs being run.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }

    fn enqueue(&self, job: impl FnOnce() + Send + 'static) -> Result<(), HashingError> {
        let counted = Counted::one_of(&self.queued);
        let job = move || {
            drop(counted);
            job();
        };
        self.jobs.try_send(Box::new(job)).or(Err(HashingError::Busy))
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

/// The life of one thread: until the pool is gone.
fn work(received: &Mutex<Receiver<Job>>) {
    while let Some(job) = next(received) {
        // The caller learns of a panic by its channel closing; the thread lives on.
        let _ = catch_unwind(AssertUnwindSafe(job));
    }
}

fn next(received: &Mutex<Receiver<Job>>) -> Option<Job> {
    received.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

    use std::{
        cell::RefCell,
        sync::{atomic::AtomicBool, mpsc},
    };

    use tokio::task::JoinHandle;
    use tracing::{Instrument, info_span};
    use tracing_subscriber::{Layer, layer::Context, prelude::*, registry::Registry};

    use super::*;

    /// No test waits this long unless it fails.
    const PATIENT: Duration = Duration::from_mins(1);

    fn pool(threads: usize, queue: usize, max_wait: Duration) -> Arc<HashingPool> {
        Arc::new(HashingPool::start(HashingLimits { threads, queue, max_wait }).unwrap())
    }

    /// A job that keeps a thread until it is let go.
    struct Held {
        let_go: mpsc::Sender<()>,
        job: JoinHandle<Result<(), HashingError>>,
    }

    impl Held {
        /// Comes again until a thread has taken it, since a pool under test may be impatient.
        async fn on(pool: &Arc<HashingPool>) -> Self {
            loop {
                let (let_go, gate) = mpsc::channel::<()>();
                let (tell, mut told) = oneshot::channel();
                let shared = Arc::clone(pool);
                let job = tokio::spawn(async move {
                    let hold = move || {
                        tell.send(()).unwrap();
                        let _ = gate.recv();
                    };
                    shared.run(hold).await
                });
                if (&mut told).await.is_ok() {
                    return Self { let_go, job };
                }
            }
        }

        async fn release(self) {
            drop(self.let_go);
            assert_eq!(self.job.await.unwrap(), Ok(()));
        }
    }

    async fn until(condition: impl Fn() -> bool) {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn until_it_runs(pool: &HashingPool) {
        while pool.run(|| ()).await.is_err() {}
    }

    fn spawn_marking(pool: &Arc<HashingPool>) -> (Arc<AtomicBool>, JoinHandle<Result<(), HashingError>>) {
        let has_run = Arc::new(AtomicBool::new(false));
        let (mark, pool) = (Arc::clone(&has_run), Arc::clone(pool));
        let job = tokio::spawn(async move { pool.run(move || mark.store(true, Ordering::SeqCst)).await });
        (has_run, job)
    }

    #[tokio::test]
    async fn a_job_runs_on_a_thread_of_its_own_and_its_result_comes_back() {
        let pool = pool(1, 4, PATIENT);
        let name = pool.run(|| thread::current().name().map(str::to_owned)).await.unwrap();
        assert_eq!(name.as_deref(), Some("hashing-1"));
        assert_eq!((pool.queued(), pool.running()), (0, 0));
    }

    #[tokio::test]
    async fn never_more_jobs_run_at_once_than_there_are_threads() {
        let pool = pool(2, 256, PATIENT);
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let jobs: Vec<_> = (0..64_u64)
            .map(|number| {
                let (pool, now, most) = (Arc::clone(&pool), Arc::clone(&now), Arc::clone(&most));
                tokio::spawn(async move {
                    let job = move || {
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        thread::sleep(Duration::from_millis(1));
                        now.fetch_sub(1, Ordering::SeqCst);
                        number * 2
                    };
                    pool.run(job).await
                })
            })
            .collect();
        for (number, job) in (0..64).zip(jobs) {
            assert_eq!(job.await.unwrap(), Ok(number * 2));
        }
        assert!((1..=2).contains(&most.load(Ordering::SeqCst)));
        assert_eq!((pool.queued(), pool.running()), (0, 0));
    }

    #[tokio::test]
    async fn all_threads_work_at_the_same_time() {
        let pool = pool(3, 1, PATIENT);
        let held = [Held::on(&pool).await, Held::on(&pool).await, Held::on(&pool).await];
        assert_eq!((pool.queued(), pool.running()), (0, 3));
        for job in held {
            job.release().await;
        }
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let pool = pool(1, 2, PATIENT);
        let held = Held::on(&pool).await;
        let (first, second) = (spawn_marking(&pool), spawn_marking(&pool));
        until(|| pool.queued() == 2).await;

        assert_eq!(pool.run(|| ()).await, Err(HashingError::Busy));
        assert_eq!((pool.queued(), pool.running()), (2, 1));

        held.release().await;
        for (has_run, job) in [first, second] {
            assert_eq!(job.await.unwrap(), Ok(()));
            assert!(has_run.load(Ordering::SeqCst));
        }
        assert_eq!(pool.run(|| 7).await, Ok(7));
    }

    #[tokio::test]
    async fn a_job_that_waited_too_long_is_refused_and_never_run() {
        let pool = pool(1, 4, Duration::from_millis(50));
        let held = Held::on(&pool).await;
        let (has_run, job) = spawn_marking(&pool);
        assert_eq!(job.await.unwrap(), Err(HashingError::Busy));

        held.release().await;
        until_it_runs(&pool).await;
        assert!(!has_run.load(Ordering::SeqCst));
    }

    /// The limit is on waiting, not on hashing: what has begun is worth its result.
    #[tokio::test]
    async fn a_job_that_has_begun_may_take_longer_than_the_wait() {
        let pool = pool(1, 4, Duration::from_millis(50));
        let held = Held::on(&pool).await;
        tokio::time::sleep(Duration::from_millis(150)).await;
        held.release().await;
    }

    #[tokio::test]
    async fn a_job_whose_caller_has_gone_is_skipped() {
        let pool = pool(1, 4, PATIENT);
        let held = Held::on(&pool).await;
        let (has_run, job) = spawn_marking(&pool);
        until(|| pool.queued() == 1).await;
        job.abort();
        assert!(job.await.unwrap_err().is_cancelled());

        held.release().await;
        until_it_runs(&pool).await;
        assert!(!has_run.load(Ordering::SeqCst));
        assert_eq!((pool.queued(), pool.running()), (0, 0));
    }

    #[tokio::test]
    async fn a_caller_that_leaves_during_the_job_harms_nobody() {
        let pool = pool(1, 4, PATIENT);
        let held = Held::on(&pool).await;
        held.job.abort();
        drop(held.let_go);
        assert_eq!(pool.run(|| 7).await, Ok(7));
    }

    #[tokio::test]
    async fn a_panicking_job_is_told_to_its_caller_and_the_thread_lives_on() {
        let pool = pool(1, 4, PATIENT);
        for _ in 0..3 {
            assert_eq!(pool.run(|| panic!("on purpose")).await, Err::<(), _>(HashingError::Panicked));
        }
        assert_eq!(pool.run(|| 7).await, Ok(7));
        assert_eq!((pool.queued(), pool.running()), (0, 0));
    }

    /// Tells, at the end of the thread it lives on, that this end has come.
    struct LastWord(mpsc::Sender<()>);

    impl Drop for LastWord {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }

    thread_local! {
        static LAST_WORD: RefCell<Option<LastWord>> = const { RefCell::new(None) };
    }

    #[tokio::test]
    async fn the_threads_end_with_the_pool() {
        let pool = pool(1, 4, PATIENT);
        let (sender, ended) = mpsc::channel();
        pool.run(move || LAST_WORD.set(Some(LastWord(sender)))).await.unwrap();
        assert_eq!(ended.try_recv(), Err(mpsc::TryRecvError::Empty));
        drop(pool);
        ended.recv_timeout(PATIENT).unwrap();
    }

    /// Writes down which span is entered on which thread.
    struct Entries(mpsc::Sender<(String, Option<String>)>);

    impl Layer<Registry> for Entries {
        fn on_enter(&self, id: &tracing::span::Id, context: Context<'_, Registry>) {
            let name = context.span(id).map(|span| span.name().to_owned()).unwrap_or_default();
            let _ = self.0.send((name, thread::current().name().map(str::to_owned)));
        }
    }

    #[tokio::test]
    async fn a_job_belongs_to_the_span_of_its_caller() {
        let (sender, entries) = mpsc::channel();
        let _subscriber = tracing_subscriber::registry().with(Entries(sender)).set_default();
        let pool = pool(1, 4, PATIENT);
        pool.run(|| ()).instrument(info_span!("login.verify")).await.unwrap();
        assert!(entries.try_iter().any(|entry| entry == ("login.verify".to_owned(), Some("hashing-1".to_owned()))));
    }

    #[test]
    fn one_core_is_left_to_everything_else() {
        for (cores, threads) in [(0, 1), (1, 1), (2, 1), (3, 2), (16, 15)] {
            let limits = HashingLimits::for_cores(cores);
            assert_eq!(limits, HashingLimits { threads, queue: 256, max_wait: Duration::from_secs(5) });
        }
    }

    #[test]
    fn errors_have_a_code() {
        assert_eq!(HashingError::Busy.code(), "temporarily_unavailable");
        assert_eq!(HashingError::Panicked.code(), "internal_error");
    }
}
