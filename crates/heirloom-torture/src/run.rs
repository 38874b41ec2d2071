use super::{
    kit::{Kit, Settings, Stop},
    preflight,
    report::{Report, Row, Verdict},
    scenario::{ALL, Scenario},
    trial::Trial,
};
use std::time::Duration;

/// How often a long run reports its progress.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Attempts at a scenario that meets outages.
const ATTEMPTS: u32 = 3;
/// Between two of them.
const PAUSE: Duration = Duration::from_secs(2);

/// What a run reports while it lasts.
#[derive(Debug)]
pub enum Progress<'a> {
    /// A scenario is running: since when, and the requests sent in all.
    Running(&'static str, Duration, u64),
    /// A scenario has finished.
    Done(&'a Row),
}

/// No scenario has this name.
#[derive(Debug, thiserror::Error)]
#[error("no scenario `{0}`: --list lists them")]
pub struct UnknownScenario(pub String);

/// The scenarios with these names; all, if no name is given.
///
/// # Errors
/// When a name is unknown.
pub fn chosen(names: &[String]) -> Result<Vec<&'static Scenario>, UnknownScenario> {
    if names.is_empty() {
        return Ok(ALL.iter().collect());
    }
    let found =
        |name: &String| ALL.iter().find(|scenario| scenario.name == name).ok_or_else(|| UnknownScenario(name.clone()));
    names.iter().map(found).collect()
}

/// Runs one scenario after another.
///
/// # Errors
/// When the HTTP client cannot be created.
pub async fn run(settings: Settings, tell: impl Fn(&Progress<'_>)) -> Result<Report, reqwest::Error> {
    let scenarios = chosen(&settings.only).unwrap_or_default();
    let kit = Kit::new(settings)?;
    let failed = preflight::check(&kit, &scenarios).await.err();
    let mut rows = Vec::new();
    for scenario in scenarios {
        let row = if failed.is_some() { Row::not_run(scenario) } else { run_one(&kit, scenario, &tell).await };
        tell(&Progress::Done(&row));
        rows.push(row);
    }
    Ok(Report {
        // Where nothing was tried, nothing holds.
        holds: rows.iter().any(|row| row.verdict == Verdict::Holds)
            && rows.iter().all(|row| matches!(row.verdict, Verdict::Holds | Verdict::Skipped)),
        seed: kit.settings.seed,
        urls: kit.settings.bases.clone(),
        profile: kit.settings.profile_name.clone(),
        preflight: failed.as_ref().map(Stop::to_string),
        scenarios: rows,
    })
}

/// Runs a scenario, and once or twice more while outages hide what should be seen.
async fn run_one(kit: &Kit, scenario: &'static Scenario, tell: &impl Fn(&Progress<'_>)) -> Row {
    let mut row = attempt(kit, scenario, tell).await;
    for _further in 1..ATTEMPTS {
        if !row.disturbed {
            break;
        }
        tokio::time::sleep(PAUSE).await;
        row = attempt(kit, scenario, tell).await;
    }
    row
}

async fn attempt(kit: &Kit, scenario: &'static Scenario, tell: &impl Fn(&Progress<'_>)) -> Row {
    let (trial, before, begun) = (Trial::new(kit, scenario.name), kit.calls(), kit.uptime());
    let ended = {
        let mut running = std::pin::pin!(scenario.run(&trial));
        loop {
            tokio::select! {
                ended = &mut running => break ended,
                () = tokio::time::sleep(HEARTBEAT) => {
                    tell(&Progress::Running(scenario.name, kit.uptime().saturating_sub(begun), kit.calls()));
                }
            }
        }
    };
    Row::judge(scenario, kit.calls().saturating_sub(before), trial.into_seen(), ended)
}
