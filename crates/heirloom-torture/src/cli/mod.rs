//! The command line.
//!
//! The table, or with `--json` one JSON document, goes to standard output; everything else goes to standard error.

mod arguments;
mod documents;
mod error;
mod output;
mod password;
mod table;

use arguments::Arguments;
use clap::{CommandFactory, Parser};
use error::CliError;
use heirloom_torture::{Progress, Report, Verdict, run as run_scenarios};
use output::print;
use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
};

/// The exit code of clap.
const WRONG_USAGE: u8 = 2;
/// The exit code where nothing is known.
const COULD_NOT_BE_TRIED: u8 = 3;

/// Parses the arguments, runs the scenarios and prints the report.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    execute(arguments).unwrap_or_else(|error| fail(&error))
}

fn execute(arguments: Arguments) -> Result<ExitCode, CliError> {
    if let Some(shell) = arguments.completions {
        return documents::completions(shell, Arguments::command()).map(|()| ExitCode::SUCCESS);
    }
    if arguments.man {
        return documents::manual(Arguments::command()).map(|()| ExitCode::SUCCESS);
    }
    let json = arguments.json;
    if arguments.list {
        let listed = table::listed();
        return print(json, &listed, || table::list(&listed)).map(|()| ExitCode::SUCCESS);
    }
    let settings = arguments.settings()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CliError::Runtime)?;
    let report = runtime.block_on(run_scenarios(settings, show_progress)).map_err(CliError::Client)?;
    print(json, &report, || table::report(&report))?;
    Ok(exit_code(&report))
}

/// 0 everything that was tried holds, 1 something is violated, 3 nothing is violated, but something could not be tried.
fn exit_code(report: &Report) -> ExitCode {
    let violated = report.scenarios.iter().any(|row| row.verdict == Verdict::Violated);
    match (report.holds, violated) {
        (true, _) => ExitCode::SUCCESS,
        (false, true) => ExitCode::FAILURE,
        (false, false) => ExitCode::from(COULD_NOT_BE_TRIED),
    }
}

/// To standard error: standard output has the table only.
fn show_progress(progress: &Progress<'_>) {
    let line = match progress {
        Progress::Running(name, since, calls) => format!("{name} … {} s, {calls} calls in all", since.as_secs()),
        Progress::Done(row) => format!("{} {}", row.scenario, row.verdict.name()),
    };
    // A closed standard error stops no run.
    drop(writeln!(io::stderr(), "heirloom-torture: {line}"));
}

/// Reports an error with all its causes, a line each.
fn fail(error: &CliError) -> ExitCode {
    report_error(error);
    ExitCode::from(match error {
        CliError::Input(..) | CliError::NoPassword => WRONG_USAGE,
        CliError::Runtime(_) | CliError::Client(_) | CliError::Output(_) => COULD_NOT_BE_TRIED,
    })
}

fn report_error(error: &dyn Error) {
    let mut lines = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        lines.push(error.to_string());
        cause = error.source();
    }
    drop(writeln!(io::stderr(), "heirloom-torture: {}", lines.join("\n  because: ")));
}
