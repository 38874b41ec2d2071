use super::*;
use serde_json::json;

/// The test vectors of WebAuthn Level 3 §16, and our verdict on each.
#[derive(Deserialize)]
struct Vector {
    name: String,
    registration: Registration,
    assertion: Assertion,
    registered: String,
    asserted: String,
}

#[derive(Deserialize)]
struct Registration {
    challenge: String,
    client_data: String,
    attestation_object: String,
}

#[derive(Deserialize)]
struct Assertion {
    challenge: String,
    client_data: String,
    authenticator_data: String,
    signature: String,
}

#[derive(Deserialize)]
struct Vectors(Vec<Vector>);

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn text(hex: &str) -> String {
    URL_SAFE_NO_PAD.encode(bytes(hex))
}

fn origins() -> Vec<String> {
    vec!["https://example.org".to_owned()]
}

fn expected<'a>(challenge: &'a [u8], origins: &'a [String]) -> Expected<'a> {
    Expected { challenge, origins, rp_id: "example.org", user_verification: UserVerification::Discouraged }
}

/// The credential id and the key of an attestation object of any format.
fn created(object: &[u8]) -> Result<(Vec<u8>, PublicKey, bool), Refusal> {
    let object = cbor::whole(object)?;
    let data = cbor::at_text(&object, "authData").unwrap().as_bytes().unwrap().clone();
    let data = authenticator_data::AuthenticatorData::read(&data)?;
    let backup_eligible = data.backup_eligible();
    let attested = data.attested.unwrap();
    Ok((attested.credential_id, PublicKey::of(&attested.key)?, backup_eligible))
}

fn registration(id: &str, of: &Registration) -> Value {
    json!({"id": id, "rawId": id, "type": "public-key", "unknown": true, "response": {
        "clientDataJSON": text(&of.client_data), "attestationObject": text(&of.attestation_object)}})
}

/// The id that stands inside, whatever the key is.
fn id_of(object: &[u8]) -> String {
    let object = cbor::whole(object).unwrap();
    let data = cbor::at_text(&object, "authData").unwrap().as_bytes().unwrap();
    let length = usize::from(u16::from_be_bytes([data[53], data[54]]));
    URL_SAFE_NO_PAD.encode(&data[55..55 + length])
}

#[test]
fn the_vectors_of_the_specification_are_judged_as_they_should_be() {
    let Vectors(vectors) =
        serde_json::from_str(&fs::read_to_string("tests/fixtures/passkeys/vectors.json").unwrap()).unwrap();
    assert!(vectors.len() >= 10);
    let origins = origins();
    for Vector { name, registration: made, assertion, registered, asserted } in vectors {
        let object = bytes(&made.attestation_object);
        let id = id_of(&object);
        let credential = serde_json::from_value(registration(&id, &made)).unwrap();
        let challenge = bytes(&made.challenge);
        assert_eq!(outcome(verify_registration(&credential, &expected(&challenge, &origins))), registered, "{name}");
        let judged = created(&object).and_then(|(credential_id, key, backup_eligible)| {
            let credential = serde_json::from_value(json!({"id": id, "rawId": id, "type": "public-key", "response": {
                "clientDataJSON": text(&assertion.client_data), "authenticatorData": text(&assertion.authenticator_data),
                "signature": text(&assertion.signature)}}))
            .unwrap();
            let known = KnownPasskey {
                credential_id: &credential_id,
                key: &key,
                sign_count: 0,
                backup_eligible,
                user_handle: b"handle",
                user_is_known: true,
            };
            verify_assertion(&credential, &known, &expected(&bytes(&assertion.challenge), &origins))
        });
        assert_eq!(outcome(judged), asserted, "{name}");
    }
}
