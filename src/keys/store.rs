use super::{
    KeyId,
    model::{self, SigningKey},
};
use crate::{config::SigningAlgorithm, kernel::Moment, postgres::DatabaseError};
use sqlx::PgConnection;

/// A key as the database has it: the private half sealed.
pub struct StoredKey {
    pub id: KeyId,
    pub algorithm: SigningAlgorithm,
    pub sealed: Vec<u8>,
    pub public: serde_json::Value,
    pub created_at: Moment,
    pub signs_from: Moment,
}

impl StoredKey {
    /// Everything of a key but its private half.
    pub fn of(key: &SigningKey) -> Self {
        Self {
            id: key.id.clone(),
            algorithm: key.algorithm,
            sealed: Vec::new(),
            public: serde_json::to_value(&key.published).unwrap_or_default(),
            created_at: key.created_at,
            signs_from: key.signs_from,
        }
    }
}

struct KeyRow {
    id: String,
    algorithm: String,
    encrypted_private_key: Vec<u8>,
    public_key: serde_json::Value,
    created_at: Moment,
    signs_from: Moment,
}

impl TryFrom<KeyRow> for StoredKey {
    type Error = DatabaseError;

    fn try_from(row: KeyRow) -> Result<Self, DatabaseError> {
        let algorithm = model::from_name(&row.algorithm).ok_or(DatabaseError::Nonsense("an unknown algorithm"))?;
        let KeyRow { id, encrypted_private_key: sealed, public_key: public, created_at, signs_from, .. } = row;
        Ok(Self { id: KeyId(id), algorithm, sealed, public, created_at, signs_from })
    }
}

/// Whether there are keys, which only a master key decrypts. A database that was never migrated has none.
pub async fn is_in_use(connection: &mut PgConnection) -> Result<bool, DatabaseError> {
    let has_table = sqlx::query_scalar("SELECT to_regclass('signing_keys') IS NOT NULL").fetch_one(&mut *connection);
    if !has_table.await? {
        return Ok(false);
    }
    Ok(sqlx::query_scalar("SELECT EXISTS (SELECT FROM signing_keys)").fetch_one(connection).await?)
}

/// The keys that are still published, oldest first.
pub async fn published(connection: &mut PgConnection) -> Result<Vec<StoredKey>, DatabaseError> {
    let rows = sqlx::query_as!(
        KeyRow,
        "SELECT id, algorithm, encrypted_private_key, public_key, created_at, signs_from FROM signing_keys
         WHERE retired_at IS NULL OR retired_at > now() ORDER BY signs_from, id"
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(StoredKey::try_from).collect()
}

/// Adds a key as the successor of `newest`; the keys before it get an end. False: another instance was faster.
pub async fn add(
    connection: &mut PgConnection,
    key: StoredKey,
    newest: Option<KeyId>,
    predecessors_retire_at: Moment,
) -> Result<bool, DatabaseError> {
    // Readers continue; other instances that add a key wait.
    sqlx::query!("LOCK TABLE signing_keys IN SHARE ROW EXCLUSIVE MODE").execute(&mut *connection).await?;
    let added = sqlx::query!(
        "INSERT INTO signing_keys (id, algorithm, encrypted_private_key, public_key, created_at, signs_from)
         SELECT $1, $2, $3, $4, $5, $6
         WHERE (SELECT id FROM signing_keys ORDER BY signs_from DESC, id DESC LIMIT 1) IS NOT DISTINCT FROM $7",
        key.id.0,
        model::name(key.algorithm),
        key.sealed,
        key.public,
        key.created_at,
        key.signs_from,
        newest.map(|id| id.0),
    )
    .execute(&mut *connection)
    .await?;
    if added.rows_affected() == 1 {
        sqlx::query!(
            "UPDATE signing_keys SET retired_at = $2 WHERE id <> $1 AND retired_at IS NULL",
            key.id.0,
            predecessors_retire_at,
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(added.rows_affected() == 1)
}

/// Replaces the sealed private half.
pub async fn seal_anew(connection: &mut PgConnection, id: KeyId, sealed: Vec<u8>) -> Result<(), DatabaseError> {
    sqlx::query!("UPDATE signing_keys SET encrypted_private_key = $2 WHERE id = $1", id.0, sealed)
        .execute(connection)
        .await?;
    Ok(())
}
