//! Servers with a planted fault: each is found, by the scenario that is there for it. And a right one is not accused.

use crate::{
    kit::{Report, torture},
    stub::{Fault, Stub},
};
use std::time::Duration;

/// Everything that needs neither a restart nor a while.
const QUICK: &[&str] = &[
    "race-2",
    "race-8",
    "race-64",
    "shared-key-2",
    "shared-key-8",
    "shared-key-64",
    "two-keys",
    "lost-answer",
    "lost-answer-no-key",
    "late-retry",
    "reordered",
    "replay-1",
    "replay-2",
    "replay-100",
    "after-reuse",
    "reuse-in-flight",
    "sign-out",
    "refresh-sign-out",
    "refresh-sign-in",
    "access-after-end",
    "forged",
];

async fn quick(fault: Fault) -> Report {
    let stub = Stub::start(fault);
    let only = QUICK.iter().flat_map(|name| ["--only", *name]);
    Report::of(&[stub.url.as_str(), "--user", "alice"].into_iter().chain(only).collect::<Vec<_>>()).await
}

#[tokio::test]
async fn a_right_server_is_not_accused() {
    let stub = Stub::start(Fault::None);
    let restart = stub.restart_command();
    let arguments =
        [&stub.url, "--user", "alice", "--duration", "2s", "--restart-command", &restart, "--absolute-lifetime", "1h"];
    Report::of(&arguments).await.expect_all_hold(&[]);
}

#[tokio::test]
async fn each_fault_is_found_by_the_scenario_that_is_there_for_it() {
    for (fault, scenarios) in [
        (Fault::NonAtomicRotation, &["race-2", "race-8", "race-64"][..]),
        (Fault::ReuseRolledBack, &["replay-1", "replay-2", "replay-100", "after-reuse", "reuse-in-flight", "race-8"]),
        (Fault::GracePeriodForEveryone, &["lost-answer-no-key", "replay-1", "race-2", "two-keys"]),
        (Fault::ForkOnRetry, &["lost-answer", "shared-key-2", "shared-key-64"]),
        (Fault::AlarmOnRetry, &["lost-answer", "shared-key-8"]),
        (Fault::AcceptsForgedTag, &["forged"]),
        (Fault::ForgeryEndsSession, &["forged"]),
        (Fault::OutageReportedAsReuse, &["replay-100", "refresh-sign-in"]),
        (Fault::AccessOutlivesSession, &["access-after-end"]),
        (Fault::SignInEndsOthers, &["refresh-sign-in"]),
    ] {
        let report = quick(fault).await;
        for scenario in scenarios {
            report.expect_violated(scenario);
        }
    }
}

/// Only a sign-out that comes after the refresh shows it.
#[tokio::test]
async fn a_sign_out_that_a_refresh_has_overtaken_is_missed() {
    let stub = Stub::start(Fault::SignOutByStaleTokenIgnored);
    let only = ["--only", "refresh-sign-out", "--rounds", "10"];
    Report::of(&[&[stub.url.as_str(), "--user", "alice"][..], &only].concat())
        .await
        .expect_violated("refresh-sign-out");
}

#[tokio::test]
async fn what_a_restart_forgets_is_found() {
    for (fault, holds) in
        [(Fault::None, true), (Fault::RevocationLostAtRestart, false), (Fault::RotationLostAtRestart, false)]
    {
        let stub = Stub::start(fault);
        let restart = stub.restart_command();
        let arguments = [&stub.url, "--user", "alice", "--only", "restart", "--restart-command", &restart];
        let report = Report::of(&arguments).await;
        if holds {
            report.expect_all_hold(&[]);
        } else {
            report.expect_violated("restart");
        }
    }
}

