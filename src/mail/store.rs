use super::model::{ATTEMPTS, ConfirmationEmail, DAILY, EmailView, HOURLY_OF_A_KIND, LINK_LIFETIME, Notification};
use crate::{
    kernel::{Duration, Moment, UserId},
    postgres::DatabaseError,
};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// Emails of one round.
const ROUND: i64 = 50;

/// One email that is due.
pub struct Due {
    pub id: Uuid,
    pub notification: String,
    pub details: Value,
    pub created_at: Moment,
    /// From one.
    pub attempt: i32,
    pub email: String,
    pub language: Option<String>,
    pub confirmation: Option<Uuid>,
    /// The user of the confirmation, where it has one.
    pub confirms_for: Option<UserId>,
}

/// An email that is not in the outbox yet.
pub struct NewEmail {
    pub id: Uuid,
    pub at: Moment,
    pub user: UserId,
    pub notification: Notification,
    pub details: Value,
    /// Where it goes. None: to the address that the user has when it is sent.
    pub to: Option<String>,
}

/// Adds an email to the outbox, unless its recipient has received too many lately. Those of confirmations do not count:
/// anyone may request them, and would silence the notification of an intruder.
pub async fn add(connection: &mut PgConnection, new: NewEmail) -> Result<bool, DatabaseError> {
    // Nobody to write to, and nothing that was held back.
    if !lock_recipient(connection, new.user).await? {
        return Ok(true);
    }
    let added = sqlx::query!(
        "INSERT INTO outbox (id, user_id, notice, details, created_at, due_at, email)
         SELECT $1, $2, $3, $4, $5, now(), $8
         WHERE (SELECT count(*) FILTER (WHERE notice = $3 AND created_at > $5::timestamptz - interval '1 hour') < $6
                AND (count(*) < $7 OR count(*) FILTER (WHERE notice = $3) = 0)
                FROM outbox WHERE user_id = $2 AND confirmation_id IS NULL
                  AND created_at > $5::timestamptz - interval '1 day')",
        new.id,
        new.user.as_uuid(),
        new.notification.name(),
        new.details,
        new.at,
        HOURLY_OF_A_KIND,
        DAILY,
        new.to,
    );
    Ok(added.execute(connection).await?.rows_affected() > 0)
}

/// Adds the email of a confirmation.
pub async fn add_of_confirmation(
    connection: &mut PgConnection,
    id: Uuid,
    at: Moment,
    new: ConfirmationEmail,
) -> Result<(), DatabaseError> {
    let added = sqlx::query!(
        "INSERT INTO outbox (id, user_id, confirmation_id, notice, details, created_at, due_at)
         VALUES ($1, $2, $3, $4, $5, $6, now())",
        id,
        new.user.map(|user| user.as_uuid()),
        new.confirmation,
        new.email.name(),
        new.details,
        at,
    );
    added.execute(connection).await?;
    Ok(())
}

/// Two transactions must not count the same emails. The user's own row is locked in another order elsewhere, so there is
/// a row for this purpose alone; the user's is locked against deletion first, as every reference to it does.
///
/// False: the user has no address, or does not exist.
async fn lock_recipient(connection: &mut PgConnection, user: UserId) -> Result<bool, DatabaseError> {
    let lock = sqlx::query!(
        "INSERT INTO email_recipients (user_id) SELECT id FROM users WHERE id = $1 AND email IS NOT NULL FOR KEY SHARE
         ON CONFLICT (user_id) DO UPDATE SET user_id = excluded.user_id",
        user.as_uuid(),
    );
    Ok(lock.execute(connection).await?.rows_affected() > 0)
}

/// The emails to send next: of each recipient the one that has been due for longest, so that a recipient with a long
/// queue does not delay the others.
pub async fn next_round(connection: &mut PgConnection) -> Result<Vec<Uuid>, DatabaseError> {
    let due = sqlx::query_scalar!(
        "SELECT id FROM (
             SELECT DISTINCT ON (coalesce(user_id, confirmation_id)) id, due_at FROM outbox
             WHERE sent_at IS NULL AND abandoned_at IS NULL AND due_at <= now() AND attempts < $1
             ORDER BY coalesce(user_id, confirmation_id), due_at) AS first
         ORDER BY due_at LIMIT $2",
        ATTEMPTS,
        ROUND,
    );
    Ok(due.fetch_all(connection).await?)
}

