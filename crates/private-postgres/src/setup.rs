use crate::{StartError, names};
use sqlx::{ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// How long Postgres may take to let us in: it reads changed rules a moment after it was asked to.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

/// Whether the roles and the database are as they should be.
const IS_COMPLETE: &str = "
    SELECT (SELECT count(*) FROM pg_authid WHERE rolname IN ('heirloom', 'heirloom_runtime')) = 2
       AND NOT EXISTS (
           SELECT FROM pg_authid
           WHERE rolname IN ('postgres', 'heirloom', 'heirloom_runtime') AND rolpassword IS NOT NULL)
       AND EXISTS (
           SELECT FROM pg_database, aclexplode(datacl) AS granted
           WHERE datname = 'heirloom' AND granted.privilege_type = 'CONNECT'
             AND granted.grantee = (SELECT oid FROM pg_roles WHERE rolname = 'heirloom_runtime'))
       AND NOT EXISTS (
           SELECT FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) AS granted
           WHERE datname = 'heirloom' AND granted.grantee = 0)";

/// Creates the roles that are missing and takes away the password that those of an earlier version shared.
const ROLES: &str = "
    DO $$
    DECLARE
        role text;
    BEGIN
        FOREACH role IN ARRAY ARRAY['heirloom', 'heirloom_runtime'] LOOP
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
                EXECUTE format('CREATE ROLE %I LOGIN', role);
            END IF;
        END LOOP;
    END $$;
    ALTER ROLE postgres PASSWORD NULL;
    ALTER ROLE heirloom PASSWORD NULL;
    ALTER ROLE heirloom_runtime PASSWORD NULL";
const HAS_DATABASE: &str = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = 'heirloom')";
/// Not allowed within a transaction, and therefore a statement by itself.
const CREATE_DATABASE: &str = "CREATE DATABASE heirloom OWNER heirloom";
const DATABASE_PRIVILEGES: &str = "
    REVOKE ALL ON DATABASE heirloom FROM PUBLIC;
    GRANT CONNECT ON DATABASE heirloom TO heirloom_runtime";
/// Before Postgres 15, every user could create tables and functions there.
const SCHEMA_PRIVILEGES: &str = "
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    GRANT ALL ON SCHEMA public TO heirloom";

/// After this the cluster has its database and its roles, with no password: created, or moved from an earlier version.
/// Each step may have been done before; one that was cut short is made up for at the next start.
pub async fn complete(superuser: &PgConnectOptions) -> Result<(), StartError> {
    let mut connection = connect(superuser.clone().database("postgres")).await?;
    let is_complete: bool = sqlx::query_scalar(IS_COMPLETE).fetch_one(&mut connection).await?;
    if !is_complete {
        tracing::info!("postgres.setting_up_roles");
        sqlx::raw_sql(ROLES).execute(&mut connection).await?;
        let has_database: bool = sqlx::query_scalar(HAS_DATABASE).fetch_one(&mut connection).await?;
        if !has_database {
            sqlx::raw_sql(CREATE_DATABASE).execute(&mut connection).await?;
        }
        let mut database = connect(superuser.clone().database(names::DATABASE)).await?;
        sqlx::raw_sql(SCHEMA_PRIVILEGES).execute(&mut database).await?;
        database.close().await?;
        // Last: by this a complete cluster is recognised.
        sqlx::raw_sql(DATABASE_PRIVILEGES).execute(&mut connection).await?;
    }
    Ok(connection.close().await?)
}

/// Connects, and tries again while Postgres still applies the rules of an earlier version.
async fn connect(options: PgConnectOptions) -> Result<PgConnection, StartError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let connected = timeout_at(deadline, options.connect()).await;
        match connected {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) if is_refusal(&error) && Instant::now() < deadline => sleep(POLL).await,
            Ok(Err(error)) => return Err(error.into()),
            Err(_elapsed) => return Err(sqlx::Error::PoolTimedOut.into()),
        }
    }
}

/// Class 28: invalid authorization.
fn is_refusal(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code.starts_with("28"))
}
