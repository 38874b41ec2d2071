//! Users by the thousand: imported and exported.

mod identities;
mod reserved;

pub use identities::taken;
pub use reserved::reserved;

use super::ImportedIdentity;
use crate::{
    identity::{BlockReason, CustomClaims, DisplayName, EmailAddress, Roles, search_text},
    kernel::{Moment, UserId},
    passwords::PasswordHash,
    postgres::DatabaseError,
};
use serde_json::{Value, json};
use sqlx::{PgConnection, types::Json};
use std::collections::HashSet;
use uuid::Uuid;

/// One of many new accounts.
pub struct ImportedRow {
    pub id: UserId,
    pub email: Option<EmailAddress>,
    pub email_verified_at: Option<Moment>,
    pub hash: PasswordHash,
    /// The secret of the user's authenticator app.
    pub sealed_totp: Option<Vec<u8>>,
    pub identities: Vec<ImportedIdentity>,
    pub name: Option<DisplayName>,
    pub roles: Roles,
    pub claims: CustomClaims,
    pub blocked_at: Option<Moment>,
    pub blocked_reason: Option<BlockReason>,
    pub language: Option<String>,
    pub created_at: Moment,
    pub last_login_at: Option<Moment>,
}

impl ImportedRow {
    /// As it is sent to the database: one document for all rows is one parameter.
    fn document(&self) -> Value {
        json!({
            "id": self.id,
            "email": self.email.as_ref().map(EmailAddress::as_str),
            "email_verified_at": self.email_verified_at,
            "search_text": search_text(self.email.as_ref(), self.name.as_ref().map(DisplayName::as_str)),
            "password_hash": self.hash.reveal(),
            "name": self.name.as_ref().map(DisplayName::as_str),
            "roles": self.roles.to_strings(),
            "claims": self.claims.as_object(),
            "blocked_at": self.blocked_at,
            "blocked_reason": self.blocked_reason.as_ref().map(BlockReason::as_str),
            "language": self.language,
            "created_at": self.created_at,
            "last_login_at": self.last_login_at,
        })
    }

    fn key(&self) -> Added {
        (self.id.as_uuid(), self.email.as_ref().map(|email| email.as_str().to_owned()))
    }

    /// Its identities, as they are sent to the database.
    fn identities(&self) -> impl Iterator<Item = Value> {
        self.identities.iter().map(|identity| {
            json!({
                "user_id": self.id,
                "issuer": identity.issuer,
                "subject": identity.subject,
                "provider": identity.provider,
                "email": identity.email,
                "created_at": identity.created_at.unwrap_or(self.created_at),
                "last_used_at": identity.last_used_at,
            })
        })
    }
}

/// The outcome of adding a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adding {
    /// The account is new.
    Added,
    /// Another user has its address, its id or one of its identities.
    Exists,
    /// Until then, its address is reserved for a user who can undo the change to another one.
    Reserved(Moment),
}

/// Adds many accounts, in the order of their addresses, so that two imports at once do not wait for each other in a
/// circle. Returns the outcome of each.
pub async fn add_all(connection: &mut PgConnection, rows: Vec<ImportedRow>) -> Result<Vec<Adding>, DatabaseError> {
    let added = sqlx::query!(
        "INSERT INTO users (id, email, email_verified_at, search_text, password_hash, name, roles, claims, blocked_at,
                            blocked_reason, language, created_at, last_login_at)
         SELECT id, email, email_verified_at, search_text, password_hash, name, roles, claims, blocked_at, blocked_reason,
                language, created_at, last_login_at
         FROM ROWS FROM (jsonb_to_recordset($1) AS (
                  id uuid, email text, email_verified_at timestamptz, search_text text, password_hash text, name text,
                  roles text[], claims jsonb, blocked_at timestamptz, blocked_reason text, language text,
                  created_at timestamptz, last_login_at timestamptz))
              WITH ORDINALITY AS row
         ORDER BY email, ordinality
         ON CONFLICT DO NOTHING
         RETURNING id, email",
        rows.iter().map(ImportedRow::document).collect::<Value>(),
    );
    let added = added.fetch_all(&mut *connection).await?.into_iter().map(|row| (row.id, row.email));
    let added: HashSet<Added> = added.collect();
    // Asked once the addresses are taken: an insert waits for a user who gives the address up, and sees that only then.
    let emails: Vec<String> = added.iter().filter_map(|(_, email)| email.clone()).collect();
    let reserved = reserved(connection, &emails).await?;
    let is_reserved = |(_, email): &Added| email.as_ref().is_some_and(|email| reserved.contains_key(email));
    let (refused, mut added): (HashSet<Added>, HashSet<Added>) = added.into_iter().partition(is_reserved);
    let refused: Vec<Uuid> = refused.into_iter().map(|(id, _)| id).collect();
    remove(connection, &refused).await?;
    let identities = rows.iter().filter(|row| is_one_of(&added, row)).flat_map(ImportedRow::identities);
    let refused = identities::add(connection, identities.collect()).await?;
    remove(connection, &refused).await?;
    added.retain(|(id, _)| !refused.contains(id));
    add_secrets(connection, rows.iter().filter(|row| is_one_of(&added, row))).await?;
    let outcome = |row: &ImportedRow| {
        // Taken out once found: of two equal rows the first was added.
        if added.remove(&row.key()) {
            return Adding::Added;
        }
        let until = row.email.as_ref().and_then(|email| reserved.get(email.as_str()));
        until.copied().map_or(Adding::Exists, Adding::Reserved)
    };
    Ok(rows.iter().map(outcome).collect())
}

