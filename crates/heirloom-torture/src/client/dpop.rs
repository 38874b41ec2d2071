//! Proof of possession (DPoP, RFC 9449): every token is bound to a key, and every request proves to hold it.

use crate::{random::random_text, sync::lock, time::unix_seconds};
use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, sync::Mutex};
use url::Url;

/// A key, and the nonces that servers gave.
pub struct Dpop {
    key: EncodingKey,
    header: Header,
    nonces: Mutex<BTreeMap<String, String>>,
}

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
#[error("no proof of possession: {0}")]
pub struct NoProof(String);

impl Dpop {
    /// With a new key.
    pub fn new() -> Result<Self, NoProof> {
        let failed = |error: &dyn std::fmt::Display| NoProof(error.to_string());
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).map_err(|error| failed(&error))?;
        let key = EncodingKey::from_ec_der(pair.as_ref());
        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256).map_err(|error| failed(&error))?;
        jwk.common.key_algorithm = None;
        let header = Header { typ: Some("dpop+jwt".to_owned()), jwk: Some(jwk), ..Header::new(Algorithm::ES256) };
        Ok(Self { key, header, nonces: Mutex::default() })
    }

    /// The proof for one request; `access_token` if it carries one.
    pub fn proof(&self, method: &str, url: &Url, access_token: Option<&str>) -> Result<String, NoProof> {
        let mut target = url.clone();
        target.set_query(None);
        target.set_fragment(None);
        let claims = json!({ "jti": random_text(), "htm": method, "htu": target.as_str(), "iat": unix_seconds() });
        let mut claims = claims.as_object().cloned().unwrap_or_default();
        add(&mut claims, "nonce", lock(&self.nonces).get(&origin(url)).cloned());
        let hash = |token: &str| BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()));
        add(&mut claims, "ath", access_token.map(hash));
        encode(&self.header, &claims, &self.key).map_err(|error| NoProof(error.to_string()))
    }

    /// Remembers a server's nonce. Returns whether it is another than before.
    pub fn remember(&self, url: &Url, nonce: &str) -> bool {
        let before = lock(&self.nonces).insert(origin(url), nonce.to_owned());
        before.as_deref() != Some(nonce)
    }
}

fn add(claims: &mut Map<String, Value>, name: &str, value: Option<String>) {
    claims.extend(value.map(|value| (name.to_owned(), value.into())));
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

impl std::fmt::Debug for Dpop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Dpop")
    }
}
