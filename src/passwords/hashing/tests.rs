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

const ALICE: QueueKey = QueueKey::Operator;

fn pool(threads: usize, queue: usize, max_wait: Duration) -> Arc<HashingPool> {
    Arc::new(HashingPool::start(HashingLimits { threads, queue, per_key: queue, max_wait }).unwrap())
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
            let (start, mut has_begun) = oneshot::channel();
            let shared = Arc::clone(pool);
            let job = tokio::spawn(async move {
                let hold = move || {
                    start.send(()).unwrap();
                    let _ = gate.recv();
                };
                shared.run(ALICE, hold).await
            });
            if (&mut has_begun).await.is_ok() {
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
    while pool.run(ALICE, || ()).await.is_err() {}
}

fn spawn_marking(pool: &Arc<HashingPool>) -> (Arc<AtomicBool>, JoinHandle<Result<(), HashingError>>) {
    let has_run = Arc::new(AtomicBool::new(false));
    let (mark, pool) = (Arc::clone(&has_run), Arc::clone(pool));
    let job = tokio::spawn(async move { pool.run(ALICE, move || mark.store(true, Ordering::SeqCst)).await });
    (has_run, job)
}

#[tokio::test]
async fn a_job_runs_on_a_thread_of_its_own_and_its_result_comes_back() {
    let pool = pool(1, 4, PATIENT);
    let name = pool.run(ALICE, || thread::current().name().map(str::to_owned)).await.unwrap();
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
                pool.run(ALICE, job).await
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

    assert_eq!(pool.run(ALICE, || ()).await, Err(HashingError::Busy));
    assert_eq!((pool.queued(), pool.running()), (2, 1));

    held.release().await;
    for (has_run, job) in [first, second] {
        assert_eq!(job.await.unwrap(), Ok(()));
        assert!(has_run.load(Ordering::SeqCst));
    }
    assert_eq!(pool.run(ALICE, || 7).await, Ok(7));
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
async fn a_job_whose_caller_has_left_is_skipped() {
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
async fn a_caller_that_leaves_during_the_job_does_no_harm() {
    let pool = pool(1, 4, PATIENT);
    let held = Held::on(&pool).await;
    held.job.abort();
    drop(held.let_go);
    assert_eq!(pool.run(ALICE, || 7).await, Ok(7));
}

#[tokio::test]
async fn a_panicking_job_is_reported_to_its_caller_and_the_thread_goes_on() {
    let pool = pool(1, 4, PATIENT);
    for _ in 0..3 {
        assert_eq!(pool.run(ALICE, || panic!("on purpose")).await, Err::<(), _>(HashingError::Panicked));
    }
    assert_eq!(pool.run(ALICE, || 7).await, Ok(7));
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
    pool.run(ALICE, move || LAST_WORD.set(Some(LastWord(sender)))).await.unwrap();
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
    pool.run(ALICE, || ()).instrument(info_span!("login.verify")).await.unwrap();
    assert!(entries.try_iter().any(|entry| entry == ("login.verify".to_owned(), Some("hashing-1".to_owned()))));
}

#[test]
fn one_core_is_left_to_everything_else() {
    for (cores, threads) in [(0, 1), (1, 1), (2, 1), (3, 2), (16, 15)] {
        let limits = HashingLimits::for_cores(cores);
        assert_eq!(limits, HashingLimits { threads, queue: 256, per_key: 64, max_wait: Duration::from_secs(5) });
    }
}

#[test]
fn errors_have_a_code() {
    assert_eq!(HashingError::Busy.code(), "temporarily_unavailable");
    assert_eq!(HashingError::Panicked.code(), "internal_error");
}

#[tokio::test]
async fn one_address_cannot_fill_the_queue_and_another_is_served_next() {
    let limits = HashingLimits { threads: 1, queue: 8, per_key: 3, max_wait: PATIENT };
    let pool = Arc::new(HashingPool::start(limits).unwrap());
    let [mallory, alice] = [1, 2].map(|host| QueueKey::Network(std::net::IpAddr::from([192, 0, 2, host])));
    let held = Held::on(&pool).await;
    let order = Arc::new(Mutex::new(Vec::new()));
    let spawn = |key: QueueKey, name: &'static str| {
        let (pool, order) = (Arc::clone(&pool), Arc::clone(&order));
        tokio::spawn(async move { pool.run(key, move || order.lock().unwrap().push(name)).await })
    };
    let mut jobs: Vec<_> = (0..3).map(|_| spawn(mallory, "mallory")).collect();
    until(|| pool.queued() == 3).await;
    assert_eq!(pool.run(mallory, || ()).await, Err(HashingError::Busy));
    jobs.push(spawn(alice, "alice"));
    until(|| pool.queued() == 4).await;

    held.release().await;
    for job in jobs {
        assert_eq!(job.await.unwrap(), Ok(()));
    }
    assert_eq!(*order.lock().unwrap(), ["mallory", "alice", "mallory", "mallory"]);
}
