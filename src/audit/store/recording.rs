use crate::{
    audit::{Event, entry::Entry},
    kernel::{Duration, Moment, new_uuid},
    postgres::DatabaseError,
    world::World,
};
use ipnet::IpNet;
use serde_json::Value;
use sqlx::PgConnection;

/// Records an event on the connection, and in the transaction, of what it tells of.
///
/// # Errors
/// When the database fails, or does not write the event: then what it tells of must not be done either.
pub async fn record(
    connection: &mut PgConnection,
    now: Moment,
    world: &World,
    event: &Event<'_>,
) -> Result<(), DatabaseError> {
    let entry = entry(now, world, event);
    let written = sqlx::query!(
        "INSERT INTO audit_events
             (id, at, kind, actor, actor_id, user_id, session_id, ip, user_agent, request_id, details, tag)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        entry.id,
        entry.at,
        entry.kind,
        entry.actor,
        entry.actor_id,
        entry.user_id,
        entry.session_id,
        entry.ip,
        entry.user_agent,
        entry.request_id,
        entry.details,
        entry.tag,
    )
    .execute(connection)
    .await?;
    match written.rows_affected() {
        1 => Ok(()),
        _ => Err(DatabaseError::Nonsense("an audit event was not written")),
    }
}

/// Records an event of a session, unless one of its kind was recorded within `age`: what a user can cause as often as
/// they like must not fill the log. Of several at once, one is recorded.
///
/// # Errors
/// When the database fails.
pub async fn record_unless_recent(
    connection: &mut PgConnection,
    now: Moment,
    world: &World,
    event: &Event<'_>,
    age: Duration,
) -> Result<(), DatabaseError> {
    let session = event.session.map(|id| id.as_uuid()).unwrap_or_default();
    let latest = now - age;
    // Read first: the usual case writes nothing.
    let recent = sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM repeated_events WHERE session_id = $1 AND kind = $2 AND recorded_at > $3) AS "exists!""#,
        session,
        event.kind.name(),
        latest,
    );
    if recent.fetch_one(&mut *connection).await? {
        return Ok(());
    }
    // Of several at once the first adds the row or moves it on; the others wait for it and find it recent.
    let moved = sqlx::query!(
        "INSERT INTO repeated_events AS known (session_id, kind, recorded_at) VALUES ($1, $2, $3)
         ON CONFLICT ON CONSTRAINT repeated_events_pkey DO UPDATE SET recorded_at = excluded.recorded_at
         WHERE known.recorded_at <= $4",
        session,
        event.kind.name(),
        now,
        latest,
    );
    if moved.execute(&mut *connection).await?.rows_affected() == 0 {
        return Ok(());
    }
    record(connection, now, world, event).await
}

/// Forgets when repeated events were recorded so long ago that the next one is recorded in any case.
///
/// # Errors
/// When the database fails.
pub async fn forget_repeated(connection: &mut PgConnection, keep: Duration) -> Result<(), DatabaseError> {
    let seconds = keep.as_secs_f64();
    sqlx::query!("DELETE FROM repeated_events WHERE recorded_at <= now() - make_interval(secs => $1)", seconds)
        .execute(connection)
        .await?;
    Ok(())
}

fn entry(now: Moment, world: &World, event: &Event<'_>) -> Entry {
    let mut entry = Entry {
        id: new_uuid(now, &world.entropy),
        at: now,
        kind: event.kind.name().to_owned(),
        actor: Some(event.actor.kind().name().to_owned()),
        actor_id: event.actor.user().map(|id| id.as_uuid()),
        user_id: event.user.map(|id| id.as_uuid()),
        session_id: event.session.map(|id| id.as_uuid()),
        ip: event.client.ip.map(IpNet::from),
        user_agent: event.client.user_agent.clone(),
        request_id: Some(event.client.request_id.clone()),
        details: details(event),
        tag: None,
        seq: None,
        hash: None,
    };
    entry.tag = Some(entry.tagged(&world.audit_keys));
    entry
}

/// What else there is to state, with the id that the caller gave to its request: it is kept beside ours, never instead.
fn details(event: &Event<'_>) -> Value {
    let mut details = event.details.clone();
    if let (Some(given), Some(details)) = (&event.client.given_request_id, details.as_object_mut()) {
        details.insert("given_request_id".to_owned(), given.as_str().into());
    }
    details
}
