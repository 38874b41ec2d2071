//! What is good once: tickets and tokens that were used, by their digest. Of any number of uses, on any instance, one is the first.

use super::DatabaseError;
use crate::kernel::{Digest32, Moment};
use sqlx::PgConnection;

/// Marks a ticket, or a token, as used. False if it was used before.
///
/// # Errors
/// When the database fails.
pub async fn redeem(
    connection: &mut PgConnection,
    digest: &Digest32,
    expires_at: Moment,
) -> Result<bool, DatabaseError> {
    let redeemed = sqlx::query!(
        "INSERT INTO used_tickets (digest, expires_at) VALUES ($1, $2)
         ON CONFLICT ON CONSTRAINT used_tickets_pkey DO NOTHING",
        digest.as_bytes(),
        expires_at,
    );
    Ok(redeemed.execute(connection).await?.rows_affected() == 1)
}

/// Whether a ticket was used.
///
/// # Errors
/// When the database fails.
pub async fn is_redeemed(connection: &mut PgConnection, digest: &Digest32) -> Result<bool, DatabaseError> {
    let redeemed = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM used_tickets WHERE digest = $1) AS "is_redeemed!""#,
        digest.as_bytes(),
    );
    Ok(redeemed.fetch_one(connection).await?)
}

/// Deletes tickets that have expired, and returns how many. The clocks of two instances differ by less than the grace.
///
/// # Errors
/// When the database fails.
pub async fn sweep_used_tickets(connection: &mut PgConnection) -> Result<u64, DatabaseError> {
    let deleted = sqlx::query!("DELETE FROM used_tickets WHERE expires_at < now() - interval '10 minutes'");
    Ok(deleted.execute(connection).await?.rows_affected())
}
