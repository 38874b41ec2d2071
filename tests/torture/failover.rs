//! The primary dies, and its standby is promoted under load.

use crate::{
    chance::{Chance, so_many},
    load::{Load, judge::Case},
    site::{Postgres, Site},
};
use heirloom_testing::{Port, eventually, give_to_postgres};
use sqlx::Row;
use std::{
    fs, mem,
    path::Path,
    process::{Command, Stdio},
};

/// Standbys that have what was acknowledged.
const IN_STEP: &str = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";

/// Two servers that know both hosts, and the standby.
async fn lay_out() -> (Site, Postgres, Vec<Port>) {
    let mut site = Site::lay_out();
    let reserved = vec![Port::reserve(), Port::reserve()];
    let ports: Vec<_> = reserved.iter().map(Port::number).collect();
    site.postgres.set("listen_addresses", "127.0.0.1");
    site.postgres.set("port", &ports[0].to_string());
    site.postgres.start().await;
    let standby = follow(&site, "data-0", ports[1]).await;
    let url = format!("postgres://heirloom@127.0.0.1:{},127.0.0.1:{}/heirloom?sslmode=disable", ports[0], ports[1]);
    site.add_server(&url);
    site.add_server(&url);
    site.start_servers().await;
    (site, standby, reserved)
}

/// With synchronous replication nothing that was acknowledged is lost, so that nobody is signed out: 503 until the new
/// primary is found, never 401. Then the old host is made the standby of the new one, and it goes the other way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_is_promoted() {
    let (mut site, mut standby, _reserved) = lay_out().await;
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

/// Where nothing stops the old primary (its Patroni was killed, its network to the others was cut), it goes on answering
/// reads: S-60. Both servers leave it for the new one, with the connection that listens too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_primary_that_goes_on_is_left_for_the_new_one() {
    let (mut site, standby, _reserved) = lay_out().await;
    let load = Load::start(&site, 8).await;
    let mut case = Case::begin("fail-over, and the old primary goes on", &site, &load).await;
    standby.execute("SELECT pg_promote()").await;
    let mut old = mem::replace(&mut site.postgres, standby);
    // A commit that waits for a standby does not notice that its client has left.
    let of_ours = "SELECT count(*) FROM pg_stat_activity \
                   WHERE usename = 'heirloom' AND wait_event IS DISTINCT FROM 'SyncRep'";
    let left = async || old.number(of_ours).await == 0;
    eventually("both servers left the old primary", left).await;
    load.further(2).await;
    assert!(old.is_running());
    case.cycles += 1;
    case.close(&site, load).await;
}

/// A standby of the site's Postgres, which waits for it from now on.
async fn follow(site: &Site, name: &str, port: u16) -> Postgres {
    let mut standby = Postgres::existing(&site.folder, name);
    back_up(site, &standby).await;
    standby.set("listen_addresses", "127.0.0.1");
    standby.set("port", &port.to_string());
    standby.start().await;
    site.postgres.execute("ALTER SYSTEM SET synchronous_standby_names = '*'; SELECT pg_reload_conf()").await;
    eventually("the standby is in step", async || site.postgres.number(IN_STEP).await > 0).await;
    standby
}

/// What `pg_basebackup -R` does, which not every package of Postgres has.
async fn back_up(site: &Site, standby: &Postgres) {
    let mut primary = site.postgres.connect().await;
    let keep = "ALTER SYSTEM SET wal_keep_size = '64MB'; SELECT pg_reload_conf()";
    site.postgres.execute(keep).await;
    sqlx::raw_sql("SELECT pg_backup_start('standby', true)").execute(&mut primary).await.unwrap();
    copy(&site.postgres.data(), &standby.data());
    let label = sqlx::raw_sql("SELECT labelfile FROM pg_backup_stop(false)").fetch_one(&mut primary).await.unwrap();
    let conninfo = format!("host={} port={} user=postgres", site.folder.join("run").display(), site.postgres.port());
    let settings = standby.data().join("postgresql.auto.conf");
    let before = fs::read_to_string(&settings).unwrap();
    for (name, text) in [
        ("backup_label", label.get::<String, _>(0)),
        ("standby.signal", String::new()),
        ("postgresql.auto.conf", format!("{before}primary_conninfo = '{conninfo}'\n")),
    ] {
        fs::write(standby.data().join(name), text).unwrap();
        give_to_postgres(&standby.data().join(name));
    }
}

/// Files may disappear while they are copied: the primary is in use.
fn copy(from: &Path, to: &Path) {
    drop(Command::new("cp").arg("-a").arg(from).arg(to).stdin(Stdio::null()).output().unwrap());
    for name in ["postmaster.pid", "postmaster.opts"] {
        drop(fs::remove_file(to.join(name)));
    }
}
