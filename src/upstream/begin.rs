mod api;

pub use api::AuthorizeAnswer;

use super::{
    discovery::DiscoveryError,
    flow::{Flow, Wanted},
    room::{Provider, Upstream},
};
use crate::{
    config::{ProviderProtocol, Reauthentication},
    kernel::TicketError,
};
use reqwest::Url;
use zeroize::Zeroizing;

/// In seconds: ten years. A provider that is asked for an age at all must state the time of the sign-in (`OpenID` Connect Core
/// §2, `auth_time`).
const ANY_AGE: u64 = 315_360_000;

/// A browser that is about to go to a provider.
pub struct Begun {
    /// Where.
    pub authorize: Url,
    /// What its cookie holds until it is back.
    pub cookie: Zeroizing<String>,
}

/// Why a flow cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// The provider cannot be asked.
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    /// Our own ticket.
    #[error(transparent)]
    Ticket(#[from] TicketError),
}

impl Upstream {
    /// Sends a browser to a provider (RFC 6749 §4.1.1, RFC 7636 §4.3, `OpenID` Connect Core §3.1.2.1). Nothing is written.
    ///
    /// # Errors
    /// When the provider's endpoints are not known and cannot be fetched.
    pub async fn begin(&self, provider: &Provider, wanted: Wanted) -> Result<Begun, BeginError> {
        let world = self.world();
        let flow = Flow::new(&provider.options.name, wanted, &world.rng);
        let mut authorize = match (&provider.options.protocol, &provider.discovery) {
            (ProviderProtocol::OAuth2(plain), _) => plain.authorize.clone(),
            (ProviderProtocol::Oidc(_), Some(discovery)) => discovery.metadata().await?.authorize.clone(),
            (ProviderProtocol::Oidc(_), None) => return Err(DiscoveryError::Incomplete.into()),
        };
        self.ask(&mut authorize, provider, &flow);
        Ok(Begun { authorize, cookie: flow.seal(self.tickets(), world.clock.now(), &world.rng)? })
    }

    fn ask(&self, authorize: &mut Url, provider: &Provider, flow: &Flow) {
        let options = &provider.options;
        let mut query = authorize.query_pairs_mut();
        query.append_pair("response_type", "code");
        query.append_pair("client_id", &options.client_id);
        query.append_pair("redirect_uri", &self.redirect_uri(provider));
        query.append_pair("state", &flow.state);
        if !options.scopes.is_empty() {
            query.append_pair("scope", &options.scopes.join(" "));
        }
        let (is_oidc, form_post, has_pkce) = match &options.protocol {
            ProviderProtocol::Oidc(oidc) => (true, oidc.form_post, true),
            ProviderProtocol::OAuth2(plain) => (false, false, !plain.quirks.without_pkce),
        };
        if is_oidc {
            query.append_pair("nonce", &flow.nonce);
        }
        if form_post {
            query.append_pair("response_mode", "form_post");
        }
        for (name, value) in self.asked_sign_in(&options.reauthentication, flow.aim.needs_new_sign_in()) {
            query.append_pair(name, &value);
        }
        if has_pkce {
            query.append_pair("code_challenge", &flow.challenge()).append_pair("code_challenge_method", "S256");
        }
    }

    /// How the provider is asked when the user signed in there, and for a new sign-in where one is needed.
    fn asked_sign_in(&self, how: &Reauthentication, is_new: bool) -> Vec<(&'static str, String)> {
        let max_age = if is_new { self.world().config.sessions.step_up_max_age.as_secs() } else { ANY_AGE };
        let age = how.states_time_if_asked.then(|| ("max_age", max_age.to_string()));
        let again = how.parameter.filter(|_| is_new).map(|(name, value)| (name, value.to_owned()));
        age.into_iter().chain(again).collect()
    }
}
