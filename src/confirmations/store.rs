mod changes;
mod codes;
mod invitations;
mod voiding;

pub use changes::{
    PendingChange, add_for, has_open_undo, limit_undos_since_leaving, mark_looked_up, pending_change, void_changes_of,
    void_later_undos, void_undos_since_leaving,
};
pub use codes::{SentCode, give_attempt_back, sent_codes, take_attempt};
pub use invitations::{
    OpenInvitation, open_invitations, recent_invitation, replace_payload, revoke_invitation, still_invites,
};
pub use voiding::{Undos, void_all_of, void_invitations_by, void_others_like};

use super::model::{CODE_LIFETIME, Confirmation, ConfirmationStanding, Purpose, SAME_EMAIL};
use crate::{
    kernel::{Digest32, Duration, Moment, UserId},
    postgres::DatabaseError,
};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// How long an expired confirmation is kept: a flow that was renewed still leads to its successor.
const KEEP_EXPIRED: Duration = Duration::from_hours(1);
/// The window in which requests for emails are counted.
const WINDOW: Duration = Duration::from_hours(1);

/// A confirmation that is not in the table yet.
#[derive(Debug, Clone)]
pub struct NewConfirmation {
    /// Its id.
    pub id: Uuid,
    /// What its use does.
    pub purpose: Purpose,
    /// The canonical address that the email goes to.
    pub email: String,
    /// What the purpose needs, and the client that asks.
    pub payload: Value,
    /// The digest of the asking browser's cookie.
    pub browser: Option<Digest32>,
    /// How long its link works.
    pub lifetime: Duration,
    /// Whether its address needs no further look: it can be used at once.
    pub is_looked_up: bool,
}

/// The user who has an address.
#[derive(Debug, Clone, Copy)]
pub struct Addressee {
    /// Who.
    pub user: UserId,
    /// Whether it is known that they read it.
    pub is_verified: bool,
}

/// The user of a confirmation.
#[derive(Debug, Clone, Copy)]
pub struct Owner {
    /// Who.
    pub user: UserId,
    /// Whether a change of the password, the address or the factors voids it.
    pub is_versioned: bool,
}

/// Adds a confirmation whose user is not known.
///
/// # Errors
/// When the database fails.
pub async fn add(connection: &mut PgConnection, new: NewConfirmation) -> Result<(), DatabaseError> {
    let added = sqlx::query!(
        "INSERT INTO confirmations (id, purpose, email, payload, browser, created_at, expires_at, looked_up_at)
         VALUES ($1, $2, $3, $4, $5, now(), now() + make_interval(secs => $6), CASE WHEN $7 THEN now() END)",
        new.id,
        new.purpose.name(),
        new.email,
        new.payload,
        new.browser.as_ref().map(Digest32::as_bytes),
        new.lifetime.as_secs_f64(),
        new.is_looked_up,
    );
    added.execute(connection).await?;
    Ok(())
}

struct Row {
    id: Uuid,
    purpose: String,
    user: Option<UserId>,
    email: String,
    payload: Value,
    code_mac: Option<Vec<u8>>,
    browser: Option<Vec<u8>>,
    created_at: Moment,
    expires_at: Moment,
    attempts: i32,
    is_used: bool,
    is_void: bool,
    has_code: bool,
}

impl Row {
    fn into_confirmation(self) -> Result<Confirmation, DatabaseError> {
        let purpose = Purpose::from_name(&self.purpose).ok_or(DatabaseError::Nonsense("a confirmation's purpose"))?;
        let standing = match (self.is_used, self.is_void) {
            (true, _) => ConfirmationStanding::Used,
            (false, true) => ConfirmationStanding::Expired,
            (false, false) => ConfirmationStanding::Waiting,
        };
        Ok(Confirmation {
            id: self.id,
            purpose,
            user: self.user,
            email: self.email,
            payload: self.payload,
            code_mac: self.code_mac,
            browser: self.browser,
            created_at: self.created_at,
            expires_at: self.expires_at,
            attempts: self.attempts,
            standing,
            has_code: self.has_code,
        })
    }
}

/// Finds a confirmation, and where it stands.
///
/// # Errors
/// When the database fails.
pub async fn find(connection: &mut PgConnection, id: Uuid) -> Result<Option<Confirmation>, DatabaseError> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT c.id, c.purpose, c.user_id AS "user: UserId", c.email, c.payload, c.code_mac, c.browser, c.created_at,
                  c.expires_at, c.attempts, c.used_at IS NOT NULL AS "is_used!",
                  c.expires_at <= now() OR c.password_version IS NOT NULL
                      AND (u.password_version, u.email_version, u.factor_version)
                          IS DISTINCT FROM (c.password_version, c.email_version, c.factor_version) AS "is_void!",
                  c.created_at > now() - make_interval(secs => $2) AS "has_code!"
           FROM confirmations AS c LEFT JOIN users AS u ON u.id = c.user_id WHERE c.id = $1"#,
        id,
        CODE_LIFETIME.as_secs_f64(),
    );
    row.fetch_optional(connection).await?.map(Row::into_confirmation).transpose()
}

