use super::store::{self, ExportedRow};
use crate::{
    audit::{self, About},
    kernel::{Moment, Operator, UserId},
    postgres::{Connector, DatabaseError},
    world::World,
};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

/// Rows that are held in memory at once.
const PAGE: i64 = 1_000;

/// A user as exported: what [`super::ImportedUser`] reads.
#[derive(Debug, Serialize)]
pub struct Export {
    id: UserId,
    email: String,
    email_verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password_hash: Option<String>,
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
/// wants more. The export, and whether it contains password hashes, is an event.
///
/// # Errors
/// When the database fails; the users handed out by then are right.
pub async fn export(
    world: &World,
    connector: &Connector,
    operator: Operator,
    with_password_hashes: bool,
    mut each: impl FnMut(Export) -> bool,
) -> Result<(), DatabaseError> {
    record_export(world, operator, with_password_hashes).await?;
    let mut connection = connector.snapshot().await?;
    let done = pages(&mut connection, |row| each(Export::of(row, with_password_hashes))).await;
    drop(connection.close().await);
    done
}

/// Recorded before the first row leaves.
async fn record_export(world: &World, operator: Operator, with_password_hashes: bool) -> Result<(), DatabaseError> {
    let recorded = world.run(operator.into(), move |mut work| {
        Box::pin(async move {
            let details = json!({ "with_password_hashes": with_password_hashes });
            work.record(audit::Kind::UsersExported, About::NOBODY, details).await
        })
    });
    recorded.await
}

async fn pages(connection: &mut PgConnection, mut each: impl FnMut(ExportedRow) -> bool) -> Result<(), DatabaseError> {
    let mut after = None;
    loop {
        let page = store::after(connection, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id);
        if !page.into_iter().all(&mut each) {
            return Ok(());
        }
    }
}

impl Export {
    fn of(row: ExportedRow, with_password_hash: bool) -> Self {
        let hash = Some(row.hash).filter(|hash| with_password_hash && hash.is_some());
        Self {
            id: row.id,
            email: row.email,
            email_verified: row.email_verified_at.is_some(),
            email_verified_at: row.email_verified_at,
            password_hash: hash.map(|hash| hash.reveal().to_owned()),
            name: row.name,
            roles: row.roles,
            claims: row.claims,
            blocked: row.blocked_at.is_some(),
            blocked_at: row.blocked_at,
            blocked_reason: row.blocked_reason,
            language: row.language,
            created_at: row.created_at,
            last_login_at: row.last_login_at,
        }
    }
}
