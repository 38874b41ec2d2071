//! `kill -9`, at random moments under load.

use crate::{
    chance::{Chance, so_many},
    load::{Load, judge::Case},
    site::Site,
};

/// S-4, S-5.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_is_killed_again_and_again() {
    let mut site = Site::start(1).await;
    let load = Load::start(&site, 12).await;
    let (mut case, chance) = (Case::begin("kill -9 of the server", &site, &load).await, Chance::new());
    for _ in 0..so_many(5, 120) {
        chance.wait(0, so_many(300, 900)).await;
        site.servers[0].kill();
        site.servers[0].start().await;
        case.cycles += 1;
    }
    case.close(&site, load).await;
}

/// S-4, S-5: The same for Postgres: all its processes at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_killed_again_and_again() {
    let mut site = Site::start(2).await;
    let load = Load::start(&site, 12).await;
    let (mut case, chance) = (Case::begin("kill -9 of Postgres", &site, &load).await, Chance::new());
    for _ in 0..so_many(4, 110) {
        chance.wait(0, so_many(400, 1200)).await;
        site.postgres.kill();
        // At times the servers see an outage, at times only lost connections.
        chance.wait(0, so_many(200, 1500)).await;
        site.postgres.start().await;
        case.cycles += 1;
    }
    case.close(&site, load).await;
}

/// S-4: And for both at once: nobody is left who remembers anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_killed_at_once() {
    let mut site = Site::start(1).await;
    let load = Load::start(&site, 8).await;
    let (mut case, chance) = (Case::begin("kill -9 of both", &site, &load).await, Chance::new());
    for _ in 0..so_many(2, 40) {
        chance.wait(0, so_many(300, 900)).await;
        site.postgres.kill();
        site.servers[0].kill();
        site.postgres.start().await;
        site.servers[0].start().await;
        case.cycles += 1;
    }
    case.close(&site, load).await;
}
