use super::{
    ImportedIdentity,
    store::{self, ExportedRow},
};
use crate::{
    audit::{self, About},
    factors::Factors,
    kernel::{Moment, Operator, UserId},
    postgres::{Connector, DatabaseError},
    world::World,
};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use zeroize::Zeroizing;

/// Rows that are held in memory at once.
const PAGE: i64 = 1_000;

/// Which secrets leave with the users.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExportedSecrets<'a> {
    /// Hashes of passwords.
    pub password_hashes: bool,
    /// Secrets of authenticator apps, which this room opens. None: they stay.
    pub totp: Option<&'a Factors>,
}

/// A user as exported: what [`super::ImportedUser`] reads.
#[derive(Debug, Serialize)]
pub struct Export {
    id: UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    email_verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    totp_secret: Option<Zeroizing<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    identities: Vec<ImportedIdentity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    roles: Vec<String>,
    claims: Value,
    blocked: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    created_at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_login_at: Option<Moment>,
}

/// Hands every user to `each`, oldest first, as of one moment, and holds only a page of them. `each` returns whether it
/// wants more. The export, and which secrets it contains, is an event.
///
/// # Errors
/// When the database fails, or a secret was sealed under another master key; the users handed out by then are right.
pub async fn export(
    world: &World,
    connector: &Connector,
    operator: Operator,
    secrets: ExportedSecrets<'_>,
    mut each: impl FnMut(Export) -> bool,
) -> Result<(), DatabaseError> {
    record_export(world, operator, secrets).await?;
    let mut connection = connector.snapshot().await?;
    let done = pages(&mut connection, |row| Ok(each(Export::of(row, secrets)?))).await;
    drop(connection.close().await);
    done
}

/// Recorded before the first row leaves.
async fn record_export(world: &World, operator: Operator, secrets: ExportedSecrets<'_>) -> Result<(), DatabaseError> {
    let details =
        json!({ "with_password_hashes": secrets.password_hashes, "with_totp_secrets": secrets.totp.is_some() });
    let recorded = world.run(operator.into(), move |mut work| {
        Box::pin(async move { work.record(audit::Kind::UsersExported, About::NOBODY, details).await })
    });
    recorded.await
}

async fn pages(
    connection: &mut PgConnection,
    mut each: impl FnMut(ExportedRow) -> Result<bool, DatabaseError>,
) -> Result<(), DatabaseError> {
    let mut after = None;
    loop {
        let page = store::after(connection, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id);
        for row in page {
            if !each(row)? {
                return Ok(());
            }
        }
    }
}

impl Export {
    fn of(row: ExportedRow, secrets: ExportedSecrets<'_>) -> Result<Self, DatabaseError> {
        let hash = Some(row.hash).filter(|hash| secrets.password_hashes && hash.is_some());
        let sealed = secrets.totp.zip(row.sealed_totp);
        let totp = sealed.map(|(factors, sealed)| factors.open(row.id, &sealed)).transpose();
        let totp = totp.map_err(|_other_key| DatabaseError::Nonsense("the secret of an app, under this master key"))?;
        Ok(Self {
            id: row.id,
            email: row.email,
            email_verified: row.email_verified_at.is_some(),
            email_verified_at: row.email_verified_at,
            password_hash: hash.map(|hash| hash.reveal().to_owned()),
            totp_secret: totp.map(|secret| secret.reveal_base32()),
            identities: row.identities,
            name: row.name,
            roles: row.roles,
            claims: row.claims,
            blocked: row.blocked_at.is_some(),
            blocked_at: row.blocked_at,
            blocked_reason: row.blocked_reason,
            language: row.language,
            created_at: row.created_at,
            last_login_at: row.last_login_at,
        })
    }
}
