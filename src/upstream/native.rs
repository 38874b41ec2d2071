//! Users that an app brings: it spoke to the provider itself, and presents what it got.

use super::{
    come_back::{document, emails_url},
    discovery::DiscoveryError,
    exchange::UpstreamError,
    fetch::FetchError,
    id_token::{Expected, TokenFault, verify},
    profile::{UpstreamUser, of_claims, of_profile},
    room::{Provider, Upstream},
};
use crate::{
    config::{ClientSecret, OAuth2Provider, Preset, ProviderProtocol},
    kernel::{Moment, sha256},
    postgres::DatabaseError,
};
use chrono::TimeDelta;
use reqwest::Url;
use serde_json::{Value, json};

/// How long a token is remembered that was used, beyond its expiry: longer than the leeway.
const BEYOND: TimeDelta = TimeDelta::minutes(5);

/// What an app presents.
#[derive(Clone, Copy)]
pub enum PresentedToken<'p> {
    /// An ID token, with the nonce that the app chose.
    Id {
        /// The token.
        id_token: &'p str,
        /// What it must hold.
        nonce: &'p str,
    },
    /// An access token.
    Access(&'p str),
}

/// The user that an app brings.
#[must_use]
#[derive(Debug)]
pub enum Brought {
    /// A user of the provider.
    User(Box<UpstreamUser>),
    /// What was presented proves no user.
    Forged(TokenFault),
    /// The provider gave no usable answer.
    Failed(UpstreamError),
    /// Not of a kind that this provider's users can be known by.
    Unsupported,
}

impl Upstream {
    /// The user of a token that an app presents. An ID token is good once.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn user_of(&self, provider: &Provider, presented: PresentedToken<'_>) -> Result<Brought, DatabaseError> {
        match (&provider.options.protocol, presented) {
            (ProviderProtocol::Oidc(_), PresentedToken::Id { id_token, nonce }) => {
                let (user, expires_at) = match self.user_of_id_token(provider, id_token, nonce).await {
                    Ok(proven) => proven,
                    Err(refused) => return Ok(refused),
                };
                // Without the signature: of ECDSA's there are two for each message.
                let signed = id_token.rsplit_once('.').map_or(id_token, |(signed, _signature)| signed);
                Ok(if self.redeem(sha256(signed.as_bytes()), expires_at + BEYOND).await? {
                    Brought::User(Box::new(user))
                } else {
                    Brought::Forged(TokenFault::Used)
                })
            }
            (ProviderProtocol::OAuth2(plain), PresentedToken::Access(token)) => {
                Ok(user_of_access_token(provider, plain, token).await)
            }
            (ProviderProtocol::Oidc(_), PresentedToken::Access(_))
            | (ProviderProtocol::OAuth2(_), PresentedToken::Id { .. }) => Ok(Brought::Unsupported),
        }
    }

    async fn user_of_id_token(
        &self,
        provider: &Provider,
        id_token: &str,
        nonce: &str,
    ) -> Result<(UpstreamUser, Moment), Brought> {
        let failed = |error: DiscoveryError| Brought::Failed(error.into());
        let Some(discovery) = &provider.discovery else { return Err(failed(DiscoveryError::Incomplete)) };
        let metadata = discovery.metadata().await.map_err(failed)?;
        let keys = discovery.keys_for(id_token).await.map_err(failed)?;
        let ours = std::iter::once(&provider.options.client_id).chain(&provider.options.audiences);
        let audiences: Vec<&str> = ours.map(String::as_str).collect();
        let expected = Expected {
            issuer: &metadata.issuer,
            tenant_issuer: metadata.issuer.contains("{tenantid}"),
            audiences: &audiences,
            nonce,
            access_token: None,
            now: self.world().clock.now(),
        };
        let claims = verify(id_token, &keys, expected).map_err(Brought::Forged)?;
        let expires_at = claims.expires_at().ok_or(Brought::Forged(TokenFault::Malformed))?;
        let user =
            UpstreamUser { proven_at: self.proven_at(provider, &claims), ..of_claims(&provider.options, &claims) };
        Ok((user, expires_at))
    }
}

/// Only where the provider says for which client a token was made, or knows its users by another id in each client: another
/// client could otherwise sign in as its own users.
async fn user_of_access_token(provider: &Provider, plain: &OAuth2Provider, token: &str) -> Brought {
    match provider.options.preset {
        Preset::Github => match is_made_for_us(provider, plain, token).await {
            Ok(true) => {}
            Ok(false) => return Brought::Forged(TokenFault::Audience),
            Err(error) => return Brought::Failed(error.into()),
        },
        Preset::Naver => {}
        Preset::Apple | Preset::Google | Preset::Kakao | Preset::Microsoft | Preset::OAuth2 | Preset::Oidc => {
            return Brought::Unsupported;
        }
    }
    match user_of_profile(provider, plain, token).await {
        Ok(Some(user)) => Brought::User(Box::new(user)),
        Ok(None) => Brought::Forged(TokenFault::Subject),
        // Not 403: GitHub answers it beyond a limit too, and Naver where the client lacks a permission. The token may be good.
        Err(UpstreamError::Fetch(FetchError::Status(401))) => Brought::Forged(TokenFault::Signature),
        Err(error) => Brought::Failed(error),
    }
}

async fn user_of_profile(
    provider: &Provider,
    plain: &OAuth2Provider,
    token: &str,
) -> Result<Option<UpstreamUser>, UpstreamError> {
    let profile = document(provider, &plain.userinfo, token).await?;
    let emails = if plain.quirks.separate_emails {
        Some(document(provider, &emails_url(&plain.userinfo), token).await?)
    } else {
        None
    };
    Ok(of_profile(&provider.options, plain, &profile, emails.as_ref()))
}

/// Whether GitHub made a token for our client ("Check a token").
async fn is_made_for_us(provider: &Provider, plain: &OAuth2Provider, token: &str) -> Result<bool, FetchError> {
    let client = provider.options.client_id.as_str();
    let ClientSecret::Text(secret) = &provider.options.client_secret else { return Ok(false) };
    let url = check_url(&plain.userinfo, client);
    let answer = provider.fetcher.post_json(&url, &json!({ "access_token": token }), (client, secret.as_str())).await?;
    match answer.status {
        200 => Ok(answer.document.pointer("/app/client_id").and_then(Value::as_str) == Some(client)),
        404 | 422 => Ok(false),
        status => Err(FetchError::Status(status)),
    }
}

/// Beside the profile: `/applications/{client_id}/token`.
fn check_url(userinfo: &Url, client: &str) -> Url {
    let mut url = userinfo.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().pop().extend(["applications", client, "token"]);
    }
    url
}
