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

/// Rows in aligned columns under their headings.
fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let headings = headings.iter().map(|heading| (*heading).to_owned()).collect();
    let lines = std::iter::once(&headings).chain(rows);
    let lines: Vec<Vec<_>> = lines.map(|line| line.iter().map(|cell| printable(cell)).collect()).collect();
    let width = |column| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell: &String| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let padded = lines.iter().map(|line| {
        let cells = line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    padded.collect::<Vec<_>>().join("\n")
}

/// The server's text without the characters that a terminal obeys (controls) or that reverse the writing direction
/// (Unicode's bidirectional controls).
fn printable(text: &str) -> String {
    let obeyed = |c: char| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if obeyed(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["1".to_owned(), "Zoë".to_owned()], vec!["1000".to_owned(), "Al".to_owned()]];
        assert_eq!(table(&["ID", "NAME"], &rows), "ID    NAME\n1     Zoë\n1000  Al");
        assert_eq!(table(&["ID", "NAME"], &[]), "ID  NAME");
    }

    #[test]
    fn a_server_cannot_command_the_terminal() {
        let rows = [vec!["401\u{1b}[2J\u{202e}8.0\n".to_owned()]];
        assert_eq!(table(&["SAW"], &rows), "SAW\n401\u{fffd}[2J\u{fffd}8.0\u{fffd}");
    }
}
