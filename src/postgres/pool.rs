use super::{DatabaseError, application_name::named};
use crate::kernel::Duration;
use deadpool::managed::{
    self, Metrics, Object, PoolConfig, PoolError, QueueMode, RecycleError, RecycleResult, Timeouts,
};
use sqlx::{ConnectOptions, Connection, PgConnection, Row, postgres::PgConnectOptions};
use std::{
    fmt, io,
    sync::{Arc, PoisonError, RwLock},
};
use tracing::log::LevelFilter;

/// How long a request waits for a connection, with all that comes before it.
pub const ACQUIRE: Duration = Duration::from_secs(2);
/// A connection unused for so long is tried before it is used: a restarted Postgres is then noticed here.
const SUSPECT_AFTER: Duration = Duration::from_secs(1);
/// How long its answer may take.
const PING: Duration = Duration::from_millis(500);
/// A connection is not used for longer: what a backend of Postgres holds on to grows.
const LIFETIME: Duration = Duration::from_mins(30);
/// How long those that have not come back are waited for at the end.
const FAREWELL: Duration = Duration::from_secs(5);
/// Time limits that Postgres itself keeps, and the isolation by which our statements were written: one that waited for a row
/// sees what the other transaction made of it. And whether the other end is a standby.
///
/// They are set by a statement, not as start-up parameters, which poolers refuse; for the same reason `extra_float_digits` is
/// left alone. Behind a pooler that hands connections round they reach one of its connections only: see `pooling`.
const LIMITS: &str = "SET statement_timeout = 2500; SET lock_timeout = 2000; \
    SET idle_in_transaction_session_timeout = 10000; SET default_transaction_isolation = 'read committed'; \
    SET timezone = 'UTC'; SELECT pg_is_in_recovery()";

/// Connections to Postgres that are used again.
///
/// Not sqlx's pool, which asks each connection that comes back whether it is still there: a round trip more for each
/// rotation, a third of what one costs. We ask those that have rested ([`SUSPECT_AFTER`]), and close those that failed.
#[derive(Clone)]
pub(super) struct Pool(managed::Pool<Connections>);

/// One connection for one unit of work. Dropped without having been given back, it is closed: nobody knows what state
/// it is in.
pub(super) struct Lease(Option<Object<Connections>>);

/// A connection, and where it leads.
struct Open {
    connection: PgConnection,
    options: Arc<PgConnectOptions>,
}

struct Connections {
    options: RwLock<Arc<PgConnectOptions>>,
}

impl Pool {
    /// Connects when it is first used.
    pub fn new(options: PgConnectOptions, most: u32) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let connections = Connections { options: RwLock::new(Arc::new(tuned(options))) };
        // The last to come back is the first to go out: it is the warmest, and the others may rest.
        let config = PoolConfig { max_size: most, timeouts: Timeouts::new(), queue_mode: QueueMode::Lifo };
        let pool = managed::Pool::builder(connections).config(config).build();
        Self(pool.unwrap_or_else(|_no_runtime| unreachable!("no timeouts are asked of the pool")))
    }

    /// A connection, within [`ACQUIRE`], of which so much has passed.
    pub async fn lease(&self, waited: Duration) -> Result<Lease, DatabaseError> {
        let got = tokio::time::timeout(ACQUIRE.saturating_sub(waited), self.0.get()).await;
        match got {
            Ok(Ok(connection)) => Ok(Lease(Some(connection))),
            Ok(Err(PoolError::Backend(error))) => Err(error.into()),
            Ok(Err(PoolError::Closed)) => Err(sqlx::Error::PoolClosed.into()),
            Ok(Err(_)) | Err(_) => Err(sqlx::Error::PoolTimedOut.into()),
        }
    }

    /// Connections lead to this host from now on. Those to another one are closed when they come back.
    pub fn turn_to(&self, options: PgConnectOptions) {
        *self.0.manager().options.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(tuned(options));
    }

    /// How many there are, and how many of them rest.
    pub fn connections(&self) -> (usize, usize) {
        let status = self.0.status();
        (status.size, status.available)
    }

    /// Closes those that rest at once, the others when they come back.
    pub async fn close(&self) {
        self.0.close();
        let all_back = async {
            while self.0.status().size > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        drop(tokio::time::timeout(FAREWELL, all_back).await);
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (all, resting) = self.connections();
        write!(f, "Pool({all} connections, {resting} idle)")
    }
}

impl Lease {
    /// The connection, until it is given back.
    pub fn connection(&mut self) -> Option<&mut PgConnection> {
        self.0.as_deref_mut().map(|open| &mut open.connection)
    }

    /// It is as good as new.
    pub fn give_back(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        drop(self.0.take().map(Object::take));
    }
}

impl Connections {
    fn options(&self) -> Arc<PgConnectOptions> {
        Arc::clone(&self.options.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl managed::Manager for Connections {
    type Type = Open;
    type Error = sqlx::Error;

    async fn create(&self) -> Result<Open, sqlx::Error> {
        let options = self.options();
        let mut connection = options.connect().await?;
        // What a standby has not received yet, a reader would take for the truth: a revoked session would be live.
        if sqlx::raw_sql(LIMITS).fetch_one(&mut connection).await?.try_get(0)? {
            return Err(io::Error::other("this host is a standby").into());
        }
        Ok(Open { connection, options })
    }

    async fn recycle(&self, open: &mut Open, metrics: &Metrics) -> RecycleResult<sqlx::Error> {
        if !Arc::ptr_eq(&open.options, &self.options()) {
            return Err(RecycleError::message("another host is the primary"));
        }
        if metrics.age() > LIFETIME {
            return Err(RecycleError::message("it exceeded its lifetime"));
        }
        if metrics.last_used() < SUSPECT_AFTER || answers(&mut open.connection).await {
            return Ok(());
        }
        Err(RecycleError::message("it does not answer"))
    }
}

/// Whether the other end of a connection is still there.
async fn answers(connection: &mut PgConnection) -> bool {
    matches!(tokio::time::timeout(PING, connection.ping()).await, Ok(Ok(())))
}

fn tuned(options: PgConnectOptions) -> PgConnectOptions {
    named(options, "heirloom").log_statements(LevelFilter::Off).log_slow_statements(LevelFilter::Off, Duration::ZERO)
}
