//! What an administrator or an operator starts for a user. Neither chooses a password (ASVS 5, 6.4.6).

use super::{Lifecycle, Requested, Wanted};
use crate::{
    audit,
    confirmations::Purpose,
    kernel::{Operator, UserId},
    postgres::DatabaseError,
    sessions::Authority,
    users::{self, User},
};
use serde_json::json;

impl Lifecycle {
    /// Requests the email by which a user chooses a new password. Neither its link nor a flow is returned. None: the user has no
    /// address.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn send_reset(&self, by: &Authority, user: &User) -> Result<Option<Requested>, DatabaseError> {
        let Some(email) = user.email.clone() else { return Ok(None) };
        let wanted = Wanted::of(Purpose::ResetPassword, email);
        self.request_by(by.caller(), wanted, Some(user.id)).await.map(Some)
    }

    /// Records that a user reads their address, on an operator's word, unless that is known. False: the user has no address.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn vouch_for_email(&self, operator: Operator, user: UserId) -> Result<bool, DatabaseError> {
        let verified = self.world().transaction(operator.into(), move |mut work| {
            Box::pin(async move {
                if users::verify_email(work.connection, user).await? {
                    let details = json!({ "purpose": Purpose::VerifyEmail.name() });
                    work.record(audit::Kind::ConfirmationUsed, user, details).await?;
                    return Ok(true);
                }
                let user = users::lookup_in(work.connection, user).await?;
                Ok(user.is_some_and(|user| user.email.is_some()))
            })
        });
        verified.await
    }
}
