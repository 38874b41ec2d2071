use super::{Reader, names};
use crate::kernel::Duration;
use std::collections::BTreeSet;

/// What stands in access tokens.
#[derive(Debug, Clone)]
pub struct TokenOptions {
    /// `aud`; default: the public URL.
    pub audience: Option<String>,
    /// Services that have access tokens of their own; empty: there is one audience for everything.
    pub audiences: Vec<String>,
    /// The name of the claim that holds the user's own claims; default: the public URL and `/claims`.
    pub claims_name: Option<String>,
    /// How new signing keys sign.
    pub signing_algorithm: SigningAlgorithm,
    /// How often a new signing key takes over.
    pub signing_key_rotation: Duration,
    /// How long an access token lives.
    pub access_token_ttl: Duration,
}

/// A JWS algorithm (RFC 7518 §3.1, RFC 8037). HS256 is absent on purpose: a verifier could then also sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningAlgorithm {
    /// ECDSA with P-256 and SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256, 3072 bits.
    Rs256,
}

/// Reserved claims, which the user's own claims may not replace.
const RESERVED: &[&str] =
    &["iss", "sub", "aud", "exp", "iat", "nbf", "jti", "sid", "auth_time", "acr", "amr", "roles", "rev"];

/// How long an audience may be: it is in each token.
const LONGEST_AUDIENCE: usize = 255;
const ALLOWED_AUDIENCES: &str = "a list of different services, comma-separated, such as https://api.example.com";

/// What a service is called, as its tokens say it: a `StringOrURI` (RFC 7519 §2) without spaces.
fn is_audience(text: &str) -> bool {
    let is_printable = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    is_printable && text.len() <= LONGEST_AUDIENCE
}

/// The services, beside the own API's audience, which must not be one of them.
fn audiences(reader: &mut Reader, own: &str) -> Vec<String> {
    let name = names::AUDIENCES;
    let services = reader.list(name, ALLOWED_AUDIENCES, |text| is_audience(text).then(|| text.to_owned()));
    if !services.is_empty() && reader.raw(names::AUDIENCE).is_some() {
        let what = format!(
            "cannot be set beside {}: Heirloom's own API then has the public URL as its audience",
            names::AUDIENCE
        );
        reader.problem(name, &what);
    }
    if services.iter().any(|service| service == own) {
        reader.problem(
            name,
            "names the public URL, which is the audience of Heirloom's own API: list other services only",
        );
    }
    if services.iter().collect::<BTreeSet<_>>().len() < services.len() {
        reader.problem(name, "names a service twice");
    }
    services
}

pub(super) fn read(reader: &mut Reader, public_url: &str, insecure_for_tests: bool) -> TokenOptions {
    let claims_name = reader.raw(names::CLAIMS_NAME);
    if claims_name.as_deref().is_some_and(|name| RESERVED.contains(&name)) {
        reader.problem(names::CLAIMS_NAME, "is a reserved claim name: choose another, preferably a URL");
    }
    let least = if insecure_for_tests { "1s" } else { "1m" };
    TokenOptions {
        audience: reader.raw(names::AUDIENCE),
        audiences: audiences(reader, public_url),
        claims_name,
        signing_algorithm: reader.choice(
            names::SIGNING_ALG,
            SigningAlgorithm::Es256,
            &[
                ("ES256", SigningAlgorithm::Es256),
                ("EdDSA", SigningAlgorithm::EdDsa),
                ("RS256", SigningAlgorithm::Rs256),
            ],
        ),
        signing_key_rotation: reader.duration(
            names::SIGNING_KEY_ROTATION,
            "30d",
            if insecure_for_tests { "1m" } else { "1d" }..="3650d",
        ),
        access_token_ttl: reader.duration(names::ACCESS_TOKEN_TTL, "10m", least..="24h"),
    }
}
