//! What happens while the stream is not there.

use crate::{
    stub::{Mode, Stub},
    watched::{Watched, builder, eventually},
};
use heirloom_verifier::{Error, OnStale, State};
use std::time::{Duration, Instant};

const SID: &str = "0197a1f2-0000-7000-8000-000000000001";
const OTHER: &str = "0197a1f2-0000-7000-8000-000000000002";
const USER: &str = "3b1f0d9e-6c1c-4f7b-9a55-000000000001";

#[tokio::test]
async fn before_the_first_snapshot_everything_is_refused() {
    let stub = Stub::start().await;
    stub.becomes(Mode::Silent);
    let watched = Watched::of(builder(&stub).on_stale(OnStale::Accept(Duration::from_hours(1))));
    eventually("the verifier listens", async || stub.behaviour().listeners == 1).await;
    let token = stub.signer.token(SID, USER, 3);
    assert_eq!(watched.verdict(&token).await, "stale");
    stub.becomes(Mode::Streams);
    watched.expect(&token, "good").await;
}

#[tokio::test]
async fn without_the_server_the_verifier_is_stale_and_returns_with_it() {
    let stub = Stub::start().await;
    let watched = Watched::fresh(&stub, OnStale::Refuse).await;
    let token = stub.signer.token(SID, USER, 3);
    stub.becomes(Mode::Unreachable);
    stub.cut();
    watched.expect(&token, "stale").await;
    watched.expect_report(State::Stale, "unreachable").await;
    stub.becomes(Mode::Streams);
    watched.expect(&token, "good").await;
    assert_eq!(watched.reports().last(), Some(&(State::Fresh, "connected".to_owned())));
}

#[tokio::test]
async fn silence_is_noticed_and_ends_the_connection() {
    let stub = Stub::start().await;
    let watched = Watched::fresh(&stub, OnStale::Refuse).await;
    let token = stub.signer.token(SID, USER, 3);
    stub.becomes(Mode::Silent);
    watched.expect(&token, "stale").await;
    watched.expect_report(State::Stale, "silence").await;
    eventually("the verifier connects again", async || stub.streams_opened() > 1).await;
    stub.becomes(Mode::Streams);
    watched.expect(&token, "good").await;
}

/// Each snapshot is as long as all that is known.
#[tokio::test]
async fn a_server_that_ends_each_connection_after_its_snapshot_is_left_in_peace() {
    let stub = Stub::start().await;
    stub.becomes(Mode::Snapshots);
    let began = Instant::now();
    let watched = Watched::fresh(&stub, OnStale::Refuse).await;
    eventually("nine connections", async || stub.streams_opened() >= 9).await;
    // The pauses before eight of them: 0.1 s and then the double, up to 2 s, or half of it.
    assert!(began.elapsed() > Duration::from_millis(4500), "{:?}", began.elapsed());
    stub.becomes(Mode::Streams);
    watched.expect(&stub.signer.token(SID, USER, 3), "good").await;
}

#[tokio::test]
async fn bytes_without_an_event_are_silence_too() {
    let stub = Stub::start().await;
    let watched = Watched::fresh(&stub, OnStale::Refuse).await;
    stub.becomes(Mode::Comments);
    watched.expect(&stub.signer.token(SID, USER, 3), "stale").await;
    watched.expect_report(State::Stale, "silence").await;
    assert_eq!(stub.streams_opened(), 1);
}

#[tokio::test]
async fn accepting_ends_and_never_forgets_a_revocation() {
    let stub = Stub::start().await;
    let watched = Watched::fresh(&stub, OnStale::Accept(Duration::from_secs(2))).await;
    let (token, revoked) = (stub.signer.token(SID, USER, 3), stub.signer.token(OTHER, USER, 3));
    stub.revoke(OTHER);
    watched.expect(&revoked, "revoked").await;
    stub.becomes(Mode::Unreachable);
    stub.cut();
    watched.expect_report(State::Stale, "unreachable").await;
    while watched.verdict(&token).await != "stale" {
        assert_ne!(watched.verdict(&revoked).await, "good");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(watched.verdict(&revoked).await, "stale");
}

#[tokio::test]
async fn without_the_keys_the_server_counts_as_unreachable() {
    let stub = Stub::start().await;
    stub.becomes(Mode::Unreachable);
    let watched = Watched::of(builder(&stub));
    watched.expect_report(State::Stale, "unreachable: the keys").await;
    assert_eq!(watched.verdict(&stub.signer.token(SID, USER, 3)).await, "stale");
    for no_key in ["nonsense", &stub.signer.token_of_kid(None, SID, USER)] {
        assert_eq!(watched.verdict(no_key).await, "invalid");
    }
}

#[tokio::test]
async fn a_callback_that_panics_stops_nothing() {
    let stub = Stub::start().await;
    let verifier = builder(&stub).on_state(|_, _| panic!("the callback's own mistake")).build().unwrap();
    let token = stub.signer.token(SID, USER, 3);
    eventually("a good token", async || verifier.verify(&token).await.is_ok()).await;
    stub.revoke(SID);
    eventually("its end", async || verifier.verify(&token).await == Err(Error::Revoked)).await;
}

/// V2, V3: the clocks differ by more than the leeway.
#[tokio::test]
async fn a_clock_that_is_wrong_is_reported() {
    for ahead in [-60, 60] {
        let stub = Stub::start().await;
        stub.behaviour().ahead = ahead;
        let watched = Watched::of(builder(&stub));
        watched.expect_report(State::Stale, "clock").await;
        assert_eq!(watched.verdict(&stub.signer.token(SID, USER, 3)).await, "stale");
    }
}
