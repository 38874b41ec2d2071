use super::NewPasskey;
use crate::{
    kernel::{Moment, UserId},
    postgres::DatabaseError,
};
use sqlx::PgConnection;
use uuid::Uuid;

/// What a ceremony of a user needs.
pub struct Owner {
    /// By what authenticators know the user.
    pub handle: Vec<u8>,
    /// Counts the user's factors.
    pub factor_version: i32,
}

/// The user's handle, which is drawn at the first ceremony. None if the user does not exist.
pub async fn owner(
    connection: &mut PgConnection,
    user: UserId,
    new_handle: &[u8],
) -> Result<Option<Owner>, DatabaseError> {
    let found = sqlx::query_as!(
        Owner,
        r#"SELECT webauthn_handle AS "handle!", factor_version FROM users WHERE id = $1 AND webauthn_handle IS NOT NULL"#,
        user.as_uuid(),
    );
    if let Some(owner) = found.fetch_optional(&mut *connection).await? {
        return Ok(Some(owner));
    }
    let drawn = sqlx::query_as!(
        Owner,
        r#"UPDATE users SET webauthn_handle = coalesce(webauthn_handle, $2) WHERE id = $1
           RETURNING webauthn_handle AS "handle!", factor_version"#,
        user.as_uuid(),
        new_handle,
    );
    Ok(drawn.fetch_optional(connection).await?)
}

/// A passkey as a browser is asked for it.
pub struct Listed {
    pub credential_id: Vec<u8>,
    pub transports: Option<Vec<String>>,
}

/// The passkeys of a user that can be used, oldest first.
pub async fn usable(connection: &mut PgConnection, user: UserId) -> Result<Vec<Listed>, DatabaseError> {
    let found = sqlx::query_as!(
        Listed,
        "SELECT credential_id, transports FROM passkeys WHERE user_id = $1 AND disabled_at IS NULL ORDER BY id",
        user.as_uuid(),
    );
    Ok(found.fetch_all(connection).await?)
}

/// A stored passkey and its user.
pub struct Stored {
    pub id: Uuid,
    pub user: UserId,
    pub credential_id: Vec<u8>,
    pub public_key: Vec<u8>,
    pub sign_count: i64,
    pub backup_eligible: bool,
    pub user_handle: Vec<u8>,
    pub password_version: i32,
    pub factor_version: i32,
}

/// The passkey with a credential id, unless it is disabled.
pub async fn find(connection: &mut PgConnection, credential_id: &[u8]) -> Result<Option<Stored>, DatabaseError> {
    let found = sqlx::query_as!(
        Stored,
        r#"SELECT p.id, p.user_id AS "user: UserId", p.credential_id, p.public_key, p.sign_count, p.backup_eligible,
                  u.webauthn_handle AS "user_handle!", u.password_version, u.factor_version
           FROM passkeys AS p JOIN users AS u ON u.id = p.user_id
           WHERE p.credential_id = $1 AND p.disabled_at IS NULL AND u.webauthn_handle IS NOT NULL"#,
        credential_id,
    );
    Ok(found.fetch_optional(connection).await?)
}

/// What a new row has besides what the authenticator sent.
pub struct NewRow<'a> {
    pub id: Uuid,
    pub user: UserId,
    /// What it was when the ceremony began.
    pub factor_version: i32,
    pub rp_id: &'a str,
    pub name: Option<&'a str>,
}

/// Adds a passkey and counts the change of factors, if they are those of the ceremony's beginning. False if they are not, or
/// a passkey has this credential id already.
pub async fn add(connection: &mut PgConnection, row: NewRow<'_>, new: &NewPasskey) -> Result<bool, DatabaseError> {
    let NewRow { id, user, factor_version, rp_id, name } = row;
    let added = sqlx::query!(
        "WITH changed AS (
             UPDATE users SET factor_version = factor_version + 1
             WHERE id = $2 AND factor_version = $3
               AND NOT EXISTS (SELECT FROM passkeys WHERE credential_id = $4)
             RETURNING id
         )
         INSERT INTO passkeys (id, user_id, credential_id, public_key, algorithm, sign_count, backup_eligible, backed_up,
                               discoverable, aaguid, transports, name, rp_id, created_at)
         SELECT $1, id, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, clock_timestamp() FROM changed
         ON CONFLICT ON CONSTRAINT passkeys_credential_id_key DO NOTHING",
        id,
        user.as_uuid(),
        factor_version,
        new.credential_id,
        new.public_key,
        new.algorithm.number(),
        i64::from(new.sign_count),
        new.backup_eligible,
        new.backed_up,
        new.discoverable,
        new.aaguid,
        &new.transports,
        name,
        rp_id,
    );
    Ok(added.execute(connection).await?.rows_affected() == 1)
}

