use super::{DatabaseError, grants::quoted, scram};
use crate::kernel::{Duration, Rng};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// The roles of a database: who owns it, and who serves requests.
#[derive(Clone)]
pub struct RoleNames {
    /// Owns the tables. None: the role we are, unless it may create others; then one of its own is created.
    pub owner: Option<String>,
    /// Reads and writes rows.
    pub runtime: String,
    /// Its password, if it has to be created.
    pub password: Option<String>,
}

/// The owner that is created where no other is named.
const OWNER: &str = "heirloom_owner";

/// Why roles could not be created.
#[derive(Debug, thiserror::Error)]
pub enum RolesError {
    /// The database failed.
    #[error("the roles could not be created")]
    Failed(#[from] DatabaseError),
    /// A role is missing, and we may not create it.
    #[error(
        "the role {0} does not exist, and this role may not create it: connect as a superuser, or have one run \
         CREATE ROLE {0}"
    )]
    NotAllowed(String),
    /// One role for both.
    #[error("the owner and the runtime role are both {0}: name two roles")]
    Same(String),
    /// The runtime role could do everything.
    #[error("the runtime role {0} is a superuser or a member of the owner: name another")]
    TooMighty(String),
}

impl From<sqlx::Error> for RolesError {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// Whether we are the owner of the tables, or a member of it.
pub(super) async fn owns(connection: &mut PgConnection) -> Result<bool, DatabaseError> {
    let owns = "SELECT coalesce(
        (SELECT pg_has_role(current_user, relowner, 'MEMBER') FROM pg_class WHERE oid = to_regclass('users')), false)";
    Ok(sqlx::query_scalar(owns).fetch_one(connection).await?)
}

/// For how long months of the audit log cannot be deleted. Only the owner can set it.
pub(super) async fn keep_months_for(connection: &mut PgConnection, period: Duration) -> Result<(), DatabaseError> {
    let hours = i32::try_from(period.as_secs().div_ceil(3600)).unwrap_or(i32::MAX);
    let set = "UPDATE audit_retention SET period = make_interval(hours => $1)
               WHERE period <> make_interval(hours => $1)";
    sqlx::query(set).bind(hours).execute(connection).await?;
    Ok(())
}

/// Goes on as the role that owns the tables, so that new ones belong to it as well, if we may.
pub(super) async fn become_owner(connection: &mut PgConnection, known: Option<&str>) -> Result<(), DatabaseError> {
    if let Some(owner) = known {
        sqlx::raw_sql(AssertSqlSafe(format!("SET ROLE {}", quoted(owner)))).execute(connection).await?;
        return Ok(());
    }
    let owner = "SELECT relowner::regrole::text FROM pg_class
                 WHERE oid = to_regclass('heirloom_migrations') AND pg_has_role(current_user, relowner, 'MEMBER')";
    if let Some(owner) = sqlx::query_scalar::<_, String>(owner).fetch_optional(&mut *connection).await? {
        // The catalogue quotes it.
        sqlx::raw_sql(AssertSqlSafe(format!("SET ROLE {owner}"))).execute(connection).await?;
    }
    Ok(())
}

/// After this both roles exist, and what there is already belongs to the owner. Nothing is changed that is so already; it is all done, or nothing. Returns the owner.
///
/// # Errors
/// When the database fails, or we lack a right that is needed.
pub(super) async fn create(connection: &mut PgConnection, names: &RoleNames) -> Result<String, RolesError> {
    let mut transaction = connection.begin().await?;
    let us = us(&mut transaction).await?;
    let owner =
        names.owner.clone().unwrap_or_else(|| if us.creates_roles { OWNER.to_owned() } else { us.name.clone() });
    if owner == names.runtime {
        return Err(RolesError::Same(owner));
    }
    if !exists(&mut transaction, &owner).await? {
        add(&mut transaction, &us, &owner, "NOLOGIN".to_owned()).await?;
    }
    if !exists(&mut transaction, &names.runtime).await? {
        let verifier = names.password.as_deref().map(|password| scram::verifier(password, &Rng::system()));
        let password = verifier.map(|verifier| format!(" PASSWORD '{verifier}'")).unwrap_or_default();
        add(&mut transaction, &us, &names.runtime, format!("LOGIN{password}")).await?;
    }
    refuse_mighty(&mut transaction, &names.runtime, &owner).await?;
    join(&mut transaction, &owner).await?;
    open_database(&mut transaction, &owner, &names.runtime).await?;
    hand_over(&mut transaction, &owner).await?;
    transaction.commit().await?;
    Ok(owner)
}

/// The role that we are connected as.
struct Us {
    name: String,
    creates_roles: bool,
}

