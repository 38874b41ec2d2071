//! SARIF 2.1.0 (OASIS): a rule for each property, a result for each verdict, a flow for each history.

use super::wording::{level, line, seen};
use heirloom_torture::{
    Report, Verdict,
    report::{PropertyReport, Violation},
};
use serde_json::{Value, json};

/// Where the schema stands.
const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The document.
pub fn report(report: &Report) -> Value {
    let succeeded = report.preflight.failed.is_none() && !report.interrupted;
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "heirloom-torture",
                "semanticVersion": report.version,
                "rules": report.properties.iter().map(rule).collect::<Vec<_>>(),
            }},
            "invocations": [invocation(report, succeeded)],
            "results": results(report),
            "properties": {
                "grade": report.grade.letter.map(String::from), "seed": report.seed, "profile": report.profile,
                "calls": report.calls, "duration_ms": report.duration_ms,
            },
        }],
    })
}

fn invocation(report: &Report, succeeded: bool) -> Value {
    let mut invocation = json!({ "executionSuccessful": succeeded, "exitCode": report.exit_code() });
    let add = |invocation: &mut Value, name: &str, value: Value| {
        invocation.as_object_mut().map(|members| members.insert(name.to_owned(), value));
    };
    if !report.started_at.is_empty() {
        add(&mut invocation, "startTimeUtc", json!(report.started_at));
    }
    if let Some(cause) = &report.preflight.failed {
        let notification = json!({ "level": "error", "message": message(cause) });
        add(&mut invocation, "toolExecutionNotifications", json!([notification]));
    }
    invocation
}

fn rule(property: &PropertyReport) -> Value {
    json!({
        "id": property.property.name(),
        "shortDescription": message(&property.title),
        "defaultConfiguration": { "level": level(property.rank) },
        "properties": { "rank": property.rank.name() },
    })
}

fn results(report: &Report) -> Vec<Value> {
    let uri = report.instances.first().map_or("", String::as_str);
    let each = report.properties.iter().enumerate().flat_map(|(index, property)| {
        let result = |text: &str| {
            json!({
                "ruleId": property.property.name(),
                "ruleIndex": index,
                "kind": kind(property.verdict),
                "level": if property.verdict == Verdict::Violated { level(property.rank) } else { "none" },
                "message": message(text),
                "locations": [{ "physicalLocation": { "artifactLocation": { "uri": uri } } }],
            })
        };
        if property.violations.is_empty() {
            return vec![result(&format!("{}: {}", property.title, seen(property)))];
        }
        let violations = property.violations.iter().map(|violation| {
            let mut result = result(&violation.sentence);
            if let Some(members) = result.as_object_mut() {
                members.insert("codeFlows".to_owned(), json!([flow(violation)]));
                members.insert("properties".to_owned(), json!({ "scenario": violation.scenario }));
            }
            result
        });
        violations.collect()
    });
    each.collect()
}

fn kind(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Holds => "pass",
        Verdict::Violated => "fail",
        Verdict::CouldNotBeTried => "open",
        Verdict::NotApplicable => "notApplicable",
        Verdict::Measured => "informational",
    }
}

/// A thread for each client.
fn flow(violation: &Violation) -> Value {
    let mut clients: Vec<usize> = violation.calls.iter().map(|call| call.client).collect();
    clients.sort_unstable();
    clients.dedup();
    let threads = clients.into_iter().map(|client| {
        let calls = (1..).zip(&violation.calls).filter(|(_, call)| call.client == client);
        let locations = calls
            .map(|(order, call)| json!({ "executionOrder": order, "location": { "message": message(&line(call)) } }));
        json!({ "id": format!("client {client}"), "locations": locations.collect::<Vec<_>>() })
    });
    json!({ "threadFlows": threads.collect::<Vec<_>>() })
}

/// A message as plain text: brackets would be a link, braces a placeholder (§3.11.5, §3.11.6).
fn message(text: &str) -> Value {
    let escaped = text.replace('{', "{{").replace('}', "}}").replace('[', "\\[").replace(']', "\\]");
    json!({ "text": escaped })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_wrote_is_neither_a_link_nor_a_placeholder() {
        assert_eq!(message("400 [here](http://a) {0}"), json!({ "text": "400 \\[here\\](http://a) {{0}}" }));
    }
}
