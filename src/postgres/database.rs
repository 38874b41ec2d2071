use super::{
    DatabaseError,
    locks::name_holders,
    pool::{Lease, Pool},
};
use crate::kernel::{Duration, Moment, database_wait};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Postgres, Transaction, postgres::PgConnectOptions};
use std::pin::Pin;

/// The locks that a transaction takes as it begins, in the same round trip.
#[derive(Debug)]
pub struct Locks(String);

impl Locks {
    /// Locks taken by these statements. They are sent as they are, so they must hold nothing that a client wrote.
    #[must_use]
    pub fn by(statements: String) -> Self {
        Self(statements)
    }
}

/// A unit of work on one connection.
pub type Unit<'c, T> = Pin<Box<dyn Future<Output = Result<T, DatabaseError>> + Send + 'c>>;

/// How long a request's work may take once it has a connection. With the two seconds that it may wait for one, that is
/// within the five of A-19.
/// Postgres gives up a statement a little earlier, so that what was answered 503 never commits.
const WORK: Duration = Duration::from_millis(2_900);
/// The pool, behind two doors that no cancelled request can leave half open.
///
/// Both run their work in a task of its own. A client that goes away drops the request, not the work (a
/// connection could go back with an open transaction when `begin` is cancelled); and a connection that did not answer in
/// time is closed, never returned.
#[derive(Clone, Debug)]
pub struct Database {
    pool: Pool,
}

impl Database {
    /// A pool that connects when it is first used.
    #[must_use]
    pub fn new(options: PgConnectOptions, max_connections: u32) -> Self {
        Self { pool: Pool::new(options, max_connections) }
    }

    /// Runs single statements on one connection.
    ///
    /// # Errors
    /// Those of the work, and [`DatabaseError::TooSlow`] after five seconds in all.
    pub async fn run<T, F>(&self, work: F) -> Result<T, DatabaseError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut PgConnection) -> Unit<'c, T> + Send + 'static,
    {
        self.run_after(Duration::ZERO, work).await
    }

    /// Like [`Database::run`], for work that has waited for its turn: that is part of the five seconds, and of the two in
    /// which there must be a connection ([`super::ACQUIRE`]).
    ///
    /// # Errors
    /// As [`Database::run`].
    pub async fn run_after<T, F>(&self, waited: Duration, work: F) -> Result<T, DatabaseError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut PgConnection) -> Unit<'c, T> + Send + 'static,
    {
        self.run_within(waited, WORK, work).await
    }

    /// Runs work in one transaction: committed when it is `Ok`, rolled back when it is not.
    ///
    /// # Errors
    /// As [`Database::run`].
    pub async fn transaction<T, F>(&self, work: F) -> Result<T, DatabaseError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut PgConnection) -> Unit<'c, T> + Send + 'static,
    {
        self.run(move |connection| in_transaction(connection, None, work)).await
    }

    /// Like [`Database::transaction`], with these locks held from the start.
    ///
    /// # Errors
    /// As [`Database::run`].
    pub async fn locked_transaction<T, F>(&self, locks: Locks, work: F) -> Result<T, DatabaseError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut PgConnection) -> Unit<'c, T> + Send + 'static,
    {
        self.run(move |connection| in_transaction(connection, Some(locks), work)).await
    }

    /// Like [`Database::transaction`], for rare work that may take longer than a request's.
    ///
    /// # Errors
    /// As [`Database::run`], after `limit`.
    pub async fn long_transaction<T, F>(&self, limit: Duration, work: F) -> Result<T, DatabaseError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut PgConnection) -> Unit<'c, T> + Send + 'static,
    {
        self.run_within(Duration::ZERO, limit, move |connection| {
            in_transaction(connection, None, move |connection| {
                Box::pin(async move {
                    sqlx::query("SELECT set_config('statement_timeout', $1, true)")
                        .bind(limit.as_millis().to_string())
                        .execute(&mut *connection)
                        .await?;
                    work(connection).await
                })
            })
        })
        .await
    }

    /// The database's clock.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn now(&self) -> Result<Moment, DatabaseError> {
        self.run(|connection| Box::pin(now(connection))).await
    }

    /// Whether the database answers and has our migrations.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn is_current(&self) -> Result<bool, DatabaseError> {
        self.run(|connection| Box::pin(super::migrate::is_current(connection))).await
    }

    /// Connections lead to this host from now on.
    pub fn turn_to(&self, options: PgConnectOptions) {
        self.pool.turn_to(options);
    }

    /// How many connections there are, and how many of them have nothing to do.
    #[must_use]
    pub fn connections(&self) -> (usize, usize) {
        self.pool.connections()
    }

    /// Closes all connections, once their work is done.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// The limit is that of the work, from when there is a connection.
    async fn run_within<T, F>(&self, waited: Duration, limit: Duration, work: F) -> Result<T, DatabaseError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut PgConnection) -> Unit<'c, T> + Send + 'static,
    {
        let pool = self.pool.clone();
        let task = tokio::spawn(async move { bounded(pool.lease(waited).await?, limit, work).await });
        database_wait(task).await.map_err(DatabaseError::Lost)?
    }
}

async fn bounded<T, F>(mut lease: Lease, limit: Duration, work: F) -> Result<T, DatabaseError>
where
    F: for<'c> FnOnce(&'c mut PgConnection) -> Unit<'c, T>,
{
    let Some(connection) = lease.connection() else { return Err(sqlx::Error::PoolClosed.into()) };
    let answer = tokio::time::timeout(limit, work(connection)).await;
    let answer = answer.unwrap_or(Err(DatabaseError::TooSlow));
    let answer = match answer {
        Err(error) => Err(name_holders(connection, error).await),
        answer => answer,
    };
    if !answer.as_ref().is_err_and(DatabaseError::spoils_connection) {
        lease.give_back();
    }
    answer
}

fn in_transaction<'c, T, F>(connection: &'c mut PgConnection, locks: Option<Locks>, work: F) -> Unit<'c, T>
where
    T: Send + 'static,
    F: for<'w> FnOnce(&'w mut PgConnection) -> Unit<'w, T> + Send + 'static,
{
    Box::pin(async move {
        let refused = match begin(connection, locks).await {
            Ok(transaction) => return in_begun(transaction, work).await,
            Err(error) => error,
        };
        // Perhaps a lock was refused in a transaction that had begun.
        sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await?;
        Err(refused.into())
    })
}

async fn begin(connection: &mut PgConnection, locks: Option<Locks>) -> Result<Transaction<'_, Postgres>, sqlx::Error> {
    match locks {
        Some(Locks(statements)) => connection.begin_with(AssertSqlSafe(format!("BEGIN; {statements}"))).await,
        None => connection.begin().await,
    }
}

async fn in_begun<T, F>(mut transaction: Transaction<'_, Postgres>, work: F) -> Result<T, DatabaseError>
where
    F: for<'w> FnOnce(&'w mut PgConnection) -> Unit<'w, T>,
{
    let done = work(&mut transaction).await;
    match done {
        Ok(value) => {
            transaction.commit().await?;
            Ok(value)
        }
        Err(error) => {
            transaction.rollback().await?;
            Err(error)
        }
    }
}

/// The database's clock, over this connection.
///
/// # Errors
/// When it does not answer.
pub async fn now(connection: &mut PgConnection) -> Result<Moment, DatabaseError> {
    Ok(sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(connection).await?)
}
