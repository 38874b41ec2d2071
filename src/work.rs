//! A unit of work: a transaction and what each of its steps needs to know. The rooms add what can be done in one:
//! `record` (audit), `enqueue_email` (mail).

use crate::{
    kernel::{Actor, Client, Duration, Moment, Operator, Ticket, UserId, database_wait},
    postgres::{Channel, DatabaseError, Locks, Unit},
    world::World,
};
use sqlx::PgConnection;

/// Who does something, and from where.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who.
    pub actor: Actor,
    /// From where.
    pub client: Client,
}

impl Caller {
    /// A user who has proved it, by a request.
    #[must_use]
    pub fn user(user: UserId, client: &Client) -> Self {
        Self { actor: Actor::User(user), client: client.clone() }
    }

    /// A request that proved nothing.
    #[must_use]
    pub fn anonymous(client: &Client) -> Self {
        Self { actor: Actor::Anonymous, client: client.clone() }
    }

    /// The server, without a request.
    #[must_use]
    pub fn server() -> Self {
        Self { actor: Actor::Server, client: Client::server() }
    }
}

impl From<Operator> for Caller {
    fn from(_proof: Operator) -> Self {
        Self { actor: Actor::Operator, client: Client::command_line() }
    }
}

/// One unit of work.
#[derive(Debug)]
pub struct Work<'c> {
    /// The connection, in a transaction if the work needs one.
    pub connection: &'c mut PgConnection,
    /// Database, clock, options.
    pub world: World,
    /// When it happens: one time for the whole of it.
    pub now: Moment,
    /// Who does it.
    pub caller: Caller,
    /// The numbers of the events that it records.
    pub numbers: Ticket,
}

impl<'c> Work<'c> {
    /// Work on this connection, now.
    #[must_use]
    pub fn new(connection: &'c mut PgConnection, world: World, caller: Caller) -> Self {
        Self { connection, now: world.clock.now(), numbers: world.audit_numbers.ticket(), world, caller }
    }

    /// As part of a unit whose outcome settles these numbers.
    fn numbered_by(mut self, numbers: Ticket) -> Self {
        self.numbers = numbers;
        self
    }

    /// What happens, happens at this time, which the database stated. If our clock is behind, it follows: what this
    /// instance does next must not seem to come before.
    pub fn happens_at(&mut self, database: Moment) {
        if database > self.world.clock.now() {
            self.world.clock.synchronize(database);
        }
        self.now = database;
    }

    /// Notifies every instance when the transaction commits. Sealed with the time of this call: the work may have begun
    /// long ago.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn notify(&mut self, channel: Channel, texts: &[String]) -> Result<(), DatabaseError> {
        let World { notifications, clock, .. } = &self.world;
        notifications.notify(self.connection, channel, clock.now(), texts).await
    }
}

// The work runs in a task of its own (ADR 0008), so its future must be `Send`. An async closure (`async |work| …`) cannot
// promise that in stable Rust: hence `Box::pin(async move { … })`.
impl World {
    /// Runs one statement. Several belong into a [`World::transaction`].
    ///
    /// # Errors
    /// As [`Database::run`](crate::postgres::Database::run).
    pub async fn run<T, F>(&self, caller: Caller, work: F) -> Result<T, DatabaseError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(Work<'c>) -> Unit<'c, T> + Send + 'static,
    {
        let numbers = self.audit_numbers.ticket();
        let (db, unit) = (self.db.clone(), self.unit(caller, &numbers, work));
        confirmed(async move { db.run(unit).await }, numbers).await
    }

    /// Runs work in one transaction: committed when it is `Ok`, rolled back when it is not.
    ///
    /// # Errors
    /// As [`Database::transaction`](crate::postgres::Database::transaction).
    pub async fn transaction<T, F>(&self, caller: Caller, work: F) -> Result<T, DatabaseError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(Work<'c>) -> Unit<'c, T> + Send + 'static,
    {
        let numbers = self.audit_numbers.ticket();
        let (db, unit) = (self.db.clone(), self.unit(caller, &numbers, work));
        confirmed(async move { db.transaction(unit).await }, numbers).await
    }

    /// Like [`World::transaction`], with these locks held from the start.
    ///
    /// # Errors
    /// As [`Database::transaction`](crate::postgres::Database::transaction).
    pub async fn locked_transaction<T, F>(&self, locks: Locks, caller: Caller, work: F) -> Result<T, DatabaseError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(Work<'c>) -> Unit<'c, T> + Send + 'static,
    {
        let numbers = self.audit_numbers.ticket();
        let (db, unit) = (self.db.clone(), self.unit(caller, &numbers, work));
        confirmed(async move { db.locked_transaction(locks, unit).await }, numbers).await
    }

    /// Like [`World::transaction`], for rare work that may take longer than a request's.
    ///
    /// # Errors
    /// As [`Database::long_transaction`](crate::postgres::Database::long_transaction).
    pub async fn long_transaction<T, F>(&self, limit: Duration, caller: Caller, work: F) -> Result<T, DatabaseError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(Work<'c>) -> Unit<'c, T> + Send + 'static,
    {
        let numbers = self.audit_numbers.ticket();
        let (db, unit) = (self.db.clone(), self.unit(caller, &numbers, work));
        confirmed(async move { db.long_transaction(limit, unit).await }, numbers).await
    }

    /// This work as a unit on a connection, which numbers its events by `numbers`.
    fn unit<T, F>(
        &self,
        caller: Caller,
        numbers: &Ticket,
        work: F,
    ) -> impl for<'c> FnOnce(&'c mut PgConnection) -> Unit<'c, T> + Send + use<T, F>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(Work<'c>) -> Unit<'c, T> + Send + 'static,
    {
        let (world, numbers) = (self.clone(), numbers.clone());
        move |connection| work(Work::new(connection, world, caller).numbered_by(numbers))
    }
}

/// The answer of a unit. What it recorded is confirmed with its commit, also when nobody waits for the answer any more: the
/// events of a request whose client disconnected must stay, too.
async fn confirmed<T>(
    unit: impl Future<Output = Result<T, DatabaseError>> + Send + 'static,
    numbers: Ticket,
) -> Result<T, DatabaseError>
where
    T: Send + 'static,
{
    let task = tokio::spawn(async move {
        let answer = unit.await;
        if answer.is_ok() {
            numbers.committed();
        }
        answer
    });
    database_wait(task).await.map_err(DatabaseError::Lost)?
}
