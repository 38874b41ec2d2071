use super::{DatabaseError, MigrateError, grants::quoted, migration_lock::MigrationLock};
use crate::kernel::Duration;
use sqlx::{AssertSqlSafe, FromRow, PgConnection, migrate::Migrator};
use std::{borrow::Cow, collections::BTreeSet, sync::LazyLock};

/// Where it is recorded which migrations were applied: our own name, since another program that uses sqlx may share the
/// schema.
pub(super) const TABLE: &str = "heirloom_migrations";
/// Where versions before this one recorded it.
const EARLIER_TABLE: &str = "_sqlx_migrations";

/// How often a migration that waits for a lock is tried, and how long the others may go on in between.
const LOCK_ATTEMPTS: u32 = 60;
const LOCK_PAUSE: Duration = Duration::from_secs(1);

/// The migrations of `migrations/`, embedded.
///
/// Migrations that we do not know are passed over: during an upgrade, an older instance may restart beside newer ones,
/// and each migration leaves the version before working.
static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrations = sqlx::migrate!("./migrations");
    migrations.set_ignore_missing(true);
    // sqlx takes an advisory lock, which any role may hold indefinitely: see `MigrationLock`.
    migrations.set_locking(false);
    migrations.dangerous_set_table_name(TABLE);
    migrations
});

/// Which migrations a database has.
#[derive(Debug)]
pub(super) struct History {
    table: HistoryTable,
    applied: Vec<Applied>,
}

/// Where that is recorded.
#[derive(Debug)]
enum HistoryTable {
    Own {
        schema: String,
    },
    /// Our own, which the role may not read.
    Closed {
        schema: String,
    },
    Earlier {
        schema: String,
    },
    Absent,
}

#[derive(Debug, FromRow)]
struct Applied {
    version: i64,
    checksum: Vec<u8>,
}

impl History {
    /// The schema with Heirloom's tables; none before the first migration.
    pub fn schema(&self) -> Option<&str> {
        match &self.table {
            HistoryTable::Closed { schema } => Some(schema),
            _ if self.applied.is_empty() => None,
            HistoryTable::Own { schema } | HistoryTable::Earlier { schema } => Some(schema),
            HistoryTable::Absent => None,
        }
    }

    /// Whether a table is the one in which this history is recorded: it may exist before the first migration, because the
    /// process that created it is still running, or was stopped.
    pub fn is_recorded_in(&self, table: &str) -> bool {
        matches!(self.table, HistoryTable::Own { .. }) && table == TABLE
    }

    /// The migrations that were not applied yet.
    pub fn missing(&self) -> Vec<String> {
        let is_missing = |version| !self.applied.iter().any(|applied| applied.version == version);
        let missing = MIGRATIONS.iter().filter(|migration| is_missing(migration.version));
        missing.map(|migration| format!("{} {}", migration.version, migration.description)).collect()
    }

    /// The applied migrations whose text differs from this version's.
    pub fn altered(&self) -> Vec<String> {
        let differs = |applied: &&Applied| {
            let known = MIGRATIONS.iter().find(|migration| migration.version == applied.version);
            known.is_some_and(|known| *known.checksum != *applied.checksum)
        };
        self.applied.iter().filter(differs).map(|applied| applied.version.to_string()).collect()
    }

    /// Whether it cannot be read.
    pub fn is_closed(&self) -> bool {
        matches!(self.table, HistoryTable::Closed { .. })
    }

    /// Whether there is nothing to apply or to move.
    pub fn is_complete(&self) -> bool {
        matches!(self.table, HistoryTable::Own { .. }) && self.missing().is_empty()
    }

    /// Whether these are our migrations: another program's do not begin with our first.
    fn is_ours(&self) -> bool {
        let first = MIGRATIONS.iter().next();
        first.is_some_and(|first| {
            let is_first = |applied: &Applied| applied.version == first.version && *applied.checksum == *first.checksum;
            self.applied.iter().any(is_first)
        })
    }
}

