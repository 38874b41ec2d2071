use super::{DatabaseError, application_name::named};
use sqlx::{ConnectOptions, Connection, PgConnection, Row, postgres::PgConnectOptions};

/// What lies between us and Postgres.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// Nothing, or a pooler that gives each client a connection of its own.
    Sessions,
    /// A pooler that hands connections round, and keeps track of prepared statements.
    Transactions {
        /// Whether the role or the database has our time limits and our isolation. What a client sets reaches one connection of
        /// the pooler only; on the others, a rotation could wait for a lock beyond its answer of 503, and be written then (S-38).
        has_limits: bool,
    },
    /// A pooler that hands connections round and does not: our statements would return rows of other statements,
    /// without an error.
    Unsafe,
}

/// Two statements of one name on two connections: a pooler that mixes them up is detected. The answer tells which of our
/// two clients was served, and by which backend.
const PROBE: &str = "SELECT $1::int4 + 1, pg_backend_pid()";
const DECOY: &str = "SELECT $1::int4 + 1000, pg_backend_pid()";

/// The warning where a pooler's connections lack our limits.
pub const NO_LIMITS: &str = "DATABASE_URL leads through a transaction pooler, through which settings do not reach every \
    connection: a refresh that waits for a lock could be carried out after it was answered 503, and another isolation than \
    'read committed' would refuse refreshes. Set them for the role: ALTER ROLE … SET statement_timeout = '2500ms'; \
    ALTER ROLE … SET lock_timeout = '2s'; ALTER ROLE … SET default_transaction_isolation = 'read committed'; then reconnect \
    the pooler";

/// What a connection begins with, whatever a client has set since.
const LIMITS: &str = "SELECT count(*) = 3 FROM pg_settings
    WHERE (name = 'statement_timeout' AND reset_val::bigint BETWEEN 1 AND 2500)
       OR (name = 'lock_timeout' AND reset_val::bigint BETWEEN 1 AND 2000)
       OR (name = 'default_transaction_isolation' AND reset_val = 'read committed')";

/// Finds out what lies between us and Postgres, with two connections and a few statements.
///
/// sqlx prepares named statements, in a round trip of their own. A pooler in transaction mode may send the execution to
/// another server connection than the preparation; where it does not keep track, another client's statement of the
/// same name is executed. Here one client prepares the probe on one server connection, the other a decoy on a second,
/// and the first then asks again.
///
/// # Errors
/// When the database cannot be reached.
pub async fn pooling(options: PgConnectOptions) -> Result<Pooling, DatabaseError> {
    let options = named(options, "heirloom probe");
    let (mut first, mut second) = tokio::try_join!(options.connect(), options.connect())?;
    let found = match probe(&mut first, &mut second).await {
        Err(DatabaseError::Sqlx(error)) if is_mixed_up(&error) => Ok(Pooling::Unsafe),
        found => found,
    };
    drop((first.close().await, second.close().await));
    found
}

async fn probe(first: &mut PgConnection, second: &mut PgConnection) -> Result<Pooling, DatabaseError> {
    // BEGIN is not a prepared statement: it pins the second client to a server connection.
    let mut pinned = second.begin().await?;
    let (_, backend) = ask(first, PROBE).await?;
    ask(&mut pinned, DECOY).await?;
    pinned.commit().await?;
    let mut is_handed_round = false;
    // The second client's connection is now the most recently used: a pooler that hands round hands out that one.
    for _ in 0..3 {
        match ask(first, PROBE).await? {
            (2, answering) if answering == backend => {}
            (2, _) => is_handed_round = true,
            _ => return Ok(Pooling::Unsafe),
        }
    }
    if !is_handed_round {
        return Ok(Pooling::Sessions);
    }
    Ok(Pooling::Transactions { has_limits: sqlx::raw_sql(LIMITS).fetch_one(first).await?.try_get(0)? })
}

async fn ask(connection: &mut PgConnection, statement: &'static str) -> Result<(i32, i32), DatabaseError> {
    let row = sqlx::query(statement).bind(1_i32).fetch_one(connection).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// 26000 no such prepared statement, 42P05 there is one of that name already: a run before us has left its traces.
fn is_mixed_up(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code().map(std::borrow::Cow::into_owned));
    matches!(code.as_deref(), Some("26000" | "42P05"))
}
