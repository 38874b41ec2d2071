pub mod challenges;
pub mod recoveries;
mod sealed;
pub mod trusted_devices;

pub use sealed::{seal_secrets_anew, sealed_secrets};

use super::{FactorKind, FactorsOf};
use crate::{
    guessing::DeviceOwner,
    kernel::{Moment, UserId},
    passwords::PasswordHash,
    postgres::DatabaseError,
};
use sqlx::PgConnection;

/// What factors a user has. None if the user does not exist.
pub async fn of(connection: &mut PgConnection, user: UserId) -> Result<Option<FactorsOf>, DatabaseError> {
    let found = sqlx::query_as!(
        FactorsOf,
        r#"SELECT (SELECT confirmed_at FROM totp_secrets WHERE user_id = u.id) AS totp_since,
                  (SELECT count(*) FROM passkeys WHERE user_id = u.id AND disabled_at IS NULL) AS "passkeys!",
                  (SELECT count(*) FROM recovery_codes WHERE user_id = u.id AND used_at IS NULL)
                      AS "recovery_codes_left!",
                  factor_version AS version,
                  factors_reset_at IS NOT NULL AND email_verified_at IS NOT NULL AS "asks_email_code!"
           FROM users AS u WHERE u.id = $1"#,
        user.as_uuid(),
    );
    Ok(found.fetch_optional(connection).await?)
}

/// Deletes challenges, recoveries and trusted devices whose time has passed.
///
/// # Errors
/// When the database fails.
pub async fn sweep(connection: &mut PgConnection) -> Result<(), DatabaseError> {
    challenges::sweep(&mut *connection).await?;
    recoveries::sweep(&mut *connection).await?;
    trusted_devices::sweep(connection).await
}

/// What is needed to look at a code.
pub struct Stored {
    /// Of the database.
    pub now: Moment,
    pub owner: DeviceOwner,
    pub factor_version: i32,
    /// The app's secret, sealed.
    pub sealed: Option<Vec<u8>>,
    pub is_confirmed: bool,
    pub has_passkey: bool,
    /// The hash of the wanted recovery code, if that is not used.
    pub hash: Option<PasswordHash>,
}

/// Reads what a code is compared with. None if the user does not exist.
pub async fn stored(
    connection: &mut PgConnection,
    user: UserId,
    number: Option<i16>,
) -> Result<Option<Stored>, DatabaseError> {
    let row = sqlx::query!(
        r#"SELECT clock_timestamp() AS "now!", u.password_version, u.factor_version, t.sealed AS "sealed?",
                  t.confirmed_at IS NOT NULL AS "is_confirmed!",
                  EXISTS (SELECT FROM passkeys WHERE user_id = u.id AND disabled_at IS NULL) AS "has_passkey!",
                  (SELECT hash FROM recovery_codes WHERE user_id = u.id AND number = $2 AND used_at IS NULL) AS hash
           FROM users AS u LEFT JOIN totp_secrets AS t ON t.user_id = u.id WHERE u.id = $1"#,
        user.as_uuid(),
        number,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| Stored {
        now: row.now,
        owner: DeviceOwner { user, password_version: row.password_version },
        factor_version: row.factor_version,
        sealed: row.sealed,
        is_confirmed: row.is_confirmed,
        has_passkey: row.has_passkey,
        hash: row.hash.map(PasswordHash::from_stored),
    }))
}

/// Accepts the code of a step, if none of it or of a later one was accepted. The secret must be the one that was compared.
pub async fn use_step(
    connection: &mut PgConnection,
    user: UserId,
    sealed: &[u8],
    step: i64,
) -> Result<bool, DatabaseError> {
    let accepted = sqlx::query!(
        "UPDATE totp_secrets SET last_step = $2
         WHERE user_id = $1 AND confirmed_at IS NOT NULL AND last_step < $2 AND sealed = $3",
        user.as_uuid(),
        step,
        sealed,
    );
    Ok(accepted.execute(connection).await?.rows_affected() == 1)
}

