//! Users who wait for the removal of factors that they have lost.

use crate::{
    kernel::{Duration, Moment, UserId},
    passwords::PasswordHash,
    postgres::DatabaseError,
};
use sqlx::PgConnection;

/// How often an email says that a recovery is under way.
const REMINDER: Duration = Duration::from_hours(24);

/// A recovery that is under way.
#[derive(Debug, Clone, Copy)]
pub struct Recovery {
    /// When it was started.
    pub started_at: Moment,
    /// From when on the factors can be removed.
    pub ready_at: Moment,
}

/// A recovery whose next email is due.
#[derive(Debug)]
pub struct DueRecovery {
    /// Whose.
    pub user: UserId,
    /// Their address.
    pub email: String,
    /// Whether the waiting time is over.
    pub is_ready: bool,
    /// Whether it still counts: nothing has changed since it was started.
    pub counts: bool,
}

/// The recovery of a user that is under way.
pub async fn find(connection: &mut PgConnection, user: UserId) -> Result<Option<Recovery>, DatabaseError> {
    let found = sqlx::query_as!(
        Recovery,
        "SELECT r.started_at, r.ready_at FROM factor_recoveries AS r JOIN users AS u ON u.id = r.user_id
         WHERE r.user_id = $1 AND (r.link_expires_at IS NULL OR r.link_expires_at > clock_timestamp())
           AND (u.password_version, u.email_version, u.factor_version)
               = (r.password_version, r.email_version, r.factor_version)",
        user.as_uuid(),
    );
    Ok(found.fetch_optional(connection).await?)
}

/// Whether a user can complete a recovery: its last step is the link of an email, and the password.
pub async fn is_possible(connection: &mut PgConnection, user: UserId) -> Result<bool, DatabaseError> {
    let no_password = PasswordHash::none();
    let is_possible = sqlx::query_scalar!(
        r#"SELECT password_hash <> $2 AND email IS NOT NULL AS "is_possible!" FROM users WHERE id = $1"#,
        user.as_uuid(),
        no_password.reveal(),
    );
    Ok(is_possible.fetch_optional(connection).await?.unwrap_or_default())
}

/// Starts a recovery, in place of one that no longer counts. False if one is under way, or password or factors have changed.
pub async fn start(
    connection: &mut PgConnection,
    user: UserId,
    (password_version, factor_version): (i32, i32),
    delay: Duration,
) -> Result<bool, DatabaseError> {
    let started = sqlx::query!(
        "INSERT INTO factor_recoveries AS r (user_id, password_version, email_version, factor_version, started_at, ready_at,
                                             next_email_at)
         SELECT u.id, u.password_version, u.email_version, u.factor_version, now, now + make_interval(secs => $4),
                now + make_interval(secs => least($4, $5))
         FROM users AS u, (SELECT clock_timestamp() AS now) AS clock
         WHERE u.id = $1 AND u.password_version = $2 AND u.factor_version = $3
         ON CONFLICT ON CONSTRAINT factor_recoveries_pkey DO UPDATE
         SET password_version = excluded.password_version, email_version = excluded.email_version,
             factor_version = excluded.factor_version, started_at = excluded.started_at, ready_at = excluded.ready_at,
             next_email_at = excluded.next_email_at, link_expires_at = NULL
         WHERE r.link_expires_at <= clock_timestamp()
            OR (r.password_version, r.email_version, r.factor_version)
               <> (excluded.password_version, excluded.email_version, excluded.factor_version)",
        user.as_uuid(),
        password_version,
        factor_version,
        delay.as_secs_f64(),
        REMINDER.as_secs_f64(),
    );
    Ok(started.execute(connection).await?.rows_affected() == 1)
}

/// Ends a recovery. False if there is none.
pub async fn cancel(connection: &mut PgConnection, user: UserId) -> Result<bool, DatabaseError> {
    let cancelled = sqlx::query!("DELETE FROM factor_recoveries WHERE user_id = $1", user.as_uuid());
    Ok(cancelled.execute(connection).await?.rows_affected() == 1)
}

/// Ends a recovery that is ready, and whose last email was sent. False if there is none.
pub async fn complete(connection: &mut PgConnection, user: UserId) -> Result<bool, DatabaseError> {
    let completed = sqlx::query!(
        "DELETE FROM factor_recoveries AS r USING users AS u
         WHERE r.user_id = $1 AND u.id = r.user_id AND r.ready_at <= clock_timestamp()
           AND r.link_expires_at > clock_timestamp()
           AND (u.password_version, u.email_version, u.factor_version)
               = (r.password_version, r.email_version, r.factor_version)",
        user.as_uuid(),
    );
    Ok(completed.execute(connection).await?.rows_affected() == 1)
}

/// A recovery whose next email is due. It and its user are locked: no other instance takes it, and the user cannot be deleted
/// meanwhile. It waits for neither: one whose user another transaction has locked has its turn later. A deletion locks the user
/// first and then deletes the recovery, so that to wait for the user with the recovery locked would be to wait for each other.
pub async fn next_due(connection: &mut PgConnection) -> Result<Option<DueRecovery>, DatabaseError> {
    let due = sqlx::query_as!(
        DueRecovery,
        r#"SELECT r.user_id AS "user: UserId", u.email AS "email!", r.ready_at <= clock_timestamp() AS "is_ready!",
                  (u.password_version, u.email_version, u.factor_version)
                      = (r.password_version, r.email_version, r.factor_version) AS "counts!"
           FROM factor_recoveries AS r JOIN users AS u ON u.id = r.user_id
           WHERE r.next_email_at <= clock_timestamp() AND u.email IS NOT NULL ORDER BY r.next_email_at LIMIT 1
           FOR NO KEY UPDATE OF u SKIP LOCKED FOR UPDATE OF r SKIP LOCKED"#,
    );
    Ok(due.fetch_optional(connection).await?)
}

/// The email of a day was sent: the next one is due in a day, or when the waiting time is over.
pub async fn remind_later(connection: &mut PgConnection, user: UserId) -> Result<(), DatabaseError> {
    sqlx::query!(
        "UPDATE factor_recoveries SET next_email_at = least(ready_at, clock_timestamp() + make_interval(secs => $2))
         WHERE user_id = $1",
        user.as_uuid(),
        REMINDER.as_secs_f64(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The last email was sent, whose link works for so long.
pub async fn link_sent(connection: &mut PgConnection, user: UserId, lifetime: Duration) -> Result<(), DatabaseError> {
    sqlx::query!(
        "UPDATE factor_recoveries SET next_email_at = NULL, link_expires_at = clock_timestamp() + make_interval(secs => $2)
         WHERE user_id = $1",
        user.as_uuid(),
        lifetime.as_secs_f64(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes the recoveries that nobody completed.
pub async fn sweep(connection: &mut PgConnection) -> Result<(), DatabaseError> {
    sqlx::query!("DELETE FROM factor_recoveries WHERE link_expires_at < now()").execute(connection).await?;
    Ok(())
}
