//! A user's accounts at other providers. Each change needs a fresh session.

mod api;

pub(super) use api::{IdentitiesDescribed, routes};

use crate::{
    kernel::Client,
    postgres::DatabaseError,
    sessions::{Fresh, Sessions},
    upstream::{Unlinking, unlink},
    work::Caller,
};

/// Disconnects a provider. None: the session is not fresh any more.
async fn disconnect(
    sessions: &Sessions,
    fresh: &Fresh,
    provider: String,
    client: &Client,
) -> Result<Option<Unlinking>, DatabaseError> {
    let (user, fresh) = (fresh.signed_in().user, fresh.clone());
    let unlinked = sessions.world().transaction(Caller::user(user, client), move |mut work| {
        Box::pin(async move {
            if !fresh.lock(&mut work).await? {
                return Ok(None);
            }
            unlink(&mut work, user, &provider).await.map(Some)
        })
    });
    unlinked.await
}
