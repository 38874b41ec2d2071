use super::{
    chain::{Extension, extend},
    head::Head,
    months,
};
use crate::{kernel::Duration, postgres::DatabaseError, world::World};

/// How often new events are chained: until then, anyone who can write to the database can remove an event unseen.
const EVERY: Duration = Duration::from_secs(1);
/// How long an outage is waited out.
const PAUSE: Duration = Duration::from_secs(10);
/// How often the head of the chain is logged, if it has moved.
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
    let (mut logged, mut next_logging, mut next_tidying) = (None, Duration::ZERO, Duration::ZERO);
    // Not yet done: overdue as well, should it never be.
    for (task, every) in [("audit_chain", EVERY), ("audit_months", TIDY_EVERY)] {
        world.metrics.task_seen(task, every, Duration::ZERO, world.clock.uptime());
    }
    loop {
        let now = world.clock.uptime();
        let mut done = extend(&world).await;
        if now >= next_tidying && done.is_ok() {
            next_tidying = now + TIDY_EVERY;
            done = tidy(&world).await.and(done);
            if done.is_ok() {
                world.metrics.task_seen("audit_months", TIDY_EVERY, Duration::ZERO, now);
            }
        }
        if matches!(done, Ok(Extension::Extended(_))) {
            world.metrics.task_seen("audit_chain", EVERY, Duration::ZERO, now);
        }
        let is_refused = matches!(done, Ok(Extension::HeadRefused | Extension::HeadRegressed { .. }));
        world.metrics.gauges().audit_chain_refused.set(i64::from(is_refused));
        let pause = pause_after(&done);
        if let Ok(Extension::Extended(head)) = done
            && now >= next_logging
            && logged.as_ref() != Some(&head)
        {
            log_head(&head);
            (logged, next_logging) = (Some(head), now + LOG_EVERY);
        }
        tokio::time::sleep(pause).await;
    }
}

/// Logs what stands in the way of the chain, and returns how long to wait.
fn pause_after(done: &Result<Extension, DatabaseError>) -> Duration {
    match done {
        Ok(Extension::Extended(_) | Extension::Elsewhere) => EVERY,
        Ok(Extension::HeadRefused) => {
            tracing::error!("audit.head_refused: the head of the chain does not match; see `heirloom audit verify`");
            LOG_EVERY
        }
        Ok(Extension::HeadRegressed { stored, seen }) => {
            tracing::error!(
                stored,
                seen,
                "audit.head_regressed: the database holds an older head of the chain than this server has seen; see \
                 `heirloom audit verify`, and after a restore `heirloom audit resume --after-restore`"
            );
            LOG_EVERY
        }
        Err(error) => {
            tracing::warn!(error = error.chain(), "audit.chaining_failed");
            PAUSE
        }
    }
}

/// Logs the head. If the log lines are kept elsewhere, no one can shorten or rebuild the chain unnoticed.
fn log_head(head: &Head) {
    if head.seq > 0 {
        tracing::info!(%head, "audit.chain_head");
    }
}
