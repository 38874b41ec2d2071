//! A browser that is back from a provider: its flow, the exchange of the code, what the tokens say of the user.

use super::{
    discovery::{Discovery, DiscoveryError},
    exchange::{ReturnedCode, UpstreamError, UpstreamTokens, exchange},
    fetch::FetchError,
    flow::Flow,
    id_token::{Expected, IdClaims, TokenFault, check_sign_in, verify},
    profile::{UpstreamUser, of_claims, of_profile},
    room::{Provider, Upstream},
};
use crate::{
    config::{OAuth2Provider, ProviderProtocol},
    kernel::{Digest32, Moment, SealedTicket},
    postgres::{DatabaseError, redeem},
};
use reqwest::Url;
use serde_json::Value;

/// The errors with which a provider states an outage of its own (RFC 6749 §4.1.2.1). All others are refusals.
const OUTAGES: [&str; 2] = ["server_error", "temporarily_unavailable"];

/// What a callback brings.
#[derive(Clone, Copy)]
pub struct Returned<'r> {
    /// The cookie of the flow.
    pub cookie: Option<&'r str>,
    /// `state`.
    pub state: Option<&'r str>,
    /// `code`.
    pub code: Option<&'r str>,
    /// `error` (RFC 6749 §4.1.2.1).
    pub error: Option<&'r str>,
    /// `iss` (RFC 9207).
    pub issuer: Option<&'r str>,
}

/// The outcome of a callback.
#[derive(Debug)]
pub enum CameBack {
    /// A user of the provider, and the flow that was begun.
    User(Box<(UpstreamUser, Flow)>),
    /// No cookie of ours belongs to it, or the flow has expired: nothing was asked.
    StateInvalid,
    /// The user declined at the provider, or the provider refused.
    Denied(Flow),
    /// What the provider sent proves no user: the reason is for the log.
    Forged(Flow, TokenFault),
    /// The provider gave no usable answer.
    Failed(Flow, UpstreamError),
}

impl Upstream {
    /// Whether a callback belongs to a flow, used or not: it costs a statement, and may make us ask the provider. Reads nothing and
    /// asks nobody.
    #[must_use]
    pub fn would_ask(&self, provider: &Provider, returned: Returned<'_>) -> bool {
        self.flow_of(provider, returned).is_some()
    }

    fn flow_of(&self, provider: &Provider, returned: Returned<'_>) -> Option<SealedTicket<Flow>> {
        Flow::open(returned.cookie?, self.tickets(), &provider.options.name, returned.state?, self.world().clock.now())
    }

