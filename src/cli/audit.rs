use super::{
    error::CliError,
    in_house::{find, in_house},
    output::{JsonLines, Output},
};
use crate::{
    app::House,
    audit::{self, EventFilter, Kind, KnownHead, Report, Resumption},
    config::Config,
    kernel::{Moment, Operator, UserId},
};
use chrono::Datelike;
use clap::{Args, Subcommand};
use heirloom_terminal::printable;
use serde_json::json;
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Verify the audit chain; exits 1 if events were changed, removed or inserted
    Verify {
        /// A chain head recorded elsewhere, as the log line `audit.chain_head` reports it
        #[arg(long, value_name = "SEQ:HASH")]
        head: Option<KnownHead>,
    },
    /// Print events, oldest first, as NDJSON: one JSON document per line
    Export(ExportFilter),
    /// Resume the chain after its head was rejected: the old master key was not kept, or the head was tampered with
    Resume {
        /// The database was restored from a backup: continue from its head although servers have seen a newer one
        #[arg(long)]
        after_restore: bool,
        /// Accept what `audit verify` finds now: servers raise no alarm about it any more
        #[arg(long, conflicts_with = "after_restore")]
        accept_findings: bool,
    },
}

#[derive(Debug, Args)]
pub struct ExportFilter {
    /// Only from then on (RFC 3339, such as 2026-11-23T00:00:00Z)
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Moment>,
    /// Only before then
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Moment>,
    /// Only of this kind, such as `refresh_token_reused`
    #[arg(long, value_parser = kind)]
    kind: Option<Kind>,
    /// Only about this user (e-mail address, or id: finds deleted users too)
    #[arg(long)]
    user: Option<String>,
}

/// Postgres supports fewer years than the library for RFC 3339.
fn moment(text: &str) -> Result<Moment, String> {
    let moment: Moment = text.parse().map_err(|error| format!("{error}: write it as 2026-11-23T00:00:00Z"))?;
    if (1..=9_999).contains(&moment.year()) { Ok(moment) } else { Err("the year must be from 1 to 9999".to_owned()) }
}

fn kind(name: &str) -> Result<Kind, &'static str> {
    Kind::from_name(name).ok_or("it is not a kind of event: docs/audit.md lists them")
}

impl AuditCommand {
    pub async fn run(self, config: Config, output: Output) -> Result<ExitCode, CliError> {
        let mut is_whole = true;
        match self {
            Self::Verify { head } => {
                in_house(config, async |house| {
                    is_whole = verify(house, head, output).await?;
                    Ok(())
                })
                .await?;
            }
            Self::Resume { accept_findings: true, .. } => {
                in_house(config, async |house| accept(house, output).await).await?;
            }
            Self::Resume { after_restore, accept_findings: false } => {
                let resumption = if after_restore { Resumption::AfterRestore } else { Resumption::FromVisibleEnd };
                in_house(config, async |house| resume(house, resumption, output).await).await?;
            }
            Self::Export(wanted) => in_house(config, async |house| export(house, wanted).await).await?,
        }
        Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Whether nothing is wrong.
async fn verify(house: &House, head: Option<KnownHead>, output: Output) -> Result<bool, CliError> {
    let report = audit::verify(&house.world, &house.connector, head).await?;
    let is_whole = report.findings.is_empty();
    output.say(&json!({ "ok": is_whole, "report": report }), || text(&report))?;
    Ok(is_whole)
}

async fn resume(house: &House, resumption: Resumption, output: Output) -> Result<(), CliError> {
    let resumed = audit::resume(&house.world, Operator::at_the_command_line(), resumption).await?;
    let resumed =
        resumed.ok_or_else(|| CliError::Refused("the stored head is valid: there is nothing to resume".to_owned()))?;
    output.say(&json!({ "head": resumed.to_string() }), || format!("The chain continues from {resumed}"))
}

async fn accept(house: &House, output: Output) -> Result<(), CliError> {
    let report = audit::verify(&house.world, &house.connector, None).await?;
    let nothing = || CliError::Refused("there are no findings to accept".to_owned());
    let fingerprint = report.fingerprint().ok_or_else(nothing)?;
    if report.accepted {
        return Err(CliError::Refused(
            "these findings were accepted already: nothing else is found that lasts".to_owned(),
        ));
    }
    audit::accept(&house.world, Operator::at_the_command_line(), fingerprint.clone()).await?;
    output.say(&json!({ "accepted": fingerprint, "findings": report.findings }), || {
        format!("Accepted: {}. Servers raise an alarm as soon as anything else is found.", report.findings.len())
    })
}

fn text(report: &Report) -> String {
    let conclusions = report.conclusions.iter().map(|conclusion| format!("{}: {}.", conclusion.case, conclusion.says));
    let mut lines: Vec<_> = conclusions.map(|line| printable(&line)).collect();
    lines.extend(report.findings.iter().map(|finding| printable(&finding.to_string())));
    let begins = match report.dropped {
        0 => "from the first one".to_owned(),
        dropped => format!("from event {}: earlier ones were deleted with their months", dropped.saturating_add(1)),
    };
    lines.push(format!("{} events, {begins}; {} of them not chained yet.", report.events, report.unchained));
    if let Some(head) = &report.head {
        lines.push(format!("The chain ends at {head}"));
    }
    lines.push(match report.findings.len() {
        0 => "Nothing was changed, removed or inserted.".to_owned(),
        findings if report.accepted => format!("Findings: {findings}. An operator has accepted them."),
        findings => format!("Findings: {findings}."),
    });
    lines.join("\n")
}

async fn export(house: &House, wanted: ExportFilter) -> Result<(), CliError> {
    let user = match wanted.user.as_deref() {
        None => None,
        // Events outlive the user they are about.
        Some(who) => Some(match who.parse::<UserId>() {
            Ok(id) => id,
            Err(_) => find(house, who).await?.id,
        }),
    };
    let filter =
        EventFilter { user, kind: wanted.kind, since: wanted.since, until: wanted.until, ..EventFilter::default() };
    let mut lines = JsonLines::begin();
    audit::export(&house.world, &house.connector, &filter, |event| lines.say(&event)).await?;
    lines.end()
}
