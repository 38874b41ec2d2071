use crate::{
    signer::{AUDIENCE, ISSUER},
    stub::{FEED_KEY, Stub},
};
use heirloom_verifier::{Builder, Error, OnStale, State, Verifier};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// A verifier, and what it reported.
pub struct Watched {
    pub verifier: Verifier,
    reports: Arc<Mutex<Vec<(State, String)>>>,
}

pub fn builder(stub: &Stub) -> Builder {
    Verifier::builder(ISSUER, AUDIENCE).server_url(&stub.url).feed_key(FEED_KEY)
}

impl Watched {
    pub fn of(builder: Builder) -> Self {
        let reports = Arc::<Mutex<Vec<(State, String)>>>::default();
        let kept = Arc::clone(&reports);
        let on_state = move |state, reason: &str| kept.lock().unwrap().push((state, reason.to_owned()));
        Self { verifier: builder.on_state(on_state).build().unwrap(), reports }
    }

    /// One that follows this server, and is fresh.
    pub async fn fresh(stub: &Stub, on_stale: OnStale) -> Self {
        let watched = Self::of(builder(stub).on_stale(on_stale));
        watched.expect_report(State::Fresh, "connected").await;
        watched
    }

    /// `good`, or why the token is refused.
    pub async fn verdict(&self, token: &str) -> &'static str {
        self.verifier.verify(token).await.map_or_else(Error::code, |_| "good")
    }

    pub async fn expect(&self, token: &str, verdict: &str) {
        eventually(verdict, async || self.verdict(token).await == verdict).await;
    }

    pub async fn expect_report(&self, state: State, reason: &str) {
        let has = || self.reports().iter().any(|(one, why)| *one == state && why.starts_with(reason));
        eventually(&format!("{state:?}, {reason}"), async || has()).await;
    }

    pub fn reports(&self) -> Vec<(State, String)> {
        self.reports.lock().unwrap().clone()
    }
}

/// Waits until something holds. The limit ends a test that fails and measures nothing.
pub async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_mins(3), waiting).await.is_ok(), "it did not happen: {what}");
}
