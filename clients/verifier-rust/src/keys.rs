use crate::json::each_once;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// The keys of a JWKS (RFC 7517) by their ids.
#[derive(Debug, Default)]
pub(crate) struct Keys(HashMap<String, Key>);

/// A public key, parsed once, and the one algorithm for which it is used.
#[derive(Debug)]
struct Key {
    algorithm: String,
    public: ParsedPublicKey,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Jwk {
    kid: String,
    alg: String,
    x: String,
    y: String,
    n: String,
    e: String,
}

/// The header of a JWS (RFC 7515 §4). Where it says to find its key (`jku`, `jwk`, `x5u`) is never read.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
    typ: String,
    #[serde(flatten, deserialize_with = "each_once")]
    others: Map<String, Value>,
}

impl Keys {
    /// Reads a JWKS, without keys of other kinds; none if it is not a JWKS.
    pub fn parse(json: &[u8]) -> Option<Self> {
        let set: Value = serde_json::from_slice(json).ok()?;
        let keys = set.get("keys")?.as_array()?.iter().filter_map(|jwk| Jwk::deserialize(jwk).ok()?.into_key());
        Some(Self(keys.collect()))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a JWS names a key that is not among them.
    pub fn lack(&self, jws: &str) -> bool {
        header(jws).is_some_and(|header| !self.0.contains_key(&header.kid))
    }

    /// The payload of a compact JWS of our type with a valid signature. The algorithm is the key's, never the one that the
    /// token asks for (RFC 8725 §3.1).
    pub fn open<T: DeserializeOwned>(&self, jws: &str, is_our_type: fn(&str) -> bool) -> Option<T> {
        let (message, signature) = jws.rsplit_once('.')?;
        let header = header(jws).filter(|header| is_our_type(&header.typ))?;
        let key = self.0.get(&header.kid).filter(|key| key.algorithm == header.alg)?;
        key.public.verify_sig(message.as_bytes(), &decode(signature)?).ok()?;
        serde_json::from_slice(&decode(message.split_once('.')?.1)?).ok()
    }
}

impl Jwk {
    fn into_key(self) -> Option<(String, Key)> {
        let public = match self.alg.as_str() {
            // The point in the uncompressed form of SEC 1.
            "ES256" => {
                ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, [vec![4], decode(&self.x)?, decode(&self.y)?].concat())
            }
            "EdDSA" => ParsedPublicKey::new(&ED25519, decode(&self.x)?),
            "RS256" => RsaPublicKeyComponents { n: decode(&self.n)?, e: decode(&self.e)? }
                .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256),
            _ => return None,
        };
        Some((self.kid, Key { algorithm: self.alg, public: public.ok()? }))
    }
}

/// A header that asks for no extension: we understand none (RFC 7515 §4.1.11). `b64` is one, and changes how the payload is
/// read (RFC 7797).
fn header(jws: &str) -> Option<Header> {
    let header: Header = serde_json::from_slice(&decode(jws.split('.').next()?)?).ok()?;
    let has_extension = ["crit", "b64"].iter().any(|name| header.others.contains_key(*name));
    (!has_extension).then_some(header)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}