/// Whose passkey has a credential id, and the passkey's id.
pub async fn owner_of(
    connection: &mut PgConnection,
    credential_id: &[u8],
) -> Result<Option<(UserId, Uuid)>, DatabaseError> {
    let found =
        sqlx::query!(r#"SELECT user_id AS "user: UserId", id FROM passkeys WHERE credential_id = $1"#, credential_id,);
    Ok(found.fetch_optional(connection).await?.map(|row| (row.user, row.id)))
}

/// Stores what an accepted assertion changes. False if the passkey is gone or disabled, or its counter is not the one that
/// was compared: another assertion came first.
pub async fn note_use(
    connection: &mut PgConnection,
    id: Uuid,
    compared: i64,
    sign_count: i64,
    backed_up: bool,
) -> Result<bool, DatabaseError> {
    let noted = sqlx::query!(
        "UPDATE passkeys SET sign_count = $3, backed_up = $4, last_used_at = clock_timestamp()
         WHERE id = $1 AND disabled_at IS NULL AND (sign_count = $2 OR backup_eligible)",
        id,
        compared,
        sign_count,
        backed_up,
    );
    Ok(noted.execute(connection).await?.rows_affected() == 1)
}

/// A passkey as its owner sees it.
#[derive(Debug, Clone)]
pub struct OwnPasskey {
    /// Its id here.
    pub id: Uuid,
    /// Its id in the authenticator.
    pub credential_id: Vec<u8>,
    /// What its owner calls it.
    pub name: Option<String>,
    /// Whether the authenticator's maker keeps a copy of it.
    pub backed_up: bool,
    /// When it was registered.
    pub created_at: Moment,
    /// When its user last signed in with it, or confirmed that it is them.
    pub last_used_at: Option<Moment>,
}

/// The passkeys of a user that can be used, oldest first.
pub async fn list(connection: &mut PgConnection, user: UserId) -> Result<Vec<OwnPasskey>, DatabaseError> {
    let found = sqlx::query_as!(
        OwnPasskey,
        "SELECT id, credential_id, name, backed_up, created_at, last_used_at
         FROM passkeys WHERE user_id = $1 AND disabled_at IS NULL ORDER BY id",
        user.as_uuid(),
    );
    Ok(found.fetch_all(connection).await?)
}

/// By what authenticators know a user, if they ever began to register a passkey.
pub async fn handle(connection: &mut PgConnection, user: UserId) -> Result<Option<Vec<u8>>, DatabaseError> {
    let found = sqlx::query_scalar!("SELECT webauthn_handle FROM users WHERE id = $1", user.as_uuid());
    Ok(found.fetch_optional(connection).await?.flatten())
}

/// Gives a passkey of a user a name, or takes it away. False if it is not theirs.
pub async fn rename(
    connection: &mut PgConnection,
    user: UserId,
    id: Uuid,
    name: Option<&str>,
) -> Result<bool, DatabaseError> {
    let renamed =
        sqlx::query!("UPDATE passkeys SET name = $3 WHERE id = $2 AND user_id = $1", user.as_uuid(), id, name);
    Ok(renamed.execute(connection).await?.rows_affected() == 1)
}

/// Deletes a passkey of a user. False if it is not theirs.
pub async fn delete(connection: &mut PgConnection, user: UserId, id: Uuid) -> Result<bool, DatabaseError> {
    let deleted = sqlx::query!("DELETE FROM passkeys WHERE id = $2 AND user_id = $1", user.as_uuid(), id);
    Ok(deleted.execute(connection).await?.rows_affected() == 1)
}

/// Deletes all passkeys of a user, and returns how many.
pub async fn delete_all(connection: &mut PgConnection, user: UserId) -> Result<u32, DatabaseError> {
    let deleted = sqlx::query!("DELETE FROM passkeys WHERE user_id = $1", user.as_uuid());
    Ok(u32::try_from(deleted.execute(connection).await?.rows_affected()).unwrap_or(u32::MAX))
}

/// Deletes the passkeys of a user that were registered since a time, and returns how many.
pub async fn delete_since(connection: &mut PgConnection, user: UserId, since: Moment) -> Result<u32, DatabaseError> {
    let deleted = sqlx::query!("DELETE FROM passkeys WHERE user_id = $1 AND created_at >= $2", user.as_uuid(), since);
    Ok(u32::try_from(deleted.execute(connection).await?.rows_affected()).unwrap_or(u32::MAX))
}

/// How many passkeys were registered for another domain than this one: no browser offers them here.
///
/// # Errors
/// When the database fails.
pub async fn count_of_other_domains(connection: &mut PgConnection, rp_id: &str) -> Result<i64, DatabaseError> {
    let counted = sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM passkeys WHERE rp_id <> $1"#, rp_id);
    Ok(counted.fetch_one(connection).await?)
}
