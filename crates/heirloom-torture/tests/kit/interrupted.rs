//! ^C ends a run early, with what is known by then.

use crate::{
    kit::PASSWORD,
    provider::{Manners, Provider},
};
use serde_json::Value;
use std::process::Stdio;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::Command,
};

/// Interrupts a run once its first scenario has ended and the storm is under way.
async fn interrupted(provider: &Provider, signal: &str) -> (i32, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_heirloom-torture"));
    command.args([&provider.url, "--user", "alice", "--client-id", "web", "--json"]);
    command.args(["--only", "replay-1", "--only", "storm", "--duration", "10m"]);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).kill_on_drop(true);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{PASSWORD}\n").as_bytes()).await.unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        if line.contains("replay-1") {
            break;
        }
    }
    let id = child.id().unwrap().to_string();
    assert!(Command::new("kill").args([signal, &id]).status().await.unwrap().success());
    let ended = child.wait_with_output().await.unwrap();
    (ended.status.code().unwrap(), serde_json::from_slice(&ended.stdout).unwrap())
}

fn verdict<'a>(report: &'a Value, scenario: &str) -> &'a Value {
    let rows = report["scenarios"].as_array().unwrap();
    &rows.iter().find(|row| row["scenario"] == scenario).unwrap()["verdict"]
}

#[tokio::test]
async fn an_interrupted_run_reports_what_held_and_that_the_rest_is_not_known() {
    for signal in ["-INT", "-TERM"] {
        let (code, report) = interrupted(&Provider::start(Manners::default()), signal).await;
        assert_eq!((code, &report["interrupted"]), (3, &true.into()), "{report:#}");
        assert_eq!(
            (verdict(&report, "replay-1"), verdict(&report, "storm")),
            (&"holds".into(), &"could_not_be_tried".into())
        );
    }
}

#[tokio::test]
async fn an_interrupted_run_reports_a_violation_that_was_seen() {
    let (code, report) =
        interrupted(&Provider::start(Manners { is_lenient: true, ..Manners::default() }), "-INT").await;
    assert_eq!((code, &report["verdict"]), (1, &"violated".into()), "{report:#}");
    assert_eq!(verdict(&report, "replay-1"), "violated");
}
