//! A server that refuses, or is not ours.

use crate::{
    signer::{AUDIENCE, ISSUER, Signer},
    stub::{Mode, Stub},
    watched::{Watched, builder},
};
use heirloom_verifier::{BuildError, OnStale, State, Verifier};

const SID: &str = "0197a1f2-0000-7000-8000-000000000001";
const USER: &str = "3b1f0d9e-6c1c-4f7b-9a55-000000000001";

#[tokio::test]
async fn a_wrong_key_of_the_feed_is_reported() {
    let stub = Stub::start().await;
    let watched = Watched::of(builder(&stub).feed_key("another"));
    watched.expect_report(State::Stale, "refused: 401").await;
    assert_eq!(watched.verdict(&stub.signer.token(SID, USER, 3)).await, "stale");
}

#[tokio::test]
async fn a_server_without_a_stream_is_reported() {
    let stub = Stub::start().await;
    stub.becomes(Mode::Answers(404, String::new()));
    Watched::of(builder(&stub)).expect_report(State::Stale, "refused: 404").await;
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (stub, other) = (Stub::start().await, Stub::start().await);
    let location = format!("location: {}/api/v1/revocations/stream\r\n", other.url);
    stub.becomes(Mode::Answers(307, location));
    let watched = Watched::of(builder(&stub));
    watched.expect_report(State::Stale, "refused: a redirect").await;
    assert!(other.behaviour().requests.is_empty());
}

#[tokio::test]
async fn a_page_is_not_a_stream() {
    let stub = Stub::start().await;
    stub.becomes(Mode::Answers(200, "content-type: text/html\r\n".to_owned()));
    Watched::of(builder(&stub)).expect_report(State::Stale, "refused: not an event stream").await;
}

/// V2.
#[tokio::test]
async fn events_signed_by_another_key_change_nothing() {
    let stub = Stub::start().await;
    let watched = Watched::fresh(&stub, OnStale::Refuse).await;
    let token = stub.signer.token(SID, USER, 3);
    stub.behaviour().forger = Some(Signer::new("key-1"));
    stub.revoke(SID);
    watched.expect_report(State::Stale, "forged").await;
    assert_eq!(watched.verdict(&token).await, "stale");
    stub.behaviour().forger = None;
    watched.expect(&token, "revoked").await;
}

#[tokio::test]
async fn wrong_options_are_refused() {
    let build = |issuer: &str, audience: &str, key: &str| Verifier::builder(issuer, audience).feed_key(key).build();
    assert!(matches!(build("auth.example.com", AUDIENCE, "key"), Err(BuildError::Url(_))));
    assert!(matches!(build("file:///etc", AUDIENCE, "key"), Err(BuildError::Url(_))));
    assert!(matches!(build(ISSUER, AUDIENCE, "two\nlines"), Err(BuildError::FeedKey(_))));
}

#[test]
fn a_verifier_needs_a_runtime() {
    assert!(matches!(Verifier::builder(ISSUER, AUDIENCE).build(), Err(BuildError::Runtime(_))));
}
