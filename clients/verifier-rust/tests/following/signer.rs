use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

pub const AUDIENCE: &str = "https://api.example.com";
pub const ISSUER: &str = "https://auth.example.com";

/// A signing key, and what it signs.
pub struct Signer {
    pub kid: String,
    pair: EcdsaKeyPair,
}

impl Signer {
    pub fn new(kid: &str) -> Self {
        Self { kid: kid.to_owned(), pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap() }
    }

    pub fn jwk(&self) -> Value {
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        json!({ "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.kid, "x": encode(x), "y": encode(y) })
    }

    pub fn sign(&self, typ: &str, payload: &Value) -> String {
        self.sign_with(&json!({ "typ": typ, "alg": "ES256", "kid": self.kid }), payload)
    }

    fn sign_with(&self, header: &Value, payload: &Value) -> String {
        let message = format!("{}.{}", encode(header.to_string()), encode(payload.to_string()));
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", encode(signature))
    }

    /// An access token of this session and user.
    pub fn token(&self, sid: &str, sub: &str, rev: i64) -> String {
        self.sign("at+jwt", &claims(sid, sub, rev))
    }

    /// The same with this `kid`, or without one.
    pub fn token_of_kid(&self, kid: Option<Value>, sid: &str, sub: &str) -> String {
        let mut header = json!({ "typ": "at+jwt", "alg": "ES256" });
        if let Some(kid) = kid {
            header["kid"] = kid;
        }
        self.sign_with(&header, &claims(sid, sub, 3))
    }
}

fn claims(sid: &str, sub: &str, rev: i64) -> Value {
    let now = now();
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": sub, "sid": sid, "rev": rev, "roles": ["editor"],
        "iat": now, "nbf": now, "exp": now + 600, "acr": "1",
    })
}

/// What the stream calls an id.
pub fn name_of(id: &str) -> String {
    encode(&digest(&SHA256, id.as_bytes()).as_ref()[..8])
}

pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Seconds since 1970.
pub fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}
