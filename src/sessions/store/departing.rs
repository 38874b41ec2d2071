//! Sessions whose user is about to be deleted, and their rows with them.

use crate::{
    kernel::{Duration, UserId},
    postgres::DatabaseError,
};
use sqlx::PgConnection;

/// Records which of a user's sessions are revoked, outside the user's rows: access tokens outlive the user.
pub async fn remember_departed(connection: &mut PgConnection, user: UserId) -> Result<(), DatabaseError> {
    sqlx::query!(
        r#"INSERT INTO departed_sessions (id, revoked_at)
           SELECT id, revoked_at AS "revoked_at!" FROM sessions WHERE user_id = $1 AND revoked_at IS NOT NULL"#,
        user.as_uuid(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets sessions that departed so long ago that no access token of theirs lives.
pub async fn forget_departed(connection: &mut PgConnection, keep: Duration) -> Result<(), DatabaseError> {
    let seconds = keep.as_secs_f64();
    sqlx::query!("DELETE FROM departed_sessions WHERE revoked_at <= now() - make_interval(secs => $1)", seconds)
        .execute(connection)
        .await?;
    Ok(())
}
