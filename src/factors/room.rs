use super::{
    FactorsOf,
    passkeys::{PasskeyError, Passkeys},
    store,
};
use crate::{
    kernel::{MasterKeys, SealedIds, SealingKeys, UserId, WrongMasterKey},
    postgres::DatabaseError,
    users::{Accounts, AccountsError},
    world::World,
};
use std::{fmt, sync::Arc};

/// What the key of apps' secrets is derived for. Changing it makes all of them unreadable.
pub(super) const SEALING: &str = "heirloom/totp/v1";

/// The room of second factors: what its verbs need.
#[derive(Clone)]
pub struct Factors(Arc<Room>);

struct Room {
    accounts: Accounts,
    sealing: SealingKeys,
    challenge_tokens: SealedIds,
    passkeys: Passkeys,
}

/// Why a factor could not be checked or changed, apart from the outcomes that are answers.
#[derive(Debug, thiserror::Error)]
pub enum FactorsError {
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] DatabaseError),
    /// The hashing threads have too much to do, or failed.
    #[error("a recovery code could not be hashed")]
    Accounts(#[from] AccountsError),
    /// A ceremony of a passkey could not be begun or decided.
    #[error("the ceremony of a passkey failed")]
    Passkeys(#[from] PasskeyError),
    /// The stored secret was sealed under another master key.
    #[error("the secret of an authenticator app cannot be opened")]
    Sealed(#[from] WrongMasterKey),
    /// What cannot happen.
    #[error("{0}")]
    Internal(&'static str),
}

impl Factors {
    /// The room, under keys derived from the master keys.
    #[must_use]
    pub fn new(accounts: Accounts, masters: &MasterKeys) -> Self {
        let passkeys = Passkeys::new(accounts.world().clone(), masters);
        Self(Arc::new(Room {
            accounts,
            passkeys,
            sealing: SealingKeys::new(masters, SEALING),
            challenge_tokens: SealedIds::new(masters, "heirloom/sign-in-challenge/v1"),
        }))
    }

    /// What factors a user has. None if the user does not exist.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn of(&self, user: UserId) -> Result<Option<FactorsOf>, DatabaseError> {
        self.world().db.run(move |connection| Box::pin(store::of(connection, user))).await
    }

    /// Whether a user needs a second factor to sign in.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_second_factor(&self, user: UserId) -> Result<bool, DatabaseError> {
        Ok(self.of(user).await?.is_some_and(|factors| factors.is_required()))
    }

    /// Passkeys and security keys.
    #[must_use]
    pub fn passkeys(&self) -> &Passkeys {
        &self.0.passkeys
    }

    pub(super) fn world(&self) -> &World {
        self.0.accounts.world()
    }

    pub(super) fn accounts(&self) -> &Accounts {
        &self.0.accounts
    }

    pub(super) fn challenge_tokens(&self) -> &SealedIds {
        &self.0.challenge_tokens
    }

    pub(super) fn sealing(&self) -> &SealingKeys {
        &self.0.sealing
    }
}

impl fmt::Debug for Factors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Factors")
    }
}
