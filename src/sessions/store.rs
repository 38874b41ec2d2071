use super::{
    list::{SessionFilter, SessionState, SessionView},
    model::{EndReason, Generation, Standing, Transport},
    revocations::Revoked,
    token::{Nonce, Presented},
};
use crate::{
    kernel::{Client, Digest32, Duration, Moment, SessionId, UserId},
    postgres::DatabaseError,
};
use ipnet::IpNet;
use serde_json::{Map, Value};
use sqlx::PgConnection;
use uuid::Uuid;

/// What a rotation writes.
pub struct Step {
    pub session: SessionId,
    pub generation: Generation,
    pub secret_hash: Digest32,
    pub transport: Transport,
    pub next_secret_hash: Digest32,
    pub nonce: Nonce,
    pub idle_ttl: Duration,
    pub short_idle_ttl: Duration,
    pub client: Client,
}

impl Step {
    pub fn of(presented: &Presented) -> (SessionId, Generation, Digest32) {
        (presented.session, presented.generation, presented.secret.digest())
    }
}

/// What the new access token and the answer need to know of a session and its user.
pub struct Row {
    pub now: Moment,
    pub user_id: UserId,
    pub created_at: Moment,
    pub remembered: bool,
    pub idle_expires_at: Moment,
    pub absolute_expires_at: Moment,
    pub roles: Vec<String>,
    pub access_revision: i32,
    pub claims: Value,
}

impl Row {
    /// The user's own claims; an object by construction.
    pub fn own_claims(&mut self) -> Map<String, Value> {
        match self.claims.take() {
            Value::Object(claims) => claims,
            _ => Map::new(),
        }
    }
}

/// Rotates: one statement, one commit, no indexed column touched. None: nothing was changed.
///
/// What has not been written by the deadline, on the database's clock, must not be written at all: the client will have
/// been told that nothing was.
pub async fn rotate(connection: &mut PgConnection, step: Step, deadline: Moment) -> Result<Option<Row>, DatabaseError> {
    let row = sqlx::query_as!(
        Row,
        r#"UPDATE sessions AS s
           SET idle_expires_at = least(now() + make_interval(secs => CASE WHEN s.remembered THEN $7::float8 ELSE $8::float8 END),
                                       s.absolute_expires_at),
               last_used_at = now(), generation = s.generation + 1, secret_hash = $5, rotation_nonce = $6,
               ip = coalesce($10, s.ip), user_agent = coalesce($11, s.user_agent)
           FROM users AS u
           WHERE s.id = $1 AND s.generation = $2 AND s.secret_hash = $3 AND s.transport = $4
             AND s.revoked_at IS NULL AND s.idle_expires_at > now() AND s.absolute_expires_at > now()
             AND u.id = s.user_id AND u.blocked_at IS NULL
             AND clock_timestamp() < $9
           RETURNING now() AS "now!", s.user_id AS "user_id: UserId", s.created_at, s.remembered, s.idle_expires_at,
                     s.absolute_expires_at, u.roles, u.access_revision, u.claims"#,
        step.session.as_uuid(),
        step.generation.number(),
        step.secret_hash.as_bytes(),
        step.transport.name(),
        step.next_secret_hash.as_bytes(),
        step.nonce.as_slice(),
        step.idle_ttl.as_secs_f64(),
        step.short_idle_ttl.as_secs_f64(),
        deadline,
        step.client.ip.map(IpNet::from),
        step.client.user_agent,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row)
}

