//! Devices on which no second factor is asked.

use crate::{
    kernel::{Client, Digest32, Duration, Moment, TrustedDeviceId, UserId},
    postgres::DatabaseError,
};
use ipnet::IpNet;
use sqlx::PgConnection;
use std::net::IpAddr;

/// How many of a user are kept: the newest.
const MOST: i64 = 20;

/// A device that is about to be trusted.
pub struct NewTrustedDevice {
    pub id: TrustedDeviceId,
    pub user: UserId,
    pub password_version: i32,
    pub factor_version: i32,
    pub hash: Digest32,
    /// What the browser holds already.
    pub replaces: Option<Digest32>,
    pub client: Client,
    pub lifetime: Duration,
}

/// A device that is trusted.
#[derive(Debug)]
pub struct TrustedDevice {
    /// Its id.
    pub id: TrustedDeviceId,
    /// The User-Agent with which it was added.
    pub user_agent: Option<String>,
    /// The address from which it was added.
    pub ip: Option<IpAddr>,
    /// When it was added.
    pub created_at: Moment,
    /// Until when it is trusted.
    pub expires_at: Moment,
    /// When it last stood for a second factor.
    pub last_used_at: Moment,
}

/// Adds a device, if password and factors of its user are still those that were presented. Deletes what the browser was before,
/// and the oldest of too many.
pub async fn add(connection: &mut PgConnection, new: NewTrustedDevice) -> Result<bool, DatabaseError> {
    let added = sqlx::query!(
        "INSERT INTO trusted_devices (id, user_id, hash, password_version, factor_version, user_agent, ip, created_at,
                                      expires_at, last_used_at)
         SELECT $1, u.id, $3, u.password_version, u.factor_version, $6, $7, now, now + make_interval(secs => $8), now
         FROM users AS u, (SELECT clock_timestamp() AS now) AS clock
         WHERE u.id = $2 AND u.password_version = $4 AND u.factor_version = $5",
        new.id.as_uuid(),
        new.user.as_uuid(),
        new.hash.as_bytes(),
        new.password_version,
        new.factor_version,
        new.client.user_agent,
        new.client.ip.map(IpNet::from),
        new.lifetime.as_secs_f64(),
    );
    if added.execute(&mut *connection).await?.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query!(
        "DELETE FROM trusted_devices WHERE user_id = $1 AND (hash = $2 OR id IN (
             SELECT id FROM trusted_devices WHERE user_id = $1 ORDER BY created_at DESC, id DESC OFFSET $3))",
        new.user.as_uuid(),
        new.replaces.as_ref().map(Digest32::as_bytes),
        MOST,
    )
    .execute(connection)
    .await?;
    Ok(true)
}

/// The devices of a user that count still, newest first.
pub async fn list(connection: &mut PgConnection, user: UserId) -> Result<Vec<TrustedDevice>, DatabaseError> {
    let rows = sqlx::query!(
        r#"SELECT d.id AS "id: TrustedDeviceId", d.user_agent, d.ip, d.created_at, d.expires_at, d.last_used_at
           FROM trusted_devices AS d JOIN users AS u ON u.id = d.user_id
           WHERE d.user_id = $1 AND d.expires_at > now()
             AND (d.password_version, d.factor_version) = (u.password_version, u.factor_version)
           ORDER BY d.created_at DESC, d.id DESC"#,
        user.as_uuid(),
    )
    .fetch_all(connection)
    .await?;
    let devices = rows.into_iter().map(|row| TrustedDevice {
        id: row.id,
        user_agent: row.user_agent,
        ip: row.ip.map(|network| network.addr()),
        created_at: row.created_at,
        expires_at: row.expires_at,
        last_used_at: row.last_used_at,
    });
    Ok(devices.collect())
}

/// Deletes a device of a user, or all of them. Returns how many.
pub async fn remove(
    connection: &mut PgConnection,
    user: UserId,
    device: Option<TrustedDeviceId>,
) -> Result<u64, DatabaseError> {
    let removed = sqlx::query!(
        "DELETE FROM trusted_devices WHERE user_id = $1 AND ($2::uuid IS NULL OR id = $2)",
        user.as_uuid(),
        device.map(|device| device.as_uuid()),
    );
    Ok(removed.execute(connection).await?.rows_affected())
}

/// Deletes the devices whose time has passed.
pub async fn sweep(connection: &mut PgConnection) -> Result<(), DatabaseError> {
    sqlx::query!("DELETE FROM trusted_devices WHERE expires_at < now()").execute(connection).await?;
    Ok(())
}
