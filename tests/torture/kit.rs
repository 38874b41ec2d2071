//! The kit that speaks HTTP only, pointed at two of our own instances.

use crate::{
    chance::is_long,
    load::{Load, client::PASSWORD, judge::Case},
    report::could_not_run,
    site::{Server, Site},
};
use std::{io::Write, process::Stdio};

const FAULT: &str = "heirloom torture of two instances";

/// It finds nothing to complain of, with a load beside it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rotation_torture_kit_finds_nothing() {
    if !is_long() {
        // `tests/torture_kit` has it in every run.
        return could_not_run(FAULT, "in script/torture only");
    }
    let site = Site::start(2).await;
    if !has_the_kit(&site.servers[0]) {
        return could_not_run(FAULT, "this binary has no such command");
    }
    let load = Load::start(&site, 2).await;
    let mut case = Case::begin(FAULT, &site, &load).await;
    let (_, clients) = Load::clients(&site, 1).await;
    let urls = site.urls();
    let arguments = ["torture", &urls[0], "--url", &urls[1], "--user", &clients[0].email];
    let mut kit = site.servers[0].command(&arguments);
    let mut child = kit.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{PASSWORD}").unwrap();
    let ended = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap();
    let told = [ended.stdout, ended.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(ended.status.success(), "{told}");
    case.cycles += 1;
    // It has ended sessions of its own on purpose: the rest of them must be none of the load's.
    case.ended = site.postgres.number("SELECT count(*) FROM sessions WHERE revoked_at IS NOT NULL").await;
    case.close(&site, load).await;
}

fn has_the_kit(server: &Server) -> bool {
    server.command(&["torture", "--help"]).output().unwrap().status.success()
}
