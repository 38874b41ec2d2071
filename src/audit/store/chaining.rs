use crate::{
    audit::{
        entry::Entry,
        head::{Head, StoredHead},
        walk::Anchor,
    },
    kernel::{Committed, Moment},
    postgres::DatabaseError,
};
use sqlx::PgConnection;
use uuid::Uuid;

/// The end of the chain, locked. None: another transaction holds it.
pub async fn lock_head(connection: &mut PgConnection) -> Result<Option<StoredHead>, DatabaseError> {
    let row = sqlx::query!("SELECT seq, hash, untagged_until, tag FROM audit_chain_head FOR UPDATE SKIP LOCKED");
    let row = row.fetch_optional(connection).await?;
    Ok(row.map(|row| StoredHead {
        head: Head { seq: row.seq, hash: row.hash, untagged_until: row.untagged_until },
        tag: row.tag,
    }))
}

/// The end of the chain. None: it was removed.
pub async fn head(connection: &mut PgConnection) -> Result<Option<StoredHead>, DatabaseError> {
    let row = sqlx::query!("SELECT seq, hash, untagged_until, tag FROM audit_chain_head");
    let row = row.fetch_optional(connection).await?;
    Ok(row.map(|row| StoredHead {
        head: Head { seq: row.seq, hash: row.hash, untagged_until: row.untagged_until },
        tag: row.tag,
    }))
}

/// The end of the chain, locked: waits as long as `lock_timeout` allows. None: it was removed.
pub async fn wait_for_head(connection: &mut PgConnection) -> Result<Option<StoredHead>, DatabaseError> {
    let row = sqlx::query!("SELECT seq, hash, untagged_until, tag FROM audit_chain_head FOR UPDATE");
    let row = row.fetch_optional(connection).await?;
    Ok(row.map(|row| StoredHead {
        head: Head { seq: row.seq, hash: row.hash, untagged_until: row.untagged_until },
        tag: row.tag,
    }))
}

/// Moves the end of the chain.
pub async fn set_head(connection: &mut PgConnection, head: &Head, tag: &[u8]) -> Result<(), DatabaseError> {
    let moved = sqlx::query!(
        "UPDATE audit_chain_head SET seq = $1, hash = $2, untagged_until = $3, tag = $4",
        head.seq,
        head.hash,
        head.untagged_until,
        tag,
    )
    .execute(connection)
    .await?;
    match moved.rows_affected() {
        1 => Ok(()),
        _ => Err(DatabaseError::Nonsense("audit_chain_head accepts no head; a trigger or a rule?")),
    }
}

/// Whether no server has ever started on this database: the first start creates a signing key.
pub async fn is_new_database(connection: &mut PgConnection) -> Result<bool, DatabaseError> {
    let is_new = sqlx::query_scalar!(
        r#"SELECT NOT EXISTS (SELECT FROM signing_keys) AND NOT EXISTS (SELECT FROM audit_events WHERE seq IS NOT NULL)
               AND NOT EXISTS (SELECT FROM audit_chain_anchors) AS "new!""#
    );
    Ok(is_new.fetch_one(connection).await?)
}

/// How many events have no position yet.
pub async fn count_unchained(connection: &mut PgConnection) -> Result<i64, DatabaseError> {
    let counted = sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM audit_events WHERE seq IS NULL"#);
    Ok(counted.fetch_one(connection).await?)
}

/// How far the chain is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lag {
    /// Events without a place.
    pub events: i64,
    /// How long the oldest of them has waited.
    pub seconds: i64,
}

/// How many events wait for their place, and for how long the oldest has.
pub async fn lag(connection: &mut PgConnection) -> Result<Lag, DatabaseError> {
    let lag = sqlx::query_as!(
        Lag,
        r#"SELECT count(*) AS "events!",
                  greatest(0, coalesce(floor(extract(epoch FROM now() - min(at))), 0))::int8 AS "seconds!"
           FROM audit_events WHERE seq IS NULL"#
    );
    Ok(lag.fetch_one(connection).await?)
}

