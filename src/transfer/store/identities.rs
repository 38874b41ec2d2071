use crate::postgres::DatabaseError;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// Connects new users to their identities: of each, the columns. Returns the users who cannot stay, because another user has
/// one of theirs.
pub async fn add(connection: &mut PgConnection, identities: Vec<Value>) -> Result<Vec<Uuid>, DatabaseError> {
    if identities.is_empty() {
        return Ok(Vec::new());
    }
    let refused = sqlx::query_scalar!(
        r#"WITH new AS (
               SELECT * FROM jsonb_to_recordset($1) AS new (
                   user_id uuid, issuer text, subject text, provider text, email text, created_at timestamptz,
                   last_used_at timestamptz)
           ),
           added AS (
               INSERT INTO identities (user_id, issuer, subject, provider, email, created_at, last_used_at)
               SELECT user_id, issuer, subject, provider, email, created_at, last_used_at FROM new
               ORDER BY issuer, subject ON CONFLICT DO NOTHING RETURNING issuer, subject
           )
           SELECT DISTINCT user_id AS "user_id!" FROM new
           WHERE NOT EXISTS (SELECT FROM added WHERE added.issuer = new.issuer AND added.subject = new.subject)"#,
        Value::Array(identities),
    );
    Ok(refused.fetch_all(connection).await?)
}

/// Which of these identities, by issuer and subject, open an account.
pub async fn taken(connection: &mut PgConnection, keys: Vec<[String; 2]>) -> Result<Vec<[String; 2]>, DatabaseError> {
    let (issuers, subjects): (Vec<String>, Vec<String>) =
        keys.into_iter().map(|[issuer, subject]| (issuer, subject)).unzip();
    let found = sqlx::query!(
        "SELECT issuer, subject FROM identities
         WHERE (issuer, subject) IN (SELECT * FROM unnest($1::text[], $2::text[]))",
        &issuers,
        &subjects,
    );
    Ok(found.fetch_all(connection).await?.into_iter().map(|row| [row.issuer, row.subject]).collect())
}
