use crate::{
    audit::{months::Month, walk::Anchor},
    kernel::Moment,
    postgres::{DatabaseError, Lock, try_lock},
};
use sqlx::PgConnection;

/// Locks the creating and dropping of months, until the transaction ends. False: another instance is at it.
pub async fn lock_months(connection: &mut PgConnection) -> Result<bool, DatabaseError> {
    try_lock(connection, Lock::AuditMonths).await
}

/// For how many seconds after its end the database keeps a month, regardless of who asks.
pub async fn kept_for(connection: &mut PgConnection) -> Result<i64, DatabaseError> {
    let period = sqlx::query_scalar!(r#"SELECT extract(epoch FROM period)::bigint AS "seconds!" FROM audit_retention"#);
    Ok(period.fetch_one(connection).await?)
}

/// The tables of the log that are one month's.
pub async fn months(connection: &mut PgConnection) -> Result<Vec<Month>, DatabaseError> {
    let names = sqlx::query_scalar!(
        r#"SELECT c.relname::text AS "name!" FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
           WHERE i.inhparent = 'audit_events'::regclass"#
    );
    Ok(names.fetch_all(connection).await?.iter().filter_map(|name| Month::of_table(name)).collect())
}

/// Creates the tables of this month and the next two, and of months that events came from without one. Returns how many.
pub async fn prepare_months(connection: &mut PgConnection) -> Result<i32, DatabaseError> {
    Ok(sqlx::query_scalar!(r#"SELECT audit_prepare_months() AS "created!""#).fetch_one(connection).await?)
}

/// Whether everything from here to there has its place in the chain.
pub async fn is_chained(connection: &mut PgConnection, from: Moment, to: Moment) -> Result<bool, DatabaseError> {
    let unchained = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM audit_events WHERE at >= $1 AND at < $2 AND seq IS NULL) AS "exists!""#,
        from,
        to,
    );
    Ok(!unchained.fetch_one(connection).await?)
}

/// The places from here to there, as runs without a gap; not yet tagged.
pub async fn runs(connection: &mut PgConnection, from: Moment, to: Moment) -> Result<Vec<Anchor>, DatabaseError> {
    let found = sqlx::query_as!(
        Anchor,
        r#"WITH numbered AS (
               SELECT seq, seq - row_number() OVER (ORDER BY seq) AS run FROM
                   (SELECT DISTINCT seq FROM audit_events WHERE at >= $1 AND at < $2) AS places
           ), runs AS (
               SELECT min(seq) AS first, max(seq) AS last FROM numbered GROUP BY run
           )
           SELECT first AS "first!", last AS "last!", ''::bytea AS "tag!",
                  (SELECT hash FROM audit_events WHERE at >= $1 AND at < $2 AND seq = last LIMIT 1) AS "hash!"
           FROM runs ORDER BY 1"#,
        from,
        to,
    );
    Ok(found.fetch_all(connection).await?)
}

/// Remembers what is about to be dropped.
pub async fn add_anchor(connection: &mut PgConnection, anchor: &Anchor, month: Month) -> Result<(), DatabaseError> {
    sqlx::query!(
        "INSERT INTO audit_chain_anchors (first_seq, last_seq, hash, month, dropped_at, tag)
         VALUES ($1, $2, $3, $4, now(), $5)",
        anchor.first,
        anchor.last,
        anchor.hash,
        month.first_day(),
        anchor.tag,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Replaces an anchor's tag.
pub async fn set_anchor_tag(connection: &mut PgConnection, anchor: &Anchor) -> Result<(), DatabaseError> {
    let set = sqlx::query!("UPDATE audit_chain_anchors SET tag = $2 WHERE first_seq = $1", anchor.first, anchor.tag);
    set.execute(connection).await?;
    Ok(())
}

/// Drops a month. Recording waits for it, at most as long as for any lock here.
pub async fn drop_month(connection: &mut PgConnection, month: Month) -> Result<bool, DatabaseError> {
    let dropped = sqlx::query_scalar!(r#"SELECT audit_drop_month($1) AS "dropped!""#, month.first_day());
    Ok(dropped.fetch_one(connection).await?)
}
