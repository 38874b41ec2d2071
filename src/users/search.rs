use super::store;
use crate::{kernel::Duration, world::World};

/// How often an instance looks for users who cannot be found exactly yet.
const EVERY: Duration = Duration::from_mins(1);
/// Between two batches, so that a large table is filled beside the requests.
const PAUSE: Duration = Duration::from_millis(50);

/// Fills in what users are found by, permanently. An outage is logged and waited out.
pub async fn keep_searchable(world: World) {
    loop {
        let pause = match world.db.run(|connection| Box::pin(store::fill_search_texts(connection))).await {
            Ok(0) => EVERY,
            Ok(_) => PAUSE,
            Err(error) => {
                tracing::warn!(error = error.chain(), "users.search_texts_failed");
                EVERY
            }
        };
        tokio::time::sleep(pause).await;
    }
}
