//! Wrong usage is reported, with exit code 2.

use crate::kit::{torture, torture_with};
use std::fs;

#[tokio::test]
async fn wrong_usage_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.json");
    fs::write(&broken, "{ \"about\": 1 }").unwrap();
    let broken = broken.to_str().unwrap();
    let url = "http://127.0.0.1:9";
    for (arguments, message) in [
        (&[][..], "required"),
        (&[url], "--user"),
        (&["localhost:8080", "--user", "alice"], "not an http or https URL"),
        (&["ftp://localhost", "--user", "alice"], "not an http or https URL"),
        (&["ftp://bob:hunter2@localhost", "--user", "alice"], "`ftp://localhost/` is not an http or https URL"),
        (&[url, "--user", "alice", "--only", "nonsense"], "no scenario `nonsense`"),
        (&[url, "--user", "alice", "--profile", "nonsense"], "heirloom, oauth2"),
        (&[url, "--user", "alice", "--profile", broken], "not a valid profile"),
        (&[url, "--user", "alice", "--values", broken], "JSON object with string values"),
        (&[url, "--user", "alice", "--set", "client_id"], "NAME=VALUE"),
        (&[url, "--user", "alice", "--duration", "soon"], "soon"),
        (&[url, "--tokens", "/dev/null"], "is empty"),
        (&[url, "--user", "alice", "--password", "secret"], "--password"),
    ] {
        let ran = torture(arguments).await;
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains(message), "{message:?} is not in {ran:?}");
    }
}

#[tokio::test]
async fn a_missing_password_is_wrong_usage() {
    let ran = torture_with(&["http://127.0.0.1:9", "--user", "alice"], "").await;
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
    assert!(ran.stderr.contains("no password on standard input"), "{ran:?}");
}

#[tokio::test]
async fn the_manual_page_and_completions_are_printed() {
    for (arguments, words) in [
        (&["--man"][..], ".TH heirloom-torture"),
        (&["--completions", "bash"], "default heirloom-torture"),
        (&["--completions", "zsh"], "#compdef heirloom-torture"),
        (&["--completions", "fish"], "complete -c heirloom-torture"),
    ] {
        let ran = torture_with(arguments, "").await;
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{arguments:?}");
        assert!(ran.stdout.contains(words), "{words} is not in {}", ran.stdout);
    }
}

#[tokio::test]
async fn the_scenarios_can_be_listed() {
    let ran = torture_with(&["--list", "--json"], "").await;
    let listed: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let rules = listed.as_array().unwrap().iter().flat_map(|one| one["rules"].as_array().unwrap());
    let tried: std::collections::BTreeSet<_> = rules.map(|rule| rule.as_str().unwrap()).collect();
    for invariant in ["S-1", "S-2", "S-3", "S-4", "S-5", "S-6", "S-7"] {
        assert!(tried.contains(invariant), "{invariant} is not tried");
    }
    let contract = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/spec/sessions.md");
    let contract = fs::read_to_string(contract).unwrap();
    for rule in tried {
        assert!(contract.contains(&format!("**{rule}**")), "{rule} is not a rule of the contract");
    }
    let text = torture_with(&["--list"], "").await.stdout;
    assert!(text.lines().count() > listed.as_array().unwrap().len(), "{text}");
}