async fn us(connection: &mut PgConnection) -> Result<Us, RolesError> {
    let us = "SELECT rolname::text, rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user";
    let (name, creates_roles) = sqlx::query_as(us).fetch_one(connection).await?;
    Ok(Us { name, creates_roles })
}

async fn exists(connection: &mut PgConnection, role: &str) -> Result<bool, RolesError> {
    let exists = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)").bind(role);
    Ok(exists.fetch_one(connection).await?)
}

async fn add(connection: &mut PgConnection, us: &Us, role: &str, with: String) -> Result<(), RolesError> {
    if !us.creates_roles {
        return Err(RolesError::NotAllowed(role.to_owned()));
    }
    let statement = format!("CREATE ROLE {} {with} NOSUPERUSER NOCREATEDB NOCREATEROLE", quoted(role));
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await?;
    Ok(())
}

async fn refuse_mighty(connection: &mut PgConnection, runtime: &str, owner: &str) -> Result<(), RolesError> {
    let is_mighty = sqlx::query_scalar("SELECT pg_has_role($1, $2, 'MEMBER')").bind(runtime).bind(owner);
    if is_mighty.fetch_one(connection).await? { Err(RolesError::TooMighty(runtime.to_owned())) } else { Ok(()) }
}

/// Makes us a member of the owner: only so may we go on as it.
async fn join(connection: &mut PgConnection, owner: &str) -> Result<(), RolesError> {
    let is_member = sqlx::query_scalar("SELECT pg_has_role(current_user, $1, 'MEMBER')").bind(owner);
    if !is_member.fetch_one(&mut *connection).await? {
        let statement = format!("GRANT {} TO CURRENT_USER", quoted(owner));
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await?;
    }
    Ok(())
}

/// What both need of the database and the schema, and each lacks.
const LACKING: &str = "
    SELECT statement FROM (VALUES
        (NOT has_schema_privilege($1, current_schema(), 'CREATE') OR NOT has_schema_privilege($1, current_schema(), 'USAGE'),
         format('GRANT USAGE, CREATE ON SCHEMA %I TO %I', current_schema(), $1)),
        (NOT has_schema_privilege($2, current_schema(), 'USAGE'),
         format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), $2)),
        (NOT has_database_privilege($1, current_database(), 'CONNECT'),
         format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), $1)),
        (NOT has_database_privilege($2, current_database(), 'CONNECT'),
         format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), $2)),
        -- Before PostgreSQL 15 every role could create tables and functions there.
        (has_schema_privilege('public', current_schema(), 'CREATE'),
         format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC', current_schema()))
    ) AS wanted (is_lacking, statement)
    WHERE is_lacking";

async fn open_database(connection: &mut PgConnection, owner: &str, runtime: &str) -> Result<(), RolesError> {
    let lacking = sqlx::query_scalar::<_, String>(LACKING).bind(owner).bind(runtime);
    let lacking = lacking.fetch_all(&mut *connection).await?;
    run_all(connection, lacking).await
}

/// Everything in the schema that belongs to the owner of our tables so far.
const FOREIGN: &str = "
    WITH ours AS (
        SELECT relowner AS owner, relnamespace AS schema FROM pg_class
        WHERE oid IN (to_regclass('heirloom_migrations'), to_regclass('_sqlx_migrations')) ORDER BY relname LIMIT 1
    )
    SELECT format('ALTER TABLE %s OWNER TO %I', c.oid::regclass, $1) FROM pg_class AS c, ours
    WHERE relowner = ours.owner AND relnamespace = ours.schema AND relkind IN ('r', 'p')
      AND ours.owner <> (SELECT oid FROM pg_roles WHERE rolname = $1)
      AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND deptype = 'e')
    UNION ALL
    SELECT format('ALTER FUNCTION %s OWNER TO %I', p.oid::regprocedure, $1) FROM pg_proc AS p, ours
    WHERE proowner = ours.owner AND pronamespace = ours.schema AND prokind = 'f'
      AND ours.owner <> (SELECT oid FROM pg_roles WHERE rolname = $1)
      AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = p.oid AND deptype = 'e')";

async fn hand_over(connection: &mut PgConnection, owner: &str) -> Result<(), RolesError> {
    let foreign = sqlx::query_scalar::<_, String>(FOREIGN).bind(owner).fetch_all(&mut *connection).await?;
    run_all(connection, foreign).await
}

/// Statements whose names the database has quoted.
async fn run_all(connection: &mut PgConnection, statements: Vec<String>) -> Result<(), RolesError> {
    sqlx::raw_sql(AssertSqlSafe(statements.join(";\n"))).execute(connection).await?;
    Ok(())
}
