//! A software authenticator and its browser: one ES256 passkey (WebAuthn L3 §6).

use super::{Answer, Person, TestApp};
use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use heirloom::kernel::Rng;
use serde_json::{Value, json};

pub const VERIFIED: u8 = 0x05;
pub const PRESENT: u8 = 0x01;

/// A passkey in a device.
pub struct PasskeyDevice {
    pub credential_id: Vec<u8>,
    pub origin: String,
    pub rp_id: String,
    key: EcdsaKeyPair,
    handle: Option<String>,
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA256, bytes).as_ref().to_vec()
}

impl PasskeyDevice {
    /// One with a new key, at a site.
    pub fn new(origin: &str) -> Self {
        let host = origin.split_once("://").expect("an origin").1;
        Self {
            credential_id: Rng::system().bytes::<32>().to_vec(),
            origin: origin.to_owned(),
            rp_id: host.split(':').next().expect("a host").to_owned(),
            key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key"),
            handle: None,
        }
    }

    /// The answer to a ceremony's options, as it is sent with its ticket.
    pub fn prove(&self, begun: &Value, flags: u8, counter: u32) -> Value {
        json!({ "ticket": begun["ticket"], "credential": self.get(&begun["publicKey"], flags, counter) })
    }

    /// What the browser answers to creation options.
    pub fn create(&mut self, options: &Value) -> Value {
        self.handle = options["user"]["id"].as_str().map(str::to_owned);
        let point = self.key.public_key().as_ref();
        let id = &self.credential_id;
        let length = u16::try_from(id.len()).expect("a short id").to_be_bytes();
        // A COSE_Key: {1: 2, 3: -7, -1: 1, -2: x, -3: y}.
        let key =
            [&[0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32], &point[1..33], &[0x22, 0x58, 32], &point[33..]].concat();
        let data = [self.data(VERIFIED | 0x40, 0), [0; 16].to_vec(), length.to_vec(), id.clone(), key].concat();
        let head =
            [&b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58"[..], &[u8::try_from(data.len()).expect("short")]]
                .concat();
        let response = json!({
            "clientDataJSON": encoded(self.client_data("webauthn.create", options)),
            "attestationObject": encoded([head, data].concat()),
            "transports": ["internal", "hybrid"],
        });
        self.answer(&response, &json!({ "credProps": { "rk": true } }))
    }

    /// What the browser answers to request options, with these flags and this counter.
    pub fn get(&self, options: &Value, flags: u8, counter: u32) -> Value {
        let (client_data, data) = (self.client_data("webauthn.get", options), self.data(flags, counter));
        let signed = [data.clone(), sha256(&client_data)].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).expect("a signature");
        let response = json!({
            "clientDataJSON": encoded(client_data), "authenticatorData": encoded(data),
            "signature": encoded(signature), "userHandle": self.handle,
        });
        self.answer(&response, &json!({}))
    }

    fn answer(&self, response: &Value, extensions: &Value) -> Value {
        let id = encoded(&self.credential_id);
        json!({
            "id": id, "rawId": id, "type": "public-key", "response": response,
            "authenticatorAttachment": "platform", "clientExtensionResults": extensions,
        })
    }

    fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
        let data =
            json!({ "type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": false });
        data.to_string().into_bytes()
    }

    fn data(&self, flags: u8, counter: u32) -> Vec<u8> {
        [sha256(self.rp_id.as_bytes()), vec![flags], counter.to_be_bytes().to_vec()].concat()
    }
}

impl TestApp {
    /// Begins to sign in with a passkey: the ticket and the options.
    pub async fn begin_passkey(&self, body: &Value) -> Value {
        self.post("/api/v1/auth/passkeys/options", body).await.expect(200).json()
    }

    /// Signs in with a passkey that verifies its user, or tries to.
    pub async fn sign_in_by_passkey(&self, device: &PasskeyDevice, counter: u32) -> Answer {
        let begun = self.begin_passkey(&json!({})).await;
        self.post("/api/v1/auth/passkeys/verify", &device.prove(&begun, VERIFIED, counter)).await
    }
}

impl Person<'_> {
    /// Begins to add a passkey, and has a new device answer: what is sent next.
    pub async fn new_passkey(&self) -> (PasskeyDevice, Value) {
        let begun = self.request("POST", "/api/v1/me/passkeys/options").send().await.expect(200).json();
        let mut device = PasskeyDevice::new(super::PUBLIC_URL);
        let credential = device.create(&begun["publicKey"]);
        (device, json!({ "ticket": begun["ticket"], "credential": credential, "name": "My phone" }))
    }

    /// Adds a passkey. Returns it, and the answer.
    pub async fn add_passkey(&self) -> (PasskeyDevice, Answer) {
        let (device, body) = self.new_passkey().await;
        let added = self.post("/api/v1/me/passkeys", &body).await;
        added.expect(201);
        (device, added)
    }
}