/// Claims an email, by moving its next attempt ahead. None: another instance has claimed it.
pub async fn claim(
    connection: &mut PgConnection,
    id: Uuid,
    first_wait: Duration,
) -> Result<Option<Due>, DatabaseError> {
    let due = sqlx::query_as!(
        Due,
        r#"UPDATE outbox AS o SET attempts = o.attempts + 1, due_at = now() + make_interval(secs => $1)
           FROM outbox AS self
               LEFT JOIN users AS u ON u.id = self.user_id
               LEFT JOIN confirmations AS c ON c.id = self.confirmation_id
           WHERE self.id = o.id AND o.id = (
               SELECT id FROM outbox
               WHERE id = $3 AND sent_at IS NULL AND abandoned_at IS NULL AND due_at <= now() AND attempts < $2
               FOR UPDATE SKIP LOCKED)
           RETURNING o.id, o.notice AS "notification", o.details, o.created_at, o.attempts AS "attempt",
               coalesce(c.email, o.email, u.email) AS "email!", coalesce(u.language, c.payload ->> 'language') AS language,
               o.confirmation_id AS "confirmation", c.user_id AS "confirms_for: UserId""#,
        first_wait.as_secs_f64(),
        ATTEMPTS,
        id,
    );
    Ok(due.fetch_optional(connection).await?)
}

/// Keeps the address of a user's emails that were not sent yet, in the caller's transaction, which changes it: who has the new
/// one may be the one that they warn of. Those that an earlier change has kept stay.
///
/// # Errors
/// When the database fails.
pub async fn keep_address(connection: &mut PgConnection, user: UserId, email: &str) -> Result<(), DatabaseError> {
    sqlx::query!(
        "UPDATE outbox SET email = $2
         WHERE user_id = $1 AND confirmation_id IS NULL AND email IS NULL AND sent_at IS NULL AND abandoned_at IS NULL",
        user.as_uuid(),
        email,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Records that an email was sent.
pub async fn sent(connection: &mut PgConnection, id: Uuid) -> Result<(), DatabaseError> {
    sqlx::query!("UPDATE outbox SET sent_at = now() WHERE id = $1", id).execute(connection).await?;
    Ok(())
}

/// Records that an attempt failed, and when the next may begin.
pub async fn failed(connection: &mut PgConnection, id: Uuid, wait: Duration) -> Result<(), DatabaseError> {
    sqlx::query!("UPDATE outbox SET due_at = now() + make_interval(secs => $2) WHERE id = $1", id, wait.as_secs_f64())
        .execute(connection)
        .await?;
    Ok(())
}

/// Records that there will be no further attempt. An instance of the version before counts attempts only.
pub async fn abandoned(connection: &mut PgConnection, id: Uuid) -> Result<(), DatabaseError> {
    sqlx::query!("UPDATE outbox SET abandoned_at = now() WHERE id = $1", id).execute(connection).await?;
    Ok(())
}

/// Deletes emails whose links have expired, the sent and the abandoned.
pub async fn forget(connection: &mut PgConnection) -> Result<u64, DatabaseError> {
    let forgotten = sqlx::query!(
        "DELETE FROM outbox WHERE created_at < now() - make_interval(secs => $1)
            AND (sent_at IS NOT NULL OR abandoned_at IS NOT NULL OR attempts >= $2)",
        LINK_LIFETIME.as_secs_f64(),
        ATTEMPTS,
    );
    Ok(forgotten.execute(connection).await?.rows_affected())
}

/// The emails to a user that are kept, newest first.
///
/// # Errors
/// When the database fails.
pub async fn emails_to(connection: &mut PgConnection, user: UserId) -> Result<Vec<EmailView>, DatabaseError> {
    let found = sqlx::query_as!(
        EmailView,
        r#"SELECT id, notice AS "notification", details, created_at, attempts, sent_at, abandoned_at, link_used_at
           FROM outbox WHERE user_id = $1 ORDER BY id DESC"#,
        user.as_uuid(),
    );
    Ok(found.fetch_all(connection).await?)
}

/// Whose sessions an email's link revokes. None: it has expired, or was used.
///
/// # Errors
/// When the database fails.
pub async fn look_up_link(connection: &mut PgConnection, email: Uuid) -> Result<Option<UserId>, DatabaseError> {
    let user = sqlx::query_scalar!(
        r#"SELECT user_id AS "user_id!: UserId" FROM outbox
           WHERE id = $1 AND user_id IS NOT NULL AND link_used_at IS NULL AND created_at > now() - make_interval(secs => $2)"#,
        email,
        LINK_LIFETIME.as_secs_f64(),
    );
    Ok(user.fetch_optional(connection).await?)
}

/// Uses an email's link, in the caller's transaction. None: as for [`look_up_link`].
///
/// # Errors
/// When the database fails.
pub async fn use_link(connection: &mut PgConnection, email: Uuid) -> Result<Option<UserId>, DatabaseError> {
    let user = sqlx::query_scalar!(
        r#"UPDATE outbox SET link_used_at = now()
           WHERE id = $1 AND user_id IS NOT NULL AND link_used_at IS NULL AND created_at > now() - make_interval(secs => $2)
           RETURNING user_id AS "user_id!: UserId""#,
        email,
        LINK_LIFETIME.as_secs_f64(),
    );
    Ok(user.fetch_optional(connection).await?)
}
