//! JUnit: a test case for each property.

use super::{
    error::FormatError,
    wording::{again, line, seconds, seen},
};
use heirloom_torture::{Report, Verdict, report::PropertyReport};
use quick_junit::{NonSuccessKind, Property, Report as Document, TestCase, TestCaseStatus, TestSuite};
use std::time::Duration;

/// The document.
pub fn report(report: &Report) -> Result<String, FormatError> {
    let mut suite = TestSuite::new(report.instances.join(", "));
    suite.set_time(Duration::from_millis(report.duration_ms));
    let facts = [
        ("version", report.version.clone()),
        ("started_at", report.started_at.clone()),
        ("profile", report.profile.clone()),
        ("seed", report.seed.to_string()),
        ("calls", report.calls.to_string()),
        ("grade", report.grade.letter.map(String::from).unwrap_or_default()),
    ];
    suite.add_properties(facts.map(|(name, value)| Property::new(name, value)));
    suite.add_test_case(preflight(report));
    suite.add_test_cases(report.properties.iter().map(case));
    suite.set_system_out(format!("again: {}; it took {}", again(report), seconds(report.duration_ms)));
    let mut document = Document::new("heirloom-torture");
    document.set_time(Duration::from_millis(report.duration_ms));
    document.add_test_suite(suite);
    Ok(document.to_string()?)
}

fn preflight(report: &Report) -> TestCase {
    let mut status = TestCaseStatus::success();
    if let Some(cause) = &report.preflight.failed {
        status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_type("could not be tried").set_message(cause.as_str());
    }
    let mut case = TestCase::new("preflight", status);
    case.set_classname("heirloom-torture");
    case
}

fn case(property: &PropertyReport) -> TestCase {
    let mut status = match property.verdict {
        Verdict::Holds | Verdict::Measured => TestCaseStatus::success(),
        Verdict::Violated => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Verdict::CouldNotBeTried => TestCaseStatus::non_success(NonSuccessKind::Error),
        Verdict::NotApplicable => TestCaseStatus::skipped(),
    };
    match property.verdict {
        Verdict::Violated => {
            status.set_type(property.rank.name()).set_message(format!("violated: {}", property.title));
            status.set_description(description(property));
        }
        Verdict::CouldNotBeTried => {
            status.set_type("could not be tried").set_message(seen(property));
        }
        Verdict::NotApplicable => {
            status.set_message(seen(property));
        }
        Verdict::Holds | Verdict::Measured => {}
    }
    let mut case = TestCase::new(property.property.name(), status);
    case.set_classname(format!("heirloom-torture.{}", property.rank.name().replace(' ', "-")));
    case.set_system_out(format!("{}: {}", property.title, seen(property)));
    case
}

fn description(property: &PropertyReport) -> String {
    let violations = property.violations.iter().map(|violation| {
        let calls = violation.calls.iter().map(|call| format!("  {} ms  {}", call.sent_ms, line(call)));
        let first = format!("{}: {}", violation.scenario, violation.sentence);
        std::iter::once(first).chain(calls).collect::<Vec<_>>().join("\n")
    });
    violations.collect::<Vec<_>>().join("\n")
}
