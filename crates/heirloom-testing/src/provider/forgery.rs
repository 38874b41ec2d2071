use super::keys::{Keys, TokenAlgorithm, encode, now, unsigned};
use aws_lc_rs::hmac;
use serde_json::{Value, json};

/// What is wrong with an ID token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forgery {
    /// `alg: none`, without a signature.
    AlgNone,
    /// HS256 with the published key as the secret.
    Hs256WithThePublicKey,
    /// HS256 with the client's secret.
    Hs256WithTheSecret,
    /// A `kid` that is not published.
    UnknownKid,
    /// The `kid` of a published key, signed by another one.
    OtherKey,
    /// Its claims were changed after it was signed.
    OtherClaims,
    /// A header that must be understood (RFC 7515 §4.1.11).
    CriticalHeader,
    /// Another issuer.
    OtherIssuer,
    /// For another client.
    OtherAudience,
    /// For this client and another one, with our `azp`.
    TwoAudiences,
    /// Another `azp`.
    OtherParty,
    /// Expired two minutes ago.
    Expired,
    /// Issued ten minutes from now.
    FutureIat,
    /// Without `iat`.
    NoIat,
    /// Without `exp`.
    NoExp,
    /// Without `nonce`.
    NoNonce,
    /// With the nonce of another browser.
    OtherNonce,
    /// For another access token.
    OtherAccessToken,
    /// Without `sub`.
    NoSubject,
    /// With an empty `sub`.
    EmptySubject,
    /// Not a JWT at all.
    Garbage,
}

impl Forgery {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::AlgNone,
        Self::Hs256WithThePublicKey,
        Self::Hs256WithTheSecret,
        Self::UnknownKid,
        Self::OtherKey,
        Self::OtherClaims,
        Self::CriticalHeader,
        Self::OtherIssuer,
        Self::OtherAudience,
        Self::TwoAudiences,
        Self::OtherParty,
        Self::Expired,
        Self::FutureIat,
        Self::NoIat,
        Self::NoExp,
        Self::NoNonce,
        Self::OtherNonce,
        Self::OtherAccessToken,
        Self::NoSubject,
        Self::EmptySubject,
        Self::Garbage,
    ];

    /// Changes claims before they are signed.
    pub(super) fn change(&self, claims: &mut Value) {
        let mut without = |name: &str| drop(claims.as_object_mut().and_then(|claims| claims.remove(name)));
        match self {
            Self::NoIat => without("iat"),
            Self::NoExp => without("exp"),
            Self::NoNonce => without("nonce"),
            Self::NoSubject => without("sub"),
            Self::EmptySubject => claims["sub"] = json!(""),
            Self::OtherIssuer => claims["iss"] = json!("https://mallory.example"),
            Self::OtherAudience => claims["aud"] = json!("another-client"),
            Self::TwoAudiences => {
                claims["azp"] = claims["aud"].clone();
                claims["aud"] = json!([claims["aud"], "another-client"]);
            }
            Self::OtherParty => claims["azp"] = json!("another-client"),
            Self::Expired => claims["exp"] = json!(now() - 120),
            Self::FutureIat => claims["iat"] = json!(now() + 600),
            Self::OtherNonce => claims["nonce"] = json!("the-nonce-of-another-browser"),
            Self::OtherAccessToken => claims["at_hash"] = json!("AAAAAAAAAAAAAAAAAAAAAA"),
            Self::AlgNone
            | Self::Hs256WithThePublicKey
            | Self::Hs256WithTheSecret
            | Self::UnknownKid
            | Self::OtherKey
            | Self::OtherClaims
            | Self::CriticalHeader
            | Self::Garbage => {}
        }
    }

    /// Signs, wrongly if that is the forgery.
    pub(super) fn sign(
        forgery: Option<&Self>,
        generation: usize,
        algorithm: TokenAlgorithm,
        secret: &str,
        claims: &Value,
    ) -> String {
        let (keys, other) = (Keys::of_generation(generation), || Keys::of_generation(generation + 1));
        let name = match algorithm {
            TokenAlgorithm::Rs256 => "RS256",
            TokenAlgorithm::Es256 => "ES256",
        };
        let mut header = json!({ "alg": name, "typ": "JWT", "kid": keys.kid(algorithm) });
        match forgery {
            Some(Self::AlgNone) => format!("{}.", unsigned(&json!({ "alg": "none", "typ": "JWT" }), claims)),
            Some(Self::Hs256WithThePublicKey) => symmetric(&header["kid"], claims, keys.public_rsa()),
            Some(Self::Hs256WithTheSecret) => symmetric(&header["kid"], claims, secret.as_bytes()),
            Some(Self::UnknownKid) => {
                header["kid"] = json!("a-kid-of-nobody");
                keys.sign(algorithm, &header, claims)
            }
            Some(Self::OtherKey) => other().sign(algorithm, &header, claims),
            Some(Self::OtherClaims) => {
                let signed = keys.sign(algorithm, &header, claims);
                let mut changed = claims.clone();
                changed["sub"] = json!("1002");
                let signature = signed.rsplit('.').next().unwrap_or_default();
                format!("{}.{signature}", unsigned(&header, &changed))
            }
            Some(Self::CriticalHeader) => {
                (header["crit"], header["exp"]) = (json!(["exp"]), json!(1));
                keys.sign(algorithm, &header, claims)
            }
            Some(Self::Garbage) => "not-a-token".to_owned(),
            _ => keys.sign(algorithm, &header, claims),
        }
    }
}

fn symmetric(kid: &Value, claims: &Value, secret: &[u8]) -> String {
    let message = unsigned(&json!({ "alg": "HS256", "typ": "JWT", "kid": kid }), claims);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
    format!("{message}.{}", encode(tag.as_ref()))
}
