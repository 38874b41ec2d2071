//! SIGSTOP and SIGCONT: a process that stands still, not one that has exited.

use crate::{
    chance::so_many,
    load::{Answer, Client, Load, client::parts, judge::Case},
    site::Site,
    vanish,
};
use std::time::Duration;

async fn stands_still_for(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// Nobody is answered meanwhile, and nobody is signed out afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_stands_still() {
    let site = Site::start(1).await;
    let load = Load::start(&site, 8).await;
    let mut case = Case::begin("SIGSTOP of the server", &site, &load).await;
    for round in 0..so_many(2, 20) {
        site.servers[0].signal("STOP");
        stands_still_for(1 + 8 * (round % 2)).await;
        site.servers[0].signal("CONT");
        load.further(2).await;
        case.cycles += 1;
    }
    case.close(&site, load).await;
}

/// "An outage never looks like a bad token": 503 in between, never 401.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_stands_still() {
    let site = Site::start(2).await;
    let load = Load::start(&site, 8).await;
    let mut case = Case::begin("SIGSTOP of Postgres", &site, &load).await;
    for _ in 0..so_many(1, 15) {
        site.postgres.pause();
        load.until_away().await;
        stands_still_for(2).await;
        site.postgres.resume();
        load.further(2).await;
        case.cycles += 1;
    }
    case.close(&site, load).await;
}

/// S-60, S-61.
/// What was revoked while an instance stood still, it knows from its first answer on: it trusts its memory for five
/// seconds after it has last heard, and no longer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_stood_still_serves_no_session_that_was_revoked_meanwhile() {
    let site = Site::start(2).await;
    let load = Load::start(&site, 4).await;
    let mut case = Case::begin("revoked while the other instance stood still", &site, &load).await;
    let urls = site.urls();
    for _ in 0..so_many(1, 15) {
        let (_, clients) = Load::clients(&site, 6).await;
        for client in &clients {
            let before = client.ask_check(&urls[1]).await;
            assert!(matches!(before, Answer::Tokens(_)), "{before:?}");
        }
        site.servers[1].signal("STOP");
        for client in &clients {
            assert_eq!(client.sign_out(&urls[0]).await, 204);
            case.ended += 1;
        }
        stands_still_for(6).await;
        site.servers[1].signal("CONT");
        let asked = clients.iter().map(|client| first_verdict(client, &urls[1]));
        for first in futures_util::future::join_all(asked).await {
            assert!(
                matches!(&first, Answer::Refused(code) if code == "session_revoked"),
                "the first answer: {first:?}"
            );
        }
        case.cycles += 1;
    }
    case.close(&site, load).await;
}

/// S-36.
/// The first answer that says whether the token is good. On a busy machine 503 or nothing may come before.
async fn first_verdict(client: &Client, url: &str) -> Answer {
    loop {
        match client.ask_check(url).await {
            Answer::Away | Answer::None => tokio::time::sleep(Duration::from_millis(50)).await,
            verdict => return verdict,
        }
    }
}

/// Whoever has waited too long, hangs up and asks again may be answered, and use the answer, before the server has come
/// to the first request. Carried out then, it would be a replay: so it is not carried out, for nobody waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_whose_client_disconnected_before_it_started_is_not_started() {
    let site = Site::start(1).await;
    let load = Load::start(&site, 2).await;
    let mut case = Case::begin("requests abandoned while the server stood still", &site, &load).await;
    let (tally, mut clients) = Load::clients(&site, so_many(4, 16)).await;
    for _ in 0..so_many(2, 10) {
        site.servers[0].signal("STOP");
        for client in &clients {
            // Asked three times, hung up three times.
            for _ in 0..3 {
                vanish::ask_and_leave(client, &site.urls()[0]).await;
            }
        }
        site.servers[0].signal("CONT");
        load.further(2).await;
        for client in &mut clients {
            assert_eq!(site.generation(client.newest()).await, i64::from(parts(client.newest()).generation));
            assert!(client.refresh().await);
        }
        case.cycles += 1;
    }
    assert_eq!(*tally.surprises.lock().unwrap(), Vec::<String>::new());
    // And their connections with them.
    drop(clients);
    case.close(&site, load).await;
}
