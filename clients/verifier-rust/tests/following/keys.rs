//! Signing keys that change.

use crate::{
    signer::Signer,
    stub::{Mode, Stub},
    watched::{Watched, builder, eventually},
};
use heirloom_verifier::{OnStale, State};

const SID: &str = "0197a1f2-0000-7000-8000-000000000001";
const USER: &str = "3b1f0d9e-6c1c-4f7b-9a55-000000000001";
const JWKS: &str = "/.well-known/jwks.json";

#[tokio::test]
async fn the_token_of_a_new_key_is_good_at_once() {
    let stub = Stub::start().await;
    let watched = Watched::fresh(&stub, OnStale::Refuse).await;
    let new = Signer::new("key-2");
    stub.behaviour().more_keys.push(new.jwk());
    assert_eq!(watched.verdict(&new.token(SID, USER, 3)).await, "good");
    assert_eq!(watched.verdict(&stub.signer.token(SID, USER, 3)).await, "good");
}

#[tokio::test]
async fn keys_that_do_not_exist_are_asked_for_twice_a_minute() {
    let stub = Stub::start().await;
    let watched = Watched::fresh(&stub, OnStale::Refuse).await;
    for number in 0..100 {
        let unknown = Signer::new(&format!("unknown-{number}"));
        assert_eq!(watched.verdict(&unknown.token(SID, USER, 3)).await, "invalid");
    }
    let known = stub.signer.token(SID, USER, 3);
    assert_eq!(watched.verdict(&known).await, "good");
    // One at the start, and two; a machine that is slow enough fetches them by time as well.
    assert!((3..50).contains(&stub.requests_to(JWKS)));
}

/// What is more than a megabyte stays with the sender and in the buffers between.
#[tokio::test]
async fn keys_without_an_end_are_not_kept() {
    let stub = Stub::start().await;
    stub.behaviour().endless_keys = true;
    let watched = Watched::of(builder(&stub));
    watched.expect_report(State::Stale, "unreachable: the keys").await;
    eventually("the connection ends", async || !stub.behaviour().endless_keys).await;
    let sent = stub.behaviour().sent;
    assert!(((1 << 20)..(64 << 20)).contains(&sent), "{sent}");
    watched.expect(&stub.signer.token(SID, USER, 3), "good").await;
}

/// A new key is known before it signs (45 s after it was published), without a fetch that strangers could use up.
#[tokio::test]
async fn the_keys_are_fetched_again_although_strangers_used_up_all_other_fetches() {
    let stub = Stub::start().await;
    let watched = Watched::fresh(&stub, OnStale::Refuse).await;
    for number in 0..3 {
        let unknown = Signer::new(&format!("unknown-{number}"));
        assert_eq!(watched.verdict(&unknown.token(SID, USER, 3)).await, "invalid");
    }
    let new = Signer::new("key-2");
    stub.behaviour().more_keys.push(new.jwk());
    let before = stub.requests_to(JWKS);
    eventually("the keys are fetched again", async || stub.requests_to(JWKS) > before).await;
    watched.expect(&new.token(SID, USER, 3), "good").await;
}

/// No key can be the one that is meant.
#[tokio::test]
async fn a_token_that_names_no_key_uses_up_no_fetch() {
    let stub = Stub::start().await;
    let watched = Watched::fresh(&stub, OnStale::Refuse).await;
    for kid in [None, Some(7.into()), Some(["key-1"].as_slice().into())] {
        let token = stub.signer.token_of_kid(kid, SID, USER);
        for _ in 0..3 {
            assert_eq!(watched.verdict(&token).await, "invalid");
        }
    }
    let new = Signer::new("key-2");
    stub.behaviour().more_keys.push(new.jwk());
    assert_eq!(watched.verdict(&new.token(SID, USER, 3)).await, "good");
}

/// Nobody knows whether the server has the key: a client that heard "invalid" would give up.
#[tokio::test]
async fn while_the_keys_cannot_be_fetched_an_unknown_one_is_stale() {
    let stub = Stub::start().await;
    let watched = Watched::fresh(&stub, OnStale::Refuse).await;
    stub.becomes(Mode::Unreachable);
    assert_eq!(watched.verdict(&Signer::new("key-2").token(SID, USER, 3)).await, "stale");
    for no_key in ["nonsense", &stub.signer.token_of_kid(None, SID, USER)] {
        assert_eq!(watched.verdict(no_key).await, "invalid");
    }
    assert_eq!(watched.verdict(&stub.signer.token(SID, USER, 3)).await, "good");
}

/// On the same connection.
async fn sees_an_event_of_a_new_key(stub: &Stub, watched: &Watched) {
    let new = Signer::new("key-2");
    {
        let mut behaviour = stub.behaviour();
        behaviour.more_keys.push(new.jwk());
        behaviour.forger = Some(new);
    }
    stub.revoke(SID);
    watched.expect(&stub.signer.token(SID, USER, 3), "revoked").await;
    assert_eq!(stub.streams_opened(), 1);
}

#[tokio::test]
async fn tokens_of_strangers_use_up_no_fetch_that_an_event_needs() {
    let stub = Stub::start().await;
    let watched = Watched::fresh(&stub, OnStale::Refuse).await;
    for number in 0..3 {
        let unknown = Signer::new(&format!("unknown-{number}"));
        assert_eq!(watched.verdict(&unknown.token(SID, USER, 3)).await, "invalid");
    }
    sees_an_event_of_a_new_key(&stub, &watched).await;
}

#[tokio::test]
async fn an_event_of_a_new_key_fetches_it() {
    let stub = Stub::start().await;
    let watched = Watched::fresh(&stub, OnStale::Refuse).await;
    sees_an_event_of_a_new_key(&stub, &watched).await;
}
