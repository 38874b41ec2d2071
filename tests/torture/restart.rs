//! A graceful end, and a deployment that is restarted one server after another.

use crate::{
    chance::so_many,
    load::{Client, Load, judge::Case},
    report::Figures,
    site::Site,
};
use serde_json::json;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Mutex,
    time::Instant,
};

/// How long a server that was asked to stop still takes requests, while `/readyz` already answers 503.
const NOTICE: Duration = Duration::from_secs(1);

async fn readiness(url: &str) -> Option<u16> {
    let http = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
    let answer = http.get(format!("{url}/readyz")).timeout(Duration::from_secs(5)).send().await;
    answer.ok().map(|answer| answer.status().as_u16())
}

/// On SIGTERM `/readyz` turns 503 while the door is still open, the request in flight is answered, then it is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopping_server_answers_the_requests_it_has_started() {
    for _ in 0..20 {
        if end_with_a_request_in_flight().await {
            return Figures { cycles: 1, rotations: 1, ..Figures::of("SIGTERM with a request in flight") }.conclude();
        }
    }
    panic!("this machine is too busy: in none of 20 times it looked at the server during its notice");
}

/// Whether the notice was seen.
async fn end_with_a_request_in_flight() -> bool {
    let mut site = Site::start(1).await;
    let url = site.urls()[0].clone();
    let (_, clients) = Load::clients(&site, 1).await;
    let body = json!({ "refresh_token": clients[0].newest() }).to_string();
    let (first, second) = body.split_at(body.len() / 2);
    let head = format!(
        "POST /api/v1/auth/refresh HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).await.unwrap();
    stream.write_all(format!("{head}{first}").as_bytes()).await.unwrap();
    // It has the head: what else it is asked later, it answers later.
    assert_eq!(readiness(&url).await, Some(200));

    site.servers[0].signal("TERM");

    let mut said = Vec::new();
    let (mut last, mut longest_gap) = (Instant::now(), Duration::ZERO);
    while let Some(status) = readiness(&url).await {
        said.push(status);
        longest_gap = longest_gap.max(last.elapsed());
        last = Instant::now();
    }
    longest_gap = longest_gap.max(last.elapsed());
    // Whoever looks less often than the notice is long may miss it: then this machine was too busy to see anything.
    let is_seen = said.contains(&503);
    assert!(is_seen || longest_gap >= NOTICE / 2, "the door was closed without a notice: {said:?}");
    assert!(said.is_sorted(), "once it wants no more requests it stays so: {said:?}");
    stream.write_all(second.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("hrt_"), "{answer}");
    assert!(answer.to_ascii_lowercase().contains("connection: close"), "{answer}");
    assert_eq!(site.servers[0].ended().await.code(), Some(0));
    is_seen
}

/// What a load balancer knows: which instances were ready a moment ago.
struct Balancer {
    urls: Vec<String>,
    ready: Vec<AtomicBool>,
    looked: Mutex<Option<Instant>>,
}

impl Balancer {
    /// How old its knowledge may be. The server's notice is a second.
    const FRESH: Duration = Duration::from_millis(100);

    fn of(urls: Vec<String>) -> Self {
        Self { ready: urls.iter().map(|_| AtomicBool::new(false)).collect(), urls, looked: Mutex::default() }
    }

    /// An instance that is ready, and when that was known.
    async fn pick(&self, turn: usize) -> (&str, Instant) {
        loop {
            let looked = self.look().await;
            let instances = (0..self.urls.len()).map(|index| (index + turn) % self.urls.len());
            let ready = instances.into_iter().find(|index| self.ready[*index].load(Ordering::Relaxed));
            match ready {
                Some(index) => return (&self.urls[index], looked),
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    async fn look(&self) -> Instant {
        let mut looked = self.looked.lock().await;
        if let Some(looked) = *looked
            && looked.elapsed() < Self::FRESH
        {
            return looked;
        }
        let now = Instant::now();
        *looked = Some(now);
        for (url, ready) in self.urls.iter().zip(&self.ready) {
            ready.store(readiness(url).await == Some(200), Ordering::Relaxed);
        }
        now
    }
}

/// Two instances behind a load balancer, restarted one after the other, again and again: not one request fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_is_noticed_by_no_client() {
    let mut site = Site::start(2).await;
    let (tally, clients) = Load::clients(&site, 10).await;
    let (before, balancer) = (site.held(), Arc::new(Balancer::of(site.urls())));
    let stop = Arc::<AtomicBool>::default();
    let clients: Vec<_> =
        clients.into_iter().map(|client| tokio::spawn(rotate(client, balancer.clone(), stop.clone()))).collect();
    let mut cycles = 0;
    for _ in 0..so_many(1, 12) {
        for server in &mut site.servers {
            server.signal("TERM");
            assert_eq!(server.ended().await.code(), Some(0));
            server.start().await;
            cycles += 1;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
    stop.store(true, Ordering::Relaxed);
    let (mut ended, mut failed) = (Vec::new(), 0);
    for client in clients {
        let (client, failures) = client.await.unwrap();
        ended.push(client);
        failed += failures;
    }
    assert_eq!(failed, 0, "requests that were answered 503, or not at all");
    let case = Case { fault: "rolling restart of two instances", cycles, before, ended: 0, note: String::new() };
    case.close(&site, Load::of((tally, ended))).await;
}

/// How many requests failed. Not counted is what a balancer sent on old knowledge, because this machine was too busy: the
/// notice had ended before the answer came.
async fn rotate(mut client: Client, balancer: Arc<Balancer>, stop: Arc<AtomicBool>) -> (Client, u32) {
    let (mut turn, mut failed) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        let (url, looked) = balancer.pick(turn).await;
        let is_acknowledged = client.refresh_at(url).await;
        failed += u32::from(!is_acknowledged && looked.elapsed() < NOTICE);
        client.pause().await;
        turn += 1;
    }
    (client, failed)
}
