use crate::postgres::DatabaseError;
use sqlx::PgConnection;
use uuid::Uuid;

/// Secrets that are read at once.
const BATCH: i64 = 500;

/// The confirmed secret of a user's app, sealed.
pub struct SealedSecret {
    pub user: Uuid,
    pub sealed: Vec<u8>,
}

/// The confirmed secrets of the users after one, in the order of their ids. One that is not confirmed is soon replaced.
pub async fn sealed_secrets(
    connection: &mut PgConnection,
    after: Option<Uuid>,
) -> Result<Vec<SealedSecret>, DatabaseError> {
    let secrets = sqlx::query_as!(
        SealedSecret,
        "SELECT user_id AS user, sealed FROM totp_secrets
         WHERE confirmed_at IS NOT NULL AND user_id > coalesce($1, '00000000-0000-0000-0000-000000000000'::uuid)
         ORDER BY user_id LIMIT $2",
        after,
        BATCH,
    );
    Ok(secrets.fetch_all(connection).await?)
}

/// Puts secrets that were sealed again in place of those that were read. One that was replaced meanwhile stays.
pub async fn seal_secrets_anew(
    connection: &mut PgConnection,
    renewed: Vec<(SealedSecret, Vec<u8>)>,
) -> Result<(), DatabaseError> {
    let (mut users, mut before, mut now) = (Vec::new(), Vec::new(), Vec::new());
    for (secret, sealed) in renewed {
        users.push(secret.user);
        before.push(secret.sealed);
        now.push(sealed);
    }
    sqlx::query!(
        "UPDATE totp_secrets AS t SET sealed = renewed.now
         FROM unnest($1::uuid[], $2::bytea[], $3::bytea[]) AS renewed (user_id, before, now)
         WHERE t.user_id = renewed.user_id AND t.sealed = renewed.before",
        &users,
        &before,
        &now,
    )
    .execute(connection)
    .await?;
    Ok(())
}
