//! The connection to Postgres is lost in the middle of a rotation: before it, after its commit, within its answer.

use crate::{
    chance::{Chance, so_many},
    load::{Answer, Client, Load, client::parts, judge::Case},
    site::Site,
    wire::{CUTS, Cut, Wire},
};
use sqlx::Connection;
use std::{sync::Arc, time::Duration};

async fn behind_a_wire() -> (Site, Arc<Wire>) {
    let mut site = Site::lay_out();
    site.postgres.start().await;
    let wire = Wire::to(site.postgres.socket()).await;
    site.add_server(&wire.url());
    site.start_servers().await;
    (site, wire)
}

async fn generation(site: &Site, client: &Client) -> i64 {
    site.generation(client.newest()).await
}

/// S-39: the server finds out whether the statement was committed: even a client without a key notices nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_lost_connection_disturbs_no_client() {
    let (site, wire) = behind_a_wire().await;
    let load = Load::start(&site, 1).await;
    let mut case = Case::begin("connection cut once", &site, &load).await;
    load.further(2).await;
    let (_, mut clients) = Load::clients(&site, 1).await;
    let client = &mut clients[0];
    let url = site.urls()[0].clone();
    for _ in 0..so_many(3, 60) {
        for cut in CUTS {
            let (before, cuts) = (generation(&site, client).await, wire.cuts());
            wire.arm(cut);
            while wire.cuts() == cuts {
                // The load's rotation may be the one that is cut.
                assert!(client.refresh_at(&url).await, "{cut:?}: 503 though only one connection was lost");
            }
            assert_eq!(generation(&site, client).await, i64::from(parts(client.newest()).generation), "{cut:?}");
            assert!(generation(&site, client).await > before);
            case.cycles += 1;
        }
    }
    let (_, mut keyless) = Load::clients(&site, 1).await;
    let mut token = keyless.remove(0).newest().to_owned();
    for cut in CUTS {
        wire.arm(cut);
        let answer = crate::load::client::bare_refresh(&url, &token).await;
        let Answer::Tokens(tokens) = answer else { panic!("{cut:?}: {answer:?}") };
        tokens["refresh_token"].as_str().unwrap().clone_into(&mut token);
    }
    case.close(&site, load).await;
}

/// S-39.
/// The server cannot find out: it answers 503, and the client that comes again with its key gets its successor. The
/// family has gone exactly one step, whether the statement was committed or not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_with_an_unknown_result_is_resolved_by_its_key() {
    let (site, wire) = behind_a_wire().await;
    let (tally, mut clients) = Load::clients(&site, 4).await;
    for client in &mut clients {
        assert!(client.refresh().await);
    }
    let before = site.held();
    let mut committed = 0;
    let (chance, rounds) = (Chance::new(), so_many(2, 40));
    for round in 0..rounds {
        for cut in CUTS {
            let client = &mut clients[usize::try_from(chance.below(4)).unwrap()];
            let generation_before = generation(&site, client).await;
            wire.arm_and_stay_down(cut);
            assert!(!client.refresh().await, "round {round}, {cut:?}: there is no way to Postgres");
            let moved = generation(&site, client).await - generation_before;
            let expected = match cut {
                Cut::BeforeStatement => moved == 0,
                Cut::AfterStatement => moved <= 1,
                Cut::AfterCommit | Cut::WithinAnswer => moved == 1,
            };
            assert!(expected, "round {round}, {cut:?}: the row has gone {moved} steps");
            committed += moved;
            wire.open();
            while !client.refresh().await {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let moved = generation(&site, client).await - generation_before;
            assert_eq!(moved, 1, "round {round}, {cut:?}");
        }
    }
    assert!(committed >= 2 * rounds, "{committed} rotations were committed without an answer");
    let cycles = u64::try_from(rounds).unwrap() * 4;
    let case = Case { fault: "connection cut, outcome unknown", cycles, before, ended: 0, note: String::new() };
    case.close(&site, Load::of((tally, clients))).await;
}

/// S-38: the statement has been sent and waits for the row's lock when the connection is lost, and no other can be opened. Postgres does
/// not notice: it would carry the statement out as soon as it has the lock. So 503 is answered only once it no longer may.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_in_postgres_when_the_connection_is_lost_is_not_written_after_503() {
    let (site, wire) = behind_a_wire().await;
    let (_, clients) = Load::clients(&site, 1).await;
    let (url, token) = (site.urls()[0].clone(), clients[0].newest().to_owned());
    let mut database = site.connect().await;
    let mut lock = database.begin().await.unwrap();
    sqlx::query("SELECT FROM sessions WHERE id = $1 FOR UPDATE")
        .bind(parts(&token).session)
        .execute(&mut *lock)
        .await
        .unwrap();
    wire.arm_and_stay_down(Cut::AfterStatement);
    let answer = crate::load::client::bare_refresh(&url, &token).await;
    assert!(matches!(answer, Answer::Away), "{answer:?}");
    lock.rollback().await.unwrap();
    let waits = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()
                 AND (query LIKE 'UPDATE sessions AS s%' OR query LIKE 'WITH taken AS MATERIALIZED%'))";
    while sqlx::query_scalar::<_, bool>(waits).fetch_one(&mut database).await.unwrap() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(site.generation(&token).await, i64::from(parts(&token).generation));
    wire.open();
}

/// Any rotation of any client, at any of the places.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_cut_at_random_under_load() {
    let (site, wire) = behind_a_wire().await;
    let load = Load::start(&site, 12).await;
    let (mut case, chance) = (Case::begin("connections cut under load", &site, &load).await, Chance::new());
    for _ in 0..so_many(40, 1500) {
        let cut = CUTS[usize::try_from(chance.below(4)).unwrap()];
        if chance.below(4) == 0 {
            wire.arm_and_stay_down(cut);
            wire.until_down().await;
            chance.wait(0, 100).await;
            wire.open();
        } else {
            wire.arm(cut);
        }
        chance.wait(5, 60).await;
    }
    wire.open();
    case.cycles = wire.cuts();
    case.close(&site, load).await;
}