/// Accepts a recovery code, if it is not used. Its hash must be the one that was compared.
pub async fn use_code(
    connection: &mut PgConnection,
    user: UserId,
    number: i16,
    hash: &PasswordHash,
) -> Result<bool, DatabaseError> {
    let accepted = sqlx::query!(
        "UPDATE recovery_codes SET used_at = clock_timestamp()
         WHERE user_id = $1 AND number = $2 AND hash = $3 AND used_at IS NULL",
        user.as_uuid(),
        number,
        hash.reveal(),
    );
    Ok(accepted.execute(connection).await?.rows_affected() == 1)
}

/// Stores a secret that is not confirmed, in place of another such one. False if one is confirmed.
pub async fn put_secret(connection: &mut PgConnection, user: UserId, sealed: &[u8]) -> Result<bool, DatabaseError> {
    let put = sqlx::query!(
        "INSERT INTO totp_secrets AS t (user_id, sealed, created_at) VALUES ($1, $2, clock_timestamp())
         ON CONFLICT ON CONSTRAINT totp_secrets_pkey DO UPDATE
         SET sealed = excluded.sealed, created_at = excluded.created_at WHERE t.confirmed_at IS NULL",
        user.as_uuid(),
        sealed,
    );
    Ok(put.execute(connection).await?.rows_affected() == 1)
}

/// Whether a user must keep the only factor, since a role demands one; or the only passkey, since neither a password nor an
/// identity of a provider in the options opens the account: an app alone opens nothing.
pub async fn must_keep_last(
    connection: &mut PgConnection,
    user: UserId,
    removed: FactorKind,
    demanding_roles: &[String],
    providers: &[String],
) -> Result<bool, DatabaseError> {
    let no_password = PasswordHash::none();
    let must = sqlx::query_scalar!(
        r#"SELECT u.roles && $2::text[] AND f.apps + f.passkeys <= 1
                  OR (u.password_hash = $3 OR u.email IS NULL) AND CASE WHEN $5 THEN f.passkeys ELSE f.apps + f.passkeys END <= 1
                     AND NOT EXISTS (SELECT FROM identities WHERE user_id = u.id AND provider = ANY ($4)) AS "must!"
           FROM users AS u CROSS JOIN LATERAL (
               SELECT (SELECT count(*) FROM totp_secrets WHERE user_id = u.id AND confirmed_at IS NOT NULL) AS apps,
                      (SELECT count(*) FROM passkeys WHERE user_id = u.id AND disabled_at IS NULL) AS passkeys
           ) AS f WHERE u.id = $1"#,
        user.as_uuid(),
        demanding_roles,
        no_password.reveal(),
        providers,
        removed == FactorKind::Passkey,
    );
    Ok(must.fetch_optional(connection).await?.unwrap_or_default())
}

/// Administrators who are not blocked.
#[derive(Debug)]
pub struct AdministratorCount {
    /// All of them.
    pub all: i64,
    /// Those who have no second factor.
    pub without_factor: i64,
}

/// How many administrators there are, and how many have no second factor.
///
/// # Errors
/// When the database fails.
pub async fn count_administrators(connection: &mut PgConnection) -> Result<AdministratorCount, DatabaseError> {
    let counted = sqlx::query_as!(
        AdministratorCount,
        r#"SELECT count(*) AS "all!", count(*) FILTER (WHERE NOT EXISTS (
                      SELECT FROM totp_secrets WHERE user_id = u.id AND confirmed_at IS NOT NULL)
                      AND NOT EXISTS (SELECT FROM passkeys WHERE user_id = u.id AND disabled_at IS NULL)) AS "without_factor!"
           FROM users AS u WHERE 'admin' = ANY (roles) AND blocked_at IS NULL"#,
    );
    Ok(counted.fetch_one(connection).await?)
}

/// Confirms a secret by the code of a step, which is thereby used. False if it is confirmed already or another one.
pub async fn confirm_secret(
    connection: &mut PgConnection,
    user: UserId,
    sealed: &[u8],
    step: i64,
) -> Result<bool, DatabaseError> {
    let confirmed = sqlx::query!(
        "UPDATE totp_secrets SET confirmed_at = clock_timestamp(), last_step = $3
         WHERE user_id = $1 AND sealed = $2 AND confirmed_at IS NULL",
        user.as_uuid(),
        sealed,
        step,
    );
    Ok(confirmed.execute(connection).await?.rows_affected() == 1)
}

