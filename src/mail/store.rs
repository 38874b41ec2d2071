use super::model::{ATTEMPTS, LINK_LIFETIME, LetterView, Notice};
use crate::{
    kernel::{Duration, Moment, UserId},
    postgres::DatabaseError,
};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// One letter that is due.
pub struct Due {
    pub id: Uuid,
    pub notice: String,
    pub details: Value,
    pub created_at: Moment,
    /// From one.
    pub attempt: i32,
    pub email: String,
    pub language: Option<String>,
}

/// A letter that is not in the outbox yet.
pub struct NewLetter {
    pub id: Uuid,
    pub at: Moment,
    pub user: UserId,
    pub notice: Notice,
    pub details: Value,
}

/// Adds a letter to the outbox.
pub async fn add(connection: &mut PgConnection, new: NewLetter) -> Result<(), DatabaseError> {
    sqlx::query!(
        "INSERT INTO outbox (id, user_id, notice, details, created_at, due_at) VALUES ($1, $2, $3, $4, $5, now())",
        new.id,
        new.user.as_uuid(),
        new.notice.name(),
        new.details,
        new.at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes the letter that has been due for longest, past those that others are taking, and pushes its next attempt ahead.
pub async fn take(connection: &mut PgConnection, first_wait: Duration) -> Result<Option<Due>, DatabaseError> {
    let due = sqlx::query_as!(
        Due,
        r#"UPDATE outbox AS o SET attempts = o.attempts + 1, due_at = now() + make_interval(secs => $1)
           FROM users AS u
           WHERE u.id = o.user_id AND o.id = (
               SELECT id FROM outbox WHERE sent_at IS NULL AND due_at <= now() AND attempts < $2
               ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
           RETURNING o.id, o.notice, o.details, o.created_at, o.attempts AS "attempt", u.email, u.language"#,
        first_wait.as_secs_f64(),
        ATTEMPTS,
    );
    Ok(due.fetch_optional(connection).await?)
}

/// Notes that a letter was sent.
pub async fn sent(connection: &mut PgConnection, id: Uuid) -> Result<(), DatabaseError> {
    sqlx::query!("UPDATE outbox SET sent_at = now() WHERE id = $1", id).execute(connection).await?;
    Ok(())
}

/// Notes that an attempt failed, and when the next may begin.
pub async fn failed(connection: &mut PgConnection, id: Uuid, wait: Duration) -> Result<(), DatabaseError> {
    sqlx::query!("UPDATE outbox SET due_at = now() + make_interval(secs => $2) WHERE id = $1", id, wait.as_secs_f64())
        .execute(connection)
        .await?;
    Ok(())
}

/// Forgets letters whose links are over, the sent and the given up.
pub async fn forget(connection: &mut PgConnection) -> Result<u64, DatabaseError> {
    let forgotten = sqlx::query!(
        "DELETE FROM outbox WHERE created_at < now() - make_interval(secs => $1)
            AND (sent_at IS NOT NULL OR attempts >= $2)",
        LINK_LIFETIME.as_secs_f64(),
        ATTEMPTS,
    );
    Ok(forgotten.execute(connection).await?.rows_affected())
}

/// The letters to a person that are kept, newest first.
///
/// # Errors
/// When the database fails.
pub async fn letters_to(connection: &mut PgConnection, user: UserId) -> Result<Vec<LetterView>, DatabaseError> {
    let found = sqlx::query_as!(
        LetterView,
        "SELECT id, notice, details, created_at, attempts, sent_at, link_used_at
         FROM outbox WHERE user_id = $1 ORDER BY id DESC",
        user.as_uuid(),
    );
    Ok(found.fetch_all(connection).await?)
}

/// Whose sessions a letter's link ends. None: it is over, or was used.
///
/// # Errors
/// When the database fails.
pub async fn look_up_link(connection: &mut PgConnection, letter: Uuid) -> Result<Option<UserId>, DatabaseError> {
    let user = sqlx::query_scalar!(
        r#"SELECT user_id AS "user_id: UserId" FROM outbox
           WHERE id = $1 AND link_used_at IS NULL AND created_at > now() - make_interval(secs => $2)"#,
        letter,
        LINK_LIFETIME.as_secs_f64(),
    );
    Ok(user.fetch_optional(connection).await?)
}

/// Uses a letter's link up, in the caller's transaction. None: as for [`look_up_link`].
///
/// # Errors
/// When the database fails.
pub async fn use_link(connection: &mut PgConnection, letter: Uuid) -> Result<Option<UserId>, DatabaseError> {
    let user = sqlx::query_scalar!(
        r#"UPDATE outbox SET link_used_at = now()
           WHERE id = $1 AND link_used_at IS NULL AND created_at > now() - make_interval(secs => $2)
           RETURNING user_id AS "user_id: UserId""#,
        letter,
        LINK_LIFETIME.as_secs_f64(),
    );
    Ok(user.fetch_optional(connection).await?)
}
