//! For a terminal: nothing is wider than 100 columns.

use super::wording::{TOKENS, again, letter, line, seconds, seen};
use heirloom_terminal::{printable, table};
use heirloom_torture::{
    Report, ScenarioReport, Verdict,
    report::{PropertyReport, Violation},
};

/// The widest line.
const WIDTH: usize = 100;
/// Between two columns.
const GAP: usize = 2;

/// The grade, the properties, what shows each violation, the scenarios.
pub fn report(report: &Report) -> String {
    let preflight = report.preflight.failed.as_ref().map(|cause| {
        let checks = report
            .preflight
            .steps
            .iter()
            .map(|step| fill("  ", &format!("before it, {}: {}", step.name, printable(&step.saw))));
        let cause = fill("the preflight failed: ", &printable(cause));
        std::iter::once(cause).chain(checks).collect::<Vec<_>>().join("\n")
    });
    let violated = report.properties.iter().filter(|property| property.verdict == Verdict::Violated);
    let violations: Vec<String> = violated.map(violations).collect();
    let legend = (!violations.is_empty()).then(|| fill("", TOKENS));
    let parts = [heading(report), preflight.unwrap_or_default(), properties(report)]
        .into_iter()
        .chain(violations)
        .chain([legend.unwrap_or_default(), scenarios(report), totals(report)]);
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

fn heading(report: &Report) -> String {
    let instances = report.instances.join(", ");
    let interrupted = if report.interrupted { "interrupted: this is what was known by then\n" } else { "" };
    let grade = fill(&format!("grade {}  ", letter(report)), &format!("{instances}: {}", report.grade.reason));
    format!("{interrupted}{grade}")
}

fn properties(report: &Report) -> String {
    if report.preflight.failed.is_some() {
        return String::new();
    }
    let rows = report.properties.iter().map(|property| {
        vec![
            property.verdict.name().to_owned(),
            property.rank.name().to_owned(),
            property.property.name().to_owned(),
            seen(property),
        ]
    });
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() { String::new() } else { wrapped_table(&["VERDICT", "RANK", "PROPERTY", "SEEN"], &rows) }
}

fn violations(property: &PropertyReport) -> String {
    let title = format!("{} ({}): {}", property.property.name(), property.rank.name(), property.title);
    let shown = property.violations.iter().map(violation);
    std::iter::once(fill("", &title)).chain(shown).collect::<Vec<_>>().join("\n")
}

fn violation(violation: &Violation) -> String {
    let sentence = fill("  ", &format!("{}: {}", violation.scenario, printable(&violation.sentence)));
    let calls = violation.calls.iter().map(|call| {
        let time = format!("{:>8} ms  ", call.sent_ms);
        fill(&time, &printable(&line(call)))
    });
    std::iter::once(sentence).chain(calls).collect::<Vec<_>>().join("\n")
}

fn scenarios(report: &Report) -> String {
    if report.preflight.failed.is_some() {
        return String::new();
    }
    let rows = report.scenarios.iter().map(|row: &ScenarioReport| {
        vec![row.verdict.name().to_owned(), row.scenario.clone(), row.calls.to_string(), row.saw.clone()]
    });
    wrapped_table(&["VERDICT", "SCENARIO", "CALLS", "SAW"], &rows.collect::<Vec<_>>())
}

fn totals(report: &Report) -> String {
    let count = |verdict| report.scenarios.iter().filter(|row| row.verdict == verdict).count();
    let counts = [Verdict::Holds, Verdict::Violated, Verdict::CouldNotBeTried, Verdict::NotApplicable]
        .map(|verdict| format!("{} {}", count(verdict), verdict.name()));
    let totals = format!(
        "scenarios: {}; {} calls in {}; seed {}; heirloom-torture {}, {}",
        counts.join(", "),
        report.calls,
        seconds(report.duration_ms),
        report.seed,
        report.version,
        report.started_at,
    );
    format!("{}\n{}", fill("", totals.trim_end_matches([',', ' '])), fill("again: ", &again(report)))
}

/// A table whose last column is wrapped.
pub fn wrapped_table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let before = headings.len().saturating_sub(1);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column).map(|cell| cell.chars().count()));
        cells.chain(headings.get(column).map(|heading| heading.chars().count())).max().unwrap_or_default()
    };
    let taken: usize = (0..before).map(|column| width(column).saturating_add(GAP)).sum();
    let left = WIDTH.saturating_sub(taken).max(20);
    let wrapped = rows.iter().flat_map(|row| {
        let last = wrap(&printable(row.last().map_or("", String::as_str)), left);
        let lines = last.into_iter().enumerate().map(|(number, text)| {
            let cells = row.iter().take(before).map(|cell| if number == 0 { cell.clone() } else { String::new() });
            cells.chain([text]).collect::<Vec<_>>()
        });
        lines.collect::<Vec<_>>()
    });
    table(headings, &wrapped.collect::<Vec<_>>())
}

/// A text after a beginning; its further lines are indented.
fn fill(beginning: &str, text: &str) -> String {
    let indent = beginning.chars().count();
    let lines = wrap(text, WIDTH.saturating_sub(indent));
    let lines = lines.into_iter().enumerate().map(|(number, line)| {
        if number == 0 { format!("{beginning}{line}") } else { format!("{}{line}", " ".repeat(indent)) }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Lines of at most this many characters. A longer word is broken.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let characters: Vec<char> = word.chars().collect();
        for piece in characters.chunks(width.max(1)) {
            let Some(line) = lines.last_mut() else { continue };
            let used = line.chars().count();
            if used == 0 {
                line.extend(piece);
            } else if used.saturating_add(piece.len()).saturating_add(1) <= width {
                line.push(' ');
                line.extend(piece);
            } else {
                lines.push(piece.iter().collect());
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_longer_than_it_may_be() {
        assert_eq!(wrap("a bb ccc", 4), ["a bb", "ccc"]);
        assert_eq!(wrap("aaaaaaaa b", 4), ["aaaa", "aaaa", "b"]);
        assert_eq!(wrap("", 4), [""]);
        let rows = [vec!["holds".to_owned(), "word ".repeat(60)]];
        assert!(wrapped_table(&["VERDICT", "SAW"], &rows).lines().all(|line| line.chars().count() <= WIDTH));
    }
}
