use super::{Event, EventFilter, Kind, Recorded};
use crate::{
    kernel::{Duration, Entropy, Moment, SessionId, UserId, least_uuid, new_uuid},
    postgres::DatabaseError,
};
use ipnet::IpNet;
use sqlx::PgConnection;
use uuid::Uuid;

/// How much an event's id may be older than its time.
const SLACK: Duration = Duration::from_mins(10);

/// Records an event on the connection, and in the transaction, of what it tells of.
///
/// # Errors
/// When the database fails.
pub async fn record(
    connection: &mut PgConnection,
    now: Moment,
    entropy: &Entropy,
    event: &Event<'_>,
) -> Result<(), DatabaseError> {
    sqlx::query!(
        "INSERT INTO audit_events (id, at, kind, actor_id, user_id, session_id, ip, user_agent, request_id, details)
         VALUES ($1, now(), $2, $3, $4, $5, $6, $7, $8, $9)",
        new_uuid(now, entropy),
        event.kind.name(),
        event.actor.map(|id| id.as_uuid()),
        event.user.map(|id| id.as_uuid()),
        event.session.map(|id| id.as_uuid()),
        event.client.ip.map(IpNet::from),
        event.client.user_agent,
        event.client.request_id,
        event.details,
    )
    .execute(connection)
    .await?;
    Ok(())
}

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
    let rows = sqlx::query!(
        r#"SELECT id, at, kind, actor_id AS "actor_id: UserId", user_id AS "user_id: UserId",
                  session_id AS "session_id: SessionId", ip AS "ip: IpNet", user_agent, request_id, details
           FROM audit_events
           WHERE ($1::uuid IS NULL OR user_id = $1) AND ($2::uuid IS NULL OR session_id = $2)
             AND ($3::text IS NULL OR kind = $3) AND ($4::timestamptz IS NULL OR at >= $4)
             AND ($5::uuid IS NULL OR id < $5)
           ORDER BY id DESC LIMIT $6"#,
        filter.user.map(|id| id.as_uuid()),
        filter.session.map(|id| id.as_uuid()),
        filter.kind.map(Kind::name),
        filter.since,
        before,
        limit,
    )
    .fetch_all(connection)
    .await?;
    let recorded = rows.into_iter().map(|row| Recorded {
        id: row.id,
        at: row.at,
        kind: row.kind,
        actor_id: row.actor_id,
        user_id: row.user_id,
        session_id: row.session_id,
        ip: row.ip.map(|net| net.addr()),
        user_agent: row.user_agent,
        request_id: row.request_id,
        details: row.details,
    });
    Ok(recorded.collect())
}

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