/// The confirmation that was requested longest ago and has not been looked up. Locked: no other instance takes it. One
/// that has expired, or whose purpose only another version knows, must not hold up those behind it.
///
/// # Errors
/// When the database fails.
pub async fn next_waiting(connection: &mut PgConnection) -> Result<Option<Uuid>, DatabaseError> {
    let known: Vec<String> = Purpose::ALL.iter().map(|purpose| purpose.name().to_owned()).collect();
    let id = sqlx::query_scalar!(
        "SELECT id FROM confirmations AS c WHERE looked_up_at IS NULL AND expires_at > now() AND purpose = ANY ($1)
             AND NOT EXISTS (
                 SELECT FROM confirmations AS earlier
                 WHERE earlier.email = c.email AND earlier.purpose = c.purpose AND earlier.looked_up_at IS NULL
                     AND earlier.expires_at > now() AND (earlier.created_at, earlier.id) < (c.created_at, c.id))
         ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED",
        &known,
    );
    Ok(id.fetch_optional(connection).await?)
}

/// The user who has a confirmation's address, if anyone.
///
/// # Errors
/// When the database fails.
pub async fn owner_of(connection: &mut PgConnection, email: &str) -> Result<Option<Addressee>, DatabaseError> {
    let found = sqlx::query_as!(
        Addressee,
        r#"SELECT id AS "user: UserId", email_verified_at IS NOT NULL AS "is_verified!" FROM users WHERE email = $1"#,
        email,
    );
    Ok(found.fetch_optional(connection).await?)
}

