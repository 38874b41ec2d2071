//! A sign-in: the user's row locked, the session's row added.

use crate::{
    kernel::{Client, Digest32, Moment, SessionId, UserId},
    postgres::DatabaseError,
    sessions::model::Transport,
};
use ipnet::IpNet;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

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
/// after; and the lock that a revocation of all sessions takes exclusively.
pub struct LockedUser {
    pub now: Moment,
    pub is_blocked: bool,
    pub password_version: i32,
    pub roles: Vec<String>,
    pub access_revision: i32,
    pub claims: Value,
}

/// Locks the user. None if the user does not exist.
pub async fn lock_user(connection: &mut PgConnection, user: UserId) -> Result<Option<LockedUser>, DatabaseError> {
    sqlx::query!("LOCK TABLE everyone_revocations IN ROW EXCLUSIVE MODE").execute(&mut *connection).await?;
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

/// Whether a user has been seen on a device like this one at a place like this one, or never at all: a first sign-in is
/// no news.
pub async fn is_familiar(connection: &mut PgConnection, user: UserId, client: &Client) -> Result<bool, DatabaseError> {
    let familiar = sqlx::query_scalar!(
        r#"SELECT last_login_at IS NULL OR EXISTS (
               SELECT FROM sessions AS s WHERE s.user_id = u.id AND s.user_agent IS NOT DISTINCT FROM $2
                  AND s.ip IS NOT DISTINCT FROM $3) AS "familiar!"
           FROM users AS u WHERE id = $1"#,
        user.as_uuid(),
        client.user_agent,
        client.ip.map(IpNet::from),
    );
    Ok(familiar.fetch_one(connection).await?)
}

/// Records that a user signed in, and the language of their emails.
pub async fn note_sign_in(
    connection: &mut PgConnection,
    user: UserId,
    now: Moment,
    language: Option<&str>,
) -> Result<(), DatabaseError> {
    sqlx::query!(
        "UPDATE users SET last_login_at = $2, language = coalesce($3, language) WHERE id = $1",
        user.as_uuid(),
        now,
        language,
    )
    .execute(connection)
    .await?;
    Ok(())
}
