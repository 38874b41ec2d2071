//! What a provider says of one of its users by itself, and what becomes of the sessions that were opened through it.

mod api;

pub(super) use api::{ProviderEventsDescribed, routes};

use super::{EndReason, Ended, Sessions, end::end_through};
use crate::{
    kernel::Client,
    postgres::DatabaseError,
    upstream::{SecurityEvent, note_event, owner_of_event},
    users,
    work::Caller,
};

impl Sessions {
    /// Takes an event: ends the sessions that were opened through the identity before it happened, if it says so. What came
    /// before, or is of nobody here, changes nothing. Returns how many were live.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_event(&self, event: SecurityEvent, client: &Client) -> Result<u64, DatabaseError> {
        let taken = self.world().transaction(Caller::anonymous(client), move |mut work| {
            Box::pin(async move {
                if !note_event(&mut work, &event).await? || !event.ends_sessions {
                    return Ok(Ended::default());
                }
                let Some(identity) = &event.identity else { return Ok(Ended::default()) };
                let Some(user) = owner_of_event(&mut work, identity).await? else { return Ok(Ended::default()) };
                // A sign-in that is under way comes wholly before or wholly after.
                users::lock(work.connection, user).await?;
                end_through(&mut work, user, identity, Some(event.happened_at), None, &EndReason::Provider).await
            })
        });
        let ended = taken.await?;
        self.apply(&ended);
        Ok(ended.live())
    }
}
