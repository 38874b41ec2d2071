//! A user's accounts at other providers, as administrators see and disconnect them.

mod api;

pub(super) use api::{described, routes};

use crate::{
    kernel::{Moment, UserId},
    postgres::DatabaseError,
    sessions::{self, EndReason, Ended, FreshAuthority, Sessions},
    upstream::{self, Identity},
    users,
    work::Work,
};
use serde::Serialize;
use utoipa::ToSchema;

/// An account at another provider that opens a user's account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UserIdentity)]
pub struct IdentityView {
    /// The provider's name in the options and in paths.
    #[schema(example = "kakao")]
    provider: String,
    /// The address there, as it was when it was connected. It proves nothing.
    #[schema(required = true, example = "alice@example.com")]
    email: Option<String>,
    /// When it was connected.
    #[schema(value_type = String, format = DateTime)]
    created_at: Moment,
    /// When it last opened the account.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    last_used_at: Option<Moment>,
}

impl From<Identity> for IdentityView {
    fn from(identity: Identity) -> Self {
        let Identity { provider, email, created_at, last_used_at } = identity;
        Self { provider, email, created_at, last_used_at }
    }
}

/// The outcome of disconnecting a user from a provider.
#[must_use]
#[derive(Debug)]
pub enum IdentityRemoved {
    /// It is disconnected, and so many live sessions that were opened through it were revoked.
    Done {
        /// How many sessions.
        revoked: u64,
    },
    /// The user does not exist.
    NoUser,
    /// The user is not connected to this provider.
    NotConnected,
    /// The session of the administrator who asks is no longer fresh, or they are no longer one: nothing was changed.
    NotFresh,
}

/// What the transaction decided.
enum Decided {
    Done(Ended),
    NoUser,
    NotConnected,
    NotFresh,
}

/// Disconnects a user from a provider, and revokes the sessions that were opened through it: also where nothing else opens the
/// account, which is then opened by a reset of the password. The user receives an email.
///
/// # Errors
/// When the database fails.
pub async fn remove_identity(
    sessions: &Sessions,
    by: &FreshAuthority,
    user: UserId,
    provider: String,
) -> Result<IdentityRemoved, DatabaseError> {
    let authority = by.clone();
    let done = sessions.world().transaction(by.caller(), move |mut work| {
        Box::pin(async move { carry_out(&mut work, &authority, user, &provider).await })
    });
    Ok(match done.await? {
        Decided::Done(ended) => {
            sessions.apply(&ended);
            IdentityRemoved::Done { revoked: ended.live() }
        }
        Decided::NoUser => IdentityRemoved::NoUser,
        Decided::NotConnected => IdentityRemoved::NotConnected,
        Decided::NotFresh => IdentityRemoved::NotFresh,
    })
}

async fn carry_out(
    work: &mut Work<'_>,
    by: &FreshAuthority,
    user: UserId,
    provider: &str,
) -> Result<Decided, DatabaseError> {
    users::lock_admins(work.connection).await?;
    if !by.still_stands(work).await? {
        return Ok(Decided::NotFresh);
    }
    if !users::lock(work.connection, user).await? {
        return Ok(Decided::NoUser);
    }
    let Some(identity) = upstream::take_away(work, user, provider).await? else { return Ok(Decided::NotConnected) };
    sessions::end_through(work, user, &identity, None, None, &EndReason::Admin(None)).await.map(Decided::Done)
}
