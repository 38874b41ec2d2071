//! An access token for one service, in exchange for one that is for Heirloom's own API.

use super::{
    access_token::{AccessToken, AccessTokenError},
    model,
    private_key::SigningError,
    ring::Keys,
};
use crate::kernel::{Duration, new_uuid};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

/// A token for one service.
#[derive(Debug)]
pub struct ServiceToken {
    /// The token.
    pub token: AccessToken,
    /// How long it lives: as long as the one that it was given for.
    pub expires_in: Duration,
}

/// Why there is no token for a service.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The token that was presented is refused.
    #[error("the access token is refused")]
    Refused(#[from] AccessTokenError),
    /// No service of this name has tokens of its own.
    #[error("there are no tokens for this service")]
    UnknownAudience {
        /// Whether any service has tokens of its own.
        is_configured: bool,
    },
    /// The token could not be signed.
    #[error("a token could not be signed")]
    Signing(#[from] SigningError),
}

impl Keys {
    /// Signs a token for one service, for an access token of Heirloom's own API: of the same user, session, roles, claims and end
    /// (RFC 8693 §2, without its parameters). Reads no database.
    ///
    /// # Errors
    /// Why there is none.
    pub fn exchange(&self, token: &str, audience: &str) -> Result<ServiceToken, ExchangeError> {
        self.verify(token)?;
        let service = self.services().iter().find(|service| *service == audience);
        let is_configured = !self.services().is_empty();
        let service = service.ok_or(ExchangeError::UnknownAudience { is_configured })?;
        let (ring, now) = (self.ring(), self.world().clock.now());
        let key = model::signer(&ring, now).ok_or(SigningError::NoKey)?;
        let (mut claims, begins) = (payload(token)?, now.timestamp());
        let time = |name: &str| claims.get(name).and_then(Value::as_i64).unwrap_or(begins);
        // Not its `exp` alone: the service's token has a new `iat`, and would live on where the lifetime was made shorter.
        let ends = self.end_of(time("iat"), time("exp"));
        let new = [
            ("aud", json!(service)),
            ("exp", json!(ends)),
            ("iat", json!(begins)),
            ("nbf", json!(begins)),
            ("jti", json!(new_uuid(now, &self.world().rng))),
        ];
        claims.extend(new.map(|(name, value)| (name.to_owned(), value)));
        let expires_in = Duration::from_secs(u64::try_from(ends.saturating_sub(begins)).unwrap_or_default());
        Ok(ServiceToken { token: AccessToken::signed(key.private.sign(&claims)?), expires_in })
    }
}

/// The claims of a token that was verified.
fn payload(token: &str) -> Result<Map<String, Value>, SigningError> {
    let encoded = token.split('.').nth(1).unwrap_or_default();
    let bytes = URL_SAFE_NO_PAD.decode(encoded).unwrap_or_default();
    Ok(serde_json::from_slice(&bytes)?)
}
