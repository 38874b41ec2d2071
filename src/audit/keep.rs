use super::{
    About, Kind,
    chain::{Extension, extend},
    head::Head,
    months,
    watch::watch,
};
use crate::{kernel::Duration, postgres::DatabaseError, work::Caller, world::World};
use serde_json::json;

/// How often new events are chained: until then, anyone who can write to the database can remove an event unseen.
const EVERY: Duration = Duration::from_secs(1);
/// How long an outage is waited out.
const PAUSE: Duration = Duration::from_secs(10);
/// How often the head of the chain is logged, if it has moved, and how often it is if it is refused.
const LOG_EVERY: Duration = Duration::from_mins(1);
/// How often months are made and dropped.
const TIDY_EVERY: Duration = Duration::from_hours(1);
/// How long it may take to read a month before it is dropped.
const PATIENCE: Duration = Duration::from_mins(2);

/// What a tidying-up did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tidied {
    /// Tables of months that were made.
    pub made: u64,
    /// Months that were dropped.
    pub dropped: u64,
}

/// Makes the months to come, and drops those that are older than the retention.
///
/// # Errors
/// When the database fails.
pub async fn tidy(world: &World) -> Result<Tidied, DatabaseError> {
    let (now, retention) = (world.clock.now(), world.config.audit_retention);
    let made = world.db.transaction(|connection| Box::pin(months::prepare(connection))).await?;
    let keys = world.audit_keys.clone();
    let renewed =
        world.db.transaction(move |connection| Box::pin(async move { months::renew_anchors(connection, &keys).await }));
    renewed.await?;
    let retired = world.db.run(move |connection| Box::pin(months::retired(connection, now, retention))).await?;
    let mut tidied = Tidied { made, dropped: 0 };
    for month in retired {
        let keys = world.audit_keys.clone();
        let dropped = world.db.long_transaction(PATIENCE, move |connection| {
            Box::pin(async move { months::retire(connection, month, &keys).await })
        });
        if dropped.await? {
            tracing::info!(month = %month.first_day(), "audit.month_dropped");
            tidied.dropped = tidied.dropped.saturating_add(1);
        }
    }
    Ok(tidied)
}

/// Chains new events, logs the head of the chain, and keeps months, until the server stops. It waits out an outage.
pub async fn keep(world: World) {
    let mut keeper = Keeper::new(world);
    loop {
        let pause = keeper.round().await;
        tokio::time::sleep(pause).await;
    }
}

/// What one round leaves to the next.
struct Keeper {
    world: World,
    logged: Option<Head>,
    next_logging: Duration,
    next_tidying: Duration,
    /// The regression that was recorded last.
    regressed: Option<Extension>,
    /// When a lag was logged last.
    lag_logged: Option<Duration>,
    /// When a refused head is logged again.
    next_refusal: Duration,
}

impl Keeper {
    fn new(world: World) -> Self {
        // Not yet done: overdue as well, should it never be.
        for (task, every) in [("audit_chain", EVERY), ("audit_months", TIDY_EVERY)] {
            world.metrics.task_seen(task, every, Duration::ZERO, world.clock.uptime());
        }
        let (next_logging, next_tidying) = (Duration::ZERO, Duration::ZERO);
        let next_refusal = Duration::ZERO;
        Self { world, logged: None, next_logging, next_tidying, regressed: None, lag_logged: None, next_refusal }
    }

    /// One round. Returns how long to wait for the next.
    async fn round(&mut self) -> Duration {
        let now = self.world.clock.uptime();
        let mut done = extend(&self.world).await;
        if now >= self.next_tidying && done.is_ok() {
            done = self.tidy(now).await.and(done);
        }
        if matches!(done, Ok(Extension::Extended(_))) {
            self.world.metrics.task_seen("audit_chain", EVERY, Duration::ZERO, now);
        }
        self.note_refusal(&done, now);
        done = self.note_regression(done).await;
        done = watch(&self.world, &mut self.lag_logged).await.and(done);
        let pause = pause_after(&done);
        if let Ok(Extension::Extended(head)) = done {
            self.log_head(head, now);
        }
        pause
    }

    /// A gauge, and a log line when it begins and then once a minute.
    fn note_refusal(&mut self, done: &Result<Extension, DatabaseError>, now: Duration) {
        let refused = match done {
            Ok(refused @ (Extension::HeadRefused | Extension::HeadRegressed { .. })) => Some(refused),
            Ok(Extension::Extended(_) | Extension::Elsewhere) | Err(_) => None,
        };
        self.world.metrics.audit().chain_refused.set(i64::from(refused.is_some()));
        if let Some(refused) = refused.filter(|_| self.next_refusal <= now) {
            log_refusal(refused);
            self.next_refusal = now + LOG_EVERY;
        } else if refused.is_none() {
            self.next_refusal = Duration::ZERO;
        }
    }

    async fn tidy(&mut self, now: Duration) -> Result<(), DatabaseError> {
        self.next_tidying = now + TIDY_EVERY;
        tidy(&self.world).await?;
        self.world.metrics.task_seen("audit_months", TIDY_EVERY, Duration::ZERO, now);
        Ok(())
    }

    /// Records, once for each, that the database went back in time: `audit verify` finds it there.
    async fn note_regression(&mut self, done: Result<Extension, DatabaseError>) -> Result<Extension, DatabaseError> {
        let done = done?;
        let Extension::HeadRegressed { stored, seen } = done else { return Ok(done) };
        if self.regressed.as_ref() != Some(&done) {
            let recorded = self.world.transaction(Caller::server(), move |mut work| {
                Box::pin(async move {
                    let details = json!({ "reason": "head_regressed", "stored": stored, "seen": seen });
                    work.record(Kind::AuditChainRefused, About::NOBODY, details).await
                })
            });
            recorded.await?;
            self.regressed = Some(done.clone());
        }
        Ok(done)
    }

    /// Logs the head if it has moved. If the log lines are kept elsewhere, no one can shorten or rebuild the chain unnoticed.
    fn log_head(&mut self, head: Head, now: Duration) {
        if now < self.next_logging || self.logged.as_ref() == Some(&head) {
            return;
        }
        if head.seq > 0 {
            tracing::info!(%head, "audit.chain_head");
        }
        (self.logged, self.next_logging) = (Some(head), now + LOG_EVERY);
    }
}

/// How long to wait for the next round.
fn pause_after(done: &Result<Extension, DatabaseError>) -> Duration {
    match done {
        Ok(_) => EVERY,
        Err(error) => {
            tracing::warn!(error = error.chain(), "audit.chaining_failed");
            PAUSE
        }
    }
}

fn log_refusal(refused: &Extension) {
    match refused {
        Extension::HeadRefused => {
            tracing::error!("audit.head_refused: the head of the chain does not match; see `heirloom audit verify`");
        }
        Extension::HeadRegressed { stored, seen } => tracing::error!(
            stored,
            seen,
            "audit.head_regressed: the database holds an older head of the chain than this server has seen; see \
             `heirloom audit verify`, and after a restore `heirloom audit resume --after-restore`"
        ),
        Extension::Extended(_) | Extension::Elsewhere => {}
    }
}
