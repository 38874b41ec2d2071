//! A user's accounts at other providers. Each change needs a fresh session.

mod api;

pub(super) use api::{IdentitiesDescribed, routes};

use crate::{
    kernel::Client,
    postgres::DatabaseError,
    sessions::{EndReason, Ended, Fresh, Sessions, end_through},
    upstream::{Unlinking, unlink},
    work::Caller,
};

/// Disconnects a provider, and revokes the other sessions that were opened through it: they may be a thief's. None: the session is
/// not fresh any more.
async fn disconnect(
    sessions: &Sessions,
    fresh: &Fresh,
    provider: String,
    client: &Client,
) -> Result<Option<Unlinking>, DatabaseError> {
    let (user, session, fresh) = (fresh.signed_in().user, fresh.signed_in().session, fresh.clone());
    let unlinked = sessions.world().transaction(Caller::user(user, client), move |mut work| {
        Box::pin(async move {
            if !fresh.lock(&mut work).await? {
                return Ok(None);
            }
            let unlinked = unlink(&mut work, user, &provider).await?;
            let Unlinking::Done(identity) = &unlinked else { return Ok(Some((unlinked, Ended::default()))) };
            let ended = end_through(&mut work, user, identity, None, Some(session), &EndReason::EndedByUser).await?;
            Ok(Some((unlinked, ended)))
        })
    });
    Ok(unlinked.await?.map(|(unlinked, ended)| {
        sessions.apply(&ended);
        unlinked
    }))
}
