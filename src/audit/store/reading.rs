use crate::{
    audit::{EventFilter, Kind, Recorded, entry::Entry},
    kernel::{Duration, Moment, least_uuid},
    postgres::DatabaseError,
};
use sqlx::PgConnection;
use uuid::Uuid;

/// Lists events, newest first.
///
/// # Errors
/// When the database fails.
pub async fn list(
    connection: &mut PgConnection,
    filter: &EventFilter,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Recorded>, DatabaseError> {
    let found = sqlx::query_as!(
        Entry,
        r#"SELECT id, at, kind, actor, actor_id, user_id, session_id, ip AS "ip: ipnet::IpNet", user_agent, request_id,
                  details, series, number, settled, rolled_back, tag, seq, hash
           FROM audit_events
           WHERE ($1::uuid IS NULL OR user_id = $1) AND ($2::uuid IS NULL OR session_id = $2)
             AND ($3::text IS NULL OR kind = $3) AND ($4::timestamptz IS NULL OR at >= $4)
             AND ($5::timestamptz IS NULL OR at < $5) AND ($6::uuid IS NULL OR id < $6)
             AND ($7::uuid IS NULL OR user_id = $7 OR actor_id = $7)
           ORDER BY id DESC LIMIT $8"#,
        filter.user.map(|id| id.as_uuid()),
        filter.session.map(|id| id.as_uuid()),
        filter.kind.map(Kind::name),
        filter.since,
        filter.until,
        before,
        filter.party.map(|id| id.as_uuid()),
        limit,
    );
    Ok(found.fetch_all(connection).await?.into_iter().map(Recorded::from).collect())
}

/// Events after one, oldest first: what is exported.
pub async fn after(
    connection: &mut PgConnection,
    filter: &EventFilter,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Entry>, DatabaseError> {
    let found = sqlx::query_as!(
        Entry,
        r#"SELECT id, at, kind, actor, actor_id, user_id, session_id, ip AS "ip: ipnet::IpNet", user_agent, request_id,
                  details, series, number, settled, rolled_back, tag, seq, hash
           FROM audit_events
           WHERE ($1::uuid IS NULL OR user_id = $1) AND ($2::text IS NULL OR kind = $2)
             AND ($3::timestamptz IS NULL OR at >= $3) AND ($4::timestamptz IS NULL OR at < $4)
             AND ($5::uuid IS NULL OR id > $5)
             AND ($6::uuid IS NULL OR user_id = $6 OR actor_id = $6)
           ORDER BY id LIMIT $7"#,
        filter.user.map(|id| id.as_uuid()),
        filter.kind.map(Kind::name),
        filter.since,
        filter.until,
        after,
        filter.party.map(|id| id.as_uuid()),
        limit,
    );
    Ok(found.fetch_all(connection).await?)
}

/// An event in the chain, from which to go on.
pub struct Chained {
    pub seq: i64,
    pub id: Uuid,
}

/// The chain, from after this event on.
pub async fn chained(connection: &mut PgConnection, after: Chained, limit: i64) -> Result<Vec<Entry>, DatabaseError> {
    let found = sqlx::query_as!(
        Entry,
        r#"SELECT id, at, kind, actor, actor_id, user_id, session_id, ip AS "ip: ipnet::IpNet", user_agent, request_id,
                  details, series, number, settled, rolled_back, tag, seq, hash
           FROM audit_events WHERE (seq, id) > ($1, $2) ORDER BY seq, id LIMIT $3"#,
        after.seq,
        after.id,
        limit,
    );
    Ok(found.fetch_all(connection).await?)
}

/// The chain, from before this event down.
pub async fn chained_before(
    connection: &mut PgConnection,
    before: Chained,
    limit: i64,
) -> Result<Vec<Entry>, DatabaseError> {
    let found = sqlx::query_as!(
        Entry,
        r#"SELECT id, at, kind, actor, actor_id, user_id, session_id, ip AS "ip: ipnet::IpNet", user_agent, request_id,
                  details, series, number, settled, rolled_back, tag, seq, hash
           FROM audit_events WHERE (seq, id) < ($1, $2) ORDER BY seq DESC, id DESC LIMIT $3"#,
        before.seq,
        before.id,
        limit,
    );
    Ok(found.fetch_all(connection).await?)
}

/// Where to go on among the events that are not chained yet.
pub struct AfterLoose {
    pub at: Moment,
    pub id: Uuid,
}

/// Events that are not chained yet, from after this one on.
pub async fn loose(connection: &mut PgConnection, after: AfterLoose, limit: i64) -> Result<Vec<Entry>, DatabaseError> {
    let found = sqlx::query_as!(
        Entry,
        r#"SELECT id, at, kind, actor, actor_id, user_id, session_id, ip AS "ip: ipnet::IpNet", user_agent, request_id,
                  details, series, number, settled, rolled_back, tag, seq, hash
           FROM audit_events WHERE seq IS NULL AND (at, id) > ($1, $2) ORDER BY at, id LIMIT $3"#,
        after.at,
        after.id,
        limit,
    );
    Ok(found.fetch_all(connection).await?)
}

/// How much an event's id may be older than its time.
const SLACK: Duration = Duration::from_mins(10);

/// How many events of some kinds there were in each hour: the hour, the kind's name, the number.
///
/// # Errors
/// When the database fails.
pub async fn by_hour(
    connection: &mut PgConnection,
    kinds: &[Kind],
    since: Moment,
) -> Result<Vec<(Moment, String, i64)>, DatabaseError> {
    let kinds: Vec<String> = kinds.iter().map(|kind| kind.name().to_owned()).collect();
    // Ids ascend with time, give or take what two machines' clocks differ: the index finds where to begin.
    let first = least_uuid(since - SLACK);
    let rows = sqlx::query!(
        r#"SELECT date_trunc('hour', at, 'UTC') AS "hour!", kind, count(*) AS "number!"
           FROM audit_events WHERE id >= $1 AND at >= $2 AND kind = ANY($3) GROUP BY 1, 2"#,
        first,
        since,
        &kinds,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.hour, row.kind, row.number)).collect())
}
