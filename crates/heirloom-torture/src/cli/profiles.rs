//! `heirloom-torture profile`.

use super::{
    arguments::{ConnectionOptions, ProfileCommand},
    error::CliError,
    output::write,
    settings::reach,
    usage::wrong_usage,
};
use heirloom_terminal::table;
use heirloom_torture::{DiscoveryError, Profile, check, discover};
use std::process::ExitCode;

/// The exit code where a profile has a problem.
const PROBLEM: u8 = 2;

/// Lists, shows or checks profiles.
pub async fn run(command: ProfileCommand) -> Result<ExitCode, CliError> {
    match command {
        ProfileCommand::List => write(format!("{}\n", list()).as_bytes()).map(|()| ExitCode::SUCCESS),
        ProfileCommand::Show { profile, connection } => {
            let text = show(&profile, &connection).await?;
            write(format!("{}\n", text.trim_end()).as_bytes()).map(|()| ExitCode::SUCCESS)
        }
        ProfileCommand::Check { profile } => {
            let (text, is_fine) = checked(&profile);
            write(text.as_bytes())?;
            Ok(if is_fine { ExitCode::SUCCESS } else { ExitCode::from(PROBLEM) })
        }
    }
}

fn list() -> String {
    let rows = Profile::NAMES.iter().map(|name| {
        let about = Profile::load(name).map(|profile| profile.about).unwrap_or_default();
        vec![(*name).to_owned(), about]
    });
    table(&["PROFILE", "FITS"], &rows.collect::<Vec<_>>())
}

async fn show(profile: &str, options: &ConnectionOptions) -> Result<String, CliError> {
    if profile.starts_with("http://") || profile.starts_with("https://") {
        return match discover(profile, &reach(options)).await {
            Ok(found) => Ok(found.text),
            Err(error @ (DiscoveryError::Unreachable(_) | DiscoveryError::Away(_))) => Err(CliError::Discovery(error)),
            Err(error) => wrong_usage(&error.to_string()),
        };
    }
    Ok(Profile::text(profile).unwrap_or_else(|error| wrong_usage(&error.to_string())))
}

/// What is wrong with a profile and what it needs, a line each; and whether nothing is wrong.
fn checked(name: &str) -> (String, bool) {
    let profile = match Profile::load(name) {
        Ok(profile) => profile,
        Err(error) => return (format!("problem: {error}\n"), false),
    };
    let found = check(&profile);
    let problems = found.problems.iter().map(|problem| format!("problem: {problem}\n"));
    let needs = found.needs.iter().map(|name| format!("needs:   --set {name}=…\n"));
    let left_out = found.left_out.iter().map(|what| format!("note:    {what}\n"));
    let lines: String = problems.chain(needs).chain(left_out).collect();
    let is_fine = found.problems.is_empty();
    let last = if is_fine { "the profile is valid\n" } else { "" };
    (format!("{lines}{last}"), is_fine)
}
