//! A report in every format, from a stored one and from a run.

use crate::{
    kit::{torture, torture_with},
    provider::{Manners, Provider},
};
use serde_json::Value;
use std::{fs, process::Command};
use tempfile::TempDir;

const STORED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kit/reports/violated.json");

async fn rendered(format: &str) -> String {
    let ran = torture_with(&["render", STORED, "--format", format], "").await;
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    ran.stdout
}

#[tokio::test]
async fn the_text_fits_a_hundred_columns_and_shows_the_calls_of_a_violation() {
    let text = rendered("text").await;
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    for part in [
        "grade F",
        "VIOLATED",
        "client 2: refresh t0 → 200: issued t2",
        "seed 7",
        "after 98 more refreshes in turn, client 1: refresh t0 at instance 2",
        "restart the server",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[tokio::test]
async fn a_stored_report_is_read_as_it_was_written() {
    let again: Value = serde_json::from_str(&rendered("json").await).unwrap();
    assert_eq!(again, serde_json::from_str::<Value>(&fs::read_to_string(STORED).unwrap()).unwrap());
}

#[tokio::test]
async fn junit_has_a_test_case_for_each_property() {
    let xml = rendered("junit").await;
    let mut reader = quick_junit::Report::deserialize_from_str(&xml).unwrap();
    let suite = reader.test_suites.remove(0);
    // Each property, and the preflight.
    assert_eq!((suite.tests, suite.failures, suite.errors), (25, 3, 1), "{xml}");
    let fork = suite.test_cases.iter().find(|case| case.name.as_str() == "fork").unwrap();
    assert_eq!(fork.classname.as_ref().unwrap().as_str(), "heirloom-torture.critical");
}

#[tokio::test]
async fn sarif_has_a_rule_and_a_result_for_each_property_and_a_flow_for_each_history() {
    let sarif: Value = serde_json::from_str(&rendered("sarif").await).unwrap();
    let run = &sarif["runs"][0];
    let list = |value: &Value| value.as_array().unwrap().clone();
    let (rules, results) = (list(&run["tool"]["driver"]["rules"]), list(&run["results"]));
    assert_eq!((sarif["version"].as_str(), rules.len()), (Some("2.1.0"), 24));
    for result in &results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(result["ruleId"], rules[index]["id"]);
        let is_violated = result["kind"] == "fail";
        assert_eq!((result["level"] == "none", result.get("codeFlows").is_some()), (!is_violated, is_violated));
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
    }
    assert_eq!(results.iter().filter(|result| result["kind"] == "fail").count(), 4);
    let threads = list(&results[0]["codeFlows"][0]["threadFlows"]);
    assert_eq!(threads.len(), 2, "one for each client");
}

#[tokio::test]
async fn the_page_needs_nothing_from_elsewhere_and_draws_each_violation() {
    let page = rendered("html").await;
    let without_server = page.replace("http://127.0.0.1:3000", "").replace("http:&#x2f;&#x2f;127.0.0.1:3000", "");
    for foreign in ["http:", "https:", "src=", "@import", "url(", "<script", "<link", "<iframe", "<form"] {
        assert!(!without_server.contains(foreign), "{foreign}");
    }
    assert!(page.contains("Content-Security-Policy"));
    assert_eq!(page.matches("<svg").count(), 4, "three violated properties, one of them shown twice");
    assert!(page.contains("<code>alg: none</code>"), "a title's code is marked");
    assert!(page.contains("&lt;short and stout&gt;") && !page.contains("<short and"), "what a server wrote is escaped");
}

#[tokio::test]
async fn a_run_writes_all_files_that_it_is_asked_for_and_no_token_into_any() {
    let (provider, folder) = (Provider::start(Manners::default()), TempDir::new().unwrap());
    let url = provider.url.replace("http://", "http://bob:hunter2@") + "/token/?key=hunter2";
    let names = ["r.html", "r.xml", "r.sarif", "r.json", "text=plain"];
    let outputs: Vec<String> = names
        .iter()
        .map(|name| match name.split_once('=') {
            Some((format, name)) => format!("{format}={}", folder.path().join(name).display()),
            None => folder.path().join(name).display().to_string(),
        })
        .collect();
    let outputs = outputs.iter().flat_map(|output| ["--output", output]);
    let base = [url.as_str(), "--profile", "oauth2", "--user", "alice", "--client-id", "web", "--only", "after-reuse"];
    let ran = torture(&base.into_iter().chain(outputs).collect::<Vec<_>>()).await;
    for name in ["r.html", "r.xml", "r.sarif", "r.json", "plain"] {
        let text = fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(text.contains("after-reuse") || name == "r.xml" || name == "r.sarif", "{name}: {text} {ran:?}");
        for secret in ["0123456789abcdef", crate::kit::PASSWORD, "hunter2", "bob"] {
            assert!(!text.contains(secret), "{secret} is in {name}: {text}");
        }
    }
}

/// Before the run, which may take a while.
#[tokio::test]
async fn a_file_that_cannot_be_written_is_wrong_usage() {
    let provider = Provider::start(Manners::default());
    let base = [provider.url.as_str(), "--user", "alice", "--client-id", "web", "--output"];
    for (output, message) in [("/no/such/folder/r.html", "cannot be written"), ("report", "name a format")] {
        let ran = torture(&[&base[..], &[output]].concat()).await;
        assert!(ran.code == 2 && ran.stderr.contains(message) && ran.stdout.is_empty(), "{ran:?}");
    }
    let ran = torture_with(&["render", "/dev/null"], "").await;
    assert!(ran.code == 2 && ran.stderr.contains("is not a report"), "{ran:?}");
}

#[tokio::test]
async fn profiles_are_listed_shown_and_checked() {
    let list = torture_with(&["profile", "list"], "").await.stdout;
    assert!(list.contains("oauth2") && list.contains("heirloom"), "{list}");
    let shown = torture_with(&["profile", "show", "oauth2"], "").await.stdout;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("mine.json");
    for (text, code, message) in [
        (shown.clone(), 0, "needs:   --set revocation_url=…"),
        (
            shown.replace("\"/refresh_token\"", "\"$.refresh_token\""),
            2,
            "`answer.refresh_token`: `$.refresh_token` names",
        ),
        (shown.replace("leeway_seconds", "leeway"), 2, "unknown field `leeway`"),
        (shown.replace("{refresh_token}", "{token}"), 2, "`{refresh_token}` is sent nowhere"),
    ] {
        fs::write(&path, text).unwrap();
        let checked = torture_with(&["profile", "check", path.to_str().unwrap()], "").await;
        assert_eq!((checked.code, checked.stderr.as_str()), (code, ""), "{checked:?}");
        assert!(checked.stdout.contains(message), "{message} is not in {}", checked.stdout);
    }
    let unknown = torture_with(&["profile", "show", "nonsense"], "").await;
    assert!(unknown.code == 2 && unknown.stderr.contains("heirloom, oauth2"), "{unknown:?}");
}

/// By libxml2 where it is installed: another parser than the one that wrote it.
#[tokio::test]
async fn junit_is_well_formed() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("r.xml");
    fs::write(&path, rendered("junit").await).unwrap();
    if let Ok(ended) = Command::new("xmllint").arg("--noout").arg(&path).status() {
        assert!(ended.success());
    }
}
