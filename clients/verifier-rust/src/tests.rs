//! The shared contract of all verifiers, `clients/verifier-vectors.json`; and what it does not reach.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::as_conversions,
    clippy::string_slice,
    clippy::cast_possible_truncation,
    reason = "a test may fail loudly"
)]

use crate::{Error, OnStale, clock::Now, core::Core, keys::Keys};
use serde::Deserialize;
use serde_json::Value;
use std::{fs, time::Duration};

#[derive(Deserialize)]
struct Vectors {
    issuer: String,
    audience: String,
    jwks: Value,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    on_stale: String,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    mono: f64,
    wall: f64,
    #[serde(flatten)]
    action: Action,
}

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
enum Action {
    Connect,
    Event { jws: String, then: String },
    Poll { jws: String, then: String },
    Verify { token: String, verdict: String },
}

fn on_stale(text: &str) -> OnStale {
    match text.strip_prefix("accept:") {
        Some(seconds) => OnStale::Accept(Duration::from_secs(seconds.parse().unwrap())),
        None => OnStale::Refuse,
    }
}

/// What the core answers to a step, and what it should.
fn walk(core: &Core, step: Step) -> (&'static str, String) {
    let now = Now { mono: Duration::from_secs_f64(step.mono), wall: (step.wall * 1000.0).round() as i64 };
    let event = |jws: &str| match core.event(jws, now) {
        Ok(()) => "taken",
        Err("ignored") => "ignored",
        Err(_) => "reconnect",
    };
    match step.action {
        Action::Connect => {
            core.connected();
            ("", String::new())
        }
        Action::Event { jws, then } => (event(&jws), then),
        // This verifier does not poll. A fetched snapshot is the only event of a connection.
        Action::Poll { jws, then } => {
            core.connected();
            (if event(&jws) == "taken" { "taken" } else { "refused" }, then)
        }
        Action::Verify { token, verdict } => (core.verify(&token, now).map_or_else(Error::code, |_| "good"), verdict),
    }
}

fn vectors() -> Vectors {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../verifier-vectors.json");
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

#[test]
fn every_case_of_the_shared_contract_holds() {
    let vectors = vectors();
    assert!(vectors.cases.len() > 100);
    let mut wrong = Vec::new();
    for case in vectors.cases {
        let core = Core::new(vectors.issuer.clone(), vectors.audience.clone(), on_stale(&case.on_stale));
        core.set_keys(Keys::parse(vectors.jwks.to_string().as_bytes()).unwrap());
        for (number, step) in case.steps.into_iter().enumerate() {
            let (answered, expected) = walk(&core, step);
            if answered != expected {
                wrong.push(format!("{}, step {number}: {answered} instead of {expected}", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The last character of a signature of 64 bytes has four bits that belong to no byte: of its 16 spellings one is good.
#[test]
fn a_signature_has_one_spelling() {
    let Vectors { jwks, cases, .. } = vectors();
    let keys = Keys::parse(jwks.to_string().as_bytes()).unwrap();
    let good = cases.into_iter().find(|case| case.name == "a good token").unwrap();
    let token = good.steps.into_iter().find_map(|step| match step.action {
        Action::Verify { token, .. } => Some(token),
        _ => None,
    });
    let token = token.unwrap();
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (rest, last) = token.split_at(token.len() - 1);
    let first_of_16 = letters.find(last).unwrap() / 16 * 16;
    let spellings = letters[first_of_16..first_of_16 + 16].chars().map(|letter| format!("{rest}{letter}"));
    let good: Vec<_> = spellings.filter(|one| keys.open::<Value>(one, |_typ| true).is_some()).collect();
    assert_eq!(good, [token]);
}

#[test]
fn keys_of_other_kinds_are_left_out() {
    let keys =
        br#"{"keys":[{"kid":"a","kty":"oct","alg":"HS256","k":"AAAA"},{"kid":"b","kty":"EC","x":"AA","y":"AA"},7]}"#;
    assert!(Keys::parse(keys).unwrap().is_empty());
    assert!(Keys::parse(b"<html>").is_none());
}
