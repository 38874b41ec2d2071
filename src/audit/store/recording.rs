use crate::{
    audit::{About, Kind, entry::Entry},
    kernel::{Client, Duration, Moment, new_uuid},
    postgres::DatabaseError,
    work::{Caller, Work},
};
use ipnet::IpNet;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

impl Work<'_> {
    /// Records what happened to a user, a session or neither, in the transaction of the change.
    ///
    /// # Errors
    /// When the database fails, or does not write the event: then the change must not be made either.
    pub async fn record(&mut self, kind: Kind, about: impl Into<About>, details: Value) -> Result<(), DatabaseError> {
        let entry = self.entry(kind, about.into(), details);
        insert(self.connection, entry).await
    }

    /// Records an event of a session, unless one of its kind was recorded within `age`: what a user can cause as often
    /// as they like must not fill the log. In a transaction: of several at once, one is recorded.
    ///
    /// # Errors
    /// As [`Work::record`].
    pub async fn record_unless_recent(
        &mut self,
        age: Duration,
        kind: Kind,
        about: About,
        details: Value,
    ) -> Result<(), DatabaseError> {
        let session = about.session.map(|id| id.as_uuid()).unwrap_or_default();
        if note_repeated(self.connection, session, kind, self.now, age).await? {
            self.record(kind, about, details).await
        } else {
            Ok(())
        }
    }

    fn entry(&self, kind: Kind, about: About, details: Value) -> Entry {
        let Caller { actor, client } = &self.caller;
        let mut entry = Entry {
            id: new_uuid(self.now, &self.world.rng),
            at: self.now,
            kind: kind.name().to_owned(),
            actor: Some(actor.kind().name().to_owned()),
            actor_id: actor.user().map(|id| id.as_uuid()),
            user_id: about.user.map(|id| id.as_uuid()),
            session_id: about.session.map(|id| id.as_uuid()),
            ip: client.ip.map(IpNet::from),
            user_agent: client.user_agent.clone(),
            request_id: Some(client.request_id.clone()),
            details: with_given_id(details, client),
            tag: None,
            seq: None,
            hash: None,
        };
        entry.tag = Some(entry.tagged(&self.world.audit_keys));
        entry
    }
}

async fn insert(connection: &mut PgConnection, entry: Entry) -> Result<(), DatabaseError> {
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

/// Notes that an event of a kind and session is recorded now, unless one was within `age`. Of several at once, the first
/// does.
async fn note_repeated(
    connection: &mut PgConnection,
    session: Uuid,
    kind: Kind,
    now: Moment,
    age: Duration,
) -> Result<bool, DatabaseError> {
    let latest = now - age;
    // Read first: the usual case writes nothing.
    let recent = sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM repeated_events WHERE session_id = $1 AND kind = $2 AND recorded_at > $3) AS "exists!""#,
        session,
        kind.name(),
        latest,
    );
    if recent.fetch_one(&mut *connection).await? {
        return Ok(false);
    }
    // Of several at once the first adds the row or moves it on; the others wait for it and find it recent.
    let moved = sqlx::query!(
        "INSERT INTO repeated_events AS known (session_id, kind, recorded_at) VALUES ($1, $2, $3)
         ON CONFLICT ON CONSTRAINT repeated_events_pkey DO UPDATE SET recorded_at = excluded.recorded_at
         WHERE known.recorded_at <= $4",
        session,
        kind.name(),
        now,
        latest,
    );
    Ok(moved.execute(connection).await?.rows_affected() == 1)
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

/// The details, with the id that the caller gave to its request: it is kept beside ours, never instead.
fn with_given_id(mut details: Value, client: &Client) -> Value {
    if let (Some(given), Some(details)) = (&client.given_request_id, details.as_object_mut()) {
        details.insert("given_request_id".to_owned(), given.as_str().into());
    }
    details
}
