//! The primary dies, and its standby is promoted under load.

use crate::{
    chance::{Chance, so_many},
    load::{Load, judge::Case},
    site::{Postgres, Site},
};
use heirloom_testing::{Port, eventually, postgres_program};
use std::{mem, process::Stdio};

/// Standbys that have what was acknowledged.
const IN_STEP: &str = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";

/// With synchronous replication nothing that was acknowledged is lost, so that nobody is signed out: 503 until the new
/// primary is found, never 401. Then the old host is made the standby of the new one, and it goes the other way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_is_promoted() {
    let mut site = Site::lay_out();
    let reserved = [Port::reserve(), Port::reserve()];
    let ports = reserved.each_ref().map(Port::number);
    site.postgres.set("listen_addresses", "127.0.0.1");
    site.postgres.set("port", &ports[0].to_string());
    site.postgres.start().await;
    let mut standby = follow(&site, "data-0", ports[1]).await;
    let url = format!("postgres://heirloom@127.0.0.1:{},127.0.0.1:{}/heirloom?sslmode=disable", ports[0], ports[1]);
    site.add_server(&url);
    site.add_server(&url);
    site.start_servers().await;
    let load = Load::start(&site, 8).await;
    let (mut case, chance) = (Case::begin("fail-over to a standby", &site, &load).await, Chance::new());
    for round in 1..=so_many(1, 12) {
        chance.wait(300, 1_500).await;
        site.postgres.kill();
        load.until_away().await;
        // Promoted, it waits for no standby of its own until there is one.
        standby.execute("SELECT pg_promote()").await;
        let old = mem::replace(&mut site.postgres, standby).port();
        load.further(2).await;
        case.cycles += 1;
        standby = follow(&site, &format!("data-{round}"), old).await;
    }
    case.close(&site, load).await;
}

/// A standby of the site's Postgres, which waits for it from now on.
async fn follow(site: &Site, name: &str, port: u16) -> Postgres {
    let mut standby = Postgres::existing(&site.folder, name);
    let mut copy = postgres_program("pg_basebackup");
    copy.arg("-h").arg(site.folder.join("run")).args(["-p", &site.postgres.port().to_string(), "-U", "postgres"]);
    copy.args(["-R", "-X", "stream", "-c", "fast", "-D"]).arg(standby.data());
    let copied = copy.stdin(Stdio::null()).output().unwrap();
    assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
    standby.set("listen_addresses", "127.0.0.1");
    standby.set("port", &port.to_string());
    standby.start().await;
    site.postgres.execute("ALTER SYSTEM SET synchronous_standby_names = '*'; SELECT pg_reload_conf()").await;
    eventually("the standby is in step", async || site.postgres.number(IN_STEP).await > 0).await;
    standby
}
