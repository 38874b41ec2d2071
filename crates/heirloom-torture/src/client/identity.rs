//! How the client proves which one it is (RFC 6749 §2.3, RFC 7523).

use super::request::{Draft, RequestError};
use crate::{
    profile::{ClientAuth, ClientIdentity},
    random::random_text,
    template::{Values, fill},
    time::unix_seconds,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::json;
use url::form_urlencoded::byte_serialize;

/// How long an assertion is good for, in seconds.
const LIFETIME: u64 = 60;
const UNUSABLE: &str =
    "the client's private key cannot be used (PKCS #8 or SEC 1 in PEM; RSA, P-256, P-384 or Ed25519)";

struct Known {
    id: Option<String>,
    secret: Option<String>,
    key: Option<String>,
}

/// Adds to a request what proves which client it is from.
pub fn authenticate(identity: &ClientIdentity, values: &Values, draft: &mut Draft) -> Result<(), RequestError> {
    let value = |given: &Option<String>, usual: &str| fill(given.as_deref().unwrap_or(usual), values);
    let known = Known {
        id: value(&identity.id, "{client_id?}")?,
        secret: value(&identity.secret, "{client_secret?}")?,
        key: value(&identity.key, "{client_key?}")?,
    };
    match (method(identity, &known), known.id, known.secret, known.key) {
        (ClientAuth::PrivateKeyJwt, Some(id), _, Some(key)) => {
            let audience = identity.audience.as_deref().map(|text| fill(text, values)).transpose()?.flatten();
            let audience = audience.unwrap_or_else(|| draft.url.to_string());
            let assertion = assertion(identity, &id, &key, &audience)?;
            draft.add("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
            draft.add("client_assertion", &assertion);
            draft.add("client_id", &id);
        }
        (ClientAuth::ClientSecretBasic, Some(id), Some(secret), _) => {
            let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
            let pair = format!("{}:{}", encoded(&id), encoded(&secret));
            draft.header("Authorization", format!("Basic {}", BASE64_STANDARD.encode(pair)));
        }
        (ClientAuth::ClientSecretPost, Some(id), Some(secret), _) => {
            draft.add("client_id", &id);
            draft.add("client_secret", &secret);
        }
        (ClientAuth::None, Some(id), _, _) => draft.add("client_id", &id),
        (ClientAuth::None, None, _, _) => {}
        (ClientAuth::PrivateKeyJwt, Some(_), _, None) => return Err(lacks("private_key_jwt", "--client-key")),
        (ClientAuth::PrivateKeyJwt, ..) => return Err(lacks("private_key_jwt", "client_id")),
        (_, None, ..) => return Err(lacks("a secret", "client_id")),
        (_, _, None, _) => return Err(lacks("a secret", "client_secret")),
    }
    Ok(())
}

fn lacks(method: &str, name: &str) -> RequestError {
    RequestError::Malformed(format!("the client is to authenticate by {method}, and {name} has no value"))
}

/// Without a secret and a key the client is public, whatever the profile prefers.
fn method(identity: &ClientIdentity, known: &Known) -> ClientAuth {
    match identity.auth {
        Some(ClientAuth::PrivateKeyJwt) => ClientAuth::PrivateKeyJwt,
        Some(ClientAuth::None) => ClientAuth::None,
        _by_secret if known.secret.is_none() && known.key.is_none() => ClientAuth::None,
        _by_secret if known.secret.is_none() => ClientAuth::PrivateKeyJwt,
        Some(method) => method,
        None if known.key.is_some() => ClientAuth::PrivateKeyJwt,
        None => ClientAuth::ClientSecretBasic,
    }
}

fn assertion(identity: &ClientIdentity, id: &str, pem: &str, audience: &str) -> Result<String, RequestError> {
    let unusable = |error: jsonwebtoken::errors::Error| RequestError::Malformed(format!("{UNUSABLE}: {error}"));
    let (key, usual) = key(pem).map_err(unusable)?;
    let algorithm = match &identity.key_algorithm {
        Some(name) => name.parse().map_err(unusable)?,
        None => usual,
    };
    let now = unix_seconds();
    let claims = json!({
        "iss": id, "sub": id, "aud": audience, "jti": random_text(), "iat": now, "exp": now.saturating_add(LIFETIME),
    });
    let header = Header { kid: identity.key_id.clone(), ..Header::new(algorithm) };
    encode(&header, &claims, &key).map_err(unusable)
}

/// A private key in PEM, and the algorithm that it is usually for.
fn key(pem: &str) -> Result<(EncodingKey, Algorithm), jsonwebtoken::errors::Error> {
    let bytes = pem.as_bytes();
    let elliptic = EncodingKey::from_ec_pem(bytes).map(|key| (key, Algorithm::ES256));
    let edwards = || EncodingKey::from_ed_pem(bytes).map(|key| (key, Algorithm::EdDSA));
    let rsa = || EncodingKey::from_rsa_pem(bytes).map(|key| (key, Algorithm::RS256));
    elliptic.or_else(|_not_elliptic| edwards()).or_else(|_neither| rsa())
}
