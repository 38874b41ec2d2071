use super::KeyId;
use crate::postgres::DatabaseError;

/// Why signing keys cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The database failed.
    #[error("the signing keys cannot be read or written")]
    Database(#[from] DatabaseError),
    /// A key was sealed under a master key that we have not.
    #[error(
        "the signing key {0} cannot be decrypted: HEIRLOOM_MASTER_KEY is not the key it was sealed under. \
         Put the old master key back, or name it in HEIRLOOM_MASTER_KEY_PREVIOUS"
    )]
    WrongMasterKey(KeyId),
    /// The library failed to generate a key.
    #[error("no signing key could be generated")]
    Generation,
    /// The stored key cannot be parsed.
    #[error("a stored signing key cannot be parsed")]
    Unreadable(#[from] jsonwebtoken::errors::Error),
}