    /// Takes a callback of a provider. Without the cookie of a flow of this provider and this state, nobody is asked; and of
    /// any number of callbacks of one flow, on any instance, one is taken, a refusal too.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn come_back(&self, provider: &Provider, returned: Returned<'_>) -> Result<CameBack, DatabaseError> {
        let Some(ticket) = self.flow_of(provider, returned) else { return Ok(CameBack::StateInvalid) };
        let SealedTicket { content: flow, expires_at, digest } = ticket;
        if !self.redeem(digest, expires_at).await? {
            return Ok(CameBack::StateInvalid);
        }
        if let Some(outage) = OUTAGES.into_iter().find(|outage| returned.error == Some(*outage)) {
            return Ok(CameBack::Failed(flow, UpstreamError::OutOfOrder(outage)));
        }
        let Some(code) = returned.code.filter(|_| returned.error.is_none()) else { return Ok(CameBack::Denied(flow)) };
        Ok(match self.user(provider, &flow, code, returned.issuer).await {
            Ok(user) => CameBack::User(Box::new((user, flow))),
            Err(Failure::Forged(fault)) => CameBack::Forged(flow, fault),
            Err(Failure::Failed(error)) => CameBack::Failed(flow, error),
        })
    }

    /// Remembers a ticket, or a token, that is good once. False if it was used before.
    pub(super) async fn redeem(&self, digest: Digest32, expires_at: Moment) -> Result<bool, DatabaseError> {
        self.world()
            .db
            .run(move |connection| Box::pin(async move { redeem(connection, &digest, expires_at).await }))
            .await
    }

    async fn user(
        &self,
        provider: &Provider,
        flow: &Flow,
        code: &str,
        issuer: Option<&str>,
    ) -> Result<UpstreamUser, Failure> {
        match (&provider.options.protocol, &provider.discovery) {
            (ProviderProtocol::Oidc(_), Some(discovery)) => {
                self.user_of_token(provider, discovery, flow, (code, issuer)).await
            }
            (ProviderProtocol::Oidc(_), None) => Err(UpstreamError::from(DiscoveryError::Incomplete).into()),
            (ProviderProtocol::OAuth2(plain), _) => {
                // RFC 9207 §2.4: it need not come, and must be right if it does.
                if issuer.is_some_and(|issuer| !plain.answers_as(issuer)) {
                    return Err(TokenFault::Issuer.into());
                }
                self.user_of_profile(provider, plain, flow, code).await
            }
        }
    }

    async fn user_of_token(
        &self,
        provider: &Provider,
        discovery: &Discovery,
        flow: &Flow,
        (code, issuer): (&str, Option<&str>),
    ) -> Result<UpstreamUser, Failure> {
        let metadata = discovery.metadata().await.map_err(UpstreamError::from)?;
        // RFC 9207 §2.4: one that is announced and missing may have been taken away by an attacker who mixes providers up.
        if (metadata.sends_issuer || issuer.is_some()) && issuer != Some(metadata.issuer.as_str()) {
            return Err(TokenFault::Issuer.into());
        }
        let tokens = self.exchange(provider, &metadata.token, flow, code).await?;
        let id_token = tokens.id_token.as_ref().ok_or(UpstreamError::NoToken)?;
        let keys = discovery.keys_for(id_token).await.map_err(UpstreamError::from)?;
        let expected = Expected {
            issuer: &metadata.issuer,
            tenant_issuer: metadata.issuer.contains("{tenantid}"),
            audiences: &[provider.options.client_id.as_str()],
            nonce: &flow.nonce,
            access_token: tokens.access_token.as_ref().map(|token| token.as_str()),
            now: self.world().clock.now(),
        };
        let mut claims = verify(id_token, &keys, expected)?;
        if flow.aim.needs_new_sign_in() {
            let must_say = provider.options.reauthentication.states_time_if_asked;
            check_sign_in(&claims, self.world().config.sessions.step_up_max_age, must_say, self.world().clock.now())?;
        }
        if claims.email.is_none()
            && let (Some(userinfo), Some(access_token)) = (&metadata.userinfo, &tokens.access_token)
        {
            complete(provider, userinfo, access_token, &mut claims).await?;
        }
        Ok(UpstreamUser { proven_at: self.proven_at(provider, &claims), ..of_claims(&provider.options, &claims) })
    }

    /// When the user signed in there. A provider that must say so if it is asked, and does not, was asked by a browser that took
    /// the question out of the request, or by an app that did not ask: then it was not a moment ago.
    pub(super) fn proven_at(&self, provider: &Provider, claims: &IdClaims) -> Option<Moment> {
        let must_say = provider.options.reauthentication.states_time_if_asked;
        let too_long_ago = || self.world().clock.now() - self.world().config.sessions.step_up_max_age;
        claims.authenticated_at().or_else(|| must_say.then(too_long_ago))
    }

    async fn user_of_profile(
        &self,
        provider: &Provider,
        plain: &OAuth2Provider,
        flow: &Flow,
        code: &str,
    ) -> Result<UpstreamUser, Failure> {
        let tokens = self.exchange(provider, &plain.token, flow, code).await?;
        let access_token = tokens.access_token.as_ref().ok_or(UpstreamError::NoToken)?;
        let profile = document(provider, &plain.userinfo, access_token).await?;
        let emails = if plain.quirks.separate_emails {
            Some(document(provider, &emails_url(&plain.userinfo), access_token).await?)
        } else {
            None
        };
        of_profile(&provider.options, plain, &profile, emails.as_ref()).ok_or_else(|| TokenFault::Subject.into())
    }

    async fn exchange(
        &self,
        provider: &Provider,
        endpoint: &Url,
        flow: &Flow,
        code: &str,
    ) -> Result<UpstreamTokens, Failure> {
        let quirks = match &provider.options.protocol {
            ProviderProtocol::OAuth2(plain) => plain.quirks,
            ProviderProtocol::Oidc(_) => crate::config::ProviderQuirks::default(),
        };
        let redirect_uri = self.redirect_uri(provider);
        let code = ReturnedCode {
            text: code,
            verifier: (!quirks.without_pkce).then_some(flow.verifier.as_str()),
            state: quirks.state_in_token_request.then_some(flow.state.as_str()),
            redirect_uri: &redirect_uri,
        };
        let now = self.world().clock.now();
        Ok(exchange(&provider.fetcher, &provider.options, endpoint, code, now).await?)
    }
}

/// Why there is no user.
enum Failure {
    Forged(TokenFault),
    Failed(UpstreamError),
}

impl From<TokenFault> for Failure {
    fn from(fault: TokenFault) -> Self {
        Self::Forged(fault)
    }
}

impl From<UpstreamError> for Failure {
    fn from(error: UpstreamError) -> Self {
        Self::Failed(error)
    }
}

/// Adds what the profile says to a token that names no address. A profile of another user fails the whole (`OpenID` Connect Core
/// §5.3.2).
async fn complete(
    provider: &Provider,
    userinfo: &Url,
    access_token: &str,
    claims: &mut IdClaims,
) -> Result<(), Failure> {
    let profile = document(provider, userinfo, access_token).await?;
    if profile.get("sub").and_then(Value::as_str) != Some(claims.subject.as_str()) {
        return Err(TokenFault::Subject.into());
    }
    let text = |name: &str| profile.get(name).and_then(Value::as_str).map(str::to_owned);
    claims.email = text("email");
    // Here silence proves nothing; in Kakao's tokens it does.
    claims.email_verified = Some(profile.get("email_verified").cloned().unwrap_or(Value::Bool(false)));
    claims.name = claims.name.take().or_else(|| text("name"));
    Ok(())
}

pub(super) async fn document(provider: &Provider, url: &Url, access_token: &str) -> Result<Value, UpstreamError> {
    let fetched = provider.fetcher.get_with(url, access_token).await?;
    if fetched.status == 200 { Ok(fetched.document) } else { Err(FetchError::Status(fetched.status).into()) }
}

/// GitHub's list of addresses is below its profile.
pub(super) fn emails_url(userinfo: &Url) -> Url {
    let mut url = userinfo.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().push("emails");
    }
    url
}
