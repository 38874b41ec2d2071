//! What operators import (`ops/`) speaks of metrics that exist.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a test may fail loudly")]

use heirloom::kernel::{Duration, Metrics};
use std::{collections::BTreeSet, fs};

const FILES: &[&str] =
    &["ops/grafana/heirloom.json", "ops/prometheus/alerts.yml", "ops/prometheus/alerts_test.yml", "docs/operating.md"];

/// Every name under which a sample stands in what Prometheus reads.
fn known() -> BTreeSet<String> {
    let metrics = Metrics::new();
    metrics.answered("GET", None, 200, Duration::ZERO);
    metrics.rotated("rotated");
    metrics.signed_in("signed_in");
    metrics.limited("requests");
    metrics.ended("signed_out", 1);
    let text = metrics.text();
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples.map(|line| line.split(['{', ' ']).next().unwrap().to_owned()).collect()
}

/// Words of ours that are no metrics: channels of NOTIFY.
const OTHERS: &[&str] = &["heirloom_revocations", "heirloom_signing_keys"];

/// The metrics that a text speaks of.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    words.filter(|word| word.starts_with("heirloom_") && !OTHERS.contains(word)).map(str::to_owned).collect()
}

#[test]
fn dashboard_rules_and_documents_name_only_metrics_that_exist() {
    let known = known();
    for file in FILES {
        let text = fs::read_to_string(file).unwrap();
        let unknown: Vec<_> = named(&text).difference(&known).cloned().collect();
        assert_eq!(unknown, Vec::<String>::new(), "{file}");
    }
}

#[test]
fn every_metric_stands_on_the_dashboard_and_in_the_manual() {
    for file in ["ops/grafana/heirloom.json", "docs/operating.md"] {
        let text = fs::read_to_string(file).unwrap();
        let missing: Vec<_> = known().into_iter().filter(|name| !text.contains(name.as_str())).collect();
        // The sum of a histogram is for averages, which hide what hurts.
        let missing: Vec<_> = missing.into_iter().filter(|name| !name.ends_with("_seconds_sum")).collect();
        assert_eq!(missing, Vec::<String>::new(), "{file}");
    }
}

#[test]
fn every_error_code_and_log_event_is_explained() {
    let manual = fs::read_to_string("docs/operating.md").unwrap();
    for kind in heirloom::web::kind::ALL {
        assert!(manual.contains(&format!("`{}`", kind.code)), "{}", kind.code);
    }
    let events = events();
    assert!(events.len() > 20, "the control: events are found");
    let missing: Vec<_> = events.into_iter().filter(|event| !manual.contains(&format!("`{event}`"))).collect();
    assert_eq!(missing, Vec::<String>::new());
}

/// Names of log events: `room.verb` in a `tracing` macro.
fn events() -> BTreeSet<String> {
    fn walk(folder: &std::path::Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]").next().unwrap();
                for call in code.split("tracing::").skip(1) {
                    let level = ["info!(", "warn!(", "error!("].iter().find_map(|level| call.strip_prefix(level));
                    let arguments = level.and_then(|rest| rest.split(';').next()).unwrap_or_default();
                    found.extend(arguments.split('"').filter_map(event));
                }
            }
        }
    }
    let mut found = BTreeSet::new();
    walk(std::path::Path::new("src"), &mut found);
    found
}

/// The event that begins a message.
fn event(message: &str) -> Option<String> {
    let name = message.split(':').next()?;
    let (room, verb) = name.split_once('.')?;
    let plain = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    (plain(room) && plain(verb)).then(|| name.to_owned())
}