/// Which migrations were applied. Only reads, so that it works on a read-only database too.
///
/// # Errors
/// When the database fails.
pub(super) async fn history(connection: &mut PgConnection) -> Result<History, DatabaseError> {
    if let Some(schema) = schema_of(connection, TABLE).await? {
        return match applied(connection, TABLE).await {
            Ok(applied) => Ok(History { table: HistoryTable::Own { schema }, applied }),
            Err(error) if is_not_permitted(&error) => {
                Ok(History { table: HistoryTable::Closed { schema }, applied: Vec::new() })
            }
            Err(error) => Err(error),
        };
    }
    if let Some(schema) = schema_of(connection, EARLIER_TABLE).await? {
        // Another program's table may be closed to us, or have other columns.
        let applied = applied(connection, EARLIER_TABLE).await.unwrap_or_default();
        let earlier = History { table: HistoryTable::Earlier { schema }, applied };
        if earlier.is_ours() {
            return Ok(earlier);
        }
    }
    Ok(History { table: HistoryTable::Absent, applied: Vec::new() })
}

/// 42501 insufficient privilege.
fn is_not_permitted(error: &DatabaseError) -> bool {
    match error {
        DatabaseError::Sqlx(error) => {
            error.as_database_error().is_some_and(|error| error.code().as_deref() == Some("42501"))
        }
        _ => false,
    }
}

async fn schema_of(connection: &mut PgConnection, table: &str) -> Result<Option<String>, DatabaseError> {
    let found = sqlx::query_scalar(
        "SELECT n.nspname::text FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
         WHERE c.oid = to_regclass($1)",
    );
    Ok(found.bind(table).fetch_optional(connection).await?)
}

async fn applied(connection: &mut PgConnection, table: &'static str) -> Result<Vec<Applied>, DatabaseError> {
    // The name is a constant of this program.
    let sql = AssertSqlSafe(format!("SELECT version, checksum FROM {table} WHERE success ORDER BY version"));
    Ok(sqlx::query_as(sql).fetch_all(connection).await?)
}

/// Applies what is missing, one process at a time, and reports which. Where nothing is missing it needs no right to
/// change the schema.
///
/// # Errors
/// When the database fails, or was migrated by a newer version in a way that this one does not know.
pub(super) async fn migrate(
    connection: &mut PgConnection,
    lock: impl AsyncFnOnce() -> Result<PgConnection, DatabaseError>,
) -> Result<Vec<String>, MigrateError> {
    if history(connection).await?.is_complete() {
        return Ok(Vec::new());
    }
    create_table(connection).await?;
    let lock = MigrationLock::take(lock().await?).await?;
    // Another process may have been faster.
    let missing = history(connection).await?.missing();
    apply(connection).await?;
    lock.release().await?;
    Ok(missing)
}

/// Some migrations wait for a lock for two seconds only, so that nothing queues behind them: then once more. The others wait as long
/// as it takes, whatever the role's limits are.
async fn apply(connection: &mut PgConnection) -> Result<(), MigrateError> {
    let no_limits = "SET statement_timeout = 0; SET lock_timeout = 0";
    sqlx::raw_sql(no_limits).execute(&mut *connection).await.map_err(DatabaseError::from)?;
    for _attempt in 1..LOCK_ATTEMPTS {
        match attempt(connection).await {
            Err(error) if is_lock_timeout(&error) => {
                tracing::warn!(%error, "postgres.migration_waits: a long transaction is in the way");
                tokio::time::sleep(LOCK_PAUSE).await;
            }
            applied => return applied,
        }
    }
    attempt(connection).await
}

async fn attempt(connection: &mut PgConnection) -> Result<(), MigrateError> {
    drop_unfinished_indexes(connection).await.map_err(DatabaseError::from)?;
    Ok(MIGRATIONS.run_direct(None, connection, false).await?)
}

