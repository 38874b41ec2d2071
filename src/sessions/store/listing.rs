//! Sessions as the API shows them.

use crate::{
    kernel::{Moment, SessionId, UserId},
    postgres::DatabaseError,
    sessions::list::{Device, SessionFilter, SessionState, SessionView},
};
use ipnet::IpNet;
use sqlx::PgConnection;
use std::collections::HashMap;
use uuid::Uuid;

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

/// Why a session was revoked: a code, or an administrator's words. None: it is not revoked, or not stored any more.
pub async fn revoked_reason(
    connection: &mut PgConnection,
    session: SessionId,
) -> Result<Option<String>, DatabaseError> {
    let reason = sqlx::query_scalar!("SELECT revoked_reason FROM sessions WHERE id = $1", session.as_uuid());
    Ok(reason.fetch_optional(connection).await?.flatten())
}

/// When a session was opened. None: it is not stored any more.
///
/// # Errors
/// When the database fails.
pub async fn opened_at(connection: &mut PgConnection, session: SessionId) -> Result<Option<Moment>, DatabaseError> {
    let at = sqlx::query_scalar!("SELECT created_at FROM sessions WHERE id = $1", session.as_uuid());
    Ok(at.fetch_optional(connection).await?)
}

/// The devices of some of a user's sessions.
pub async fn devices(
    connection: &mut PgConnection,
    user: UserId,
    sessions: Vec<SessionId>,
) -> Result<HashMap<SessionId, Device>, DatabaseError> {
    let ids: Vec<Uuid> = sessions.into_iter().map(|id| id.as_uuid()).collect();
    let rows = sqlx::query!(
        r#"SELECT id AS "id: SessionId", device_name, user_agent FROM sessions WHERE user_id = $1 AND id = ANY($2)"#,
        user.as_uuid(),
        &ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, Device { name: row.device_name, user_agent: row.user_agent })).collect())
}
