use crate::{
    audit::{About, Kind, entry::Entry},
    kernel::{Client, Committed, Duration, Moment, UserId, new_uuid, sha256},
    postgres::DatabaseError,
    work::{Caller, Work},
};
use ipnet::IpNet;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// Refusals of a kind that are recorded for a user in an hour: what comes after them says nothing new.
pub const HOURLY: i32 = 60;

impl Work<'_> {
    /// Records what happened to a user, a session or neither, in the transaction of the change.
    ///
    /// # Errors
    /// When the database fails, or does not write the event: then the change must not be made either.
    pub async fn record(&mut self, kind: Kind, about: impl Into<About>, details: Value) -> Result<(), DatabaseError> {
        let entry = self.entry(kind, about.into(), details);
        if insert(self.connection, entry).await? == 1 {
            return Ok(());
        }
        self.world.metrics.audit().unwritten.inc();
        tracing::error!(
            kind = kind.name(),
            "audit.event_not_written: the database accepted the event and wrote none; a trigger or a rule? See `heirloom \
             audit verify`"
        );
        Err(DatabaseError::Nonsense("an audit event was not written"))
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
            self.record_refusal(kind, about, details).await
        } else {
            Ok(())
        }
    }

    /// Records a refusal that a user can cause as often as they like, unless [`HOURLY`] of its kind were recorded for
    /// that user in this hour. What is not recorded is counted.
    ///
    /// # Errors
    /// As [`Work::record`].
    pub async fn record_refusal(
        &mut self,
        kind: Kind,
        about: impl Into<About>,
        details: Value,
    ) -> Result<(), DatabaseError> {
        let about = about.into();
        self.record_bounded(about.user.map(|user| user.as_uuid()), kind, about, details).await
    }

    /// Records what was refused of strangers who come from another provider: as many in an hour for each provider, so that a
    /// flood through one hides nothing of another.
    ///
    /// # Errors
    /// As [`Work::record`].
    pub async fn record_refusal_through(
        &mut self,
        provider: &str,
        kind: Kind,
        details: Value,
    ) -> Result<(), DatabaseError> {
        let of = bound_of(provider);
        self.record_bounded(Some(of), kind, About::NOBODY, details).await
    }

    async fn record_bounded(
        &mut self,
        of: Option<Uuid>,
        kind: Kind,
        about: About,
        details: Value,
    ) -> Result<(), DatabaseError> {
        if let Some(of) = of
            && !take_bounded(self.connection, of, kind, self.now).await?
        {
            self.world.metrics.audit().suppressed(kind.name());
            return Ok(());
        }
        self.record(kind, about, details).await
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
            series: None,
            number: None,
            settled: None,
            rolled_back: None,
            tag: None,
            seq: None,
            hash: None,
        };
        entry.number(self.numbers.number(Committed { id: entry.id, at: entry.at }, &self.world.rng));
        entry.tag = Some(entry.tagged(&self.world.audit_keys));
        entry
    }
}

/// In the place of a user's id, and never one.
fn bound_of(provider: &str) -> Uuid {
    let digest = sha256(format!("provider\n{provider}").as_bytes());
    let mut bytes = [0; 16];
    for (byte, of_digest) in bytes.iter_mut().zip(digest.as_bytes()) {
        *byte = *of_digest;
    }
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// How many rows were written.
async fn insert(connection: &mut PgConnection, entry: Entry) -> Result<u64, DatabaseError> {
    let written = sqlx::query!(
        "INSERT INTO audit_events
             (id, at, kind, actor, actor_id, user_id, session_id, ip, user_agent, request_id, details, series, number,
              settled, rolled_back, tag)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
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
        entry.series,
        entry.number,
        entry.settled,
        entry.rolled_back.as_deref(),
        entry.tag,
    )
    .execute(connection)
    .await?;
    Ok(written.rows_affected())
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

/// Counts an event of a user and kind, if the hour has room for it. Of several at once, as many as there is room for.
async fn take_bounded(
    connection: &mut PgConnection,
    user: Uuid,
    kind: Kind,
    now: Moment,
) -> Result<bool, DatabaseError> {
    // Read first: a flood writes nothing.
    let full = sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM bounded_events
               WHERE user_id = $1 AND kind = $2 AND hour = date_trunc('hour', $3::timestamptz, 'UTC') AND recorded >= $4
           ) AS "exists!""#,
        user,
        kind.name(),
        now,
        HOURLY,
    );
    if full.fetch_one(&mut *connection).await? {
        return Ok(false);
    }
    let taken = sqlx::query!(
        "INSERT INTO bounded_events AS known (user_id, kind, hour, recorded)
         VALUES ($1, $2, date_trunc('hour', $3::timestamptz, 'UTC'), 1)
         ON CONFLICT ON CONSTRAINT bounded_events_pkey DO UPDATE
         SET recorded = CASE WHEN known.hour = excluded.hour THEN known.recorded + 1 ELSE 1 END, hour = excluded.hour
         WHERE known.hour <> excluded.hour OR known.recorded < $4",
        user,
        kind.name(),
        now,
        HOURLY,
    );
    Ok(taken.execute(connection).await?.rows_affected() == 1)
}

/// Forgets how many refusals of a user were recorded.
///
/// # Errors
/// When the database fails.
pub async fn forget_user(connection: &mut PgConnection, user: UserId) -> Result<(), DatabaseError> {
    let forgotten = sqlx::query("DELETE FROM bounded_events WHERE user_id = $1").bind(user.as_uuid());
    forgotten.execute(connection).await?;
    Ok(())
}

/// Forgets when repeated events were recorded so long ago that the next one is recorded in any case.
///
/// # Errors
/// When the database fails.
pub async fn forget_repeated(connection: &mut PgConnection, keep: Duration) -> Result<(), DatabaseError> {
    let seconds = keep.as_secs_f64();
    sqlx::query!("DELETE FROM repeated_events WHERE recorded_at <= now() - make_interval(secs => $1)", seconds)
        .execute(&mut *connection)
        .await?;
    sqlx::query!("DELETE FROM bounded_events WHERE hour < now() - interval '2 hours'").execute(connection).await?;
    Ok(())
}

/// The details, with the id that the caller gave to its request: it is kept beside ours, never instead.
fn with_given_id(mut details: Value, client: &Client) -> Value {
    if let (Some(given), Some(details)) = (&client.given_request_id, details.as_object_mut()) {
        details.insert("given_request_id".to_owned(), given.as_str().into());
    }
    details
}
