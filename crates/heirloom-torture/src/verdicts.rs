//! From what the scenarios have seen to a verdict on each property.

use super::{
    judge::{sentence, settle},
    property::{Property, Rank},
    report::{Preflight, PropertyReport, Verdict, Violation},
    row::Row,
    trial::{Found, Measured},
};
use std::collections::BTreeSet;

/// Violations of a property that are reported with their calls.
const REPORTED: usize = 3;

/// A violation, the scenario that has shown it, and the property that it is of.
struct Blamed<'a> {
    row: &'a Row,
    found: &'a Found,
    property: Property,
}

/// The verdicts on all properties.
#[must_use]
pub fn verdicts(rows: &[Row], preflight: &Preflight) -> Vec<PropertyReport> {
    let found: Vec<(&Row, &Found)> =
        rows.iter().flat_map(|row| row.seen.found.iter().map(move |found| (row, found))).collect();
    let candidates: Vec<_> = found.iter().map(|(_, found)| found.candidates.clone()).collect();
    let properties = settle(&candidates, &BTreeSet::new());
    let blamed = found.into_iter().zip(properties).map(|((row, found), property)| Blamed { row, found, property });
    let blamed: Vec<_> = blamed.collect();
    Property::ALL.into_iter().map(|property| report(property, rows, &blamed, preflight)).collect()
}

fn report(property: Property, rows: &[Row], blamed: &[Blamed<'_>], preflight: &Preflight) -> PropertyReport {
    let ours: Vec<&Blamed<'_>> = blamed.iter().filter(|blamed| blamed.property == property).collect();
    let judging = |row: &&Row| {
        row.scenario.judges.contains(&property)
            || ours.iter().any(|blamed| blamed.row.scenario.name == row.scenario.name)
    };
    let judging: Vec<&Row> = rows.iter().filter(judging).collect();
    let tried =
        rows.iter().filter_map(|row| row.seen.tried.get(&property)).fold(0_u64, |sum, more| sum.saturating_add(*more));
    let measured = measured(property, rows, preflight);
    let is_any = |other| blamed.iter().any(|blamed| blamed.property == other);
    let (verdict, saw) = if !ours.is_empty() {
        (Verdict::Violated, format!("violated {} times", ours.len()))
    } else if let Some((words, _)) = &measured {
        (Verdict::Measured, words.clone())
    } else if property == Property::ReuseEndsSession && is_any(Property::ReuseDetected) {
        (Verdict::NotApplicable, "the server does not recognise reuse".to_owned())
    } else {
        unviolated(property, &judging, tried)
    };
    PropertyReport {
        property,
        title: property.title().to_owned(),
        rank: property.rank(),
        verdict,
        saw,
        figure: measured.and_then(|(_, figure)| figure),
        scenarios: judging.iter().map(|row| row.scenario.name.to_owned()).collect(),
        tried: tried.saturating_add(u64::try_from(ours.len()).unwrap_or(u64::MAX)),
        violated: u64::try_from(ours.len()).unwrap_or(u64::MAX),
        violations: violations(property, &ours),
    }
}

/// It could not be tried where a scenario that judges it could not; it holds where something could have violated it.
fn unviolated(property: Property, judging: &[&Row], tried: u64) -> (Verdict, String) {
    let untried = judging.iter().find_map(|row| match row.verdict() {
        (Verdict::CouldNotBeTried, why) => Some(format!("{}: {}", row.scenario.name, why.unwrap_or_default())),
        _other => None,
    });
    if let Some(why) = untried {
        return (Verdict::CouldNotBeTried, why);
    }
    if let Some(why) = judging.iter().find_map(|row| row.seen.not_applicable.get(&property)) {
        return (Verdict::NotApplicable, why.clone());
    }
    if tried > 0 && property.rank() != Rank::Figure {
        return (Verdict::Holds, format!("put to the test {tried} times"));
    }
    let skipped = judging.iter().find_map(|row| match row.verdict() {
        (Verdict::NotApplicable, why) => why,
        _other => None,
    });
    let why = match (skipped, judging.is_empty()) {
        (Some(why), _) => why,
        (None, true) => "no scenario that judges it was chosen".to_owned(),
        (None, false) => "nothing happened that could have violated it".to_owned(),
    };
    (Verdict::NotApplicable, why)
}

fn measured(property: Property, rows: &[Row], preflight: &Preflight) -> Option<Measured> {
    if property == Property::Rotation {
        return Some((rotation(preflight)?, None));
    }
    rows.iter().find_map(|row| row.seen.measured.get(&property).cloned())
}

fn rotation(preflight: &Preflight) -> Option<String> {
    let rotates = match (preflight.rotates?, preflight.rotates_irregularly) {
        (_, true) => "rotates, but not each time",
        (true, false) => "rotates",
        (false, false) => return Some("does not rotate".to_owned()),
    };
    let old = match (preflight.old_tokens_stay_valid, preflight.old_token_works) {
        (true, _) => ", and old tokens stay valid, as the profile states",
        (false, Some(true)) => {
            ", and an old token still works: where the server documents that, state `old_tokens` in the profile"
        }
        (false, _) => "",
    };
    Some(format!("{rotates}{old}"))
}

fn violations(property: Property, blamed: &[&Blamed<'_>]) -> Vec<Violation> {
    let mut sorted: Vec<&&Blamed<'_>> = blamed.iter().collect();
    // What leaves no doubt first, and then what is short.
    sorted.sort_by_key(|blamed| (blamed.found.candidates.len() > 1, blamed.found.shown.len()));
    sorted.into_iter().take(REPORTED).map(|blamed| shown(property, blamed)).collect()
}

fn shown(property: Property, Blamed { row, found, .. }: &Blamed<'_>) -> Violation {
    Violation {
        scenario: row.scenario.name.to_owned(),
        sentence: found.sentence.clone().unwrap_or_else(|| sentence(property, &found.core)),
        calls: found.shown.clone(),
    }
}
