//! Letters to people about their own account, by way of an outbox.
//!
//! 1. Who decides something that a person must know of writes a notice in the same transaction ([`Work::enqueue_email`](crate::work::Work::enqueue_email)): neither is
//!    there without the other, and no request waits for a mail server.
//! 2. A chore takes one notice after another (`send.rs`): it pushes the next attempt ahead, so that no other instance
//!    takes the same, writes the letter in the person's language (`letter.rs`), sends it, and notes that.
//! 3. What fails is tried again after waits that double (`model.rs`). Should a process die between sending and noting
//!    it, the letter goes out once more, with the same `Message-ID`.
//! 4. Each letter has a link that ends all sessions of the person, after a confirmation, once (`link.rs`).
//!
//! Without `HEIRLOOM_SMTP_URL` nothing is written, and the events still show on the account page.

mod letter;
mod link;
mod model;
mod room;
mod send;
mod store;
mod transport;

pub use letter::letter_samples;
pub use model::{LetterView, Notice};
pub use room::{Mail, MailError};
pub use send::keep_sending;
pub use store::{letters_to, look_up_link, use_link};

use crate::{
    kernel::{UserId, new_uuid},
    postgres::DatabaseError,
    work::Work,
};

impl Work<'_> {
    /// Writes an e-mail to a user into the outbox, from which it is sent once the transaction has committed. Does nothing
    /// where no e-mail is sent.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn enqueue_email(&mut self, user: UserId, notice: Notice) -> Result<(), DatabaseError> {
        if self.world.config.mail.is_none() {
            return Ok(());
        }
        let new = store::NewLetter {
            id: new_uuid(self.now, &self.world.entropy),
            at: self.now,
            user,
            notice,
            details: model::details(notice, &self.caller.client),
        };
        store::add(self.connection, new).await
    }
}
pub use transport::{MailProbeError, MailServer, probe};