/// A second look at a session that did not rotate. None: there is no such session.
pub async fn look(connection: &mut PgConnection, session: SessionId) -> Result<Option<(Standing, Row)>, DatabaseError> {
    let row = sqlx::query!(
        r#"SELECT now() AS "now!", s.user_id AS "user_id: UserId", s.created_at, s.remembered, s.idle_expires_at,
                  s.absolute_expires_at, s.last_used_at, s.generation, s.secret_hash, s.rotation_nonce, s.transport,
                  s.revoked_at IS NOT NULL AS "is_revoked!", u.blocked_at IS NOT NULL AS "is_blocked!",
                  u.roles, u.access_revision, u.claims
           FROM sessions AS s JOIN users AS u ON u.id = s.user_id WHERE s.id = $1"#,
        session.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let nonsense = || DatabaseError::Nonsense("a session's row");
    let nonce = row.rotation_nonce.map(|nonce| nonce.try_into().map_err(|_length| nonsense())).transpose()?;
    let standing = Standing {
        now: row.now,
        transport: Transport::from_name(&row.transport).ok_or_else(nonsense)?,
        generation: Generation::new(row.generation).ok_or_else(nonsense)?,
        secret_hash: Digest32::from_slice(&row.secret_hash).ok_or_else(nonsense)?,
        rotation_nonce: nonce,
        last_used_at: row.last_used_at,
        idle_expires_at: row.idle_expires_at.min(row.absolute_expires_at),
        is_revoked: row.is_revoked,
        is_blocked: row.is_blocked,
    };
    let row = Row {
        now: row.now,
        user_id: row.user_id,
        created_at: row.created_at,
        remembered: row.remembered,
        idle_expires_at: row.idle_expires_at,
        absolute_expires_at: row.absolute_expires_at,
        roles: row.roles,
        access_revision: row.access_revision,
        claims: row.claims,
    };
    Ok(Some((standing, row)))
}

/// A new session's row.
pub struct NewRow {
    pub id: SessionId,
    pub user: UserId,
    pub now: Moment,
    pub idle_expires_at: Moment,
    pub absolute_expires_at: Moment,
    pub transport: Transport,
    pub remembered: bool,
    pub secret_hash: Digest32,
    pub device_name: Option<String>,
    pub client: Client,
}

/// Adds a session.
pub async fn add(connection: &mut PgConnection, new: NewRow) -> Result<(), DatabaseError> {
    sqlx::query!(
        "INSERT INTO sessions (id, user_id, created_at, last_used_at, idle_expires_at, absolute_expires_at, transport,
                               remembered, generation, secret_hash, device_name, ip, user_agent)
         VALUES ($1, $2, $3, $3, $4, $5, $6, $7, 0, $8, $9, $10, $11)",
        new.id.as_uuid(),
        new.user.as_uuid(),
        new.now,
        new.idle_expires_at,
        new.absolute_expires_at,
        new.transport.name(),
        new.remembered,
        new.secret_hash.as_bytes(),
        new.device_name,
        new.client.ip.map(IpNet::from),
        new.client.user_agent,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The user, locked until the transaction ends, so that a block or a password change comes wholly before or wholly
/// after; and the lock that an end of everyone's sessions takes for itself.
pub struct LockedUser {
    pub now: Moment,
    pub is_blocked: bool,
    pub password_version: i32,
    pub roles: Vec<String>,
    pub access_revision: i32,
    pub claims: Value,
}

/// Locks the user. None: there is no such user.
pub async fn lock_user(connection: &mut PgConnection, user: UserId) -> Result<Option<LockedUser>, DatabaseError> {
    sqlx::query!("SELECT pg_advisory_xact_lock_shared(hashtext('heirloom.everyone'))")
        .fetch_one(&mut *connection)
        .await?;
    let locked = sqlx::query!(
        r#"SELECT blocked_at IS NOT NULL AS "is_blocked!", password_version, roles, access_revision, claims
           FROM users WHERE id = $1 FOR NO KEY UPDATE"#,
        user.as_uuid(),
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = locked else { return Ok(None) };
    // Asked once the locks are held: now() would be the time before the wait.
    let now = sqlx::query_scalar!(r#"SELECT clock_timestamp() AS "now!""#).fetch_one(connection).await?;
    Ok(Some(LockedUser {
        now,
        is_blocked: row.is_blocked,
        password_version: row.password_version,
        roles: row.roles,
        access_revision: row.access_revision,
        claims: row.claims,
    }))
}

/// One session that was just ended.
pub struct EndedRow {
    pub id: SessionId,
    /// Whether it would have rotated still, its lifetimes being what they are.
    pub was_live: bool,
}

/// Ends sessions that have not ended yet, and says which.
pub async fn end(
    connection: &mut PgConnection,
    sessions: &[Uuid],
    reason: &EndReason,
) -> Result<Vec<EndedRow>, DatabaseError> {
    let rows = sqlx::query_as!(
        EndedRow,
        r#"UPDATE sessions SET revoked_at = now(), revoked_reason = $2
           WHERE id = ANY($1) AND revoked_at IS NULL
           RETURNING id AS "id: SessionId", idle_expires_at > now() AS "was_live!""#,
        sessions,
        reason.text(),
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// Ends all sessions of a user but perhaps one, and says which.
pub async fn end_all_of(
    connection: &mut PgConnection,
    user: UserId,
    except: Option<SessionId>,
    reason: &EndReason,
) -> Result<Vec<EndedRow>, DatabaseError> {
    let rows = sqlx::query_as!(
        EndedRow,
        r#"UPDATE sessions SET revoked_at = now(), revoked_reason = $3
           WHERE user_id = $1 AND revoked_at IS NULL AND ($2::uuid IS NULL OR id <> $2)
           RETURNING id AS "id: SessionId", idle_expires_at > now() AS "was_live!""#,
        user.as_uuid(),
        except.map(|id| id.as_uuid()),
        reason.text(),
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// Ends everybody's sessions. Returns how many were live, and the moment up to which sessions are dead. No session is
/// opened meanwhile: opening one takes the same lock, shared.
pub async fn end_everyone(connection: &mut PgConnection, reason: &EndReason) -> Result<(i64, Moment), DatabaseError> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtext('heirloom.everyone'))").fetch_one(&mut *connection).await?;
    let at = sqlx::query_scalar!(
        "INSERT INTO everyone_revocations (revoked_at) VALUES (clock_timestamp()) RETURNING revoked_at"
    )
    .fetch_one(&mut *connection)
    .await?;
    let live = sqlx::query_scalar!(
        r#"WITH ended AS (
               UPDATE sessions SET revoked_at = $1, revoked_reason = $2 WHERE revoked_at IS NULL
               RETURNING idle_expires_at > now() AS was_live)
           SELECT count(*) FILTER (WHERE was_live) AS "live!" FROM ended"#,
        at,
        reason.text(),
    )
    .fetch_one(connection)
    .await?;
    Ok((live, at))
}

/// The live sessions of a user beyond the `keep` used last, idle longest first.
pub async fn surplus(connection: &mut PgConnection, user: UserId, keep: u32) -> Result<Vec<Uuid>, DatabaseError> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM sessions WHERE user_id = $1 AND revoked_at IS NULL AND idle_expires_at > now()
         ORDER BY last_used_at DESC, id DESC OFFSET $2",
        user.as_uuid(),
        i64::from(keep),
    )
    .fetch_all(connection)
    .await?;
    Ok(ids)
}

/// Whether a session has ended, and of whom it is. None: there is no such session.
pub async fn find(connection: &mut PgConnection, session: SessionId) -> Result<Option<(UserId, bool)>, DatabaseError> {
    let row = sqlx::query!(
        r#"SELECT user_id AS "user_id: UserId", revoked_at IS NOT NULL AS "is_revoked!" FROM sessions WHERE id = $1"#,
        session.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| (row.user_id, row.is_revoked)))
}

/// Whether an access token of this session and state of the user's access is still good: the database's own answer.
pub async fn is_in_force(
    connection: &mut PgConnection,
    session: SessionId,
    access_revision: i32,
) -> Result<bool, DatabaseError> {
    let found = sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM sessions AS s JOIN users AS u ON u.id = s.user_id
               WHERE s.id = $1 AND s.revoked_at IS NULL AND u.blocked_at IS NULL AND u.access_revision <= $2
           ) AS "found!""#,
        session.as_uuid(),
        access_revision,
    )
    .fetch_one(connection)
    .await?;
    Ok(found)
}

