//! Follows the stream: connects, listens, reconnects, fetches the keys, reports.

use crate::{
    clock::Clock,
    core::Core,
    keys::Keys,
    server::{NO_STREAM, SILENCE, Server, WRONG_KEY},
};
use std::{
    convert::Infallible,
    hash::{BuildHasher, RandomState},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::{sleep, timeout};

const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// The pause where only a change of options helps.
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_secs(10);
/// In this time the keys are fetched at most twice because of unknown ones.
const WINDOW: Duration = Duration::from_mins(1);
/// How often the keys are fetched again, and after a failure. A new key is published 45 s before it signs: it is known by
/// then, even if strangers used up every other fetch. And a key that was withdrawn is forgotten.
const REFRESH_KEYS: Duration = Duration::from_secs(30);
const RETRY_KEYS: Duration = Duration::from_secs(10);
/// Without an event for so long a connection is of no use, whatever else arrives: by then an event is too old.
const NO_EVENT: Duration = Duration::from_secs(15);
/// How often the state is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// The longest line: five times a snapshot of 250,000 entries.
const LONGEST_LINE: usize = 24 << 20;

/// Whether a verifier knows of all revocations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The stream was received within the last five seconds.
    Fresh,
    /// It was not: [`OnStale`](crate::OnStale) decides.
    Stale,
}

pub(crate) type OnState = Box<dyn Fn(State, &str) + Send + Sync>;

/// What a verifier and its task share.
pub(crate) struct Driver {
    pub core: Core,
    pub clock: Clock,
    pub server: Server,
    on_state: OnState,
    status: Mutex<Status>,
    fetches: tokio::sync::Mutex<Fetches>,
    /// Whether the keys could not be fetched the last time.
    keys_failed: AtomicBool,
}

/// What named an unknown key.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cause {
    Token,
    Event,
}

/// When the keys were fetched because of an unknown one: counted apart, so that no stranger's token uses up what the stream
/// needs.
#[derive(Debug, Default)]
struct Fetches {
    for_tokens: Vec<Duration>,
    for_events: Vec<Duration>,
}

struct Status {
    /// What the callback received last.
    reported: (State, &'static str),
    /// Why the last connection was lost.
    reason: &'static str,
}

impl Driver {
    pub fn new(core: Core, server: Server, on_state: OnState) -> Self {
        let status = Mutex::new(Status { reported: (State::Stale, "starting"), reason: "starting" });
        let (fetches, keys_failed) = (tokio::sync::Mutex::default(), AtomicBool::new(false));
        Self { core, clock: Clock::start(), server, on_state, status, fetches, keys_failed }
    }

    /// Runs until it is dropped.
    pub async fn run(self: Arc<Self>) {
        let look = async {
            loop {
                sleep(LOOK).await;
                self.report(None);
            }
        };
        tokio::join!(self.follow(), self.refresh_keys(), look);
    }

    pub fn state(&self) -> State {
        if self.core.known.is_fresh(self.clock.now(), Duration::ZERO) { State::Fresh } else { State::Stale }
    }

    /// Fetches the keys because one is not among these, unless that was done twice in the last minute.
    pub async fn fetch_again(&self, seen: &Arc<Keys>, cause: Cause) {
        let mut all = self.fetches.lock().await;
        let fetches = match cause {
            Cause::Token => &mut all.for_tokens,
            Cause::Event => &mut all.for_events,
        };
        let now = self.clock.now().mono;
        fetches.retain(|at| now.saturating_sub(*at) < WINDOW);
        // Another request may have fetched them meanwhile.
        if fetches.len() < 2 && Arc::ptr_eq(seen, &self.core.keys()) {
            fetches.push(now);
            self.fetch().await;
        }
    }

    /// Whether the keys could not be fetched the last time: then an unknown one may be a good one.
    pub fn keys_failed(&self) -> bool {
        self.keys_failed.load(Ordering::Acquire)
    }

    async fn fetch(&self) {
        let keys = self.server.keys().await;
        self.keys_failed.store(keys.is_none(), Ordering::Release);
        if let Some(keys) = keys {
            self.core.set_keys(keys);
        }
    }

    async fn refresh_keys(&self) {
        loop {
            sleep(if self.keys_failed() { RETRY_KEYS } else { REFRESH_KEYS }).await;
            self.fetch().await;
        }
    }

    async fn follow(&self) {
        let mut pause = SHORTEST_PAUSE;
        loop {
            let Err(reason) = self.listen(&mut pause).await;
            self.report(Some(reason));
            let is_refusal = [WRONG_KEY, NO_STREAM].contains(&reason);
            sleep(if is_refusal { PAUSE_AFTER_REFUSAL } else { jittered(pause) }).await;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }

    /// Listens until the connection is lost. Every event is a line.
    async fn listen(&self, pause: &mut Duration) -> Result<Infallible, &'static str> {
        if self.core.keys().is_empty() {
            self.fetch().await;
            if self.core.keys().is_empty() {
                return Err("unreachable: the keys cannot be fetched");
            }
        }
        let mut answer = self.server.stream().await?;
        self.core.connected();
        let (mut line, mut heard, mut has_snapshot) = (Vec::new(), self.clock.now().mono, false);
        loop {
            let chunk = timeout(SILENCE, answer.chunk()).await.map_err(|_why| "silence")?;
            for part in chunk.ok().flatten().ok_or("closed")?.split_inclusive(|byte| *byte == b'\n') {
                line.extend_from_slice(part);
                if part.ends_with(b"\n") {
                    if let Some(event) = line.strip_prefix(b"data:") {
                        self.take(event).await?;
                        heard = self.clock.now().mono;
                        // A server that ends each connection after its snapshot must not be asked for one after another.
                        if has_snapshot {
                            *pause = SHORTEST_PAUSE;
                        }
                        has_snapshot = true;
                    }
                    line.clear();
                }
            }
            if line.len() > LONGEST_LINE {
                return Err("forged");
            }
            if self.clock.now().mono > heard.saturating_add(NO_EVENT) {
                return Err("silence");
            }
        }
    }

    async fn take(&self, event: &[u8]) -> Result<(), &'static str> {
        let event = std::str::from_utf8(event.trim_ascii()).map_err(|_why| "forged")?;
        let keys = self.core.keys();
        if keys.lack(event) {
            self.fetch_again(&keys, Cause::Event).await;
        }
        self.core.event(event, self.clock.now())?;
        self.report(None);
        Ok(())
    }

    /// Calls the callback if the state has changed, or the reason why it is stale.
    fn report(&self, loss: Option<&'static str>) {
        let state = self.state();
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        // Where nothing else goes wrong, silence makes it stale.
        let unless = if state == State::Fresh { "silence" } else { status.reason };
        status.reason = loss.unwrap_or(unless);
        let current = (state, if state == State::Fresh { "connected" } else { status.reason });
        if std::mem::replace(&mut status.reported, current) != current {
            drop(status);
            // A callback that panics must not end the task: nobody would hear of the loss.
            drop(catch_unwind(AssertUnwindSafe(|| (self.on_state)(current.0, current.1))));
        }
    }
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").field("issuer", &self.core.issuer).finish_non_exhaustive()
    }
}

/// Between half and all of it, so that verifiers that lost the same server do not all return at the same moment.
fn jittered(pause: Duration) -> Duration {
    let random = u32::try_from(RandomState::new().hash_one(()) % 1000).unwrap_or(0);
    pause / 2 + pause / 2000 * random
}
