use super::AppError;
use crate::{
    config::Config,
    postgres::{Connector, Migrations, NO_LIMITS, Pooling, Probe, ProbeVerdict, RoleNames, refuse},
};

/// Refuses a database that we cannot use, and applies the migrations that are missing, if that is for us to do. Returns
/// those that were applied.
///
/// # Errors
/// Everything that is refused, with the remedy.
pub async fn prepare(config: &Config, connector: &Connector, migrations: Migrations) -> Result<Vec<String>, AppError> {
    connector.find_primary().await?;
    // Before anything is changed there: it may be another database.
    if config.database.direct_url.is_some() {
        drop(connector.listen(&[]).await?);
    }
    let probes = connector.survey(migrations).await?;
    refuse(&probes)?;
    log_warnings(&probes);
    match migrations {
        Migrations::Apply => {
            let applied = connector.migrate(config.audit_retention).await?;
            // What the owner could not give the role of the server is found now, not by the first refresh.
            if connector.runtime_role().is_some() {
                refuse(&connector.survey(Migrations::Require).await?)?;
            }
            Ok(applied)
        }
        Migrations::Require => Ok(Vec::new()),
    }
}

/// Refuses a pooler that would mix up statements, and warns of one whose connections lack our time limits. Migrations go around
/// it: this is for what uses the pool.
///
/// # Errors
/// When there is such a pooler in `DATABASE_URL`.
pub async fn refuse_unsafe_pooler(config: &Config, connector: &Connector) -> Result<(), AppError> {
    if config.database.url.is_none() {
        return Ok(());
    }
    match connector.pooling().await? {
        Pooling::Unsafe => return Err(AppError::UnsafePooler),
        Pooling::Transactions { has_limits: false } => {
            tracing::warn!(what = "time limits", warning = NO_LIMITS, "postgres.warning");
        }
        Pooling::Transactions { has_limits: true } | Pooling::Sessions => {}
    }
    Ok(())
}

/// Creates the roles that are missing, in a database that we can use.
///
/// # Errors
/// Everything that is refused, with the remedy.
pub async fn prepare_roles(connector: &mut Connector, names: &RoleNames) -> Result<(), AppError> {
    connector.find_primary_as_owner().await?;
    refuse(&connector.survey_as_owner().await?)?;
    Ok(connector.create_roles(names).await?)
}

fn log_warnings(probes: &[Probe]) {
    for Probe { what, verdict } in probes {
        match verdict {
            ProbeVerdict::Warning(warning) => tracing::warn!(what, warning, "postgres.warning"),
            ProbeVerdict::Good(_) | ProbeVerdict::Advice(_) | ProbeVerdict::Refusal(_) => {}
        }
    }
}

/// Who applies migrations that are missing when a command starts: the command only where the database is its own.
#[must_use]
pub fn migrations_of_commands(config: &Config) -> Migrations {
    if config.database.url.is_some() { Migrations::Require } else { Migrations::Apply }
}
