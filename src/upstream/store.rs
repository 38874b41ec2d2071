use crate::{
    identity::UpstreamIdentity,
    kernel::{Moment, UserId},
    passwords::PasswordHash,
    postgres::DatabaseError,
};
use sqlx::PgConnection;

/// A connected account.
#[derive(Debug)]
pub struct Identity {
    /// The provider's name in our options.
    pub provider: String,
    /// The address there, as it was when it was connected.
    pub email: Option<String>,
    /// When it was connected.
    pub created_at: Moment,
    /// When it last opened the account.
    pub last_used_at: Option<Moment>,
}

/// Whose account an identity opens.
#[derive(Debug)]
pub struct Owner {
    /// The user.
    pub user: UserId,
    /// Of their password: a change of it voids a sign-in that has begun.
    pub password_version: i32,
    /// Whether an administrator has blocked them.
    pub is_blocked: bool,
}

/// The account with an address.
#[derive(Debug)]
pub struct Addressee {
    /// The user.
    pub user: UserId,
    /// Whether they have shown that they read it.
    pub is_verified: bool,
}

/// Whose account this is. No address and no provider's name is looked at.
pub async fn owner(connection: &mut PgConnection, identity: &UpstreamIdentity) -> Result<Option<Owner>, DatabaseError> {
    let found = sqlx::query_as!(
        Owner,
        r#"SELECT u.id AS "user: UserId", u.password_version, u.blocked_at IS NOT NULL AS "is_blocked!"
           FROM identities AS i JOIN users AS u ON u.id = i.user_id WHERE i.issuer = $1 AND i.subject = $2"#,
        identity.issuer,
        identity.subject,
    );
    Ok(found.fetch_optional(connection).await?)
}

/// The account with an address, if there is one.
pub async fn addressee(connection: &mut PgConnection, email: &str) -> Result<Option<Addressee>, DatabaseError> {
    let found = sqlx::query_as!(
        Addressee,
        r#"SELECT id AS "user: UserId", email_verified_at IS NOT NULL AS "is_verified!" FROM users WHERE email = $1"#,
        email,
    );
    Ok(found.fetch_optional(connection).await?)
}

/// Whether a user is connected to this provider by another identity.
pub async fn has_another(
    connection: &mut PgConnection,
    user: UserId,
    identity: &UpstreamIdentity,
) -> Result<bool, DatabaseError> {
    let found = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM identities
                          WHERE user_id = $1 AND provider = $2 AND (issuer, subject) <> ($3, $4)) AS "found!""#,
        user.as_uuid(),
        identity.provider,
        identity.issuer,
        identity.subject,
    );
    Ok(found.fetch_one(connection).await?)
}

/// Connects an identity to a user. False if an account has it, or the user has another one of this provider.
pub async fn add(
    connection: &mut PgConnection,
    user: UserId,
    identity: &UpstreamIdentity,
) -> Result<bool, DatabaseError> {
    let added = sqlx::query!(
        "INSERT INTO identities (user_id, issuer, subject, provider, email, created_at)
         VALUES ($1, $2, $3, $4, $5, clock_timestamp()) ON CONFLICT DO NOTHING",
        user.as_uuid(),
        identity.issuer,
        identity.subject,
        identity.provider,
        identity.email,
    );
    Ok(added.execute(connection).await?.rows_affected() == 1)
}

/// Notes that an identity opened its account.
pub async fn touch(connection: &mut PgConnection, identity: &UpstreamIdentity) -> Result<(), DatabaseError> {
    sqlx::query!(
        "UPDATE identities SET last_used_at = clock_timestamp() WHERE issuer = $1 AND subject = $2",
        identity.issuer,
        identity.subject,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The identities of a user, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn list(connection: &mut PgConnection, user: UserId) -> Result<Vec<Identity>, DatabaseError> {
    let found = sqlx::query_as!(
        Identity,
        "SELECT provider, email, created_at, last_used_at FROM identities WHERE user_id = $1
         ORDER BY created_at, provider",
        user.as_uuid(),
    );
    Ok(found.fetch_all(connection).await?)
}

/// Whether a password, a passkey, or an identity of one of these providers opens the account.
pub async fn is_opened_otherwise(
    connection: &mut PgConnection,
    user: UserId,
    providers: &[String],
    passkeys: bool,
) -> Result<bool, DatabaseError> {
    let no_password = PasswordHash::none();
    let opened = sqlx::query_scalar!(
        r#"SELECT u.password_hash <> $2 AND u.email IS NOT NULL
               OR $4 AND EXISTS (SELECT FROM passkeys WHERE user_id = u.id AND disabled_at IS NULL)
               OR EXISTS (SELECT FROM identities WHERE user_id = u.id AND provider = ANY ($3)) AS "opened!"
           FROM users AS u WHERE u.id = $1"#,
        user.as_uuid(),
        no_password.reveal(),
        providers,
        passkeys,
    );
    Ok(opened.fetch_optional(connection).await?.unwrap_or_default())
}

/// Disconnects a user from a provider, and returns from which identity. None if they were not connected.
pub async fn take(
    connection: &mut PgConnection,
    user: UserId,
    provider: &str,
) -> Result<Option<UpstreamIdentity>, DatabaseError> {
    let taken = sqlx::query_as!(
        UpstreamIdentity,
        "DELETE FROM identities WHERE user_id = $1 AND provider = $2 RETURNING provider, issuer, subject, email",
        user.as_uuid(),
        provider,
    );
    Ok(taken.fetch_optional(connection).await?)
}

/// Disconnects a user from every provider that was connected since, or from all. Returns which.
pub async fn remove_since(
    connection: &mut PgConnection,
    user: UserId,
    since: Option<Moment>,
) -> Result<Vec<String>, DatabaseError> {
    let removed = sqlx::query_scalar!(
        "DELETE FROM identities WHERE user_id = $1 AND ($2::timestamptz IS NULL OR created_at >= $2) RETURNING provider",
        user.as_uuid(),
        since,
    );
    Ok(removed.fetch_all(connection).await?)
}
