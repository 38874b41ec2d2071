use heirloom_terminal::{printable, table};
use heirloom_torture::{Report, Row, SCENARIOS, Verdict};
use serde::Serialize;

/// A scenario in the list.
#[derive(Serialize)]
pub struct Listed {
    scenario: &'static str,
    rules: &'static [&'static str],
    should_hold: &'static str,
}

/// All scenarios.
pub fn listed() -> Vec<Listed> {
    let listed = SCENARIOS.iter();
    listed.map(|one| Listed { scenario: one.name, rules: one.rules, should_hold: one.holds }).collect()
}

/// The list as a table.
pub fn list(listed: &[Listed]) -> String {
    let rows = listed.iter().map(|one| vec![one.scenario.into(), one.rules.join(" "), one.should_hold.into()]);
    table(&["SCENARIO", "RULES", "SHOULD HOLD"], &rows.collect::<Vec<_>>())
}

/// The report as a table, the objections below it, and the totals.
pub fn report(report: &Report) -> String {
    let headings = ["SCENARIO", "RULES", "CALLS", "SHOULD HOLD", "SAW", "VERDICT"];
    let rows: Vec<Vec<String>> = report.scenarios.iter().map(line).collect();
    let objections = report.scenarios.iter().flat_map(objections).collect::<Vec<_>>().join("\n");
    let preflight = report.preflight.as_ref().map(|cause| format!("the preflight failed: {}", printable(cause)));
    let parts = [table(&headings, &rows), preflight.unwrap_or_default(), objections, totals(report)];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

fn totals(report: &Report) -> String {
    let count = |verdict| report.scenarios.iter().filter(|row| row.verdict == verdict).count();
    let calls: u64 = report.scenarios.iter().map(|row| row.calls).sum();
    let counts = [Verdict::Holds, Verdict::Violated, Verdict::CouldNotBeTried, Verdict::Skipped]
        .map(|verdict| format!("{} {}", count(verdict), verdict.name()));
    format!("{}; {calls} calls; seed {}", counts.join(", "), report.seed)
}

fn line(row: &Row) -> Vec<String> {
    vec![
        row.scenario.to_owned(),
        row.rules.join(" "),
        row.calls.to_string(),
        row.should_hold.to_owned(),
        row.saw.clone(),
        row.verdict.name().to_owned(),
    ]
}

fn objections(row: &Row) -> Vec<String> {
    let lines = row.objections.iter().map(|objection| {
        let what = format!("{}: {}", row.scenario, objection.what);
        std::iter::once(what).chain(objection.calls.clone()).collect::<Vec<_>>().join("\n    ")
    });
    lines.collect()
}
