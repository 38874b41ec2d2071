//! What a provider says of one of its users by itself, and what becomes of the sessions that were opened through it.

mod api;

pub(super) use api::{ProviderEventsDescribed, routes};

use super::{EndReason, Ended, Sessions, end::end_through, store};
use crate::{
    identity::UpstreamIdentity,
    kernel::{Client, UserId},
    postgres::DatabaseError,
    upstream::{SecurityEvent, note_event, owner_of_event},
    users,
    work::{Caller, Work},
};
use std::collections::BTreeSet;

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
                let mut ended = Ended::default();
                for user in users_of(&mut work, identity).await? {
                    // A sign-in that is under way comes wholly before or wholly after.
                    users::lock(work.connection, user).await?;
                    let until = Some(event.happened_at);
                    ended.add(end_through(&mut work, user, identity, until, None, &EndReason::Provider).await?);
                }
                Ok(ended)
            })
        });
        let ended = taken.await?;
        self.apply(&ended);
        Ok(ended.live())
    }
}

/// Whose sessions an identity may have opened: those of the user who has it, and those that stayed when it was disconnected, as the
/// session does that disconnects it. In the order in which all events lock them.
async fn users_of(work: &mut Work<'_>, identity: &UpstreamIdentity) -> Result<BTreeSet<UserId>, DatabaseError> {
    let mut users: BTreeSet<_> = store::signed_in_through(work.connection, identity).await?.into_iter().collect();
    users.extend(owner_of_event(work, identity).await?);
    Ok(users)
}
