use crate::{kernel::Moment, postgres::DatabaseError};
use sqlx::PgConnection;
use std::collections::HashMap;

/// Which of these addresses are reserved for a user who can still undo the change to another one, and until when at the latest.
pub async fn reserved(
    connection: &mut PgConnection,
    emails: &[String],
) -> Result<HashMap<String, Moment>, DatabaseError> {
    if emails.is_empty() {
        return Ok(HashMap::new());
    }
    let found = sqlx::query!(
        r#"SELECT email AS "email!", max(expires_at) AS "until!: Moment" FROM confirmations
           WHERE email = ANY ($1) AND purpose = 'undo_email_change' AND used_at IS NULL AND expires_at > now()
           GROUP BY email"#,
        emails,
    );
    Ok(found.fetch_all(connection).await?.into_iter().map(|row| (row.email, row.until)).collect())
}
