use super::{User, UserCounts, UserFilter, store};
use crate::{
    guessing::Guard,
    identity::{DisplayName, EmailAddress},
    kernel::{Duration, MasterKeys, PageRequest, UserId},
    passwords::{
        self, Cost, HashingError, HashingLimits, HashingPool, Password, PasswordContext, PasswordError, PasswordHash,
        QueueKey,
    },
    postgres::DatabaseError,
    world::World,
};
use std::{fmt, sync::Arc};
use tokio::sync::OnceCell;

/// The accounts room: what its verbs need.
#[derive(Clone)]
pub struct Accounts(Arc<Room>);

struct Room {
    world: World,
    hashing: HashingPool,
    cost: Cost,
    guard: Guard,
    /// Measured when it is first needed.
    own_hash_time: OnceCell<Duration>,
}

/// Why an account could not be asked or changed, apart from the outcomes that are answers.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] DatabaseError),
    /// The hashing threads have too much to do, or failed.
    #[error("a password could not be hashed")]
    Hashing(#[from] HashingError),
    /// The hashing library failed.
    #[error("a password could not be hashed")]
    Hash(#[from] passwords::HashError),
    /// The threads could not be started.
    #[error("the hashing threads could not be started")]
    Threads(#[from] std::io::Error),
    /// The cost is out of range, which the configuration does not allow.
    #[error("the cost of hashing is out of range")]
    Cost(#[from] passwords::CostOutOfRange),
}

impl Accounts {
    /// The room, its hashing threads started.
    ///
    /// # Errors
    /// When the threads cannot be started.
    pub fn open(world: World, masters: &MasterKeys) -> Result<Self, AccountsError> {
        let hashing = HashingPool::start(HashingLimits::for_this_machine())?;
        let cost = Cost::new(world.config.bcrypt_cost)?;
        let guard = Guard::new(world.clone(), masters);
        Ok(Self(Arc::new(Room { world, hashing, cost, guard, own_hash_time: OnceCell::new() })))
    }

    /// The number of users.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn counts(&self) -> Result<UserCounts, DatabaseError> {
        self.0.world.db.run(move |connection| Box::pin(store::count(connection))).await
    }

    /// Finds a user by id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lookup(&self, id: UserId) -> Result<Option<User>, DatabaseError> {
        self.0.world.db.run(move |connection| Box::pin(store::lookup(connection, id))).await
    }

    /// Whether a user has a password. One who came from another provider has none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_password(&self, id: UserId) -> Result<bool, DatabaseError> {
        let found = self.0.world.db.run(move |connection| Box::pin(store::own_password(connection, id))).await?;
        Ok(found.is_some_and(|(_credentials, hash)| hash.is_some()))
    }

    /// What is stored about a user besides what [`Accounts::lookup`] finds. None if the user does not exist.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rest(&self, id: UserId) -> Result<Option<super::AccountRest>, DatabaseError> {
        self.0.world.db.run(move |connection| Box::pin(store::rest(connection, id))).await
    }

    /// Finds a user by e-mail address, in any spelling. Text that is not an address finds nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_by_email(&self, email: &str) -> Result<Option<User>, DatabaseError> {
        let Ok(email) = EmailAddress::parse(email) else { return Ok(None) };
        self.0.world.db.run(move |connection| Box::pin(store::find_by_email(connection, email))).await
    }

    /// Whether there is an administrator.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_admin(&self) -> Result<bool, DatabaseError> {
        let db = &self.0.world.db;
        Ok(db.run(|connection| Box::pin(store::other_admins(connection, None))).await? > 0)
    }

    /// Lists users, newest first: one row more than the page holds, if it exists.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list(&self, filter: UserFilter, page: PageRequest) -> Result<Vec<User>, DatabaseError> {
        self.0.world.db.run(move |connection| Box::pin(store::list(connection, filter, page.after, page.rows()))).await
    }

    /// Changes a user's display name. None if the user does not exist.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rename(&self, id: UserId, name: Option<DisplayName>) -> Result<Option<User>, DatabaseError> {
        let name = name.map(|name| name.as_str().to_owned());
        self.0
            .world
            .db
            .transaction(move |connection| {
                Box::pin(async move {
                    store::rename(connection, id, name).await?;
                    store::lookup(connection, id).await
                })
            })
            .await
    }

    /// Judges and hashes a new password, off the event loop.
    ///
    /// # Errors
    /// The inner error says why the password is refused.
    pub async fn new_password(
        &self,
        password: Password,
        context: PasswordContext,
        queue: QueueKey,
    ) -> Result<Result<PasswordHash, PasswordError>, AccountsError> {
        let cost = self.0.cost;
        let job = move || passwords::check_strength(&password, &context).map(|()| passwords::hash(&password, cost));
        Ok(match self.0.hashing.run(queue, job).await? {
            Ok(hash) => Ok(hash?),
            Err(refused) => Err(refused),
        })
    }

    /// The words that make a password easy to guess for this user.
    #[must_use]
    pub fn context_of(&self, email: Option<&EmailAddress>, name: Option<&str>) -> PasswordContext {
        let host = self.0.world.config.http.public_url.origin().as_str().to_owned();
        let words = ["heirloom".to_owned(), host, name.unwrap_or_default().to_owned()];
        PasswordContext::new(email.cloned(), words)
    }

    /// How many passwords wait to be hashed, and how many are being hashed.
    #[must_use]
    pub fn hashing_load(&self) -> (usize, usize) {
        (self.0.hashing.queued(), self.0.hashing.running())
    }

    /// The gate before every verification of a password.
    #[must_use]
    pub fn guard(&self) -> &Guard {
        &self.0.guard
    }

    /// Database, clock, options.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.0.world
    }

    pub(super) fn hashing(&self) -> &HashingPool {
        &self.0.hashing
    }

    pub(super) fn own_hash_time(&self) -> &OnceCell<Duration> {
        &self.0.own_hash_time
    }

    pub(super) fn cost(&self) -> Cost {
        self.0.cost
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Accounts")
    }
}
