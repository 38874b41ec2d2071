use aws_lc_rs::{
    rand::{self, SystemRandom},
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
        UnparsedPublicKey,
    },
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use std::{
    sync::OnceLock,
    time::{SystemTime, UNIX_EPOCH},
};

/// What signs ID tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenAlgorithm {
    /// RSA.
    Rs256,
    /// P-256.
    Es256,
}

/// Keys of a provider.
pub struct Keys {
    rsa: RsaKeyPair,
    ec: EcdsaKeyPair,
    ec_pkcs8: Vec<u8>,
    name: &'static str,
}

/// Two generations are made, which take turns: making RSA keys takes time.
static FIRST: OnceLock<Keys> = OnceLock::new();
static SECOND: OnceLock<Keys> = OnceLock::new();
/// With which Heirloom signs its secrets for Apple.
static APPLES_CLIENT: OnceLock<Keys> = OnceLock::new();

impl Keys {
    fn generate(name: &'static str) -> Self {
        let ec_pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        let ec_pkcs8 = ec_pkcs8.expect("a key").as_ref().to_vec();
        let ec = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &ec_pkcs8).expect("a key");
        let rsa = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
        Self { rsa, ec, ec_pkcs8, name }
    }

    pub fn of_generation(generation: usize) -> &'static Self {
        if generation.is_multiple_of(2) {
            FIRST.get_or_init(|| Self::generate("first"))
        } else {
            SECOND.get_or_init(|| Self::generate("second"))
        }
    }

    pub fn of_apples_client() -> &'static Self {
        APPLES_CLIENT.get_or_init(|| Self::generate("apple"))
    }

    /// The P-256 key, as Apple hands it out: PKCS#8 in PEM.
    pub fn pem(&self) -> String {
        let text = STANDARD.encode(&self.ec_pkcs8);
        let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
    }

    pub fn kid(&self, algorithm: TokenAlgorithm) -> String {
        match algorithm {
            TokenAlgorithm::Rs256 => format!("{}-rsa", self.name),
            TokenAlgorithm::Es256 => format!("{}-ec", self.name),
        }
    }

    /// The public halves (RFC 7517).
    pub fn jwks(&self) -> Value {
        let rsa = self.rsa.public_key();
        let point = self.ec.public_key().as_ref();
        json!({ "keys": [
            { "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid(TokenAlgorithm::Rs256),
              "n": encode(rsa.modulus().big_endian_without_leading_zero()),
              "e": encode(rsa.exponent().big_endian_without_leading_zero()) },
            // An uncompressed point: 4, x, y.
            { "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.kid(TokenAlgorithm::Es256),
              "x": encode(&point[1..33]), "y": encode(&point[33..]) },
        ] })
    }

    /// The public RSA key in the form in which a verifier that confuses algorithms would take it for a secret.
    pub fn public_rsa(&self) -> &[u8] {
        self.rsa.public_key().as_ref()
    }

    /// A token with this header, which need not be true.
    pub fn sign(&self, algorithm: TokenAlgorithm, header: &Value, claims: &Value) -> String {
        let message = unsigned(header, claims);
        let signature = match algorithm {
            TokenAlgorithm::Rs256 => {
                let mut signature = vec![0; self.rsa.public_modulus_len()];
                let signed = self.rsa.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature);
                signed.expect("a signature");
                signature
            }
            TokenAlgorithm::Es256 => {
                self.ec.sign(&SystemRandom::new(), message.as_bytes()).expect("a signature").as_ref().to_vec()
            }
        };
        format!("{message}.{}", encode(&signature))
    }

    /// Header and claims of an ES256 token that this key signed.
    pub fn verify(&self, token: &str) -> Option<(Value, Value)> {
        let (message, signature) = token.rsplit_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.ec.public_key().as_ref());
        key.verify(message.as_bytes(), &signature).ok()?;
        let read = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
        let (header, claims) = message.split_once('.')?;
        Some((read(header)?, read(claims)?))
    }
}

/// What is signed.
pub fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()))
}

/// Base64url without padding (RFC 7515 §2).
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A code or a token that nobody guesses.
pub fn random() -> String {
    let mut bytes = [0; 24];
    rand::fill(&mut bytes).expect("random bytes");
    encode(&bytes)
}

/// Seconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    i64::try_from(since.as_secs()).expect("a clock of this age")
}