#[tokio::test]
async fn a_session_that_outlives_its_absolute_end_is_found() {
    for (fault, holds) in [(Fault::None, true), (Fault::SlidesAbsoluteLifetime, false)] {
        let stub = Stub::living(fault, Duration::from_secs(6));
        let arguments = [&stub.url, "--user", "alice", "--only", "lifetime", "--absolute-lifetime", "6s"];
        let report = Report::of(&arguments).await;
        if holds {
            report.expect_all_hold(&[]);
        } else {
            report.expect_violated("lifetime");
        }
    }
}

#[tokio::test]
async fn an_outage_is_borne_by_the_storm_and_hides_too_much_elsewhere() {
    let stub = Stub::start(Fault::Outages);
    Report::of(&[&stub.url, "--user", "alice", "--only", "storm", "--duration", "2s"]).await.expect_all_hold(&[]);
    let report = Report::of(&[&stub.url, "--user", "alice", "--only", "replay-100"]).await;
    assert_eq!((report.code, report.with("could_not_be_tried")), (3, vec!["replay-100"]), "{:#}", report.json);
}

#[tokio::test]
async fn the_storm_finds_what_the_others_find() {
    for fault in [Fault::NonAtomicRotation, Fault::ReuseRolledBack, Fault::ForkOnRetry, Fault::OutageReportedAsReuse] {
        let stub = Stub::start(fault);
        let arguments = [&stub.url, "--user", "alice", "--only", "storm", "--duration", "3s"];
        Report::of(&arguments).await.expect_violated("storm");
    }
}

/// The output is readable and contains no token.
#[tokio::test]
async fn a_violation_is_reported_with_the_few_calls_that_show_it() {
    let stub = Stub::start(Fault::ReuseRolledBack);
    let ran = torture(&[&stub.url, "--user", "alice", "--only", "replay-1", "--seed", "7"]).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stdout.contains("VIOLATED") && ran.stdout.contains("seed 7"), "{ran:?}");
    let calls: Vec<_> = ran.stdout.lines().filter(|line| line.contains(" → ")).collect();
    assert!(calls.iter().any(|line| line.contains("refused as reused")), "{ran:?}");
    assert!(calls.iter().any(|line| line.contains("issued t2")), "{ran:?}");
    assert!(calls.len() < 10, "{ran:?}");
    let mut secrets = ran.stdout.split(|c: char| !c.is_ascii_hexdigit()).filter(|word| word.len() >= 16);
    assert_eq!(secrets.next(), None, "a secret is printed: {ran:?}");
}

/// RFC 6749's token endpoint: one word for every refusal, no keys, and access tokens only where the profile describes them.
#[tokio::test]
async fn a_plain_oauth_server_is_judged_by_what_it_can_do() {
    let skipped =
        ["shared-key-2", "shared-key-8", "shared-key-64", "two-keys", "lost-answer", "late-retry", "reordered"];
    let client = ["--profile", "oauth2", "--set", "client_id=web", "--duration", "1s", "--user", "alice"];
    let stub = Stub::start(Fault::None);
    let url = format!("{}/token", stub.url);
    let all = [&[url.as_str()][..], &client].concat();
    let without_revocation =
        [&skipped[..], &["sign-out", "refresh-sign-out", "access-after-end", "restart", "lifetime"]].concat();
    Report::of(&all).await.expect_all_hold(&without_revocation);
    let revocation = format!("revocation_url={}/revoke", stub.url);
    let more = ["--set", revocation.as_str()];
    Report::of(&[&all[..], &more].concat())
        .await
        .expect_all_hold(&[&skipped[..], &["access-after-end", "restart", "lifetime"]].concat());

    for (fault, scenario) in [
        (Fault::NonAtomicRotation, "race-8"),
        (Fault::ReuseRolledBack, "replay-2"),
        (Fault::GracePeriodForEveryone, "lost-answer-no-key"),
    ] {
        let url = format!("{}/token", Stub::start(fault).url);
        let only = ["--only", scenario];
        Report::of(&[&[url.as_str()][..], &client, &only].concat()).await.expect_violated(scenario);
    }
}
