//! Access tokens that the server did not make, signed with its own key: only so can each check be shown to bite.
//!
//! The key is read as a thief would read it who has both the database and the master key.

use super::{MASTER_KEY, TestApp};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use heirloom::kernel::MasterKey;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};
use std::fmt::Write;

/// The signing key of a server.
pub struct Forge {
    key: EncodingKey,
    /// Its `kid`.
    pub kid: String,
    /// Its public half, as published.
    pub public: Value,
}

impl Forge {
    /// Opens the one signing key of this server.
    pub async fn of(app: &TestApp) -> Self {
        let stored = "SELECT id, encrypted_private_key, public_key FROM signing_keys";
        let (kid, sealed, public): (String, Vec<u8>, Value) =
            sqlx::query_as(stored).fetch_one(app.db()).await.expect("the one signing key");
        let pem = open(&kid, &sealed);
        Self { key: EncodingKey::from_ec_pem(&pem).expect("a P-256 key"), kid, public }
    }

    /// A header like the server's own.
    pub fn header(&self) -> Value {
        json!({ "typ": "at+jwt", "alg": "ES256", "kid": self.kid })
    }

    /// Signs any header and any claims.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    /// Signs texts, JSON or not.
    pub fn sign_text(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()));
        let signature = crypto::sign(message.as_bytes(), &self.key, Algorithm::ES256).expect("a signature");
        format!("{message}.{signature}")
    }

    /// Signs with HS256 under some secret.
    pub fn sign_symmetric(header: &Value, claims: &Value, secret: &[u8]) -> String {
        let message = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        let key = EncodingKey::from_secret(secret);
        let signature = crypto::sign(message.as_bytes(), &key, Algorithm::HS256).expect("a signature");
        format!("{message}.{signature}")
    }
}

/// Base64url without padding (RFC 7515 §2).
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Header and claims of a token, unverified.
pub fn decode(token: &str) -> (Value, Value) {
    let part = |part: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(part).expect("base64url");
        serde_json::from_slice::<Value>(&bytes).expect("JSON")
    };
    let mut parts = token.split('.');
    let (header, claims) = (parts.next().expect("a header"), parts.next().expect("claims"));
    (part(header), part(claims))
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes everything");
        text
    })
}

fn open(kid: &str, sealed: &[u8]) -> Vec<u8> {
    let derived = MasterKey::from_bytes(MASTER_KEY).derive("heirloom/signing-key-sealing/v1");
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, derived.as_slice()).expect("a key"));
    let (nonce, ciphertext) = sealed.split_at(NONCE_LEN);
    let nonce = Nonce::try_assume_unique_for_key(nonce).expect("a nonce");
    let mut buffer = ciphertext.to_vec();
    key.open_in_place(nonce, Aad::from(kid.as_bytes()), &mut buffer).expect("sealed under the master key").to_vec()
}
