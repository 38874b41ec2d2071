use super::Lifecycle;
use crate::{confirmations, kernel::Duration};

/// How often expired confirmations are deleted.
const EVERY: Duration = Duration::from_mins(10);

/// Deletes expired confirmations until the process stops. An outage is logged, and the work continues after it.
pub async fn keep_swept(room: Lifecycle) {
    loop {
        if let Err(error) = room.world().db.run(|connection| Box::pin(confirmations::sweep(connection))).await {
            tracing::warn!(error = error.chain(), "lifecycle.sweep_failed");
        }
        tokio::time::sleep(EVERY).await;
    }
}
