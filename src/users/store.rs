mod addresses;
mod leaving;
mod searching;

pub use addresses::{change_email, is_reserved};
pub use leaving::{delete, rest};
pub use searching::fill_search_texts;

use super::{AccessChange, Blocking, User, UserCounts, UserFilter, UserStatus, model::Credentials};
use crate::{
    identity::{BlockReason, CustomClaims, EmailAddress, Roles, search_text, typed_key},
    kernel::{Moment, UserId},
    passwords::PasswordHash,
    postgres::{self, DatabaseError, Lock},
};
use sqlx::PgConnection;
use uuid::Uuid;

struct UserRow {
    id: UserId,
    email: Option<String>,
    email_verified_at: Option<Moment>,
    name: Option<String>,
    roles: Vec<String>,
    claims: serde_json::Value,
    blocked_at: Option<Moment>,
    blocked_reason: Option<String>,
    created_at: Moment,
    last_login_at: Option<Moment>,
    live_sessions: i64,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            id: row.id,
            email: row.email.map(EmailAddress::from_stored),
            email_verified_at: row.email_verified_at,
            name: row.name,
            roles: row.roles,
            claims: row.claims,
            blocked_at: row.blocked_at,
            blocked_reason: row.blocked_reason,
            created_at: row.created_at,
            last_login_at: row.last_login_at,
            live_sessions: row.live_sessions,
        }
    }
}

/// Finds a user by id, in the caller's transaction.
///
/// # Errors
/// When the database fails.
pub async fn lookup(connection: &mut PgConnection, id: UserId) -> Result<Option<User>, DatabaseError> {
    let row = sqlx::query_as!(
        UserRow,
        r#"SELECT u.id AS "id: UserId", email, email_verified_at, name, roles, claims, blocked_at, blocked_reason,
                  u.created_at, last_login_at,
                  (SELECT count(*) FROM sessions AS s WHERE s.user_id = u.id AND s.revoked_at IS NULL
                      AND s.idle_expires_at > now()) AS "live_sessions!"
           FROM users AS u WHERE u.id = $1"#,
        id.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(User::from))
}

/// Finds a user by e-mail address.
pub async fn find_by_email(connection: &mut PgConnection, email: EmailAddress) -> Result<Option<User>, DatabaseError> {
    let id = sqlx::query_scalar!("SELECT id FROM users WHERE email = $1", email.as_str());
    match id.fetch_optional(&mut *connection).await? {
        Some(id) => lookup(connection, id.into()).await,
        None => Ok(None),
    }
}

