//! A sign-in: the user's row locked, the session's row added.

use crate::{
    guessing::Attempt,
    identity::UpstreamIdentity,
    kernel::{Client, Digest32, Duration, Moment, SessionId, Transport, UserId},
    postgres::{DatabaseError, Locks},
};
use ipnet::IpNet;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// A new session's row, and what must hold for it to be added.
#[expect(clippy::struct_excessive_bools, reason = "parameters of a statement, each with a meaning of its own")]
pub struct NewSessionRow {
    pub id: SessionId,
    pub user: UserId,
    /// Of the password that was checked.
    pub password_version: i32,
    /// Of the factors of which one was checked. None: only the password was.
    pub factor_version: Option<i32>,
    /// Who has one of these roles needs a second factor.
    pub demanding_roles: Vec<String>,
    /// Whether one is to be set up also where no role demands it.
    pub wants_factor: bool,
    /// The digest of the cookie of a device that is trusted for the second factor.
    pub trusted_device: Option<Digest32>,
    /// By which methods the user proved who they are.
    pub amr: Vec<&'static str>,
    /// Through which identity of another provider.
    pub identity: Option<UpstreamIdentity>,
    /// When the user proved who they are, if that was before: at another provider.
    pub proven_at: Option<Moment>,
    pub idle_ttl: Duration,
    pub absolute_ttl: Duration,
    pub transport: Transport,
    pub remembered: bool,
    pub secret_hash: Digest32,
    pub device_name: Option<String>,
    pub client: Client,
    pub known_device: bool,
    /// How many other sessions the user keeps.
    pub keep: u32,
    /// Whether the user's address must be verified.
    pub requires_verification: bool,
    pub forgiven: Attempt,
}

/// What else is known of a sign-in.
#[expect(clippy::struct_excessive_bools, reason = "columns of a row, each with a meaning of its own")]
pub struct Circumstances {
    /// Whether the user has been seen on a device like this one at a place like this one, or never at all: a first sign-in
    /// sends no email.
    pub is_familiar: bool,
    /// The live sessions beyond those that the user keeps, idle longest first.
    pub surplus: Vec<Uuid>,
    /// Whether the user has a second factor, and none was presented, or one of another version.
    pub lacks_factor: bool,
    /// Whether a role of the user demands a second factor, or the user wants one, and there is none.
    pub must_enrol: bool,
    /// Counts what factors were added and removed.
    pub factor_version: i32,
    /// Whether the device stood for the second factor.
    pub is_trusted: bool,
}

/// What the statement of a sign-in reads.
#[expect(clippy::struct_excessive_bools, reason = "columns of a row, each with a meaning of its own")]
struct Opened {
    now: Moment,
    is_blocked: bool,
    is_verified: bool,
    has_address: bool,
    password_version: i32,
    roles: Vec<String>,
    access_revision: i32,
    claims: Value,
    is_familiar: bool,
    surplus: Vec<Uuid>,
    lacks_factor: bool,
    must_enrol: bool,
    factor_version: i32,
    is_trusted: bool,
}

impl Opened {
    fn split(self) -> (LockedUser, Circumstances) {
        let Self { now, is_blocked, is_verified, has_address, password_version, .. } = self;
        let Self { roles, access_revision, claims, .. } = self;
        let user =
            LockedUser { now, is_blocked, is_verified, has_address, password_version, roles, access_revision, claims };
        let Self { is_familiar, surplus, lacks_factor, must_enrol, factor_version, is_trusted, .. } = self;
        (user, Circumstances { is_familiar, surplus, lacks_factor, must_enrol, factor_version, is_trusted })
    }
}

/// What a sign-in locks until its transaction ends: the table that a revocation of all sessions locks exclusively, and the
/// user's row, so that a block or a password change comes wholly before or wholly after.
pub fn locks_of_sign_in(user: UserId) -> Locks {
    let user = user.as_uuid();
    Locks::by(format!(
        "LOCK TABLE everyone_revocations IN ROW EXCLUSIVE MODE; SELECT FROM users WHERE id = '{user}' FOR NO KEY UPDATE"
    ))
}

