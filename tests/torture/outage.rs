//! A Postgres that answers, and does not do what is asked.

use crate::{
    chance::so_many,
    load::{Load, judge::Case},
    site::Site,
};
use sqlx::{ConnectOptions, Connection, PgConnection};
use std::time::Duration;

/// The servers' connections, all of them.
const END_THEIRS: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'heirloom' AND pid <> pg_backend_pid()";

///
/// As an administrator, or a full disk's guardian, does it: for the whole cluster at once, or for a database's new
/// connections.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_read_only_for_a_while() {
    let site = Site::start(1).await;
    let load = Load::start(&site, 8).await;
    let mut case = Case::begin("read-only Postgres", &site, &load).await;
    for round in 0..so_many(2, 40) {
        let (on, off) = if round % 2 == 0 {
            ("ALTER SYSTEM SET default_transaction_read_only = on", "ALTER SYSTEM RESET default_transaction_read_only")
        } else {
            (
                "ALTER DATABASE heirloom SET default_transaction_read_only = on",
                "ALTER DATABASE heirloom RESET default_transaction_read_only",
            )
        };
        site.postgres.execute(&format!("{on}; SELECT pg_reload_conf(); {END_THEIRS}")).await;
        load.until_away().await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        site.postgres.execute(&format!("{off}; SELECT pg_reload_conf()")).await;
        if round % 2 == 1 {
            // Connections made meanwhile keep what the database said then; those that met it are closed by the server,
            // and the rest goes here.
            site.postgres.execute(END_THEIRS).await;
        }
        load.further(2).await;
        case.cycles += 1;
    }
    case.close(&site, load).await;
}

/// Others take all connections, and the servers' own are ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_connections_are_taken_by_others() {
    let mut site = Site::lay_out();
    site.postgres.set("max_connections", "24");
    site.postgres.start().await;
    let url = site.postgres.url();
    site.add_server(&url);
    site.start_servers().await;
    let load = Load::start(&site, 8).await;
    let mut case = Case::begin("out of connections", &site, &load).await;
    for _ in 0..so_many(2, 40) {
        let others = take_all(&site).await;
        assert!(others.len() > 3, "others hold {}", others.len());
        load.until_away().await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        for other in others {
            other.close().await.unwrap();
        }
        load.further(2).await;
        case.cycles += 1;
    }
    case.close(&site, load).await;
}

/// Until Postgres says that there is no more; those of the servers are ended meanwhile, and taken too.
async fn take_all(site: &Site) -> Vec<PgConnection> {
    let ordinary = site.postgres.superuser().username("heirloom");
    let (mut others, mut refused) = (Vec::new(), 0);
    let mut superuser = site.connect().await;
    while refused < 20 {
        sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'heirloom' AND application_name <> 'torture'",
        )
        .execute(&mut superuser)
        .await
        .unwrap();
        match ordinary.connect().await {
            Ok(connection) => others.push(connection),
            Err(_full) => refused += 1,
        }
    }
    others
}
