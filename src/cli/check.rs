mod database;
mod findings;
mod mail;
mod options;
mod providers;

use super::{
    error::CliError,
    output::{Output, fail},
};
use crate::{
    app::{open_database, private_settings},
    config::{Config, ConfigError, our_user_id},
};
use findings::Findings;
use private_postgres::{PrivatePostgres, Tenant};
use std::process::ExitCode;

/// `heirloom check`: runs every check even if one fails, and changes nothing.
pub async fn run(config: Config, output: Output) -> Result<ExitCode, CliError> {
    let mut findings = Findings::default();
    findings.ok("configuration", "all options are valid");
    options::look(&config, our_user_id(), &mut findings);
    mail::look(&config, &mut findings).await;
    providers::look(&config, &mut findings).await;
    if config.database.url.is_some() || exists(&config, &mut findings) {
        match open_database(&config, Tenant::Command).await {
            Err(error) => findings.error("database", &error),
            Ok((private, connector)) => {
                database::look(&config, &connector, &mut findings).await;
                if let Some(private) = private
                    && let Err(error) = private.stop().await
                {
                    findings.error("database", &error);
                }
            }
        }
    }
    findings.print(output)
}

/// Whether there is a private Postgres to start: a check does not create one.
fn exists(config: &Config, findings: &mut Findings) -> bool {
    let made = PrivatePostgres::exists(&private_settings(config));
    match &made {
        Ok(true) => {}
        Ok(false) => findings.warn(
            "database",
            format!(
                "there is no private PostgreSQL in {} yet: the first `heirloom serve` creates it, and a master key",
                config.database.data_dir.display()
            ),
        ),
        Err(error) => findings.error("database", error),
    }
    made.unwrap_or_default()
}

/// Reports invalid options. Nothing else can be checked then.
pub fn refuse(error: &ConfigError, output: Output) -> ExitCode {
    let mut findings = Findings::default();
    for problem in &error.problems {
        findings.fail("configuration", problem);
    }
    findings.warn("everything else", "skipped: fix the configuration first");
    findings.print(output).unwrap_or_else(|error| fail(&error))
}
