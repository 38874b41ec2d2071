//! Concurrent clients, until they are stopped.

pub mod client;
pub mod judge;

pub use client::{Answer, Client, Tally};

use crate::site::Site;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::task::JoinHandle;

/// A family that has not rotated for so long, with nothing broken any more, is broken itself.
const PATIENCE: Duration = Duration::from_mins(3);

/// A load that goes on beside the fault.
#[derive(Debug)]
pub struct Load {
    pub tally: Arc<Tally>,
    stop: Arc<AtomicBool>,
    clients: Vec<(Arc<AtomicU64>, JoinHandle<Client>)>,
}

impl Load {
    /// So many clients on all servers of a site.
    pub async fn start(site: &Site, number: usize) -> Self {
        Self::of(Self::clients(site, number).await)
    }

    /// Clients that have signed in.
    pub async fn clients(site: &Site, number: usize) -> (Arc<Tally>, Vec<Client>) {
        let (urls, tally) = (Arc::new(site.urls()), Arc::<Tally>::default());
        let mut clients = Vec::new();
        for _ in 0..number {
            clients.push(Client::sign_in(urls.clone(), tally.clone()).await);
        }
        (tally, clients)
    }

    pub fn of((tally, clients): (Arc<Tally>, Vec<Client>)) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let clients = clients.into_iter().map(|client| {
            let rotated = Arc::<AtomicU64>::default();
            (rotated.clone(), tokio::spawn(rotate_until(stop.clone(), client, rotated)))
        });
        let clients = clients.collect();
        Self { tally, stop, clients }
    }

    /// Waits until each client has rotated so many times more. One that cannot is noted.
    pub async fn further(&self, times: u64) {
        let wanted: Vec<_> = self.clients.iter().map(|(rotated, _)| rotated.load(Ordering::Relaxed) + times).collect();
        let all_have = || {
            let mut both = self.clients.iter().zip(&wanted);
            both.all(|((rotated, _), wanted)| rotated.load(Ordering::Relaxed) >= *wanted)
        };
        let waiting = async {
            while !all_have() && self.tally.false_revocations.lock().unwrap().is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
            self.tally.surprises.lock().unwrap().push("a family could not be used after the fault".to_owned());
        }
    }

    /// Waits until one of these was seen: 503.
    pub async fn until_away(&self) {
        let before = self.tally.unavailable.load(Ordering::Relaxed);
        let waiting = async {
            while self.tally.unavailable.load(Ordering::Relaxed) == before {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
            self.tally.surprises.lock().unwrap().push("nobody was answered 503 during the fault".to_owned());
        }
    }

    /// How many requests were answered 503, or not at all.
    pub fn away(&self) -> u64 {
        self.tally.unavailable.load(Ordering::Relaxed) + self.tally.unanswered.load(Ordering::Relaxed)
    }

    pub fn rotations(&self) -> u64 {
        self.tally.rotations.load(Ordering::Relaxed)
    }

    /// Stops: each client with its last request answered.
    pub async fn end(self) -> Vec<Client> {
        self.stop.store(true, Ordering::Relaxed);
        let mut ended = Vec::new();
        for (_, client) in self.clients {
            ended.push(client.await.unwrap());
        }
        ended
    }
}

async fn rotate_until(stop: Arc<AtomicBool>, mut client: Client, rotated: Arc<AtomicU64>) -> Client {
    let mut stopped_for = 0;
    loop {
        let is_acknowledged = client.refresh().await;
        let is_stopped = stop.load(Ordering::Relaxed);
        if is_acknowledged {
            let number = rotated.fetch_add(1, Ordering::Relaxed);
            if number.is_multiple_of(4) {
                client.check().await;
            }
        }
        stopped_for += u32::from(is_stopped);
        if client.is_lost || is_stopped && (is_acknowledged || stopped_for > 200) {
            return client;
        }
        client.pause().await;
    }
}
