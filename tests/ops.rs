//! What operators import (`ops/`) speaks of metrics that exist.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a test may fail loudly")]

use heirloom::kernel::{Duration, Metrics};
use std::{collections::BTreeSet, fs, process::Command};

const FILES: &[&str] =
    &["ops/grafana/heirloom.json", "ops/prometheus/alerts.yml", "ops/prometheus/alerts_test.yml", "docs/operating.md"];

/// Every name under which a sample stands in what Prometheus reads.
fn known() -> BTreeSet<String> {
    let metrics = Metrics::new();
    metrics.answered("GET", None, 200, Duration::ZERO);
    metrics.rotated("rotated");
    metrics.signed_in("signed_in");
    metrics.second_factor("totp", "accepted");
    metrics.limited("requests");
    metrics.ended("signed_out", 1);
    metrics.mailed("sent");
    metrics.audit().suppressed("access_denied");
    metrics.confirmation("reset_password", "used");
    metrics.upstream("kakao", "signed_in");
    metrics.notification_rejected("heirloom_revocations", "not_genuine");
    metrics.streamed("beat");
    metrics.task_seen("sweep", Duration::ZERO, Duration::ZERO, Duration::ZERO);
    metrics.observe_tasks(Duration::ZERO);
    let text = metrics.text();
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples.map(|line| line.split(['{', ' ']).next().unwrap().to_owned()).collect()
}

/// Names that are not metrics: channels of NOTIFY, roles of the database.
const OTHERS: &[&str] =
    &["heirloom_revocations", "heirloom_signing_keys", "heirloom_app", "heirloom_owner", "heirloom_runtime"];

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

/// A-54.
#[test]
fn every_error_code_and_log_event_is_explained() {
    let manual = fs::read_to_string("docs/operating.md").unwrap();
    for kind in heirloom::http::kind::ALL {
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
            } else if path.extension().is_some_and(|kind| kind == "rs") {
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

/// What the image is built from: the first stage's `COPY`, past what `.dockerignore` holds back.
fn build_context() -> Vec<String> {
    let ignored = fs::read_to_string(".dockerignore").unwrap();
    let let_in: Vec<&str> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let file = fs::read_to_string("Dockerfile").unwrap();
    let first_stage = file.split("\nFROM ").nth(1).unwrap();
    let copied = first_stage.lines().filter_map(|line| line.strip_prefix("COPY "));
    let paths: Vec<String> =
        copied.flat_map(|line| line.split(' ').rev().skip(1).map(str::to_owned).collect::<Vec<_>>()).collect();
    assert!(paths.len() > 5, "the control: something is copied");
    for path in &paths {
        assert!(let_in.contains(&path.as_str()), "{path} is not let in by .dockerignore");
    }
    paths
}

#[test]
fn the_image_is_built_from_all_that_cargo_asks_for() {
    let folder = tempfile::TempDir::new().unwrap();
    for path in build_context() {
        let copied = Command::new("cp").args(["-r", &path]).arg(folder.path()).status().unwrap();
        assert!(copied.success(), "{path}");
    }
    // Reads the manifests with every target that they name. It needs no other crate: the cache is empty.
    let cache = tempfile::TempDir::new().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    let cargo = cargo.args(["metadata", "--no-deps", "--format-version", "1", "--offline"]);
    let read = cargo.current_dir(folder.path()).env("CARGO_HOME", cache.path()).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
}

#[test]
fn every_dependency_has_a_reason() {
    let members = fs::read_dir("crates").unwrap().map(|member| member.unwrap().path().join("Cargo.toml"));
    let manifests = members.chain(["Cargo.toml".into()]).map(|path| fs::read_to_string(path).unwrap());
    let manifest = manifests.collect::<Vec<_>>().join("\n");
    let sections = manifest.split("\n[").filter(|section| section.lines().next().unwrap().contains("dependencies]"));
    let named = sections.flat_map(|section| section.lines().skip(1).filter_map(|line| line.split_once(" = ")));
    // Packages of this workspace are named by path.
    let named = named.filter(|(name, what)| !name.starts_with('#') && !what.contains("path = "));
    let named: Vec<&str> = named.map(|(name, _)| name).collect();
    assert!(named.len() > 40, "the control: dependencies are found");
    let reasons = fs::read_to_string("docs/dependencies.md").unwrap();
    let rows: Vec<&str> = reasons.lines().filter(|line| line.starts_with("| `")).collect();
    let missing = named.into_iter().filter(|name| !rows.iter().any(|row| row.contains(&format!("`{name}`"))));
    assert_eq!(missing.collect::<Vec<_>>(), Vec::<&str>::new());
}
