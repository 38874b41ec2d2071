use super::{Accounts, AccountsError};
use crate::passwords::{self, Cost, Password, PasswordHash, QueueKey, Verification};

/// The cost of a recovery code's hash, at most: sixty random bits need no slow hash, and ten of them are hashed at once.
const CODES: u32 = 8;

impl Accounts {
    /// Hashes recovery codes, on the hashing threads.
    ///
    /// # Errors
    /// When those have too much to do.
    pub async fn hash_codes(&self, codes: Vec<Password>, queue: QueueKey) -> Result<Vec<PasswordHash>, AccountsError> {
        let cost = self.cost_of_codes()?;
        let hash = move || codes.iter().map(|code| passwords::hash(code, cost)).collect::<Result<Vec<_>, _>>();
        Ok(self.hashing().run(queue, hash).await??)
    }

    /// Compares a recovery code with its hash, on the hashing threads. The caller has counted the attempt.
    ///
    /// # Errors
    /// When those have too much to do.
    pub async fn verify_code(
        &self,
        code: Password,
        hash: PasswordHash,
        queue: QueueKey,
    ) -> Result<bool, AccountsError> {
        let cost = self.cost_of_codes()?;
        let verified = self.hashing().run(queue, move || passwords::verify(&code, &hash, cost)).await?;
        Ok(match verified {
            Verification::Right { replacement: _ } => true,
            Verification::Wrong | Verification::Unreadable => false,
        })
    }

    fn cost_of_codes(&self) -> Result<Cost, AccountsError> {
        Ok(Cost::new(self.cost().rounds_log2().min(CODES))?)
    }
}