/// Lists users, newest first.
pub async fn list(
    connection: &mut PgConnection,
    filter: UserFilter,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<User>, DatabaseError> {
    let text = filter.text.as_deref().map(typed_key);
    if text.is_some() {
        // More are filled in by a background task. Until then they are found by letters in lower case.
        fill_search_texts(connection).await?;
    }
    let rows = sqlx::query_as!(
        UserRow,
        r#"SELECT u.id AS "id: UserId", email, email_verified_at, name, roles, claims, blocked_at, blocked_reason,
                  u.created_at, last_login_at,
                  (SELECT count(*) FROM sessions AS s WHERE s.user_id = u.id AND s.revoked_at IS NULL
                      AND s.idle_expires_at > now()) AS "live_sessions!"
           FROM users AS u
           WHERE ($1::text IS NULL
                  OR strpos(coalesce(search_text, lower(concat_ws(chr(10), email, name))), $1) > 0)
             AND ($2::bool IS NULL OR $2 = (blocked_at IS NOT NULL))
             AND ($3::uuid IS NULL OR u.id < $3)
             AND ($5::bool IS NULL OR $5 = (email_verified_at IS NOT NULL))
           ORDER BY u.id DESC LIMIT $4"#,
        text,
        filter.status.map(|status| status == UserStatus::Blocked),
        before,
        limit,
        filter.email_verified,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(User::from).collect())
}

/// The number of users.
pub async fn count(connection: &mut PgConnection) -> Result<UserCounts, DatabaseError> {
    let counted = sqlx::query_as!(
        UserCounts,
        r#"SELECT count(*) AS "all!", count(*) FILTER (WHERE blocked_at IS NOT NULL) AS "blocked!" FROM users"#
    );
    Ok(counted.fetch_one(connection).await?)
}

/// A new account.
#[derive(Debug)]
pub struct NewAccount {
    /// Its id.
    pub id: UserId,
    /// Canonical. None: the user comes from another provider without one.
    pub email: Option<EmailAddress>,
    /// Whether it is known that the user reads it.
    pub is_verified: bool,
    /// The display name.
    pub name: Option<String>,
    /// Of the password.
    pub hash: PasswordHash,
    /// What the user may do.
    pub roles: Roles,
}

/// Adds an account, in the caller's transaction. False if the address is already in use, or reserved for a user who can still
/// undo the change to another one.
///
/// # Errors
/// When the database fails.
pub async fn add(connection: &mut PgConnection, new: NewAccount) -> Result<bool, DatabaseError> {
    let added = sqlx::query!(
        "INSERT INTO users (id, email, name, password_hash, roles, search_text, created_at, email_verified_at)
         VALUES ($1, $2, $3, $4, $5, $6, now(), CASE WHEN $7 THEN now() END)
         ON CONFLICT ON CONSTRAINT users_email_key DO NOTHING",
        new.id.as_uuid(),
        new.email.as_ref().map(EmailAddress::as_str),
        new.name,
        new.hash.reveal(),
        &new.roles.to_strings(),
        search_text(new.email.as_ref(), new.name.as_deref()),
        new.is_verified,
    )
    .execute(&mut *connection)
    .await?;
    if added.rows_affected() == 0 {
        return Ok(false);
    }
    // Asked afterwards: the insertion has waited for a change that was giving the address up.
    let Some(email) = &new.email else { return Ok(true) };
    let is_reserved = is_reserved(connection, email.as_str(), None).await?;
    if is_reserved {
        sqlx::query!("DELETE FROM users WHERE id = $1", new.id.as_uuid()).execute(connection).await?;
    }
    Ok(!is_reserved)
}

/// The stored password of a user.
pub async fn own_password(
    connection: &mut PgConnection,
    user: UserId,
) -> Result<Option<(Credentials, PasswordHash)>, DatabaseError> {
    let row = sqlx::query!("SELECT password_hash, password_version FROM users WHERE id = $1", user.as_uuid())
        .fetch_optional(connection)
        .await?;
    Ok(row.map(|row| {
        (Credentials { user, password_version: row.password_version }, PasswordHash::from_stored(row.password_hash))
    }))
}

/// Who a user is, with the password that counts now.
///
/// # Errors
/// When the database fails.
pub async fn credentials_of(connection: &mut PgConnection, user: UserId) -> Result<Option<Credentials>, DatabaseError> {
    Ok(own_password(connection, user).await?.map(|(credentials, _hash)| credentials))
}

/// The address of a user. None: there is none, or no such user.
pub async fn address_of(connection: &mut PgConnection, user: UserId) -> Result<Option<String>, DatabaseError> {
    let email = sqlx::query_scalar!("SELECT email FROM users WHERE id = $1", user.as_uuid());
    Ok(email.fetch_optional(connection).await?.flatten())
}

/// Replaces a hash by a better one of the same password.
pub async fn replace_hash(
    connection: &mut PgConnection,
    user: UserId,
    old: PasswordHash,
    better: PasswordHash,
) -> Result<(), DatabaseError> {
    sqlx::query!(
        "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2",
        user.as_uuid(),
        old.reveal(),
        better.reveal(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Changes a user's display name.
pub async fn rename(connection: &mut PgConnection, user: UserId, name: Option<String>) -> Result<(), DatabaseError> {
    sqlx::query!("UPDATE users SET name = $2 WHERE id = $1", user.as_uuid(), name).execute(connection).await?;
    Ok(())
}

/// Takes a user's display name away, in the caller's transaction: someone else gave it.
///
/// # Errors
/// When the database fails.
pub async fn forget_name(connection: &mut PgConnection, user: UserId) -> Result<(), DatabaseError> {
    sqlx::query!("UPDATE users SET name = NULL, search_text = NULL WHERE id = $1 AND name IS NOT NULL", user.as_uuid())
        .execute(connection)
        .await?;
    Ok(())
}

/// Sets a new password, in the caller's transaction, if the old one is still the one that was checked (where one is
/// named). False if it is not.
///
/// # Errors
/// When the database fails.
pub async fn set_password(
    connection: &mut PgConnection,
    user: UserId,
    checked_version: Option<i32>,
    hash: &PasswordHash,
) -> Result<bool, DatabaseError> {
    let changed = sqlx::query!(
        "UPDATE users SET password_hash = $3, password_version = password_version + 1
         WHERE id = $1 AND ($2::int IS NULL OR password_version = $2)",
        user.as_uuid(),
        checked_version,
        hash.reveal(),
    )
    .execute(connection)
    .await?;
    Ok(changed.rows_affected() == 1)
}

/// Gives a user who has no password the first one, in the caller's transaction. False if there is one.
///
/// # Errors
/// When the database fails.
pub async fn set_first_password(
    connection: &mut PgConnection,
    user: UserId,
    hash: &PasswordHash,
) -> Result<bool, DatabaseError> {
    let none = PasswordHash::none();
    let set = sqlx::query!(
        "UPDATE users SET password_hash = $2, password_version = password_version + 1
         WHERE id = $1 AND password_hash = $3",
        user.as_uuid(),
        hash.reveal(),
        none.reveal(),
    );
    Ok(set.execute(connection).await?.rows_affected() == 1)
}

/// Locks a user's row until the transaction ends, so that what changes the user comes wholly before or wholly after. False
/// if the user does not exist.
///
/// # Errors
/// When the database fails.
pub async fn lock(connection: &mut PgConnection, user: UserId) -> Result<bool, DatabaseError> {
    let locked = sqlx::query!("SELECT id FROM users WHERE id = $1 FOR NO KEY UPDATE", user.as_uuid());
    Ok(locked.fetch_optional(connection).await?.is_some())
}

/// Records that a user reads their address, in the caller's transaction. False: that was known.
///
/// # Errors
/// When the database fails.
pub async fn verify_email(connection: &mut PgConnection, user: UserId) -> Result<bool, DatabaseError> {
    let verified = sqlx::query!(
        "UPDATE users SET email_verified_at = now()
         WHERE id = $1 AND email_verified_at IS NULL AND email IS NOT NULL",
        user.as_uuid(),
    );
    Ok(verified.execute(connection).await?.rows_affected() == 1)
}

/// Blocks or unblocks, in the caller's transaction. False if nothing changed.
///
/// # Errors
/// When the database fails.
pub async fn set_blocked(
    connection: &mut PgConnection,
    user: UserId,
    blocking: &Blocking,
) -> Result<bool, DatabaseError> {
    let (block, reason) = match blocking {
        Blocking::Block(reason) => (true, reason.as_ref().map(BlockReason::as_str)),
        Blocking::Unblock => (false, None),
    };
    let changed = sqlx::query!(
        "UPDATE users SET blocked_at = CASE WHEN $2 THEN now() END, blocked_reason = $3
         WHERE id = $1 AND (blocked_at IS NOT NULL) <> $2",
        user.as_uuid(),
        block,
        reason,
    )
    .execute(connection)
    .await?;
    Ok(changed.rows_affected() == 1)
}

/// Changes roles and claims, in the caller's transaction. Returns the new revision, which invalidates older access
/// tokens. None if nothing changed.
///
/// # Errors
/// When the database fails.
pub async fn change_access(
    connection: &mut PgConnection,
    user: UserId,
    change: &AccessChange,
) -> Result<Option<i32>, DatabaseError> {
    let roles = change.roles.as_ref().map(Roles::to_strings);
    let revision = sqlx::query_scalar!(
        "UPDATE users SET roles = coalesce($2, roles), claims = coalesce($3, claims),
                          access_revision = access_revision + 1, access_revised_at = now()
         WHERE id = $1 AND (roles IS DISTINCT FROM coalesce($2, roles) OR claims IS DISTINCT FROM coalesce($3, claims))
         RETURNING access_revision",
        user.as_uuid(),
        roles.as_deref(),
        change.claims.clone().map(CustomClaims::into_value),
    )
    .fetch_optional(connection)
    .await?;
    Ok(revision)
}

/// Serialises changes of administrators: until the transaction ends, no other can remove the last one.
///
/// # Errors
/// When the database fails.
pub async fn lock_admins(connection: &mut PgConnection) -> Result<(), DatabaseError> {
    postgres::lock(connection, Lock::Admins).await
}

/// The number of other administrators who are not blocked.
///
/// # Errors
/// When the database fails.
pub async fn other_admins(connection: &mut PgConnection, user: Option<UserId>) -> Result<i64, DatabaseError> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM users
           WHERE 'admin' = ANY (roles) AND blocked_at IS NULL AND ($1::uuid IS NULL OR id <> $1)"#,
        user.map(|id| id.as_uuid()),
    )
    .fetch_one(connection)
    .await?;
    Ok(count)
}
