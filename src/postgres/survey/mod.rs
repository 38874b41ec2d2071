//! What a database must be like: one list of probes, by which the start refuses and `heirloom check` reports.

mod facts;
mod judge;
mod probe;
#[cfg(test)]
mod tests;

use super::{MigrateError, migrate};
use facts::Facts;
pub use probe::{Migrations, Probe, ProbeVerdict};
use sqlx::PgConnection;

/// The database is not one that we can use.
#[derive(Debug, thiserror::Error)]
#[error("the database cannot be used:\n  - {}", .refusals.join("\n  - "))]
pub struct UnfitDatabase {
    /// One sentence each, with the remedy.
    pub refusals: Vec<String>,
}

/// Looks at everything that a start depends on. Changes nothing. `owner_grants` says whether the owner's connection gives the role
/// what it lacks.
///
/// # Errors
/// When the database fails.
pub async fn survey(
    connection: &mut PgConnection,
    migrations: Migrations,
    owner_grants: bool,
) -> Result<Vec<Probe>, MigrateError> {
    let server = facts::server(connection).await?;
    // What else is asked for does not exist in older versions.
    if !judge::is_supported(server.version) {
        return Ok(vec![judge::version(server.version)]);
    }
    // Before the history: another process may be creating both, and its tables must not pass for those of another program.
    let tables = facts::tables(connection, &migrate::table_names()).await?;
    let history = migrate::history(connection).await?;
    let collation = facts::collation(connection).await?;
    Ok(judge::all(&Facts { server, history, tables, collation, migrations, owner_grants }))
}

/// What is to be refused of an owner's connection that leads to another database than ours does.
pub async fn survey_owner(ours: &mut PgConnection, owners: &mut PgConnection) -> Option<Probe> {
    let (ours, owners) = (facts::identity(ours).await?, facts::identity(owners).await?);
    (ours != owners).then(judge::owner_elsewhere)
}

/// What is refused, if anything is.
///
/// # Errors
/// All refusals at once.
pub fn refuse(probes: &[Probe]) -> Result<(), UnfitDatabase> {
    let refused = |probe: &Probe| match &probe.verdict {
        ProbeVerdict::Refusal(why) => Some(why.clone()),
        ProbeVerdict::Good(_) | ProbeVerdict::Advice(_) | ProbeVerdict::Warning(_) => None,
    };
    let refusals: Vec<_> = probes.iter().filter_map(refused).collect();
    if refusals.is_empty() { Ok(()) } else { Err(UnfitDatabase { refusals }) }
}
