use super::{Sessions, store};
use crate::{
    kernel::Duration,
    postgres::{Connector, DatabaseError},
};
use sqlx::{Connection, PgConnection};

/// Rows that one statement walks through. Small, so that a rotation that meets it waits for milliseconds.
const WINDOW: i64 = 2_000;
/// Ended sessions stay for so long, for the audit's sake.
const KEEP_REVOKED: Duration = Duration::from_hours(30 * 24);
/// How often an instance tries to sweep.
const EVERY: Duration = Duration::from_mins(10);
/// The most that one window may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What became of a clean-up.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sweep {
    /// So many sessions were deleted.
    Swept(u64),
    /// Another instance is at it.
    Elsewhere,
}

impl Sessions {
    /// Deletes the sessions whose time is over, and those that ended long ago: window after window in the order of
    /// their ids, past rows that are in use, by one instance at a time.
    ///
    /// # Errors
    /// When the database fails. What was deleted by then stays deleted.
    pub async fn sweep(&self, connector: &Connector) -> Result<Sweep, DatabaseError> {
        // A connection of its own, for the lock belongs to it and dies with it.
        let mut connection = connector.direct().await?;
        if !store::lock_sweep(&mut connection).await? {
            return Ok(Sweep::Elsewhere);
        }
        let swept = windows(&mut connection).await;
        drop(connection.close().await);
        let swept = swept?;
        self.world().metrics.swept(swept);
        Ok(Sweep::Swept(swept))
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
    Ok(swept)
}

async fn in_time<T>(work: impl Future<Output = Result<T, DatabaseError>>) -> Result<T, DatabaseError> {
    tokio::time::timeout(PATIENCE, work).await.map_err(|_elapsed| DatabaseError::TooSlow)?
}

/// Sweeps again and again, for ever. An outage is told and waited out.
pub async fn keep_clean(sessions: Sessions, connector: Connector) {
    loop {
        tokio::time::sleep(EVERY).await;
        match sessions.sweep(&connector).await {
            Ok(Sweep::Swept(swept)) => tracing::info!(swept, "sessions.swept"),
            Ok(Sweep::Elsewhere) => {}
            Err(error) => tracing::warn!(error = error.chain(), "sessions.sweep_failed"),
        }
    }
}
