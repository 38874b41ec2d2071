//! What is accepted and what is refused, and why.
//!
//! `vectors` are the specification's own ceremonies. `battery` are some 800 that differ from a valid one in one place; three
//! other verifiers judged them too (`script/check-passkeys`). `random` are mutations without an expectation: no panic.

use super::*;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::Value;
use std::{collections::BTreeMap, fs};

mod battery;
mod random;
mod vectors;

/// What a server receives, and what it expects.
#[derive(Debug, Clone, Deserialize)]
struct Request {
    ceremony: Ceremony,
    challenge: String,
    origins: Vec<String>,
    rp_id: String,
    user_verification: bool,
    credential: Value,
    known: Option<Record>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Ceremony {
    Registration,
    Assertion,
}

/// A stored passkey.
#[derive(Debug, Clone, Deserialize)]
struct Record {
    credential_id: String,
    public_key: String,
    sign_count: u32,
    backup_eligible: bool,
    user_handle: String,
    user_is_known: bool,
}

/// `accepted`, the name of a refusal, or `malformed` for JSON of another shape.
fn verdict(request: &Request) -> String {
    let challenge = decoded(&request.challenge);
    let user_verification =
        if request.user_verification { UserVerification::Required } else { UserVerification::Discouraged };
    let expected =
        Expected { challenge: &challenge, origins: &request.origins, rp_id: &request.rp_id, user_verification };
    match request.ceremony {
        Ceremony::Registration => match serde_json::from_value(request.credential.clone()) {
            Ok(credential) => outcome(verify_registration(&credential, &expected)),
            Err(_) => "malformed".to_owned(),
        },
        Ceremony::Assertion => match serde_json::from_value(request.credential.clone()) {
            Ok(credential) => outcome(asserted(&credential, request.known.as_ref().unwrap(), &expected)),
            Err(_) => "malformed".to_owned(),
        },
    }
}

fn asserted(credential: &AssertionCredential, known: &Record, expected: &Expected<'_>) -> Result<Accepted, Refusal> {
    let known = KnownPasskey {
        credential_id: &decoded(&known.credential_id),
        key: &PublicKey::read(&decoded(&known.public_key))?,
        sign_count: known.sign_count,
        backup_eligible: known.backup_eligible,
        user_handle: &decoded(&known.user_handle),
        user_is_known: known.user_is_known,
    };
    verify_assertion(credential, &known, expected)
}

fn outcome<T>(result: Result<T, Refusal>) -> String {
    result.map_or_else(|refusal| refusal.name().to_owned(), |_| "accepted".to_owned())
}

fn decoded(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

#[test]
fn no_member_has_more_than_64_kibibytes() {
    let longest = "A".repeat(64 * 1024);
    assert_eq!(credential::decode(&longest).unwrap().len(), 48 * 1024);
    assert_eq!(credential::decode(&(longest + "A")), Err(Refusal::TooLong));
}

/// The fixture of `script/check-passkeys`.
#[derive(Deserialize)]
struct Battery {
    /// Valid ceremonies.
    requests: BTreeMap<String, Value>,
    cases: Vec<Case>,
}

/// A name; the valid ceremony that the case begins with; what is changed in it: a path and its new value, or a path that
/// is removed; the verdict; what each of the other verifiers answers: `a` for accepted, `r` for refused.
#[derive(Deserialize)]
struct Case(String, String, Vec<Vec<Value>>, String, String);

impl Battery {
    fn read() -> Self {
        serde_json::from_str(&fs::read_to_string("tests/fixtures/passkeys/battery.json").unwrap()).unwrap()
    }

    fn request(&self, case: &Case) -> Request {
        let mut request = self.requests[&case.1].clone();
        for change in &case.2 {
            let path = change[0].as_str().unwrap();
            let (parents, last) = path.rsplit_once('.').map_or((None, path), |(parents, last)| (Some(parents), last));
            let parents = parents.into_iter().flat_map(|path| path.split('.'));
            let place = parents.fold(&mut request, |at, name| &mut at[name]);
            match change.get(1) {
                Some(value) => place[last] = value.clone(),
                None => drop(place.as_object_mut().unwrap().remove(last)),
            }
        }
        serde_json::from_value(request).unwrap()
    }
}
