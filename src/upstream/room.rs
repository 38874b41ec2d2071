use super::{discovery::Discovery, fetch::Fetcher};
use crate::{
    config::{Config, ProviderProtocol, UpstreamProvider},
    kernel::{MasterKeys, Tickets},
    world::World,
};
use reqwest::Url;
use std::{collections::BTreeSet, sync::Arc};

/// The providers, and what the verbs share.
#[derive(Clone, Debug)]
pub struct Upstream {
    world: World,
    tickets: Tickets,
    providers: Arc<[Provider]>,
}

/// A provider, and what is known of it.
#[derive(Debug)]
pub struct Provider {
    /// The operator's options.
    pub options: UpstreamProvider,
    /// Asks it.
    pub(super) fetcher: Fetcher,
    /// Of `OpenID` providers.
    pub(super) discovery: Option<Discovery>,
}

impl Upstream {
    /// The providers of the options. Nothing is fetched: a provider that does not answer delays no start.
    ///
    /// # Errors
    /// When the library fails.
    pub fn new(world: World, masters: &MasterKeys) -> Result<Self, reqwest::Error> {
        let providers = world.config.upstream.providers.iter().map(Provider::new).collect::<Result<Arc<[_]>, _>>()?;
        Ok(Self { world, tickets: Tickets::new(masters, "heirloom/upstream-flow/v1"), providers })
    }

    pub(super) fn world(&self) -> &World {
        &self.world
    }

    pub(super) fn tickets(&self) -> &Tickets {
        &self.tickets
    }

    /// All providers, in alphabetical order.
    #[must_use]
    pub fn providers(&self) -> &[Provider] {
        &self.providers
    }

    /// The provider of a name.
    #[must_use]
    pub fn provider(&self, name: &str) -> Option<&Provider> {
        self.providers.iter().find(|provider| provider.options.name == name)
    }

    /// Where a provider sends the browser back: one address for each.
    #[must_use]
    pub fn redirect_uri(&self, provider: &Provider) -> String {
        redirect_uri(&self.world.config, &provider.options.name)
    }
}

/// Where the provider of a name sends the browser back, to be registered there.
#[must_use]
pub fn redirect_uri(config: &Config, name: &str) -> String {
    format!("{}/auth/upstream/{name}/callback", config.http.public_url.origin().as_str())
}

impl Provider {
    pub(super) fn new(options: &UpstreamProvider) -> Result<Self, reqwest::Error> {
        let fetcher = Fetcher::new(named_hosts(&options.protocol))?;
        let discovery = match &options.protocol {
            ProviderProtocol::Oidc(oidc) => Some(Discovery::new(oidc.clone(), fetcher.clone())),
            ProviderProtocol::OAuth2(_) => None,
        };
        Ok(Self { options: options.clone(), fetcher, discovery })
    }
}

/// The hosts that the operator, or a preset, names.
fn named_hosts(protocol: &ProviderProtocol) -> BTreeSet<String> {
    let urls = match protocol {
        ProviderProtocol::Oidc(oidc) => {
            let issuer = Url::parse(&oidc.issuer).ok();
            vec![issuer, oidc.authorize.clone(), oidc.token.clone(), oidc.userinfo.clone()]
        }
        ProviderProtocol::OAuth2(plain) => {
            vec![Some(plain.authorize.clone()), Some(plain.token.clone()), Some(plain.userinfo.clone())]
        }
    };
    urls.into_iter().flatten().filter_map(|url| url.host().map(|host| host.to_string())).collect()
}
