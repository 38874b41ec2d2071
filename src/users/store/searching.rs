use crate::{
    identity::{EmailAddress, search_text},
    postgres::DatabaseError,
};
use sqlx::PgConnection;

/// Users whose text is filled in at once: their rows are locked for some milliseconds.
const BATCH: i64 = 1_000;

/// Fills in what some users are found by, where it is missing: an earlier version added them, or their name has changed
/// (the trigger `users_search_text`). Returns how many were found; a partial index finds them.
///
/// # Errors
/// When the database fails.
pub async fn fill_search_texts(connection: &mut PgConnection) -> Result<usize, DatabaseError> {
    let missing =
        sqlx::query!("SELECT id, email, name FROM users WHERE search_text IS NULL ORDER BY id LIMIT $1", BATCH);
    let missing = missing.fetch_all(&mut *connection).await?;
    if missing.is_empty() {
        return Ok(0);
    }
    let (mut ids, mut emails, mut names, mut texts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for row in missing {
        ids.push(row.id);
        texts.push(search_text(row.email.clone().map(EmailAddress::from_stored).as_ref(), row.name.as_deref()));
        emails.push(row.email);
        names.push(row.name.unwrap_or_default());
    }
    // Whoever was renamed since is left for the next time.
    sqlx::query!(
        "UPDATE users AS u SET search_text = filled.search_text
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) AS filled (id, email, name, search_text)
         WHERE u.id = filled.id AND u.email IS NOT DISTINCT FROM filled.email AND coalesce(u.name, '') = filled.name
           AND u.search_text IS NULL",
        &ids,
        &emails as _,
        &names,
        &texts,
    )
    .execute(connection)
    .await?;
    Ok(ids.len())
}
