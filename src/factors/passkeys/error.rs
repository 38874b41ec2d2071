use super::Refusal;
use crate::{kernel::TicketError, postgres::DatabaseError};

/// Why a ceremony could not be begun or decided, apart from the outcomes that are answers.
#[derive(Debug, thiserror::Error)]
pub enum PasskeyError {
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] DatabaseError),
    /// What cannot happen.
    #[error(transparent)]
    Ticket(#[from] TicketError),
    /// The database holds a key that was never accepted.
    #[error("a stored passkey cannot be read")]
    StoredKey(#[source] Refusal),
}