/// An event that is in the table.
pub struct Present {
    pub id: Uuid,
    /// Whether it has its place.
    pub is_chained: bool,
}

/// Those of these events that are there.
pub async fn present(connection: &mut PgConnection, events: &[Committed]) -> Result<Vec<Present>, DatabaseError> {
    let (ids, times): (Vec<_>, Vec<_>) = events.iter().map(|event| (event.id, event.at)).unzip();
    let found = sqlx::query_as!(
        Present,
        r#"SELECT e.id, e.seq IS NOT NULL AS "is_chained!"
           FROM unnest($1::uuid[], $2::timestamptz[]) AS w (id, at) JOIN audit_events AS e ON e.id = w.id AND e.at = w.at"#,
        &ids,
        &times,
    );
    Ok(found.fetch_all(connection).await?)
}

/// Events of a kind from then on, the newest first, at most a hundred.
pub async fn resumed_since(
    connection: &mut PgConnection,
    kind: &str,
    since: Moment,
) -> Result<Vec<Entry>, DatabaseError> {
    let found = sqlx::query_as!(
        Entry,
        r#"SELECT id, at, kind, actor, actor_id, user_id, session_id, ip AS "ip: ipnet::IpNet", user_agent, request_id,
                  details, series, number, settled, rolled_back, tag, seq, hash
           FROM audit_events WHERE kind = $1 AND at > $2 ORDER BY at DESC, id DESC LIMIT 100"#,
        kind,
        since,
    );
    Ok(found.fetch_all(connection).await?)
}

/// Events that have no place yet, oldest first.
pub async fn unchained(connection: &mut PgConnection, limit: i64) -> Result<Vec<Entry>, DatabaseError> {
    let found = sqlx::query_as!(
        Entry,
        r#"SELECT id, at, kind, actor, actor_id, user_id, session_id, ip AS "ip: ipnet::IpNet", user_agent, request_id,
                  details, series, number, settled, rolled_back, tag, seq, hash
           FROM audit_events WHERE seq IS NULL ORDER BY at, id LIMIT $1"#,
        limit,
    );
    Ok(found.fetch_all(connection).await?)
}

/// Gives events their places.
pub async fn place(connection: &mut PgConnection, placed: &[Entry]) -> Result<(), DatabaseError> {
    let ids: Vec<_> = placed.iter().map(|entry| entry.id).collect();
    let times: Vec<_> = placed.iter().map(|entry| entry.at).collect();
    let numbers: Vec<_> = placed.iter().filter_map(|entry| entry.seq).collect();
    let hashes: Vec<_> = placed.iter().filter_map(|entry| entry.hash.clone()).collect();
    let done = sqlx::query!(
        "UPDATE audit_events AS e SET seq = p.seq, hash = p.hash
         FROM unnest($1::uuid[], $2::timestamptz[], $3::int8[], $4::bytea[]) AS p (id, at, seq, hash)
         WHERE e.id = p.id AND e.at = p.at AND e.seq IS NULL",
        &ids,
        &times,
        &numbers,
        &hashes,
    )
    .execute(connection)
    .await?;
    if done.rows_affected() == u64::try_from(placed.len()).unwrap_or(u64::MAX) {
        return Ok(());
    }
    Err(DatabaseError::Nonsense("an event that was to be chained has gone or was chained meanwhile"))
}

/// Restores the row of the end after it was removed.
pub async fn restore_head(connection: &mut PgConnection) -> Result<(), DatabaseError> {
    let restored = sqlx::query!(
        "INSERT INTO audit_chain_head (seq, hash, untagged_until) VALUES (0, '', 0) ON CONFLICT DO NOTHING"
    );
    restored.execute(connection).await?;
    Ok(())
}

/// What was dropped, oldest first.
pub async fn anchors(connection: &mut PgConnection) -> Result<Vec<Anchor>, DatabaseError> {
    let found = sqlx::query_as!(
        Anchor,
        "SELECT first_seq AS first, last_seq AS last, hash, tag FROM audit_chain_anchors ORDER BY first_seq"
    );
    Ok(found.fetch_all(connection).await?)
}