/// Adds a session if the user is not blocked, the address is verified where it must be, the password is still the one that
/// was checked, and a second factor was presented where the user has one or a role demands one. Notes when and in which language the user signed in. Forgives the attempt in any case: the password
/// was right. None if the user does not exist.
///
/// The locks of [`locks_of_sign_in`] must be held: the statement then sees what was committed before them, other sign-ins
/// of the user among it. The buckets are locked in the order in which guesses lock them.
pub async fn open(
    connection: &mut PgConnection,
    new: NewSessionRow,
) -> Result<Option<(LockedUser, Circumstances)>, DatabaseError> {
    let opened = sqlx::query_as!(
        Opened,
        r#"WITH attempt AS (
               SELECT bucket FROM unnest($1::bytea[]) WITH ORDINALITY AS wanted (bucket, position)
               JOIN password_guesses AS g USING (bucket) ORDER BY position FOR UPDATE OF g
           ),
           emptied AS (
               DELETE FROM password_guesses WHERE bucket IN (SELECT bucket FROM attempt) AND bucket = ANY ($2::bytea[])
           ),
           lessened AS (
               UPDATE password_guesses SET failures = greatest(failures - 1, 0)
               WHERE bucket IN (SELECT bucket FROM attempt) AND bucket <> ALL ($2::bytea[])
           ),
           clock AS MATERIALIZED (SELECT clock_timestamp() AS now),
           who AS MATERIALIZED (
               SELECT u.*, f.lacks_factor AND d.id IS NULL AS lacks_factor, f.must_enrol, d.id AS trusted_device,
                      u.blocked_at IS NULL AND u.password_version = $4
                          AND (u.email_verified_at IS NOT NULL OR u.email IS NULL OR NOT $17) AND (NOT f.lacks_factor OR d.id IS NOT NULL) AND NOT f.must_enrol
                          AS may_enter,
                      $5 OR u.last_login_at IS NULL OR EXISTS (
                          SELECT FROM sessions AS s WHERE s.user_id = u.id AND s.user_agent IS NOT DISTINCT FROM $6
                             AND s.ip IS NOT DISTINCT FROM $7) AS is_familiar
               FROM users AS u
               CROSS JOIN LATERAL (
                   SELECT CASE WHEN $19::int IS NOT NULL THEN u.factor_version <> $19
                               ELSE EXISTS (SELECT FROM totp_secrets WHERE user_id = u.id AND confirmed_at IS NOT NULL)
                                   OR EXISTS (SELECT FROM passkeys WHERE user_id = u.id AND disabled_at IS NULL)
                          END AS lacks_factor,
                          $19::int IS NULL AND (u.roles && $20::text[] OR $22)
                              AND NOT EXISTS (SELECT FROM totp_secrets WHERE user_id = u.id AND confirmed_at IS NOT NULL)
                              AND NOT EXISTS (SELECT FROM passkeys WHERE user_id = u.id AND disabled_at IS NULL)
                              AS must_enrol
               ) AS f
               LEFT JOIN trusted_devices AS d ON $19::int IS NULL AND d.user_id = u.id AND d.hash = $21
                   AND d.expires_at > clock_timestamp() AND d.password_version = u.password_version
                   AND d.factor_version = u.factor_version AND NOT u.roles && $20::text[] AND f.lacks_factor
               WHERE u.id = $3
           ),
           added AS (
               INSERT INTO sessions (id, user_id, created_at, last_used_at, idle_expires_at, absolute_expires_at,
                                     transport, remembered, generation, secret_hash, device_name, ip, user_agent, amr,
                                     identity_issuer, identity_subject, authenticated_at)
               SELECT $8, who.id, now, now,
                      least(now + make_interval(secs => $9), now + make_interval(secs => $10)),
                      now + make_interval(secs => $10), $11, $12, 0, $13, $14, $7, $6, $18, $23, $24, nullif(least($25, now), now)
               FROM who, clock WHERE may_enter
           ),
           noted AS (
               UPDATE users AS u SET last_login_at = clock.now, language = coalesce($15, u.language)
               FROM who, clock WHERE u.id = who.id AND who.may_enter
           ),
           trusted AS (
               UPDATE trusted_devices AS d SET last_used_at = clock.now
               FROM who, clock WHERE d.id = who.trusted_device AND who.may_enter
           )
           SELECT clock.now AS "now!", blocked_at IS NOT NULL AS "is_blocked!",
                  email_verified_at IS NOT NULL AS "is_verified!", email IS NOT NULL AS "has_address!", password_version,
                  roles, access_revision, claims, is_familiar AS "is_familiar!", lacks_factor AS "lacks_factor!", must_enrol AS "must_enrol!",
                  factor_version, trusted_device IS NOT NULL AS "is_trusted!",
                  ARRAY(SELECT id FROM sessions WHERE user_id = $3 AND revoked_at IS NULL AND idle_expires_at > now()
                        ORDER BY last_used_at DESC, id DESC OFFSET $16) AS "surplus!"
           FROM who, clock"#,
        &new.forgiven.buckets(),
        &new.forgiven.emptied(),
        new.user.as_uuid(),
        new.password_version,
        new.known_device,
        new.client.user_agent,
        new.client.ip.map(IpNet::from),
        new.id.as_uuid(),
        new.idle_ttl.as_secs_f64(),
        new.absolute_ttl.as_secs_f64(),
        new.transport.name(),
        new.remembered,
        new.secret_hash.as_bytes(),
        new.device_name,
        new.client.language,
        i64::from(new.keep),
        new.requires_verification,
        new.amr.as_slice() as _,
        new.factor_version,
        &new.demanding_roles,
        new.trusted_device.as_ref().map(Digest32::as_bytes),
        new.wants_factor,
        new.identity.as_ref().map(|identity| &identity.issuer),
        new.identity.as_ref().map(|identity| &identity.subject),
        new.proven_at,
    )
    .fetch_optional(connection)
    .await?;
    Ok(opened.map(Opened::split))
}

/// The user, locked until the transaction ends, so that a block or a password change comes wholly before or wholly
/// after; and the lock that a revocation of all sessions takes exclusively.
pub struct LockedUser {
    pub now: Moment,
    pub is_blocked: bool,
    pub is_verified: bool,
    pub has_address: bool,
    pub password_version: i32,
    pub roles: Vec<String>,
    pub access_revision: i32,
    pub claims: Value,
}

/// Locks the user. None if the user does not exist.
pub async fn lock_user(connection: &mut PgConnection, user: UserId) -> Result<Option<LockedUser>, DatabaseError> {
    sqlx::query!("LOCK TABLE everyone_revocations IN ROW EXCLUSIVE MODE").execute(&mut *connection).await?;
    let locked = sqlx::query!(
        r#"SELECT blocked_at IS NOT NULL AS "is_blocked!", email_verified_at IS NOT NULL AS "is_verified!",
                  email IS NOT NULL AS "has_address!", password_version, roles, access_revision, claims
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
        is_verified: row.is_verified,
        has_address: row.has_address,
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