/// Removes accounts that were added in the same transaction.
async fn remove(connection: &mut PgConnection, users: &[Uuid]) -> Result<(), DatabaseError> {
    if !users.is_empty() {
        sqlx::query!("DELETE FROM users WHERE id = ANY ($1)", users).execute(connection).await?;
    }
    Ok(())
}

fn is_one_of(added: &HashSet<Added>, row: &ImportedRow) -> bool {
    added.contains(&row.key())
}

/// Id and address of an account that was added.
type Added = (Uuid, Option<String>);

/// Adds the secrets of new users' apps, which count from now on. Of two equal rows the first was added.
async fn add_secrets<'r>(
    connection: &mut PgConnection,
    rows: impl Iterator<Item = &'r ImportedRow>,
) -> Result<(), DatabaseError> {
    let (users, sealed): (Vec<Uuid>, Vec<Vec<u8>>) =
        rows.filter_map(|row| Some((row.id.as_uuid(), row.sealed_totp.clone()?))).unzip();
    sqlx::query!(
        "INSERT INTO totp_secrets (user_id, sealed, confirmed_at, created_at)
         SELECT user_id, sealed, clock_timestamp(), clock_timestamp() FROM unnest($1::uuid[], $2::bytea[]) AS new (user_id, sealed)
         ON CONFLICT ON CONSTRAINT totp_secrets_pkey DO NOTHING",
        &users,
        &sealed,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A user who has an address or an id that was asked for.
pub struct ExistingUser {
    pub id: UserId,
    pub email: Option<String>,
}

/// The users who have one of these ids or addresses.
pub async fn existing(
    connection: &mut PgConnection,
    ids: &[Uuid],
    emails: &[String],
) -> Result<Vec<ExistingUser>, DatabaseError> {
    let existing = sqlx::query_as!(
        ExistingUser,
        r#"SELECT id AS "id!: UserId", email AS "email?" FROM users WHERE id = ANY ($1)
           UNION SELECT id, email FROM users WHERE email = ANY ($2)"#,
        ids,
        emails,
    );
    Ok(existing.fetch_all(connection).await?)
}

/// One of many accounts that are exported.
pub struct ExportedRow {
    pub id: UserId,
    pub email: Option<String>,
    pub email_verified_at: Option<Moment>,
    pub hash: PasswordHash,
    /// The secret of the user's authenticator app, if one is set up.
    pub sealed_totp: Option<Vec<u8>>,
    /// The identities at other providers that open the account, oldest first.
    pub identities: Vec<ImportedIdentity>,
    pub name: Option<String>,
    pub roles: Vec<String>,
    pub claims: Value,
    pub blocked_at: Option<Moment>,
    pub blocked_reason: Option<String>,
    pub language: Option<String>,
    pub created_at: Moment,
    pub last_login_at: Option<Moment>,
}

/// Accounts after one, oldest first.
pub async fn after(
    connection: &mut PgConnection,
    after: Option<UserId>,
    limit: i64,
) -> Result<Vec<ExportedRow>, DatabaseError> {
    let rows = sqlx::query!(
        r#"SELECT id AS "id: UserId", email, email_verified_at, password_hash, name, roles, claims, blocked_at,
                  blocked_reason, language, created_at, last_login_at,
                  (SELECT sealed FROM totp_secrets WHERE user_id = users.id AND confirmed_at IS NOT NULL) AS sealed_totp,
                  (SELECT jsonb_agg(to_jsonb(i) ORDER BY created_at, provider) FROM identities AS i WHERE user_id = users.id)
                      AS "identities: Json<Vec<ImportedIdentity>>"
           FROM users WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2"#,
        after.map(|id| id.as_uuid()),
        limit,
    )
    .fetch_all(connection)
    .await?;
    let rows = rows.into_iter().map(|row| ExportedRow {
        id: row.id,
        email: row.email,
        email_verified_at: row.email_verified_at,
        hash: PasswordHash::from_stored(row.password_hash),
        sealed_totp: row.sealed_totp,
        identities: row.identities.map(|Json(identities)| identities).unwrap_or_default(),
        name: row.name,
        roles: row.roles,
        claims: row.claims,
        blocked_at: row.blocked_at,
        blocked_reason: row.blocked_reason,
        language: row.language,
        created_at: row.created_at,
        last_login_at: row.last_login_at,
    });
    Ok(rows.collect())
}
