//! The command, and what it reports.

use serde_json::Value;
use std::process::Stdio;
use tokio::{io::AsyncWriteExt, process::Command};

/// The password of every user in these tests.
pub const PASSWORD: &str = "plum-garage-velvet-9";

/// What a run said.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Runs `heirloom-torture` with these arguments and this on its standard input.
pub async fn torture_with(arguments: &[&str], typed: &str) -> Ran {
    torture_in(&[], arguments, typed).await
}

/// The same with these variables in its environment.
pub async fn torture_in(environment: &[(&str, &str)], arguments: &[&str], typed: &str) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_heirloom-torture"));
    command.args(arguments).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    command.envs(environment.iter().copied());
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    // Who reads nothing closes its end: that is its right.
    drop(child.stdin.take().unwrap().write_all(typed.as_bytes()).await);
    let output = child.wait_with_output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// The same with the password.
pub async fn torture(arguments: &[&str]) -> Ran {
    torture_with(arguments, &format!("{PASSWORD}\n")).await
}

/// The report of a run with `--json`.
pub struct Report {
    pub code: i32,
    pub json: Value,
}

impl Report {
    pub async fn of(arguments: &[&str]) -> Self {
        let arguments: Vec<_> = arguments.iter().copied().chain(["--json"]).collect();
        Self::read(&torture(&arguments).await)
    }

    pub fn read(ran: &Ran) -> Self {
        let json = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
        Self { code: ran.code, json }
    }

    /// The names of the scenarios with this verdict.
    pub fn with(&self, verdict: &str) -> Vec<&str> {
        let rows = self.json["scenarios"].as_array().unwrap().iter().filter(|row| row["verdict"] == verdict);
        rows.map(|row| row["scenario"].as_str().unwrap()).collect()
    }

    /// Everything that was tried held.
    #[track_caller]
    pub fn expect_all_hold(&self) {
        assert_eq!((self.with("violated"), self.with("could_not_be_tried")), (vec![], vec![]), "{:#}", self.json);
        assert_eq!((self.code, &self.json["verdict"]), (0, &"holds".into()));
        assert!(!self.with("holds").is_empty());
    }

    /// Nothing was judged, for this reason.
    #[track_caller]
    pub fn expect_untried(&self, cause: &str) {
        let judged = [self.with("holds"), self.with("violated")].concat();
        assert_eq!((self.code, judged), (3, vec![]), "{:#}", self.json);
        assert!(self.json.to_string().contains(cause), "{cause:?} is not in {:#}", self.json);
    }
}
