use super::DatabaseError;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// The privileges of the server's role on tables with special rules. On all others it may read and write rows.
const RESTRICTED: &[(&str, &str)] = &[
    // Events are recorded and get their position in the chain; months go through functions of the owner.
    ("audit_events", "SELECT, INSERT, UPDATE (seq, hash)"),
    ("audit_chain_head", "SELECT, INSERT, UPDATE"),
    ("audit_chain_anchors", "SELECT, INSERT, UPDATE"),
    ("audit_retention", "SELECT"),
    ("heirloom_migrations", "SELECT"),
    ("_sqlx_migrations", "SELECT"),
];
const USUAL: &str = "SELECT, INSERT, UPDATE, DELETE";

/// Tables in Heirloom's schema that this role owns; the months of the audit log are reached through their parent.
const TABLES: &str = "
    SELECT relname::text FROM pg_class
    WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) AND relkind IN ('r', 'p')
      AND NOT relispartition AND pg_has_role(current_user, relowner, 'MEMBER')
    ORDER BY 1";
/// Functions that run as the owner, sequences, and the schema.
const OTHERS: &str = "
    SELECT format('EXECUTE ON FUNCTION %s', oid::regprocedure) FROM pg_proc
    WHERE pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) AND prosecdef
      AND pg_has_role(current_user, proowner, 'MEMBER')
    UNION ALL
    SELECT format('USAGE ON SEQUENCE %s', oid::regclass) FROM pg_class
    WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) AND relkind = 'S'
      AND pg_has_role(current_user, relowner, 'MEMBER')
    UNION ALL
    SELECT format('USAGE ON SCHEMA %I', current_schema())
    WHERE NOT has_schema_privilege($1, current_schema(), 'USAGE')";

/// Whether a role has what it needs, and not the right to delete events. A member of the owner has every right anyway. Of rights
/// to columns it is enough that there are some.
const IS_GRANTED: &str = "
    WITH ours AS (
        SELECT c.oid, coalesce(restricted.privileges, $2) AS privileges
        FROM pg_class AS c LEFT JOIN unnest($3::text[], $4::text[]) AS restricted (name, privileges) ON restricted.name = c.relname
        WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
          AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND pg_has_role(current_user, c.relowner, 'MEMBER'))
    SELECT pg_has_role($1, (SELECT relowner FROM pg_class WHERE oid = to_regclass('users')), 'MEMBER')
        OR NOT EXISTS (
            SELECT FROM ours, regexp_matches(privileges, '(SELECT|INSERT|UPDATE|DELETE)( [(])?', 'g') AS needed
            WHERE CASE WHEN needed[2] IS NULL THEN NOT has_table_privilege($1, oid, needed[1])
                       ELSE NOT has_any_column_privilege($1, oid, needed[1]) END)
        AND NOT has_table_privilege($1, 'audit_events', 'DELETE')
        AND NOT EXISTS (
            SELECT FROM pg_proc
            WHERE pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) AND prosecdef
              AND pg_has_role(current_user, proowner, 'MEMBER') AND NOT has_function_privilege($1, oid, 'EXECUTE'))
        AND has_schema_privilege($1, current_schema(), 'USAGE')";

/// Roles that serve so far: those that were let write sessions.
const SERVING: &str = "
    SELECT r.rolname::text FROM pg_class AS c, aclexplode(c.relacl) AS granted JOIN pg_roles AS r ON r.oid = granted.grantee
    WHERE c.oid = to_regclass('sessions') AND granted.grantee <> c.relowner
    GROUP BY 1 HAVING array_agg(granted.privilege_type::text) @> ARRAY['INSERT', 'UPDATE', 'DELETE']";

/// Lets this role serve, if there is one; and those that served already use what migrations have added.
///
/// # Errors
/// As [`grant`].
pub async fn grant_all(connection: &mut PgConnection, runtime: Option<String>) -> Result<(), DatabaseError> {
    let mut roles: Vec<String> = sqlx::query_scalar(SERVING).fetch_all(&mut *connection).await?;
    roles.extend(runtime.filter(|runtime| !roles.contains(runtime)));
    for role in roles {
        grant(connection, &role).await?;
    }
    Ok(())
}

/// Lets a role do what a server does, and nothing else. Changes nothing where that is so.
///
/// # Errors
/// When the database fails, or we are not the owner.
pub async fn grant(connection: &mut PgConnection, role: &str) -> Result<(), DatabaseError> {
    if is_granted(connection, role).await? {
        return Ok(());
    }
    let mut transaction = connection.begin().await?;
    // Two that grant at once would fail over one another's rows in the catalogue.
    sqlx::raw_sql("LOCK TABLE users IN SHARE UPDATE EXCLUSIVE MODE").execute(&mut *transaction).await?;
    let tables: Vec<String> = sqlx::query_scalar(TABLES).fetch_all(&mut *transaction).await?;
    let others: Vec<String> = sqlx::query_scalar(OTHERS).bind(role).fetch_all(&mut *transaction).await?;
    let to = quoted(role);
    let on_tables = tables.iter().map(|table| {
        let (privileges, table) = (privileges(table), quoted(table));
        format!("REVOKE ALL ON {table} FROM {to}; GRANT {privileges} ON {table} TO {to}")
    });
    let on_others = others.iter().map(|right| format!("GRANT {right} TO {to}"));
    let statements = on_tables.chain(on_others).collect::<Vec<_>>().join(";\n");
    // Names of the catalogue and of the operator, quoted.
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(&mut *transaction).await?;
    Ok(transaction.commit().await?)
}

async fn is_granted(connection: &mut PgConnection, role: &str) -> Result<bool, DatabaseError> {
    let (tables, privileges): (Vec<_>, Vec<_>) = RESTRICTED.iter().copied().unzip();
    let is_granted = sqlx::query_scalar(IS_GRANTED).bind(role).bind(USUAL).bind(tables).bind(privileges);
    Ok(is_granted.fetch_one(connection).await?)
}

fn privileges(table: &str) -> &'static str {
    RESTRICTED.iter().find(|(name, _)| *name == table).map_or(USUAL, |(_, privileges)| privileges)
}

/// A name as an identifier of SQL.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_one_identifier() {
        assert_eq!(quoted("heirloom"), "\"heirloom\"");
        assert_eq!(quoted("a\"; DROP"), "\"a\"\"; DROP\"");
    }

    #[test]
    fn events_are_never_deleted_by_the_server_and_sessions_are() {
        assert!(!privileges("audit_events").contains("DELETE"));
        assert!(privileges("sessions").contains("DELETE"));
    }
}
