mod api;

pub(super) use api::{FactorsDescribed, remove_factors, show_factors};

use crate::{
    audit, factors,
    kernel::{Actor, UserId},
    postgres::DatabaseError,
    sessions::{self, EndReason, Ended, FreshAuthority, Sessions},
    users,
    work::Work,
};
use serde_json::json;

/// The outcome of a reset of second factors.
#[must_use]
#[derive(Debug)]
pub enum FactorsReset {
    /// So many factors were removed; if there was one, all sessions of the user were revoked.
    Done {
        /// How many factors.
        removed: u32,
    },
    /// The user does not exist.
    NotFound,
    /// Administrators do not reset their own: the rules for the own factors would not apply.
    Own,
    /// The session of the administrator who asks is no longer fresh, or they are no longer one: nothing was changed.
    NotFresh,
}

/// What the transaction decided.
enum Decided {
    Done(u32, Ended),
    NotFound,
    NotFresh,
}

/// Removes all second factors of a user who has lost them, and revokes their sessions. Where there is no factor, nothing is
/// changed.
///
/// # Errors
/// When the database fails.
pub async fn reset_factors(
    sessions: &Sessions,
    by: &FreshAuthority,
    user: UserId,
) -> Result<FactorsReset, DatabaseError> {
    if by.caller().actor == Actor::User(user) {
        return Ok(FactorsReset::Own);
    }
    let authority = by.clone();
    let done = sessions.world().transaction(by.caller(), move |mut work| {
        Box::pin(async move { carry_out(&mut work, &authority, user).await })
    });
    Ok(match done.await? {
        Decided::Done(removed, ended) => {
            sessions.apply(&ended);
            FactorsReset::Done { removed }
        }
        Decided::NotFound => FactorsReset::NotFound,
        Decided::NotFresh => FactorsReset::NotFresh,
    })
}

async fn carry_out(work: &mut Work<'_>, by: &FreshAuthority, user: UserId) -> Result<Decided, DatabaseError> {
    users::lock_admins(work.connection).await?;
    if !by.still_stands(work).await? {
        return Ok(Decided::NotFresh);
    }
    if !users::lock(work.connection, user).await? {
        return Ok(Decided::NotFound);
    }
    let removed = factors::reset(work, user).await?.count();
    if removed == 0 {
        return Ok(Decided::Done(0, Ended::default()));
    }
    let ended = sessions::end_all_of(work, user, None, &EndReason::FactorsReset).await?;
    let details = json!({ "removed": removed, "sessions": ended.live() });
    work.record(audit::Kind::FactorsReset, user, details).await?;
    Ok(Decided::Done(removed, ended))
}
