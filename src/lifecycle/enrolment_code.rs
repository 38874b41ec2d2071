//! The emailed code without which a second factor is not set up by who has the password alone.

use super::{Lifecycle, request::described};
use crate::{
    audit,
    confirmations::{self, CODE_LIFETIME, NewConfirmation, Purpose},
    identity::EmailAddress,
    kernel::{Client, UserId, new_uuid},
    postgres::DatabaseError,
    work::Caller,
};
use serde_json::json;

impl Lifecycle {
    /// Sends a code to the address of a user who has typed the password. A code that was sent within ten minutes works still,
    /// and no second email is sent: so it needs no other limit.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn send_enrolment_code(&self, email: &EmailAddress, client: &Client) -> Result<(), DatabaseError> {
        let new = NewConfirmation {
            id: new_uuid(self.world().clock.now(), &self.world().rng),
            purpose: Purpose::EnrolFactor,
            email: email.as_str().to_owned(),
            payload: json!({ "client": described(client), "language": client.language }),
            browser: None,
            lifetime: CODE_LIFETIME,
            is_looked_up: false,
        };
        self.world().metrics.confirmation(Purpose::EnrolFactor.name(), "requested");
        self.world().db.run(move |connection| Box::pin(confirmations::add(connection, new))).await
    }

    /// Whether this is a code that the user was sent, and that works still. The caller has counted the attempt. It is used up with
    /// the factor: another version of the factors voids it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn is_enrolment_code(&self, user: UserId, typed: &str, client: &Client) -> Result<bool, DatabaseError> {
        let purpose = Purpose::EnrolFactor;
        let sent = self
            .world()
            .db
            .run(move |connection| Box::pin(confirmations::sent_codes(connection, user, purpose)))
            .await?;
        let is_right = sent.iter().any(|code| self.keys().is_code(purpose, &code.email, typed, &code.mac));
        self.world().metrics.confirmation(purpose.name(), if is_right { "used" } else { "wrong_code" });
        if !is_right {
            let details = json!({ "purpose": purpose.name(), "reason": "wrong_code" });
            let recorded = self.world().run(Caller::anonymous(client), move |mut work| {
                Box::pin(async move { work.record(audit::Kind::ConfirmationFailed, user, details).await })
            });
            recorded.await?;
        }
        Ok(is_right)
    }
}
