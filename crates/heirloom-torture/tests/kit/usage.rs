//! Wrong usage is told, with 2.

use crate::kit::{torture, torture_with};
use std::fs;

#[tokio::test]
async fn wrong_usage_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.json");
    fs::write(&broken, "{ \"about\": 1 }").unwrap();
    let broken = broken.to_str().unwrap();
    let url = "http://127.0.0.1:9";
    for (arguments, told) in [
        (&[][..], "required"),
        (&[url], "--user"),
        (&["localhost:8080", "--user", "alice"], "not an http or https URL"),
        (&["ftp://localhost", "--user", "alice"], "not an http or https URL"),
        (&[url, "--user", "alice", "--only", "nonsense"], "no scenario `nonsense`"),
        (&[url, "--user", "alice", "--profile", "nonsense"], "heirloom, oauth2"),
        (&[url, "--user", "alice", "--profile", broken], "no profile"),
        (&[url, "--user", "alice", "--values", broken], "JSON object with string values"),
        (&[url, "--user", "alice", "--set", "client_id"], "NAME=VALUE"),
        (&[url, "--user", "alice", "--duration", "soon"], "soon"),
        (&[url, "--tokens", "/dev/null"], "is empty"),
        (&[url, "--user", "alice", "--password", "secret"], "--password"),
    ] {
        let ran = torture(arguments).await;
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains(told), "{told:?} is not in {ran:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_holds_nothing() {
    let ran = torture(&["http://127.0.0.1:9", "--user", "alice", "--only", "race-2"]).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stdout.contains("FAILED") && ran.stdout.contains("nobody can sign in"), "{ran:?}");
}

#[tokio::test]
async fn the_scenarios_can_be_listed() {
    let ran = torture_with(&["--list", "--json"], "").await;
    let listed: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let invariants = listed.as_array().unwrap().iter().flat_map(|one| one["invariants"].as_array().unwrap());
    let tried: std::collections::BTreeSet<_> = invariants.map(|number| number.as_u64().unwrap()).collect();
    assert_eq!(tried, (1..=7).collect(), "the eighth is none that HTTP could show");
    let text = torture_with(&["--list"], "").await.stdout;
    assert!(text.lines().count() > listed.as_array().unwrap().len(), "{text}");
}