/// Records that a confirmation was looked up, its user as they are now, and what is stored of its code.
///
/// # Errors
/// When the database fails.
pub async fn looked_up(
    connection: &mut PgConnection,
    id: Uuid,
    owner: Option<Owner>,
    code_mac: Option<&[u8]>,
) -> Result<(), DatabaseError> {
    sqlx::query!(
        "UPDATE confirmations AS c SET looked_up_at = now(), user_id = $2, code_mac = $4,
             password_version = CASE WHEN $3 THEN u.password_version END,
             email_version = CASE WHEN $3 THEN u.email_version END,
             factor_version = CASE WHEN $3 THEN u.factor_version END
         FROM confirmations AS self LEFT JOIN users AS u ON u.id = $2
         WHERE c.id = $1 AND self.id = c.id",
        id,
        owner.map(|owner| owner.user.as_uuid()),
        owner.is_some_and(|owner| owner.is_versioned),
        code_mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What is stored of the code that was sent to the same address for the same purpose a moment ago, if that email still
/// works: no second email is sent then. A later flow must not revive what a change of its user has voided.
///
/// # Errors
/// When the database fails.
pub async fn recently_sent(
    connection: &mut PgConnection,
    confirmation: &Confirmation,
    owner: Option<UserId>,
) -> Result<Option<Vec<u8>>, DatabaseError> {
    let code_mac = sqlx::query_scalar!(
        r#"SELECT coalesce(code_mac, '') AS "code_mac!" FROM confirmations AS c
           WHERE email = $1 AND purpose = $2 AND id <> $3 AND used_at IS NULL AND expires_at > now() AND payload ? 'sent'
             AND user_id IS NOT DISTINCT FROM $4 AND looked_up_at > now() - make_interval(secs => $5)
             AND (password_version IS NULL OR EXISTS (
                  SELECT FROM users AS u WHERE u.id = c.user_id
                     AND (u.password_version, u.email_version, u.factor_version)
                         = (c.password_version, c.email_version, c.factor_version)))
           ORDER BY looked_up_at DESC LIMIT 1"#,
        confirmation.email,
        confirmation.purpose.name(),
        confirmation.id,
        owner.map(|user| user.as_uuid()),
        SAME_EMAIL.as_secs_f64(),
    );
    Ok(code_mac.fetch_optional(connection).await?)
}

/// Records in a confirmation's payload that its email was enqueued.
///
/// # Errors
/// When the database fails.
pub async fn mark_sent(connection: &mut PgConnection, id: Uuid) -> Result<(), DatabaseError> {
    sqlx::query!(r#"UPDATE confirmations SET payload = payload || '{"sent": true}' WHERE id = $1"#, id)
        .execute(connection)
        .await?;
    Ok(())
}

/// Records which confirmation a flow leads to from now on: its email was requested again.
///
/// # Errors
/// When the database fails.
pub async fn renew(connection: &mut PgConnection, id: Uuid, successor: Uuid) -> Result<(), DatabaseError> {
    sqlx::query!(
        "UPDATE confirmations SET payload = payload || jsonb_build_object('renewed', $2::text) WHERE id = $1",
        id,
        successor.to_string(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Uses a confirmation, in the caller's transaction. Of any number of uses one succeeds; one that has expired, or whose
/// user has changed since, matches nothing.
///
/// # Errors
/// When the database fails.
pub async fn use_up(connection: &mut PgConnection, id: Uuid, purpose: Purpose) -> Result<bool, DatabaseError> {
    let used = sqlx::query!(
        "UPDATE confirmations AS c SET used_at = now()
         WHERE id = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > now() AND looked_up_at IS NOT NULL
           AND (password_version IS NULL OR EXISTS (
                SELECT FROM users AS u WHERE u.id = c.user_id
                   AND (u.password_version, u.email_version, u.factor_version)
                       = (c.password_version, c.email_version, c.factor_version)))",
        id,
        purpose.name(),
    );
    Ok(used.execute(connection).await?.rows_affected() == 1)
}

/// Takes the use of a confirmation back, in the transaction that used it: nothing came of it, and it still works.
///
/// # Errors
/// When the database fails.
pub async fn give_back(connection: &mut PgConnection, id: Uuid) -> Result<(), DatabaseError> {
    sqlx::query!("UPDATE confirmations SET used_at = NULL WHERE id = $1", id).execute(connection).await?;
    Ok(())
}

/// Locks the confirmations of the same purpose and address, in the same order for every use: each use then comes wholly
/// before or wholly after another, and no two wait for each other.
///
/// # Errors
/// When the database fails.
pub async fn lock_alike(connection: &mut PgConnection, used: &Confirmation) -> Result<(), DatabaseError> {
    let locked = sqlx::query_scalar!(
        "SELECT id FROM confirmations WHERE email = $1 AND purpose = $2 ORDER BY id FOR UPDATE",
        used.email,
        used.purpose.name(),
    );
    locked.fetch_all(connection).await?;
    Ok(())
}

/// Deletes a confirmation that nothing came of, in the caller's transaction.
///
/// # Errors
/// When the database fails.
pub async fn delete(connection: &mut PgConnection, id: Uuid) -> Result<(), DatabaseError> {
    sqlx::query!("DELETE FROM confirmations WHERE id = $1", id).execute(connection).await?;
    Ok(())
}

/// Records whose account a registration created, and forgets what it held.
///
/// # Errors
/// When the database fails.
pub async fn became(connection: &mut PgConnection, id: Uuid, user: UserId) -> Result<(), DatabaseError> {
    sqlx::query!("UPDATE confirmations SET user_id = $2, payload = '{}' WHERE id = $1", id, user.as_uuid())
        .execute(connection)
        .await?;
    Ok(())
}

/// Counts a request for an email. False: there were `most` within an hour.
///
/// # Errors
/// When the database fails.
pub async fn count_request(connection: &mut PgConnection, bucket: Digest32, most: u32) -> Result<bool, DatabaseError> {
    let counted = sqlx::query!(
        "INSERT INTO email_requests AS r (bucket, count, since) VALUES ($1, 1, clock_timestamp())
         ON CONFLICT ON CONSTRAINT email_requests_pkey DO UPDATE
         SET count = CASE WHEN r.since <= clock_timestamp() - make_interval(secs => $3) THEN 1 ELSE r.count + 1 END,
             since = CASE WHEN r.since <= clock_timestamp() - make_interval(secs => $3) THEN clock_timestamp() ELSE r.since END
         WHERE r.since <= clock_timestamp() - make_interval(secs => $3) OR r.count < $2",
        bucket.as_bytes(),
        i32::try_from(most).unwrap_or(i32::MAX),
        WINDOW.as_secs_f64(),
    );
    Ok(counted.execute(connection).await?.rows_affected() == 1)
}

/// Seconds until a full bucket is empty.
///
/// # Errors
/// When the database fails.
pub async fn wait_left(connection: &mut PgConnection, bucket: Digest32) -> Result<Duration, DatabaseError> {
    let seconds = sqlx::query_scalar!(
        r#"SELECT ceil(extract(epoch FROM since - clock_timestamp()) + $2::float8)::int8 AS "seconds!"
           FROM email_requests WHERE bucket = $1"#,
        bucket.as_bytes(),
        WINDOW.as_secs_f64(),
    );
    let seconds = seconds.fetch_optional(connection).await?.unwrap_or_default();
    Ok(Duration::from_secs(u64::try_from(seconds).unwrap_or_default().max(1)))
}

/// Deletes expired confirmations, and counts of hours that have passed. Returns how many confirmations.
///
/// # Errors
/// When the database fails.
pub async fn sweep(connection: &mut PgConnection) -> Result<u64, DatabaseError> {
    sqlx::query!(
        "DELETE FROM email_requests WHERE since <= clock_timestamp() - make_interval(secs => $1)",
        WINDOW.as_secs_f64(),
    )
    .execute(&mut *connection)
    .await?;
    let swept = sqlx::query!(
        "DELETE FROM confirmations WHERE expires_at <= now() - make_interval(secs => $1)",
        KEEP_EXPIRED.as_secs_f64(),
    );
    Ok(swept.execute(connection).await?.rows_affected())
}
