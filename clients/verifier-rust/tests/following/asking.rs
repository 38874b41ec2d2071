//! `OnStale::Ask`.

use crate::{
    signer::{AUDIENCE, name_of},
    stub::{Mode, Stub},
    watched::{Watched, builder, eventually},
};
use heirloom_verifier::{OnStale, State};

const SID: &str = "0197a1f2-0000-7000-8000-000000000001";
const OTHER: &str = "0197a1f2-0000-7000-8000-000000000002";
const USER: &str = "3b1f0d9e-6c1c-4f7b-9a55-000000000001";
const CHECK: &str = "/api/v1/auth/check";

fn problem(code: &str) -> (u16, String, String) {
    (401, String::new(), format!("{{\"code\":\"{code}\"}}"))
}

#[tokio::test]
async fn while_the_stream_is_lost_heirloom_is_asked() {
    let stub = Stub::start().await;
    stub.becomes(Mode::Answers(503, String::new()));
    let watched = Watched::of(builder(&stub).on_stale(OnStale::Ask));
    let token = stub.signer.token(SID, USER, 3);
    let ours = |audience: &str| (204, format!("x-auth-audience: {audience}\r\n"), String::new());

    stub.behaviour().check = ours(AUDIENCE);
    watched.expect(&token, "good").await;
    let answers = [
        (ours("https://shop.example.com"), "stale"),
        (problem("session_revoked"), "revoked"),
        (problem("access_token_expired"), "outdated"),
        (problem("access_token_invalid"), "invalid"),
        // Not Heirloom's own: a proxy's, for example.
        ((401, String::new(), "<html>".to_owned()), "stale"),
        (problem("unauthenticated"), "stale"),
        ((503, String::new(), String::new()), "stale"),
        ((302, "location: https://example.com/\r\n".to_owned(), String::new()), "stale"),
    ];
    for (answer, verdict) in answers {
        stub.behaviour().check = answer;
        assert_eq!(watched.verdict(&token).await, verdict);
    }
}

/// The server that is asked may be another instance, which has not received it yet.
#[tokio::test]
async fn what_is_known_to_be_revoked_is_not_asked_about() {
    let stub = Stub::start().await;
    let watched = Watched::fresh(&stub, OnStale::Ask).await;
    let (revoked, outdated) = (stub.signer.token(SID, USER, 3), stub.signer.token(OTHER, USER, 2));
    stub.revoke(SID);
    stub.behaviour().access.push((name_of(USER), 3));
    watched.expect(&revoked, "revoked").await;
    watched.expect(&outdated, "outdated").await;
    stub.behaviour().check = (204, format!("x-auth-audience: {AUDIENCE}\r\n"), String::new());
    stub.becomes(Mode::Answers(503, String::new()));
    stub.cut();
    eventually("the verifier is stale", async || watched.verifier.state() == State::Stale).await;
    let asked = stub.requests_to(CHECK);
    assert_eq!((watched.verdict(&revoked).await, watched.verdict(&outdated).await), ("revoked", "outdated"));
    assert_eq!(stub.requests_to(CHECK), asked);
    assert_eq!(watched.verdict(&stub.signer.token(OTHER, USER, 3)).await, "good");
    assert_eq!(stub.requests_to(CHECK), asked + 1);
}

#[tokio::test]
async fn while_the_stream_is_there_heirloom_is_not_asked() {
    let stub = Stub::start().await;
    let watched = Watched::fresh(&stub, OnStale::Ask).await;
    assert_eq!(watched.verdict(&stub.signer.token(SID, USER, 3)).await, "good");
    assert_eq!(watched.verdict("nonsense").await, "invalid");
    assert_eq!(stub.requests_to(CHECK), 0);
}
