use crate::cli::{
    error::{CliError, chain},
    output::Output,
};
use heirloom_terminal::printable;
use serde::Serialize;
use serde_json::json;
use std::{error::Error, process::ExitCode};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Ok,
    Warn,
    Fail,
}

impl Severity {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "FAILED",
        }
    }
}

#[derive(Debug, Serialize)]
pub struct Finding {
    pub verdict: Severity,
    pub what: &'static str,
    /// The result and, if there is a problem, how to fix it.
    pub detail: String,
}

/// The findings so far.
#[derive(Debug, Default)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    pub fn ok(&mut self, what: &'static str, detail: impl Into<String>) {
        self.add(Severity::Ok, what, detail.into());
    }

    pub fn warn(&mut self, what: &'static str, detail: impl Into<String>) {
        self.add(Severity::Warn, what, detail.into());
    }

    pub fn fail(&mut self, what: &'static str, detail: impl Into<String>) {
        self.add(Severity::Fail, what, detail.into());
    }

    /// A failure with all its causes.
    pub fn error(&mut self, what: &'static str, error: &dyn Error) {
        self.fail(what, chain(error).join(": "));
    }

    fn add(&mut self, verdict: Severity, what: &'static str, detail: String) {
        self.0.push(Finding { verdict, what, detail });
    }

    /// Prints all findings. The exit code reports a failure; a warning is not one.
    pub fn print(&self, output: Output) -> Result<ExitCode, CliError> {
        let failed = self.0.iter().any(|finding| finding.verdict == Severity::Fail);
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
