//! A rotation and the second look.

use crate::{
    kernel::{Client, Digest32, Duration, Moment, SessionId, UserId},
    postgres::DatabaseError,
    sessions::{
        model::{Generation, Standing, Transport},
        token::{Nonce, Presented},
    },
};
use ipnet::IpNet;
use serde_json::{Map, Value};
use sqlx::PgConnection;

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
