//! `--list`: what is tried.

use super::{error::CliError, formats::wrapped_table, output::write};
use heirloom_torture::SCENARIOS;
use serde::Serialize;
use std::io;

/// A scenario in the list.
#[derive(Serialize)]
struct Listed {
    scenario: &'static str,
    rules: &'static [&'static str],
    should_hold: &'static str,
}

/// Prints all scenarios.
pub fn print(json: bool) -> Result<(), CliError> {
    let listed = SCENARIOS.iter();
    let listed = listed.map(|one| Listed { scenario: one.name, rules: one.rules, should_hold: one.holds });
    let listed: Vec<_> = listed.collect();
    let text = if json {
        serde_json::to_string_pretty(&listed).map_err(|error| CliError::Output(io::Error::from(error)))?
    } else {
        let rows = listed.iter().map(|one| vec![one.scenario.into(), one.rules.join(" "), one.should_hold.into()]);
        wrapped_table(&["SCENARIO", "RULES", "SHOULD HOLD"], &rows.collect::<Vec<_>>())
    };
    write(format!("{text}\n").as_bytes())
}
