//! F3: forged, replayed and foreign tokens, one by one.

use super::{Expected, TokenFault, verify};
use crate::{kernel::Moment, upstream::key_set::KeySet};
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

const ISSUER: &str = "https://op.example.com";
const CLIENT: &str = "heirloom";
const NONCE: &str = "n-0S6_WzA2Mj";
const NOW: i64 = 1_795_864_993;

/// A provider with one key.
struct Provider {
    key: EcdsaKeyPair,
    kid: &'static str,
}

impl Provider {
    fn new() -> Self {
        Self { key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(), kid: "one" }
    }

    fn keys(&self) -> KeySet {
        let point = self.key.public_key().as_ref();
        let encoded = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let key = json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "kid": self.kid,
            "x": encoded(&point[1..33]), "y": encoded(&point[33..]),
        });
        // One that we do not know does not spoil the others.
        KeySet::parse(&json!({ "keys": [{ "kty": "of tomorrow" }, key] })).unwrap()
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encoded(header), encoded(claims));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn token(&self, changes: &Value) -> String {
        self.sign(&json!({ "alg": "ES256", "kid": self.kid }), &merged(&claims(), changes))
    }
}

fn claims() -> Value {
    json!({ "iss": ISSUER, "sub": "248289761001", "aud": CLIENT, "nonce": NONCE, "iat": NOW, "exp": NOW + 300 })
}

/// A null removes a member.
fn merged(claims: &Value, changes: &Value) -> Value {
    let mut merged = claims.as_object().unwrap().clone();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            merged.remove(name)
        } else {
            merged.insert(name.clone(), value.clone())
        };
    }
    Value::Object(merged)
}

fn expected() -> Expected<'static> {
    let now = Moment::from_timestamp(NOW + 10, 0).unwrap();
    Expected { issuer: ISSUER, tenant_issuer: false, audiences: &[CLIENT], nonce: NONCE, access_token: None, now }
}

fn fault(token: &str, keys: &KeySet, expected: Expected<'_>) -> Option<TokenFault> {
    verify(token, keys, expected).err()
}

#[test]
fn a_good_token_names_its_user() {
    let provider = Provider::new();
    let token = provider.token(&json!({ "email": "alice@example.com", "email_verified": true, "aud": [CLIENT] }));
    let claims = verify(&token, &provider.keys(), expected()).unwrap();
    assert_eq!((claims.issuer.as_str(), claims.subject.as_str()), (ISSUER, "248289761001"));
    assert_eq!(claims.email.as_deref(), Some("alice@example.com"));
}

#[test]
fn each_claim_that_is_wrong_refuses_the_token() {
    use TokenFault::{Audience, AuthorizedParty, Expired, Issuer, Malformed, Nonce, NotYetValid, Subject};
    let provider = Provider::new();
    let keys = provider.keys();
    let table = [
        (json!({ "iss": "https://evil.example.com" }), Issuer),
        (json!({ "iss": format!("{ISSUER}/") }), Issuer),
        (json!({ "iss": null }), Malformed),
        (json!({ "aud": "another" }), Audience),
        (json!({ "aud": [] }), Audience),
        (json!({ "aud": [CLIENT, "another"] }), Audience),
        (json!({ "aud": [CLIENT, "another"], "azp": CLIENT }), Audience),
        (json!({ "aud": null }), Malformed),
        (json!({ "azp": "another" }), AuthorizedParty),
        (json!({ "exp": NOW - 51 }), Expired),
        (json!({ "exp": null }), Malformed),
        (json!({ "exp": "tomorrow" }), Malformed),
        (json!({ "iat": NOW + 71 }), NotYetValid),
        (json!({ "iat": null }), Malformed),
        (json!({ "nbf": NOW + 71 }), NotYetValid),
        (json!({ "nonce": "of another browser" }), Nonce),
        (json!({ "nonce": "" }), Nonce),
        (json!({ "nonce": null }), Nonce),
        (json!({ "sub": "" }), Subject),
        (json!({ "sub": " " }), Subject),
        (json!({ "sub": "x".repeat(256) }), Subject),
        (json!({ "sub": null }), Malformed),
        (json!({ "sub": 248_289_761_001_i64 }), Malformed),
    ];
    for (changes, expected_fault) in table {
        assert_eq!(fault(&provider.token(&changes), &keys, expected()), Some(expected_fault), "{changes}");
    }
    // A minute of difference between the clocks is allowed.
    for changes in [json!({ "exp": NOW - 49 }), json!({ "iat": NOW + 69 }), json!({ "nbf": NOW + 69 })] {
        assert_eq!(fault(&provider.token(&changes), &keys, expected()), None, "{changes}");
    }
}

