use super::{
    Newcomer,
    store::{self, ImportedRow},
};
use crate::{
    audit::{self, About},
    kernel::{Duration, Moment, Operator, UserId},
    postgres::DatabaseError,
    world::World,
};
use serde_json::json;

/// How long one batch may take: beside a busy server's requests, it waits for its turn.
const PATIENCE: Duration = Duration::from_secs(30);

/// Adds those of a batch who are not there yet, by the lines they stand on, in one transaction with the event that
/// says so. Returns the lines of the others, whose address or id somebody has: nothing was changed there.
///
/// # Errors
/// When the database fails: nobody of the batch was added then.
pub async fn import(world: &World, operator: Operator, rows: Vec<(u64, Newcomer)>) -> Result<Vec<u64>, DatabaseError> {
    let now = world.clock.now();
    let (lines, rows): (Vec<u64>, Vec<ImportedRow>) =
        rows.into_iter().map(|(line, newcomer)| (line, row(newcomer, now, world))).unzip();
    let (first, last) = (lines.first().copied(), lines.last().copied());
    let added = world.long_transaction(PATIENCE, operator.into(), move |mut work| {
        Box::pin(async move {
            let added = store::add_all(work.connection, rows).await?;
            let users = added.iter().filter(|is_added| **is_added).count();
            if users > 0 {
                let details = json!({ "users": users, "first_line": first, "last_line": last });
                work.record(audit::Kind::UsersImported, About::NOBODY, details).await?;
            }
            Ok(added)
        })
    });
    let added = added.await?;
    Ok(lines.into_iter().zip(added).filter(|(_, is_added)| !is_added).map(|(line, _)| line).collect())
}

/// A new id is as old as the account: lists show the newest first, by id.
fn row(newcomer: Newcomer, now: Moment, world: &World) -> ImportedRow {
    let created_at = newcomer.created_at.unwrap_or(now);
    ImportedRow {
        id: newcomer.id.unwrap_or_else(|| UserId::new(created_at, &world.entropy)),
        email: newcomer.email,
        hash: newcomer.hash,
        name: newcomer.name,
        roles: newcomer.roles,
        claims: newcomer.claims,
        blocked_at: newcomer.blocked.then(|| newcomer.blocked_at.unwrap_or(now)),
        blocked_reason: newcomer.blocked_reason.filter(|_| newcomer.blocked),
        language: newcomer.language,
        created_at,
        last_login_at: newcomer.last_login_at,
    }
}
