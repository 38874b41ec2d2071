use super::Lifecycle;
use crate::{
    confirmations, factors,
    kernel::Duration,
    postgres::{DatabaseError, sweep_used_tickets},
};
use sqlx::PgConnection;

/// How often expired confirmations, challenges and tickets are deleted.
const EVERY: Duration = Duration::from_mins(10);

/// Deletes expired confirmations, challenges and tickets until the process stops. An outage is logged, and the work continues after it.
pub async fn keep_swept(room: Lifecycle) {
    loop {
        if let Err(error) = room.world().db.run(|connection| Box::pin(sweep(connection))).await {
            tracing::warn!(error = error.chain(), "lifecycle.sweep_failed");
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn sweep(connection: &mut PgConnection) -> Result<(), DatabaseError> {
    confirmations::sweep(&mut *connection).await?;
    sweep_used_tickets(&mut *connection).await?;
    factors::sweep(connection).await
}