#[test]
fn a_token_counts_only_when_a_published_key_has_signed_it() {
    let (provider, stranger) = (Provider::new(), Provider::new());
    let keys = provider.keys();
    assert_eq!(fault(&stranger.token(&json!({})), &keys, expected()), Some(TokenFault::Signature));

    let header = |header: Value| provider.sign(&header, &claims());
    assert_eq!(
        fault(&header(json!({ "alg": "ES256", "kid": "two" })), &keys, expected()),
        Some(TokenFault::UnknownKey)
    );
    // Without a name, the only key that fits is meant.
    assert_eq!(fault(&header(json!({ "alg": "ES256" })), &keys, expected()), None);
    // No `jku`, `jwk` or `x5u` of the token itself is believed.
    let own_key = json!({ "alg": "ES256", "kid": "one", "jku": "https://evil.example.com/jwks" });
    assert_eq!(fault(&stranger.sign(&own_key, &claims()), &keys, expected()), Some(TokenFault::Signature));
    let critical = header(json!({ "alg": "ES256", "kid": "one", "crit": ["b64"], "b64": false }));
    assert_eq!(fault(&critical, &keys, expected()), Some(TokenFault::CriticalHeader));
    // The right key for another algorithm.
    let other = header(json!({ "alg": "RS256", "kid": "one" }));
    assert_eq!(fault(&other, &keys, expected()), Some(TokenFault::UnknownKey));
}

#[test]
fn no_algorithm_of_the_tokens_own_choice_is_believed() {
    let provider = Provider::new();
    let keys = provider.keys();
    let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    for algorithm in ["none", "None", "NONE", "HS256", "HS384", "HS512", "ES256K", ""] {
        for signature in ["", "AAAA"] {
            let header = json!({ "alg": algorithm, "kid": "one" });
            let token = format!("{}.{}.{signature}", encoded(&header), encoded(&claims()));
            assert_eq!(fault(&token, &keys, expected()), Some(TokenFault::Algorithm), "{algorithm:?} {signature:?}");
        }
    }
    // HS256 with the published key as the secret: what an unwary verifier takes for a signature.
    let signed = format!("{}.{}", encoded(&json!({ "alg": "HS256", "kid": "one" })), encoded(&claims()));
    let secret = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, provider.key.public_key().as_ref());
    let mac = aws_lc_rs::hmac::sign(&secret, signed.as_bytes());
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac));
    assert_eq!(fault(&token, &keys, expected()), Some(TokenFault::Algorithm));
}

#[test]
fn what_is_no_token_is_refused() {
    let keys = Provider::new().keys();
    for text in ["", ".", "..", "a.b.c", "null", "{}", "eyJhbGciOiJFUzI1NiJ9.e30", "🦊.🦊.🦊"] {
        assert_eq!(fault(text, &keys, expected()), Some(TokenFault::Malformed), "{text:?}");
    }
}

#[test]
fn a_token_belongs_to_the_access_token_beside_it() {
    let provider = Provider::new();
    let keys = provider.keys();
    // OpenID Connect Core, appendix A.3 names this pair for RS256; the hash is the same for ES256.
    let with = |at_hash: &str, access_token| {
        let expected = Expected { access_token, ..expected() };
        fault(&provider.token(&json!({ "at_hash": at_hash })), &keys, expected)
    };
    let token = Some("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y");
    assert_eq!(with("77QmUPtjPfzWtF2AnpK9RQ", token), None);
    assert_eq!(with("77QmUPtjPfzWtF2AnpK9RR", token), Some(TokenFault::AccessTokenHash));
    assert_eq!(with("77QmUPtjPfzWtF2AnpK9RQ", Some("another")), Some(TokenFault::AccessTokenHash));
    assert_eq!(with("77QmUPtjPfzWtF2AnpK9RQ", None), None);
}

#[test]
fn the_issuer_of_a_tenant_is_that_of_the_tokens_own_tenant() {
    let provider = Provider::new();
    let keys = provider.keys();
    let tenant = "72f988bf-86f1-41af-91ab-2d7cd011db47";
    let expected =
        Expected { issuer: "https://login.microsoftonline.com/{tenantid}/v2.0", tenant_issuer: true, ..expected() };
    let with =
        |issuer: &str, tid: Value| fault(&provider.token(&json!({ "iss": issuer, "tid": tid })), &keys, expected);
    let of_tenant = format!("https://login.microsoftonline.com/{tenant}/v2.0");
    assert_eq!(with(&of_tenant, json!(tenant)), None);
    for (issuer, tid) in [
        (of_tenant.as_str(), json!("9188040d-6c67-4c5b-b112-36a304b66dad")),
        (of_tenant.as_str(), Value::Null),
        ("https://login.microsoftonline.com/{tenantid}/v2.0", json!("{tenantid}")),
        ("https://login.microsoftonline.com/evil/v2.0", json!("evil")),
    ] {
        assert_eq!(with(issuer, tid.clone()), Some(TokenFault::Issuer), "{issuer} {tid}");
    }
}