/// Deletes the secret. None if there is none; else whether it was confirmed.
pub async fn delete_secret(connection: &mut PgConnection, user: UserId) -> Result<Option<bool>, DatabaseError> {
    let deleted = sqlx::query_scalar!(
        r#"DELETE FROM totp_secrets WHERE user_id = $1 RETURNING confirmed_at IS NOT NULL AS "is_confirmed!""#,
        user.as_uuid(),
    );
    Ok(deleted.fetch_optional(connection).await?)
}

/// Deletes a secret that was confirmed since a time. False if none was.
pub async fn delete_secret_of_since(
    connection: &mut PgConnection,
    user: UserId,
    since: Moment,
) -> Result<bool, DatabaseError> {
    let deleted =
        sqlx::query!("DELETE FROM totp_secrets WHERE user_id = $1 AND confirmed_at >= $2", user.as_uuid(), since);
    Ok(deleted.execute(connection).await?.rows_affected() == 1)
}

/// A factor was added or removed.
pub async fn count_change(connection: &mut PgConnection, user: UserId) -> Result<(), DatabaseError> {
    sqlx::query!("UPDATE users SET factor_version = factor_version + 1 WHERE id = $1", user.as_uuid())
        .execute(connection)
        .await?;
    Ok(())
}

/// An administrator removed the factors of a user.
pub async fn mark_reset(connection: &mut PgConnection, user: UserId) -> Result<(), DatabaseError> {
    sqlx::query!("UPDATE users SET factors_reset_at = clock_timestamp() WHERE id = $1", user.as_uuid())
        .execute(connection)
        .await?;
    Ok(())
}

/// The user has a factor again.
pub async fn forget_reset(connection: &mut PgConnection, user: UserId) -> Result<(), DatabaseError> {
    sqlx::query!(
        "UPDATE users SET factors_reset_at = NULL WHERE id = $1 AND factors_reset_at IS NOT NULL",
        user.as_uuid()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Puts new recovery codes in place of all others.
pub async fn replace_codes(
    connection: &mut PgConnection,
    user: UserId,
    hashes: Vec<(i16, PasswordHash)>,
) -> Result<(), DatabaseError> {
    delete_codes(&mut *connection, user).await?;
    let (numbers, hashes): (Vec<i16>, Vec<String>) =
        hashes.iter().map(|(number, hash)| (*number, hash.reveal().to_owned())).unzip();
    sqlx::query!(
        "INSERT INTO recovery_codes (user_id, number, hash)
         SELECT $1, number, hash FROM unnest($2::int2[], $3::text[]) AS new (number, hash)",
        user.as_uuid(),
        &numbers,
        &hashes,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes the recovery codes of a user who has no factor left.
pub async fn delete_codes_without_factor(connection: &mut PgConnection, user: UserId) -> Result<(), DatabaseError> {
    sqlx::query!(
        "DELETE FROM recovery_codes WHERE user_id = $1
           AND NOT EXISTS (SELECT FROM totp_secrets WHERE user_id = $1 AND confirmed_at IS NOT NULL)
           AND NOT EXISTS (SELECT FROM passkeys WHERE user_id = $1 AND disabled_at IS NULL)",
        user.as_uuid(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes the recovery codes of a user that were created since a time. Of codes that an earlier version created, the time is not
/// known: they are older.
pub async fn delete_codes_since(
    connection: &mut PgConnection,
    user: UserId,
    since: Moment,
) -> Result<bool, DatabaseError> {
    let deleted =
        sqlx::query!("DELETE FROM recovery_codes WHERE user_id = $1 AND created_at >= $2", user.as_uuid(), since);
    Ok(deleted.execute(connection).await?.rows_affected() > 0)
}

/// Deletes all recovery codes of a user.
pub async fn delete_codes(connection: &mut PgConnection, user: UserId) -> Result<(), DatabaseError> {
    sqlx::query!("DELETE FROM recovery_codes WHERE user_id = $1", user.as_uuid()).execute(connection).await?;
    Ok(())
}
