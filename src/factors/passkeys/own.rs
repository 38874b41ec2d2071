//! What a user sees and changes of their own passkeys.

use super::{
    PasskeyError, Passkeys,
    store::{self, OwnPasskey},
};
use crate::{kernel::UserId, postgres::DatabaseError, work::Work};
use uuid::Uuid;

/// The passkeys of a user.
#[derive(Debug, Clone)]
pub struct OwnPasskeys {
    /// Oldest first.
    pub passkeys: Vec<OwnPasskey>,
    /// By what authenticators know the user, once they began to register one.
    pub handle: Option<Vec<u8>>,
}

impl Passkeys {
    /// The passkeys of a user.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn of(&self, user: UserId) -> Result<OwnPasskeys, PasskeyError> {
        let read = self.world().db.run(move |connection| {
            Box::pin(async move {
                let passkeys = store::list(&mut *connection, user).await?;
                Ok(OwnPasskeys { passkeys, handle: store::handle(connection, user).await? })
            })
        });
        Ok(read.await?)
    }
}

/// Gives a passkey another name, or none, in the caller's transaction. False if it is not one of the user's.
///
/// # Errors
/// When the database fails.
pub async fn rename(
    work: &mut Work<'_>,
    user: UserId,
    passkey: Uuid,
    name: Option<&str>,
) -> Result<bool, DatabaseError> {
    store::rename(work.connection, user, passkey, name).await
}
