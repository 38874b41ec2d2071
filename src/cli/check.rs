mod database;
mod mail;
mod options;

use super::{
    CliError, chain,
    output::{Output, fail, printable},
};
use crate::{
    app::{open_database, private_settings},
    config::{Config, ConfigError, our_user_id},
};
use private_postgres::{PrivatePostgres, Tenant};
use serde::Serialize;
use serde_json::json;
use std::{error::Error, process::ExitCode};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

impl Verdict {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "FAILED",
        }
    }
}

#[derive(Debug, Serialize)]
struct Finding {
    verdict: Verdict,
    what: &'static str,
    /// The result and, if there is a problem, how to fix it.
    detail: String,
}

/// The findings so far.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn ok(&mut self, what: &'static str, detail: impl Into<String>) {
        self.add(Verdict::Ok, what, detail.into());
    }

    fn warn(&mut self, what: &'static str, detail: impl Into<String>) {
        self.add(Verdict::Warn, what, detail.into());
    }

    fn fail(&mut self, what: &'static str, detail: impl Into<String>) {
        self.add(Verdict::Fail, what, detail.into());
    }

    /// A failure with all its causes.
    fn error(&mut self, what: &'static str, error: &dyn Error) {
        self.fail(what, chain(error).join(": "));
    }

    fn add(&mut self, verdict: Verdict, what: &'static str, detail: String) {
        self.0.push(Finding { verdict, what, detail });
    }

    /// Prints all findings. The exit code reports a failure; a warning is not one.
    fn tell(&self, output: Output) -> Result<ExitCode, CliError> {
        let failed = self.0.iter().any(|finding| finding.verdict == Verdict::Fail);
        output.say(&json!({ "ok": !failed, "findings": self.0 }), || {
            self.0.iter().map(line).collect::<Vec<_>>().join("\n")
        })?;
        Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

fn line(finding: &Finding) -> String {
    let detail = finding.detail.split('\n').map(printable).collect::<Vec<_>>().join("\n                         ");
    format!("{:7} {:16} {detail}", finding.verdict.name(), finding.what)
}

/// `heirloom check`: runs every check even if one fails, and changes nothing.
pub async fn run(config: Config, output: Output) -> Result<ExitCode, CliError> {
    let mut findings = Findings::default();
    findings.ok("configuration", "all options are valid");
    options::look(&config, our_user_id(), &mut findings);
    mail::look(&config, &mut findings).await;
    if config.database.url.is_some() || is_made(&config, &mut findings) {
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
    findings.tell(output)
}

/// Whether there is a private Postgres to start: a check does not create one.
fn is_made(config: &Config, findings: &mut Findings) -> bool {
    let made = PrivatePostgres::is_made(&private_settings(config));
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
    findings.tell(output).unwrap_or_else(|error| fail(&error))
}
