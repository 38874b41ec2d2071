//! The command line.
//!
//! The report goes to standard output and into the files of --output; everything else goes to standard error.

mod arguments;
mod documents;
mod error;
mod files;
mod formats;
mod list;
mod output;
mod password;
mod profiles;
mod progress;
mod settings;
mod usage;

use arguments::{Arguments, Command};
use clap::{CommandFactory, Parser};
use error::CliError;
use files::Files;
use formats::Format;
use heirloom_terminal::printable;
use heirloom_torture::{Report, run_until};
use std::{
    error::Error,
    fs,
    io::{self, Write},
    path::Path,
    process::ExitCode,
};
use tokio::signal::unix::{SignalKind, signal};

/// The exit code of clap.
const WRONG_USAGE: u8 = 2;
/// The exit code where nothing is known.
const COULD_NOT_BE_TRIED: u8 = 3;

/// Parses the arguments, runs the scenarios and prints the report.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    execute(arguments).unwrap_or_else(|error| fail(&error))
}

fn execute(mut arguments: Arguments) -> Result<ExitCode, CliError> {
    if let Some(shell) = arguments.completions {
        return documents::completions(shell, Arguments::command()).map(|()| ExitCode::SUCCESS);
    }
    if arguments.man {
        return documents::manual(Arguments::command()).map(|()| ExitCode::SUCCESS);
    }
    if arguments.list {
        return list::print(arguments.json).map(|()| ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CliError::Runtime)?;
    match arguments.command.take() {
        Some(Command::Profile(command)) => runtime.block_on(profiles::run(command)),
        Some(Command::Render { report, format, output }) => {
            Files::open(output)?.write(&read(&report)?, format).map(|()| ExitCode::SUCCESS)
        }
        None => runtime.block_on(torture(arguments)),
    }
}

async fn torture(mut arguments: Arguments) -> Result<ExitCode, CliError> {
    let format = if arguments.json { Format::Json } else { arguments.format };
    let outputs = std::mem::take(&mut arguments.output);
    let settings = settings::settings(arguments).await?;
    let files = Files::open(outputs)?;
    let report = run_until(settings, progress::show, interrupted()).await.map_err(CliError::Client)?;
    files.write(&report, format)?;
    Ok(ExitCode::from(report.exit_code()))
}

fn read(path: &Path) -> Result<Report, CliError> {
    let name = path.display().to_string();
    let text = fs::read(path).map_err(|error| CliError::Input(name.clone(), error))?;
    serde_json::from_slice(&text).map_err(|error| CliError::Report(name, error))
}

/// Until ^C, or SIGTERM. The report then has what is known.
async fn interrupted() {
    let (Ok(mut asked), Ok(mut ended)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _asked = asked.recv() => {}
        _ended = ended.recv() => {}
    }
    progress::note("interrupted: the report has what is known so far");
}

/// Reports an error with all its causes, a line each.
fn fail(error: &CliError) -> ExitCode {
    report_error(error);
    ExitCode::from(match error {
        CliError::Input(..) | CliError::Report(..) | CliError::NoPassword | CliError::File(..) => WRONG_USAGE,
        CliError::Runtime(_)
        | CliError::Client(_)
        | CliError::Discovery(_)
        | CliError::Format(_)
        | CliError::Output(_) => COULD_NOT_BE_TRIED,
    })
}

fn report_error(error: &dyn Error) {
    let mut lines = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        lines.push(error.to_string());
        cause = error.source();
    }
    let lines: Vec<_> = lines.iter().map(|line| printable(line)).collect();
    drop(writeln!(io::stderr(), "heirloom-torture: {}", lines.join("\n  because: ")));
}
