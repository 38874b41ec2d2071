//! Codes for who has lost the authenticator app: ten, each for one use, shown once.

use super::{
    Factors, FactorsError,
    model::{RECOVERY_CODES, RecoveryCode},
};
use crate::{
    kernel::Client,
    passwords::{Password, PasswordHash, QueueKey},
    users::AccountsError,
};
use std::fmt;
use zeroize::Zeroizing;

/// Ten new codes, and their hashes, which are not stored yet.
pub struct NewCodes {
    pub(super) shown: Vec<Zeroizing<String>>,
    pub(super) hashes: Vec<(i16, PasswordHash)>,
}

impl NewCodes {
    /// The codes as they are shown, once.
    #[must_use]
    pub fn reveal(&self) -> &[Zeroizing<String>] {
        &self.shown
    }
}

impl fmt::Debug for NewCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewCodes(…)")
    }
}

impl Factors {
    /// Draws and hashes ten codes.
    ///
    /// # Errors
    /// When the hashing threads have too much to do.
    pub async fn draw_codes(&self, client: &Client) -> Result<NewCodes, FactorsError> {
        let draw = |number| RecoveryCode::new(number, u64::from_be_bytes(self.world().rng.bytes()));
        let codes: Vec<_> = (1..=RECOVERY_CODES).map(draw).collect();
        let secrets: Result<Vec<_>, _> = codes.iter().map(|code| Password::presented(&code.secret)).collect();
        // Twelve characters are never too many.
        let secrets = secrets.map_err(|_too_long| FactorsError::Internal("a recovery code is too long"))?;
        let hashes = self.accounts().hash_codes(secrets, QueueKey::from(client)).await?;
        let numbered = codes.iter().map(|code| i16::from(code.number)).zip(hashes).collect();
        Ok(NewCodes { shown: codes.iter().map(RecoveryCode::shown).collect(), hashes: numbered })
    }

    pub(super) async fn is_code(
        &self,
        code: &RecoveryCode,
        hash: &PasswordHash,
        client: &Client,
    ) -> Result<bool, AccountsError> {
        let Ok(secret) = Password::presented(&code.secret) else { return Ok(false) };
        self.accounts().verify_code(secret, hash.clone(), QueueKey::from(client)).await
    }
}
