use super::invite::revoke_invitations_by;
use crate::{
    confirmations::{self, Undos},
    factors::remove_all,
    kernel::UserId,
    postgres::DatabaseError,
    upstream, users,
    work::Work,
};
use uuid::Uuid;

/// The reader of an address takes an account over that was made with it by someone who may not read it: what the maker set up,
/// connected, requested or called themselves goes, undos too. In the caller's transaction, which holds the lock on the user.
pub(super) async fn clear_for_reader(
    work: &mut Work<'_>,
    user: UserId,
    confirmation: Uuid,
) -> Result<(), DatabaseError> {
    confirmations::void_all_of(work.connection, user, confirmation, Undos::Go).await?;
    let _removed = remove_all(work, user, "takeover").await?;
    upstream::unlink_since(work, user, None, "takeover").await?;
    users::forget_name(work.connection, user).await?;
    revoke_invitations_by(work, user).await
}