/// Whether another transaction is in the way, or was: Postgres ends one of two that wait for each other.
fn is_lock_timeout(error: &MigrateError) -> bool {
    use sqlx::migrate::MigrateError as Cause;
    let database = match error {
        MigrateError::Failed(Cause::ExecuteMigration(error, _) | Cause::Execute(error))
        | MigrateError::Unreachable(DatabaseError::Sqlx(error)) => error.as_database_error(),
        _ => None,
    };
    let code = database.and_then(sqlx::error::DatabaseError::code);
    matches!(code.as_deref(), Some("55P03" | "40P01"))
}

/// Creates our table: as a copy of the earlier one, if that is ours. The earlier one stays, for instances of the version
/// before that start again meanwhile; a later release drops it.
async fn create_table(connection: &mut PgConnection) -> Result<(), DatabaseError> {
    let sql = match history(connection).await?.table {
        HistoryTable::Own { .. } | HistoryTable::Closed { .. } => return Ok(()),
        HistoryTable::Earlier { schema } => Cow::Owned(format!(
            // The lock keeps others from writing to it, and from copying it at the same time.
            "BEGIN; LOCK TABLE {EARLIER_TABLE} IN SHARE ROW EXCLUSIVE MODE;
             CREATE TABLE IF NOT EXISTS {schema}.{TABLE} (LIKE {EARLIER_TABLE} INCLUDING ALL);
             INSERT INTO {schema}.{TABLE} SELECT * FROM {EARLIER_TABLE} ON CONFLICT DO NOTHING; COMMIT",
            schema = quoted(&schema)
        )),
        // As sqlx creates it.
        HistoryTable::Absent => Cow::Borrowed(
            "CREATE TABLE IF NOT EXISTS heirloom_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL,
                installed_on TIMESTAMPTZ NOT NULL DEFAULT now(), success BOOLEAN NOT NULL, checksum BYTEA NOT NULL,
                execution_time BIGINT NOT NULL)",
        ),
    };
    match sqlx::raw_sql(AssertSqlSafe(sql.into_owned())).execute(connection).await {
        // 23505, 42P07 and 42710: another process created it, or the type of its rows, at the same moment.
        Err(sqlx::Error::Database(error)) if matches!(error.code().as_deref(), Some("23505" | "42P07" | "42710")) => {
            Ok(())
        }
        created => Ok(created.map(drop)?),
    }
}

/// An index that was being created `CONCURRENTLY` when its server was stopped stays invalid, and in the way of the next
/// attempt. Dropped `CONCURRENTLY` too: on a table of which rows are read all the time, others would queue behind it.
async fn drop_unfinished_indexes(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let unfinished: Vec<String> = sqlx::query_scalar(
        "SELECT i.indexrelid::regclass::text FROM pg_index AS i JOIN pg_class AS t ON t.oid = i.indrelid
         WHERE NOT i.indisvalid AND t.relkind = 'r' AND t.relnamespace = to_regnamespace(current_schema()::text)
           AND t.relname = ANY($1)",
    )
    .bind(table_names())
    .fetch_all(&mut *connection)
    .await?;
    for index in unfinished {
        // Quoted by Postgres.
        sqlx::raw_sql(AssertSqlSafe(format!("DROP INDEX CONCURRENTLY {index}"))).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Whether nothing is missing.
///
/// # Errors
/// When the database fails.
pub(super) async fn is_current(connection: &mut PgConnection) -> Result<bool, DatabaseError> {
    Ok(history(connection).await?.missing().is_empty())
}

/// The tables that our migrations create.
pub(super) fn table_names() -> Vec<String> {
    let name = |line: &str| {
        let (name, _) = line.trim_start().strip_prefix("CREATE TABLE ")?.split_once([' ', '('])?;
        Some(name.to_owned())
    };
    let created = MIGRATIONS.iter().flat_map(|migration| migration.sql.as_str().lines().filter_map(name));
    created.chain([TABLE.to_owned()]).collect::<BTreeSet<_>>().into_iter().collect()
}
