use super::{Sessions, store};
use crate::{
    kernel::{Duration, Moment},
    postgres::{Connector, DatabaseError},
};
use sqlx::Connection;

/// How often the count of rotations is flushed to the database.
const EVERY: Duration = Duration::from_mins(1);
/// How long the last flush may delay the shutdown.
const PATIENCE: Duration = Duration::from_secs(3);

impl Sessions {
    /// Sessions that can still be used.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn live(&self) -> Result<i64, DatabaseError> {
        self.world().db.run(move |connection| Box::pin(store::count_live(connection))).await
    }

    /// How often tokens were rotated, by hour, on all instances. What happened in the last minute may be missing, and
    /// with an instance that crashed its last minute is lost: this is for looking at, not for deciding by.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rotations_by_hour(&self, since: Moment) -> Result<Vec<(Moment, i64)>, DatabaseError> {
        self.world().db.run(move |connection| Box::pin(store::rotations_by_hour(connection, since))).await
    }

    /// Adds the rotations that this instance has made since the last time to the present hour's.
    ///
    /// # Errors
    /// When the database fails; then they are counted in next time.
    pub async fn count_in(&self) -> Result<(), DatabaseError> {
        let Some(fresh) = self.counted().due(self.world().metrics.rotations()) else { return Ok(()) };
        let added = self.world().db.run(move |connection| Box::pin(store::add_rotations(connection, fresh))).await;
        if added.is_err() {
            self.counted().give_back(fresh);
        }
        added
    }

    /// The last flush, after the server has stopped: over its own connection, because those of the pool belonged to the
    /// server's threads and were closed with them.
    ///
    /// # Errors
    /// When the database fails, or is too slow to be waited for; then they are lost.
    pub async fn count_in_last(&self, connector: &Connector) -> Result<(), DatabaseError> {
        let Some(fresh) = self.counted().due(self.world().metrics.rotations()) else { return Ok(()) };
        let adding = async {
            let mut connection = connector.direct().await?;
            store::add_rotations(&mut connection, fresh).await?;
            drop(connection.close().await);
            Ok(())
        };
        tokio::time::timeout(PATIENCE, adding).await.map_err(|_elapsed| DatabaseError::TooSlow)?
    }
}

/// Flushes the count of rotations to the database until the process stops. After an outage it continues.
pub async fn keep_count(sessions: Sessions) {
    loop {
        tokio::time::sleep(EVERY).await;
        if let Err(error) = sessions.count_in().await {
            tracing::warn!(error = error.chain(), "sessions.not_counted");
        }
    }
}
