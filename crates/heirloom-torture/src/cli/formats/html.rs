//! One page without anything from elsewhere.

use super::{
    diagram::Diagram,
    error::FormatError,
    wording::{TOKENS, again, letter, line, seconds, seen},
};
use heirloom_torture::{
    Rank, Report, ScenarioReport, Verdict,
    report::{PropertyReport, Violation},
};
use minijinja::{Environment, HtmlEscape, Value, value::Serde};
use serde::Serialize;

#[derive(Serialize)]
struct Property<'a> {
    name: &'static str,
    title: &'a str,
    rank: &'static str,
    verdict: &'static str,
    /// For the style.
    class: &'static str,
    seen: String,
    count: String,
    violations: Vec<Shown<'a>>,
}

#[derive(Serialize)]
struct Shown<'a> {
    scenario: &'a str,
    sentence: &'a str,
    diagram: Diagram,
    lines: Vec<String>,
}

#[derive(Serialize)]
struct Scenario<'a> {
    name: &'a str,
    verdict: &'static str,
    class: &'static str,
    should_hold: &'a str,
    saw: &'a str,
    calls: u64,
}

#[derive(Serialize)]
struct Page<'a> {
    report: &'a Report,
    letter: String,
    server: String,
    duration: String,
    again: String,
    legend: &'static str,
    counts: String,
    violated: Vec<Property<'a>>,
    judged: Vec<Property<'a>>,
    figures: Vec<Property<'a>>,
    scenarios: Vec<Scenario<'a>>,
}

/// The page.
pub fn report(report: &Report) -> Result<String, FormatError> {
    let mut environment = Environment::new();
    environment.add_filter("marked", marked);
    environment.add_template("report.html", include_str!("report.html"))?;
    let page = Value::from(Serde(page(report)));
    Ok(environment.get_template("report.html")?.render(page)?)
}

fn page(report: &Report) -> Page<'_> {
    let those = |is_wanted: fn(&PropertyReport) -> bool| {
        report.properties.iter().filter(|property| is_wanted(property)).map(shown).collect()
    };
    Page {
        report,
        letter: letter(report),
        server: report.instances.join(", "),
        duration: seconds(report.duration_ms),
        again: again(report),
        legend: TOKENS,
        counts: counts(report),
        violated: those(|property| property.verdict == Verdict::Violated),
        judged: those(|property| property.rank != Rank::Figure),
        figures: those(|property| property.rank == Rank::Figure),
        scenarios: report.scenarios.iter().map(scenario).collect(),
    }
}

fn scenario(row: &ScenarioReport) -> Scenario<'_> {
    let ScenarioReport { scenario: name, verdict, should_hold, saw, calls, .. } = row;
    Scenario { name, verdict: verdict.name(), class: class(*verdict), should_hold, saw, calls: *calls }
}

/// `Code` between backticks.
#[expect(clippy::needless_pass_by_value, reason = "a filter owns its argument")]
fn marked(text: String) -> Value {
    let pieces = text.split('`').enumerate().map(|(number, piece)| {
        let escaped = HtmlEscape(piece).to_string();
        if number % 2 == 0 { escaped } else { format!("<code>{escaped}</code>") }
    });
    Value::from_safe_string(pieces.collect())
}

fn counts(report: &Report) -> String {
    let count = |verdict| report.properties.iter().filter(|one| one.verdict == verdict).count();
    format!(
        "{} violated, {} hold, {} could not be tried, {} not applicable",
        count(Verdict::Violated),
        count(Verdict::Holds),
        count(Verdict::CouldNotBeTried),
        count(Verdict::NotApplicable)
    )
}

fn shown(property: &PropertyReport) -> Property<'_> {
    Property {
        name: property.property.name(),
        title: &property.title,
        rank: property.rank.name(),
        verdict: property.verdict.name(),
        class: class(property.verdict),
        seen: seen(property),
        count: format!("{} of {} times", property.violated, property.tried),
        violations: property.violations.iter().map(history).collect(),
    }
}

fn history(violation: &Violation) -> Shown<'_> {
    Shown {
        scenario: &violation.scenario,
        sentence: &violation.sentence,
        diagram: Diagram::of(&violation.calls),
        lines: violation.calls.iter().map(|call| format!("{} ms: {}", call.sent_ms, line(call))).collect(),
    }
}

fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Holds => "holds",
        Verdict::Violated => "violated",
        Verdict::CouldNotBeTried => "untried",
        Verdict::NotApplicable => "absent",
        Verdict::Measured => "measured",
    }
}
