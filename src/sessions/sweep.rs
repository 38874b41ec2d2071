use super::{Sessions, store};
use crate::{
    audit,
    kernel::Duration,
    postgres::{Connector, DatabaseError},
};
use sqlx::{Connection, PgConnection};

/// Rows that one statement walks through. Small, so that a rotation that meets it waits for milliseconds.
const WINDOW: i64 = 2_000;
/// How long revoked sessions are kept, for audits.
const KEEP_REVOKED: Duration = Duration::from_hours(30 * 24);
/// How long it is remembered when a repeated event was recorded.
const KEEP_REPEATED: Duration = Duration::from_hours(24);
/// How often sessions are swept, by one of the instances.
const EVERY: Duration = Duration::from_mins(10);
/// How often each instance checks whether a sweep is due.
const LOOK: Duration = Duration::from_mins(1);
/// The time limit of one window.
const PATIENCE: Duration = Duration::from_secs(30);
/// The name in metrics.
const TASK: &str = "sweep";

impl Sessions {
    /// Deletes the sessions that have expired, and those that were revoked long ago: window after window in the order
    /// of their ids, past rows that are in use. Returns how many. Two sweeps at once are harmless.
    ///
    /// # Errors
    /// When the database fails. What was deleted by then stays deleted.
    pub async fn sweep(&self, connector: &Connector) -> Result<u64, DatabaseError> {
        // A connection of its own: it may take longer than a request.
        let mut connection = connector.direct().await?;
        let swept = windows(&mut connection).await;
        drop(connection.close().await);
        let swept = swept?;
        self.world().metrics.swept(swept);
        Ok(swept)
    }

    /// Sweeps if no instance has begun to within the interval. None if nothing was due.
    async fn sweep_if_due(&self, connector: &Connector) -> Result<Option<u64>, DatabaseError> {
        let is_due = self.world().db.run(|connection| Box::pin(store::begin_sweep(connection, EVERY))).await?;
        if is_due { self.sweep(connector).await.map(Some) } else { Ok(None) }
    }

    /// Records for the metrics how long ago any instance last swept.
    async fn observe_sweep(&self) -> Result<(), DatabaseError> {
        let since = self.world().db.run(|connection| Box::pin(store::since_last_sweep(connection))).await?;
        self.world().metrics.task_seen(TASK, EVERY, since.unwrap_or_default(), self.world().clock.uptime());
        Ok(())
    }
}

async fn windows(connection: &mut PgConnection) -> Result<u64, DatabaseError> {
    let (mut after, mut swept) = (uuid::Uuid::nil(), 0_u64);
    loop {
        let last = in_time(store::window_end(connection, after, WINDOW)).await?;
        swept = swept.saturating_add(in_time(store::sweep_window(connection, after, last, KEEP_REVOKED)).await?);
        let Some(last) = last else { break };
        after = last;
    }
    in_time(store::forget_everyone(connection, KEEP_REVOKED)).await?;
    in_time(store::forget_departed(connection, KEEP_REVOKED)).await?;
    in_time(store::forget_counts(connection, KEEP_REVOKED)).await?;
    in_time(audit::forget_repeated(connection, KEEP_REPEATED)).await?;
    in_time(store::end_sweep(connection)).await?;
    Ok(swept)
}

async fn in_time<T>(work: impl Future<Output = Result<T, DatabaseError>>) -> Result<T, DatabaseError> {
    tokio::time::timeout(PATIENCE, work).await.map_err(|_elapsed| DatabaseError::TooSlow)?
}

/// Sweeps regularly until the process stops. An outage is logged, and the work continues after it.
pub async fn keep_clean(sessions: Sessions, connector: Connector) {
    loop {
        if let Err(error) = sessions.observe_sweep().await {
            tracing::warn!(error = error.chain(), "sessions.sweep_failed");
        }
        tokio::time::sleep(LOOK).await;
        match sessions.sweep_if_due(&connector).await {
            Ok(Some(swept)) => tracing::info!(swept, "sessions.swept"),
            Ok(None) => {}
            Err(error) => tracing::warn!(error = error.chain(), "sessions.sweep_failed"),
        }
    }
}
