//! The kit that speaks HTTP only, pointed at two of our own instances.

use crate::{
    chance::is_long,
    load::{Load, client::PASSWORD, judge::Case},
    report::could_not_run,
    site::Site,
};
use heirloom_torture::{Guarded, Profile, Settings, Source, run};

const FAULT: &str = "heirloom-torture of two instances";

/// It finds no violation, with a load beside it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rotation_torture_kit_finds_nothing() {
    if !is_long() {
        // `tests/torture_kit.rs` has it in every run.
        return could_not_run(FAULT, "in script/torture only");
    }
    let site = Site::start(2).await;
    let load = Load::start(&site, 2).await;
    let mut case = Case::begin(FAULT, &site, &load).await;
    let (_, clients) = Load::clients(&site, 1).await;
    let (user, password) = (Guarded::new(clients[0].email.clone()), Guarded::new(PASSWORD.to_owned()));
    let profile = Profile::load("heirloom").unwrap();
    let settings = Settings::new(site.urls(), profile, Source::SignIn { user, password });
    let report = run(settings, |_| {}).await.unwrap();
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    case.cycles += 1;
    // It has revoked sessions of its own on purpose: the rest of them must not be the load's.
    case.ended = site.postgres.number("SELECT count(*) FROM sessions WHERE revoked_at IS NOT NULL").await;
    case.close(&site, load).await;
}
