use super::Refusal;
use crate::{kernel::WrongMasterKey, postgres::DatabaseError};

/// Why a ceremony could not be begun or decided, apart from the outcomes that are answers.
#[derive(Debug, thiserror::Error)]
pub enum PasskeyError {
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] DatabaseError),
    /// The library failed.
    #[error("a ticket could not be sealed")]
    Sealing(#[from] WrongMasterKey),
    /// What cannot happen.
    #[error("a ticket could not be written")]
    Ticket(#[source] serde_json::Error),
    /// The database holds a key that was never accepted.
    #[error("a stored passkey cannot be read")]
    StoredKey(#[source] Refusal),
}
