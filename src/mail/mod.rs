//! Emails to users about their own account, through an outbox.
//!
//! 1. The transaction that causes a notification enqueues it
//!    ([`Work::enqueue_email`](crate::work::Work::enqueue_email)): both are committed or neither, and no request waits for
//!    a mail server. What exceeds the limits of a recipient (`model.rs`) is not enqueued.
//! 2. A background task (`send.rs`) serves the recipients in turn. It claims an email by moving its next attempt ahead, so
//!    that no other instance takes it, writes it in the user's language (`email.rs`), sends it (`smtp.rs`,
//!    `delivery.rs`, `carrier.rs`), and records the outcome.
//! 3. A temporary failure is tried again after waits that double (`model.rs`); a permanent refusal is final. If a process
//!    dies between sending and recording, the email is sent once more, with the same `Message-ID`.
//! 4. Most emails have a link that revokes all sessions of the user, after a confirmation, once (`room.rs`).
//!
//! Without `HEIRLOOM_SMTP_URL` the background task writes emails into files of a folder (`folder.rs`).

mod carrier;
mod delivery;
mod email;
mod folder;
mod model;
mod probe;
mod room;
mod send;
mod smtp;
mod store;

pub use email::email_samples;
pub use model::{ConfirmationEmail, EmailView, Notification};
pub use probe::probe;
pub use room::{Mail, MailError};
pub use send::keep_sending;
pub use smtp::{MailServer, MailServerError};
pub use store::{emails_to, keep_address, look_up_link, use_link};

use crate::{
    kernel::{UserId, new_uuid},
    postgres::DatabaseError,
    work::Work,
};
use serde_json::{Map, Value};

impl Work<'_> {
    /// Enqueues the email of a confirmation. The limits on requests for emails bound how many there are.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn enqueue_confirmation_email(&mut self, new: ConfirmationEmail) -> Result<(), DatabaseError> {
        let id = new_uuid(self.now, &self.world.rng);
        store::add_of_confirmation(self.connection, id, self.now, new).await
    }

    /// Enqueues an email to a user, to be sent once the transaction has committed. Does nothing where the user has
    /// received too many lately. Call it last: the recipient stays locked until the commit.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn enqueue_email(&mut self, user: UserId, notification: Notification) -> Result<(), DatabaseError> {
        self.enqueue_email_with(user, notification, Map::new()).await
    }

    /// The same, with more that its templates know how to show: nothing that a user typed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn enqueue_email_with(
        &mut self,
        user: UserId,
        notification: Notification,
        more: Map<String, Value>,
    ) -> Result<(), DatabaseError> {
        let mut details = model::details(notification, &self.caller.client);
        if let Some(members) = details.as_object_mut() {
            members.extend(more);
        }
        self.enqueue(user, notification, details, None).await
    }

    /// Enqueues an email to an address that is the user's no longer.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn enqueue_email_to_former(
        &mut self,
        user: UserId,
        notification: Notification,
        address: &str,
    ) -> Result<(), DatabaseError> {
        let details = model::details(notification, &self.caller.client);
        self.enqueue(user, notification, details, Some(address.to_owned())).await
    }

    async fn enqueue(
        &mut self,
        user: UserId,
        notification: Notification,
        details: Value,
        to: Option<String>,
    ) -> Result<(), DatabaseError> {
        let id = new_uuid(self.now, &self.world.rng);
        let new = store::NewEmail { id, at: self.now, user, notification, details, to };
        if !store::add(self.connection, new).await? {
            self.world.metrics.mailed("limited");
        }
        Ok(())
    }
}
