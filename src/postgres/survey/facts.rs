use super::{super::migrate::History, Migrations};
use crate::postgres::DatabaseError;
use sqlx::{FromRow, PgConnection};

/// Everything that is known of a database.
#[derive(Debug)]
pub(super) struct Facts {
    pub server: Server,
    pub history: History,
    pub tables: Vec<TableFacts>,
    pub collation: Collation,
    pub migrations: Migrations,
    /// Whether the owner's connection gives the role what it lacks, when migrations are applied.
    pub owner_grants: bool,
}

/// The server, the database, and the role that we are.
#[derive(Debug, FromRow)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of Postgres that is on or off")]
pub(super) struct Server {
    pub version: i32,
    pub encoding: String,
    pub client_encoding: String,
    pub database: String,
    pub role: String,
    /// The first schema of the search path that exists.
    pub schema: Option<String>,
    pub search_path: String,
    pub may_create: bool,
    pub is_superuser: bool,
    pub is_standby: bool,
    pub is_read_only: bool,
    pub strings_conform: bool,
    /// Whether triggers and foreign keys run.
    pub has_triggers: bool,
    /// Whether a commit is on disk when it is answered.
    pub commits_wait: bool,
    /// Whether it is on every synchronous standby, too, where there are such.
    pub standbys_have_it: bool,
    /// Whether the server flushes to disk at all.
    pub flushes: bool,
    /// Whether every role may connect.
    pub is_open: bool,
}

/// A table with the name of one of Heirloom's.
#[derive(Debug, FromRow)]
pub(super) struct TableFacts {
    pub name: String,
    /// Where the name leads.
    pub schema: String,
    pub is_ordinary: bool,
    pub is_owned: bool,
    pub hides_rows: bool,
    /// The rights that we lack, of SELECT, INSERT, UPDATE and DELETE.
    pub lacking: Vec<String>,
}

/// The version of the collation that indexes were built with, and of the one in use.
#[derive(Debug, FromRow)]
pub(super) struct Collation {
    pub recorded: Option<String>,
    pub actual: Option<String>,
}

pub(super) async fn server(connection: &mut PgConnection) -> Result<Server, DatabaseError> {
    let server = sqlx::query_as(
        "SELECT current_setting('server_version_num')::int AS version,
                current_setting('server_encoding') AS encoding,
                current_setting('client_encoding') AS client_encoding,
                current_database()::text AS database,
                current_user::text AS role,
                current_schema()::text AS schema,
                current_setting('search_path') AS search_path,
                coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_create,
                current_setting('is_superuser') = 'on' AS is_superuser,
                pg_is_in_recovery() AS is_standby,
                current_setting('default_transaction_read_only') = 'on' AS is_read_only,
                current_setting('standard_conforming_strings') = 'on' AS strings_conform,
                current_setting('session_replication_role') <> 'replica' AS has_triggers,
                current_setting('synchronous_commit') <> 'off' AS commits_wait,
                current_setting('synchronous_commit') IN ('on', 'remote_apply', 'off')
                    OR current_setting('synchronous_standby_names') = '' AS standbys_have_it,
                current_setting('fsync') = 'on' AS flushes,
                has_database_privilege('public', current_database(), 'CONNECT') AS is_open",
    );
    Ok(server.fetch_one(connection).await?)
}

/// What is the same for two connections only where they lead to one database. `None` where we may not know.
pub(super) async fn identity(connection: &mut PgConnection) -> Option<String> {
    let identity = sqlx::query_scalar(
        "SELECT system_identifier || '/' || (SELECT oid FROM pg_database WHERE datname = current_database())
         FROM pg_control_system()",
    );
    identity.fetch_one(connection).await.ok()
}

pub(super) async fn tables(connection: &mut PgConnection, names: &[String]) -> Result<Vec<TableFacts>, DatabaseError> {
    let tables = sqlx::query_as(
        "SELECT c.relname::text AS name, n.nspname::text AS schema, c.relkind IN ('r', 'p') AS is_ordinary,
                pg_has_role(c.relowner, 'USAGE') AS is_owned,
                c.relkind IN ('r', 'p') AND row_security_active(c.oid) AS hides_rows,
                ARRAY(SELECT wanted FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS wanted
                      WHERE NOT has_table_privilege(c.oid, wanted)) AS lacking
         FROM unnest($1::text[]) AS wanted_name
         JOIN pg_class AS c ON c.oid = to_regclass(quote_ident(wanted_name))
         JOIN pg_namespace AS n ON n.oid = c.relnamespace
         ORDER BY c.relname",
    );
    Ok(tables.bind(names).fetch_all(connection).await?)
}

pub(super) async fn collation(connection: &mut PgConnection) -> Result<Collation, DatabaseError> {
    let collation = sqlx::query_as(
        "SELECT datcollversion AS recorded, pg_database_collation_actual_version(oid) AS actual
         FROM pg_database WHERE datname = current_database()",
    );
    Ok(collation.fetch_one(connection).await?)
}
