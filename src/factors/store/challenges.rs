//! Challenges of sign-ins.

use crate::{
    factors::model::{ChallengeKind, PendingSignIn},
    identity::AuthenticationMethods,
    kernel::{Duration, Transport, UserId},
    postgres::DatabaseError,
};
use sqlx::PgConnection;
use uuid::Uuid;

/// Adds a challenge, and deletes those of its user that have expired.
pub async fn add(
    connection: &mut PgConnection,
    id: Uuid,
    pending: &PendingSignIn,
    (kind, lifetime): (ChallengeKind, Duration),
) -> Result<(), DatabaseError> {
    let PendingSignIn { user, password_version, factor_version, methods, transport, remembered, device_name, upstream } =
        pending;
    let upstream = upstream.as_ref().map(serde_json::to_value).transpose();
    let upstream = upstream.map_err(|_unwritable| DatabaseError::Nonsense("an identity"))?;
    sqlx::query!(
        "WITH expired AS (DELETE FROM sign_in_challenges WHERE user_id = $2 AND expires_at < clock_timestamp())
         INSERT INTO sign_in_challenges (id, user_id, password_version, factor_version, transport, remembered,
                                         device_name, amr, created_at, expires_at, is_enrolment, asks_email_code, upstream)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, now, now + make_interval(secs => $9), $10, $11, $12
         FROM (SELECT clock_timestamp() AS now) AS clock",
        id,
        user.as_uuid(),
        password_version,
        factor_version,
        transport.name(),
        remembered,
        device_name.as_deref(),
        methods.names() as _,
        lifetime.as_secs_f64(),
        kind.is_enrolment(),
        kind.asks_email_code(),
        upstream,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How a challenge is taken.
#[derive(Debug, Clone, Copy)]
pub struct Taking {
    /// Whether it must be one to set up a factor; else it must be none.
    pub is_enrolment: bool,
    /// Whether this counts as an attempt.
    pub counts: bool,
}

/// A challenge that can be used.
pub struct Taken {
    /// What was begun.
    pub pending: PendingSignIn,
    pub kind: ChallengeKind,
    /// The secret of the app that is set up with it.
    pub sealed: Option<Vec<u8>>,
    /// How many attempts there were, with this one if it counts.
    pub attempts: i32,
}

/// Counts an attempt, and returns what was begun. None if there may be no more.
///
/// Requests at once wait for the row's lock and are checked again: their number is bounded as if they came one by one.
pub async fn take(
    connection: &mut PgConnection,
    id: Uuid,
    taking: Taking,
    attempts: i32,
) -> Result<Option<Taken>, DatabaseError> {
    let row = sqlx::query!(
        r#"UPDATE sign_in_challenges AS c SET attempts = c.attempts + CASE WHEN $4 THEN 1 ELSE 0 END FROM users AS u
           WHERE c.id = $1 AND u.id = c.user_id AND c.used_at IS NULL AND c.attempts < $2
             AND c.expires_at > clock_timestamp() AND c.is_enrolment = $3
             AND (NOT c.is_enrolment OR c.asks_email_code = (u.email_verified_at IS NOT NULL))
             AND c.password_version = u.password_version AND c.factor_version = u.factor_version
           RETURNING c.user_id AS "user: UserId", c.password_version, c.factor_version, c.transport, c.remembered,
                     c.device_name, c.amr, c.attempts, c.asks_email_code, c.sealed, c.upstream"#,
        id,
        attempts,
        taking.is_enrolment,
        taking.counts,
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let transport = Transport::from_name(&row.transport).ok_or(DatabaseError::Nonsense("a challenge's row"))?;
    let upstream = row.upstream.map(serde_json::from_value).transpose();
    let pending = PendingSignIn {
        user: row.user,
        password_version: row.password_version,
        factor_version: row.factor_version,
        methods: AuthenticationMethods::from_names(&row.amr),
        transport,
        remembered: row.remembered,
        device_name: row.device_name,
        upstream: upstream.map_err(|_unreadable| DatabaseError::Nonsense("a challenge's row"))?,
    };
    let enrolment = ChallengeKind::Enrolment { asks_email_code: row.asks_email_code };
    let kind = if taking.is_enrolment { enrolment } else { ChallengeKind::SecondFactor };
    Ok(Some(Taken { pending, kind, sealed: row.sealed, attempts: row.attempts }))
}

/// Keeps the secret of the app that is set up with a challenge, in place of the one before. False if the challenge was used.
pub async fn put_secret(connection: &mut PgConnection, id: Uuid, sealed: &[u8]) -> Result<bool, DatabaseError> {
    let put = sqlx::query!(
        "UPDATE sign_in_challenges SET sealed = $2 WHERE id = $1 AND is_enrolment AND used_at IS NULL",
        id,
        sealed,
    );
    Ok(put.execute(connection).await?.rows_affected() == 1)
}

/// Whose challenge it is, if there may be another attempt.
pub async fn user_of(connection: &mut PgConnection, id: Uuid, attempts: i32) -> Result<Option<UserId>, DatabaseError> {
    let user = sqlx::query_scalar!(
        r#"SELECT c.user_id AS "user: UserId" FROM sign_in_challenges AS c JOIN users AS u ON u.id = c.user_id
           WHERE c.id = $1 AND c.used_at IS NULL AND c.attempts < $2 AND c.expires_at > clock_timestamp()
             AND NOT c.is_enrolment
             AND c.password_version = u.password_version AND c.factor_version = u.factor_version"#,
        id,
        attempts,
    );
    Ok(user.fetch_optional(connection).await?)
}

/// Takes back the count of an attempt.
pub async fn give_back(connection: &mut PgConnection, id: Uuid) -> Result<(), DatabaseError> {
    sqlx::query!("UPDATE sign_in_challenges SET attempts = greatest(attempts - 1, 0) WHERE id = $1", id)
        .execute(connection)
        .await?;
    Ok(())
}

/// Uses a challenge up. False if it was used, has expired, or is of another version of its user's factors.
pub async fn use_up(connection: &mut PgConnection, id: Uuid, factor_version: i32) -> Result<bool, DatabaseError> {
    let used = sqlx::query!(
        "UPDATE sign_in_challenges SET used_at = clock_timestamp()
         WHERE id = $1 AND used_at IS NULL AND expires_at > clock_timestamp() AND factor_version = $2",
        id,
        factor_version,
    );
    Ok(used.execute(connection).await?.rows_affected() == 1)
}

/// It was not used after all, in the same transaction.
pub async fn reopen(connection: &mut PgConnection, id: Uuid) -> Result<(), DatabaseError> {
    sqlx::query!("UPDATE sign_in_challenges SET used_at = NULL WHERE id = $1", id).execute(connection).await?;
    Ok(())
}

/// Deletes the challenges that have expired.
///
/// # Errors
/// When the database fails.
pub async fn sweep(connection: &mut PgConnection) -> Result<(), DatabaseError> {
    sqlx::query!("DELETE FROM sign_in_challenges WHERE expires_at < now()").execute(connection).await?;
    Ok(())
}
