//! The exchange of a code for tokens, and what becomes of them (RFC 6749 §4.1.3, RFC 7636 §4.5).

use super::{
    discovery::DiscoveryError,
    fetch::{FetchError, Fetched, Fetcher},
};
use crate::{
    config::{AppleKey, ClientAuthentication, ClientSecret, UpstreamProvider},
    kernel::Moment,
};
use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::Url;
use serde::Serialize;
use serde_json::Value;
use std::fmt;
use zeroize::Zeroizing;

/// How long Apple's signed secret is valid: for one exchange.
const SECRET_LIFETIME: TimeDelta = TimeDelta::minutes(5);

/// The tokens of a provider. They are used once and stored nowhere.
#[derive(Clone)]
pub struct UpstreamTokens {
    /// For the profile.
    pub access_token: Option<Zeroizing<String>>,
    /// Of `OpenID` providers.
    pub id_token: Option<Zeroizing<String>>,
}

impl fmt::Debug for UpstreamTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UpstreamTokens(…)")
    }
}

/// Why a user who came back does not get in.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The provider cannot be asked.
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    /// It gave no usable answer.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// It refused the code: the error's name, as the provider wrote it.
    #[error("the provider refused the code: {0}")]
    Refused(String),
    /// It sent the browser back with an error of its own.
    #[error("the provider answered the browser with {0}")]
    OutOfOrder(&'static str),
    /// An answer without the token that is needed.
    #[error("an answer without a token")]
    NoToken,
    /// Our key for Apple does not sign.
    #[error("the signed secret")]
    Secret(#[source] jsonwebtoken::errors::Error),
}

/// A code, with what proves that we began the flow.
#[derive(Clone, Copy)]
pub struct ReturnedCode<'c> {
    /// The code.
    pub text: &'c str,
    /// The verifier (RFC 7636).
    pub verifier: Option<&'c str>,
    /// Of providers that want it again.
    pub state: Option<&'c str>,
    /// Where it was sent.
    pub redirect_uri: &'c str,
}

/// Exchanges a code.
///
/// # Errors
/// When the provider does not answer, or refuses the code.
pub async fn exchange(
    fetcher: &Fetcher,
    provider: &UpstreamProvider,
    token_endpoint: &Url,
    code: ReturnedCode<'_>,
    now: Moment,
) -> Result<UpstreamTokens, UpstreamError> {
    let secret = secret(provider, now)?;
    let mut form = vec![("grant_type", "authorization_code"), ("code", code.text), ("redirect_uri", code.redirect_uri)];
    form.extend(code.verifier.map(|verifier| ("code_verifier", verifier)));
    form.extend(code.state.map(|state| ("state", state)));
    let basic = match provider.client_authentication {
        ClientAuthentication::Basic => Some((provider.client_id.as_str(), secret.as_str())),
        ClientAuthentication::Post => {
            form.extend([("client_id", provider.client_id.as_str()), ("client_secret", secret.as_str())]);
            None
        }
    };
    tokens(&fetcher.post(token_endpoint, &form, basic).await?)
}

/// GitHub and Naver answer errors with 200.
fn tokens(answer: &Fetched) -> Result<UpstreamTokens, UpstreamError> {
    let text = |name: &str| answer.document.get(name).and_then(Value::as_str);
    if let Some(error) = text("error") {
        // A name of the provider's, bounded, for the log.
        return Err(UpstreamError::Refused(error.chars().filter(char::is_ascii_graphic).take(64).collect()));
    }
    if answer.status != 200 {
        return Err(FetchError::Status(answer.status).into());
    }
    let token = |name: &str| text(name).map(|token| Zeroizing::new(token.to_owned()));
    let tokens = UpstreamTokens { access_token: token("access_token"), id_token: token("id_token") };
    if tokens.access_token.is_none() && tokens.id_token.is_none() {
        return Err(UpstreamError::NoToken);
    }
    Ok(tokens)
}

fn secret(provider: &UpstreamProvider, now: Moment) -> Result<Zeroizing<String>, UpstreamError> {
    match &provider.client_secret {
        ClientSecret::Text(secret) => Ok(secret.clone()),
        ClientSecret::Apple(key) => apple_secret(key, &provider.client_id, now).map_err(UpstreamError::Secret),
    }
}

/// The claims of Apple's client secret.
#[derive(Serialize)]
struct SecretClaims<'c> {
    iss: &'c str,
    iat: i64,
    exp: i64,
    aud: &'static str,
    sub: &'c str,
}

fn apple_secret(
    key: &AppleKey,
    client_id: &str,
    now: Moment,
) -> Result<Zeroizing<String>, jsonwebtoken::errors::Error> {
    let claims = SecretClaims {
        iss: &key.team_id,
        iat: now.timestamp(),
        exp: (now + SECRET_LIFETIME).timestamp(),
        aud: "https://appleid.apple.com",
        sub: client_id,
    };
    let header = Header { kid: Some(key.key_id.clone()), ..Header::new(Algorithm::ES256) };
    let signer = EncodingKey::from_ec_pem(key.private_key.as_bytes())?;
    encode(&header, &claims, &signer).map(Zeroizing::new)
}
