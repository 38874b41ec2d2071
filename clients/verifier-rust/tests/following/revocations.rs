//! What the stream brings.

use crate::{
    signer::{name_of, now},
    stub::{Mode, Stub},
    watched::{Watched, builder, eventually},
};
use heirloom_verifier::OnStale;

/// Opened long before any test runs.
const SID: &str = "0197a1f2-0000-7000-8000-000000000001";
const OTHER: &str = "0197a1f2-0000-7000-8000-000000000002";
const USER: &str = "3b1f0d9e-6c1c-4f7b-9a55-000000000001";

#[tokio::test]
async fn a_good_token_yields_its_claims_and_a_revoked_one_is_refused() {
    let stub = Stub::start().await;
    let watched = Watched::fresh(&stub, OnStale::Refuse).await;
    let (token, other) = (stub.signer.token(SID, USER, 3), stub.signer.token(OTHER, USER, 3));
    let claims = watched.verifier.verify(&token).await.unwrap();
    assert_eq!((claims.sub.as_str(), claims.sid.as_str(), claims.rev), (USER, SID, 3));
    assert_eq!(claims.roles, ["editor"]);
    assert_eq!(claims.others["acr"], "1");
    assert_eq!(serde_json::to_value(&claims).unwrap()["acr"], "1");

    stub.revoke(SID);
    watched.expect(&token, "revoked").await;
    assert_eq!(watched.verdict(&other).await, "good");
}

#[tokio::test]
async fn a_token_signed_before_a_change_of_roles_is_outdated() {
    let stub = Stub::start().await;
    let watched = Watched::fresh(&stub, OnStale::Refuse).await;
    let (old, new) = (stub.signer.token(SID, USER, 3), stub.signer.token(SID, USER, 4));
    stub.behaviour().access.push((name_of(USER), 4));
    watched.expect(&old, "outdated").await;
    assert_eq!(watched.verdict(&new).await, "good");
}

#[tokio::test]
async fn everyone_means_all_sessions_opened_until_then() {
    let stub = Stub::start().await;
    let watched = Watched::fresh(&stub, OnStale::Refuse).await;
    let old = stub.signer.token(SID, USER, 3);
    let milliseconds = u64::try_from(now()).unwrap() * 1000 + 60_000;
    let (high, low) = (milliseconds >> 16, milliseconds & 0xffff);
    let later = stub.signer.token(&format!("{high:08x}-{low:04x}-7000-8000-000000000003"), USER, 3);
    stub.behaviour().everyone = Some(now() * 1000);
    watched.expect(&old, "revoked").await;
    assert_eq!(watched.verdict(&later).await, "good");
}

#[tokio::test]
async fn what_was_revoked_while_the_cable_was_cut_is_in_the_next_snapshot() {
    let stub = Stub::start().await;
    let watched = Watched::fresh(&stub, OnStale::Refuse).await;
    let token = stub.signer.token(SID, USER, 3);
    stub.becomes(Mode::Unreachable);
    stub.cut();
    stub.revoke(SID);
    stub.becomes(Mode::Streams);
    watched.expect(&token, "revoked").await;
}

/// V4: a server that was started again and has forgotten brings nothing back.
#[tokio::test]
async fn another_stream_takes_nothing_away() {
    let stub = Stub::start().await;
    let watched = Watched::fresh(&stub, OnStale::Refuse).await;
    let token = stub.signer.token(SID, USER, 3);
    stub.revoke(SID);
    watched.expect(&token, "revoked").await;
    {
        let mut behaviour = stub.behaviour();
        behaviour.stream = "second".to_owned();
        behaviour.sessions = vec![name_of(OTHER)];
    }
    stub.cut();
    watched.expect(&stub.signer.token(OTHER, USER, 3), "revoked").await;
    assert_eq!(watched.verdict(&token).await, "revoked");
}

#[tokio::test]
async fn a_snapshot_of_many_entries_is_taken() {
    let stub = Stub::start().await;
    stub.behaviour().sessions = (0..60_000).map(|number| name_of(&number.to_string())).collect();
    stub.revoke(SID);
    let watched = Watched::fresh(&stub, OnStale::Refuse).await;
    assert_eq!(watched.verdict(&stub.signer.token(SID, USER, 3)).await, "revoked");
    assert_eq!(watched.verdict(&stub.signer.token(OTHER, USER, 3)).await, "good");
}

#[tokio::test]
async fn the_last_clone_ends_the_connection() {
    let stub = Stub::start().await;
    let first = builder(&stub).build().unwrap();
    let second = first.clone();
    eventually("the verifier listens", async || stub.behaviour().listeners == 1).await;
    drop(first);
    let token = stub.signer.token(SID, USER, 3);
    eventually("the other clone works", async || second.verify(&token).await.is_ok()).await;
    drop(second);
    eventually("nobody listens", async || stub.behaviour().listeners == 0).await;
}

#[tokio::test]
async fn a_closed_verifier_refuses_at_once() {
    let stub = Stub::start().await;
    let watched = Watched::fresh(&stub, OnStale::Accept(std::time::Duration::from_mins(1))).await;
    let token = stub.signer.token(SID, USER, 3);
    assert_eq!(watched.verdict(&token).await, "good");
    watched.verifier.close();
    assert_eq!(watched.verdict(&token).await, "stale");
    eventually("nobody listens", async || stub.behaviour().listeners == 0).await;
}
