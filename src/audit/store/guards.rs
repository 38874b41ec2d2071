use crate::postgres::DatabaseError;
use sqlx::PgConnection;

/// What stands between us and a table of the log, and is not ours.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Foreign {
    /// The table.
    pub table: String,
    /// What it is, and its name.
    pub by: String,
}

/// Triggers, rules and policies of others on the tables of the log: they can keep events from being written or shown.
pub async fn foreign(connection: &mut PgConnection) -> Result<Vec<Foreign>, DatabaseError> {
    let found = sqlx::query_as(
        "WITH log AS (
             SELECT oid, relname, relrowsecurity FROM pg_class
             WHERE oid IN (to_regclass('audit_events'), to_regclass('audit_chain_head'),
                           to_regclass('audit_chain_anchors'))
                OR oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = to_regclass('audit_events')))
         SELECT relname::text AS \"table\", format('the trigger %I', tgname) AS \"by\"
         FROM log JOIN pg_trigger ON tgrelid = log.oid
         WHERE NOT tgisinternal
           AND (tgfoid IS DISTINCT FROM to_regproc('refuse_to_change_audit_events') OR tgtype & 4 <> 0)
         UNION ALL SELECT relname::text, format('the rule %I', rulename) FROM log JOIN pg_rewrite ON ev_class = log.oid
         UNION ALL SELECT relname::text, 'row security' FROM log WHERE relrowsecurity
         ORDER BY 1, 2",
    );
    Ok(found.fetch_all(connection).await?)
}

/// A process that holds a lock on the head of the chain: one for which another waits, and which does not wait itself; then the one
/// whose transaction is oldest, where Postgres shows that. Whoever waits for the row holds a lock on the table, too.
pub async fn holder_of_head(connection: &mut PgConnection) -> Result<Option<String>, DatabaseError> {
    let found = sqlx::query_scalar(
        "SELECT format('process %s (role %s, application %s)', a.pid, a.usename, quote_literal(a.application_name))
         FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid
         WHERE l.relation = to_regclass('audit_chain_head') AND l.granted AND l.mode <> 'AccessShareLock'
           AND l.pid <> pg_backend_pid()
         ORDER BY EXISTS (SELECT FROM pg_locks AS w WHERE NOT w.granted AND l.pid = ANY (pg_blocking_pids(w.pid))) DESC,
                  EXISTS (SELECT FROM pg_locks AS w WHERE NOT w.granted AND w.pid = l.pid),
                  a.xact_start NULLS FIRST
         LIMIT 1",
    );
    Ok(found.fetch_optional(connection).await?)
}
