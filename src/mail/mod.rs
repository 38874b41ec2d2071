//! Letters to people about their own account, by way of an outbox.
//!
//! 1. Who decides something that a person must know of writes a notice in the same transaction ([`tell`]): neither is
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
    kernel::{Client, Moment, UserId, new_uuid},
    postgres::DatabaseError,
    world::World,
};
use sqlx::PgConnection;

/// Tells a person what has happened, when the caller's transaction commits. Does nothing where no mail is sent.
///
/// # Errors
/// When the database fails.
pub async fn tell(
    connection: &mut PgConnection,
    (world, at): (&World, Moment),
    user: UserId,
    notice: Notice,
    client: &Client,
) -> Result<(), DatabaseError> {
    if world.config.mail.is_none() {
        return Ok(());
    }
    let details = model::details(notice, client);
    store::add(connection, (new_uuid(at, &world.entropy), at), user, notice, details).await
}
pub use transport::{MailProbeError, MailServer, probe};
