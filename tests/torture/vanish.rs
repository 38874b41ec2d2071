//! Clients that disappear in mid-request.

use crate::{
    chance::so_many,
    load::{Answer, Client, Load, judge::Case},
    site::Site,
};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// How far they come.
const STAGES: u64 = 5;
/// A client redeems its next token minutes later: by then, what it left behind has been carried out or dropped. Carried out two
/// rotations later, it would be a replay.
const BEFORE_THE_NEXT: Duration = Duration::from_millis(200);

/// S-40: After each: their retry with the key works, or was the first that counted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_disappear_in_mid_request() {
    let site = Site::start(1).await;
    let load = Load::start(&site, 6).await;
    let mut case = Case::begin("clients that disappear", &site, &load).await;
    let (tally, clients) = Load::clients(&site, 6).await;
    let urls = Arc::new(site.urls());
    let vanishing = clients.into_iter().map(|client| tokio::spawn(vanish_and_return(client, urls.clone())));
    for vanished in futures_util::future::join_all(vanishing).await {
        case.cycles += vanished.unwrap();
        case.ended += 1;
    }
    assert_eq!(*tally.false_revocations.lock().unwrap(), Vec::<String>::new());
    assert_eq!(*tally.surprises.lock().unwrap(), Vec::<String>::new());
    case.close(&site, load).await;
}

async fn vanish_and_return(mut client: Client, urls: Arc<Vec<String>>) -> u64 {
    let rounds = so_many(10, 400);
    for round in 0..rounds {
        leave_after(round % STAGES, &client, &urls[0]).await;
        // The request may still be running: a client that comes again with the key causes no alarm.
        for tried in 0.. {
            assert!(tried < 500 && !client.is_lost, "{}: no answer to the retry", client.email);
            if client.refresh().await {
                break;
            }
            client.pause().await;
        }
        tokio::time::sleep(BEFORE_THE_NEXT).await;
    }
    // Nothing forked on the way: the one before the newest is a replay.
    let stale = &client.tokens[client.tokens.len() - 2];
    let answer = client.present(&urls[0], stale, Some("the-key-of-another-client")).await;
    assert!(matches!(&answer, Answer::Refused(code) if code == "refresh_token_reused"), "{answer:?}");
    rounds
}

/// A whole request, for whose answer nobody waits.
pub async fn ask_and_leave(client: &Client, url: &str) {
    leave_after(2, client, url).await;
}

async fn leave_after(stage: u64, client: &Client, url: &str) {
    let body = json!({ "refresh_token": client.newest() }).to_string();
    let head = format!(
        "POST /api/v1/auth/refresh HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Idempotency-Key: {}\r\nContent-Length: {}\r\n\r\n",
        client.key(),
        body.len()
    );
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).await.unwrap();
    match stage {
        0 => stream.write_all(&head.as_bytes()[..head.len() / 2]).await.unwrap(),
        1 => stream.write_all(format!("{head}{}", &body[..body.len() / 2]).as_bytes()).await.unwrap(),
        // At once, with the request barely arrived.
        2 => stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap(),
        // While it is at work, and with a reset instead of a farewell.
        3 => {
            stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(3)).await;
            stream.set_zero_linger().unwrap();
        }
        // With half of the answer.
        _ => {
            stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
            stream.read_exact(&mut [0; 40]).await.unwrap();
        }
    }
}