/// Lists sessions, newest first.
pub async fn list(
    connection: &mut PgConnection,
    filter: SessionFilter,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<SessionView>, DatabaseError> {
    let rows = sqlx::query!(
        r#"SELECT id AS "id: SessionId", user_id AS "user_id: UserId", device_name, user_agent, ip AS "ip: IpNet",
                  created_at, last_used_at, least(idle_expires_at, absolute_expires_at) AS "expires_at!", generation,
                  revoked_at, revoked_reason, idle_expires_at <= now() AS "is_expired!"
           FROM sessions
           WHERE ($1::uuid IS NULL OR user_id = $1)
             AND ($2::text IS NULL OR $2 = CASE WHEN revoked_at IS NOT NULL THEN 'revoked'
                                                WHEN idle_expires_at <= now() THEN 'expired' ELSE 'live' END)
             AND ($3::uuid IS NULL OR id < $3)
           ORDER BY id DESC LIMIT $4"#,
        filter.user.map(|id| id.as_uuid()),
        filter.state.map(SessionState::name),
        before,
        limit,
    )
    .fetch_all(connection)
    .await?;
    let views = rows.into_iter().map(|row| SessionView {
        id: row.id,
        user_id: row.user_id,
        state: SessionState::of(row.revoked_at.is_some(), row.is_expired),
        device_name: row.device_name,
        user_agent: row.user_agent,
        ip: row.ip.map(|net| net.addr()),
        created_at: row.created_at,
        last_used_at: row.last_used_at,
        expires_at: row.expires_at,
        generation: row.generation,
        revoked_at: row.revoked_at,
        revoked_reason: row.revoked_reason,
    });
    Ok(views.collect())
}

/// Tells every instance, when the transaction commits.
pub async fn notify(connection: &mut PgConnection, payloads: &[String]) -> Result<(), DatabaseError> {
    sqlx::query!("SELECT pg_notify('heirloom_revocations', payload) FROM unnest($1::text[]) AS payload", payloads)
        .fetch_all(connection)
        .await?;
    Ok(())
}

/// Notes that somebody signed in.
pub async fn note_sign_in(connection: &mut PgConnection, user: UserId, now: Moment) -> Result<(), DatabaseError> {
    sqlx::query!("UPDATE users SET last_login_at = $2 WHERE id = $1", user.as_uuid(), now).execute(connection).await?;
    Ok(())
}

/// Everything that died within so long, and when. What an end of everybody's sessions covers is told once.
pub async fn recent(connection: &mut PgConnection, keep: Duration) -> Result<Vec<(Revoked, Moment)>, DatabaseError> {
    let seconds = keep.as_secs_f64();
    let everyone =
        sqlx::query_scalar!("SELECT max(revoked_at) FROM everyone_revocations").fetch_one(&mut *connection).await?;
    let sessions = sqlx::query!(
        r#"SELECT id AS "id: SessionId", revoked_at AS "at!" FROM sessions
           WHERE revoked_at > now() - make_interval(secs => $1) AND ($2::timestamptz IS NULL OR revoked_at > $2)"#,
        seconds,
        everyone,
    )
    .fetch_all(&mut *connection)
    .await?;
    let access = sqlx::query!(
        r#"SELECT id AS "id: UserId", access_revision, access_revised_at AS "at!" FROM users
           WHERE access_revised_at > now() - make_interval(secs => $1)"#,
        seconds,
    )
    .fetch_all(connection)
    .await?;
    let everyone = everyone.map(|at| (Revoked::Everyone(at), at));
    let sessions = sessions.into_iter().map(|row| (Revoked::Session(row.id), row.at));
    let access = access.into_iter().map(|row| (Revoked::Access(row.id, row.access_revision), row.at));
    Ok(everyone.into_iter().chain(sessions).chain(access).collect())
}

/// Takes the lock of the one instance that sweeps; it lasts as long as the connection. False: another has it.
pub async fn lock_sweep(connection: &mut PgConnection) -> Result<bool, DatabaseError> {
    let locked = sqlx::query_scalar!(r#"SELECT pg_try_advisory_lock(hashtext('heirloom.sweep')) AS "locked!""#);
    Ok(locked.fetch_one(connection).await?)
}

/// The last id of the next `rows` sessions. None: there are fewer.
pub async fn window_end(connection: &mut PgConnection, after: Uuid, rows: i64) -> Result<Option<Uuid>, DatabaseError> {
    let last =
        sqlx::query_scalar!("SELECT id FROM sessions WHERE id > $1 ORDER BY id OFFSET $2 LIMIT 1", after, rows - 1);
    Ok(last.fetch_optional(connection).await?)
}

/// Deletes what is over between two ids, past rows that are in use.
pub async fn sweep_window(
    connection: &mut PgConnection,
    after: Uuid,
    last: Option<Uuid>,
    keep_revoked: Duration,
) -> Result<u64, DatabaseError> {
    let deleted = sqlx::query!(
        "DELETE FROM sessions WHERE id IN (
             SELECT id FROM sessions
             WHERE id > $1 AND ($2::uuid IS NULL OR id <= $2)
               AND CASE WHEN revoked_at IS NULL THEN idle_expires_at <= now() OR absolute_expires_at <= now()
                        ELSE revoked_at <= now() - make_interval(secs => $3) END
             FOR UPDATE SKIP LOCKED)",
        after,
        last,
        keep_revoked.as_secs_f64(),
    )
    .execute(connection)
    .await?;
    Ok(deleted.rows_affected())
}

/// Forgets the ends of everybody's sessions whose sessions are gone.
pub async fn forget_everyone(connection: &mut PgConnection, keep: Duration) -> Result<(), DatabaseError> {
    let seconds = keep.as_secs_f64();
    sqlx::query!("DELETE FROM everyone_revocations WHERE revoked_at <= now() - make_interval(secs => $1)", seconds)
        .execute(connection)
        .await?;
    Ok(())
}
