//! The address of an account: changed, and reserved while a change of it can be undone.

use crate::{identity::EmailAddress, kernel::UserId, postgres::DatabaseError};
use sqlx::{Connection, PgConnection};

/// Whether an address is kept for the user who had it: the change to another one can still be undone from it. None keeps
/// it from everyone.
///
/// # Errors
/// When the database fails.
pub async fn is_reserved(
    connection: &mut PgConnection,
    email: &str,
    except: Option<UserId>,
) -> Result<bool, DatabaseError> {
    let is_reserved = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM confirmations
               WHERE email = $1 AND purpose = 'undo_email_change' AND used_at IS NULL AND expires_at > now()
                 AND user_id IS DISTINCT FROM $2) AS "is_reserved!""#,
        email,
        except.map(|user| user.as_uuid()),
    );
    Ok(is_reserved.fetch_one(connection).await?)
}

/// Changes the address of a user who reads the new one, in the caller's transaction. False if it is in use or reserved:
/// nothing is changed then.
///
/// Whether it is reserved is asked last: the update waits for another transaction that is giving the address up, and only
/// then is its reservation seen.
///
/// # Errors
/// When the database fails.
pub async fn change_email(
    connection: &mut PgConnection,
    user: UserId,
    email: &EmailAddress,
) -> Result<bool, DatabaseError> {
    let mut savepoint = connection.begin().await?;
    let changed = sqlx::query!(
        "UPDATE users SET email = $2, email_version = email_version + 1, email_verified_at = now() WHERE id = $1",
        user.as_uuid(),
        email.as_str(),
    );
    let is_free = match changed.execute(&mut *savepoint).await {
        Ok(changed) => changed.rows_affected() == 1 && !is_reserved(&mut savepoint, email.as_str(), Some(user)).await?,
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => false,
        Err(error) => return Err(error.into()),
    };
    if is_free {
        savepoint.commit().await?;
    } else {
        savepoint.rollback().await?;
    }
    Ok(is_free)
}
