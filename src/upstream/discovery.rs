//! What an `OpenID` provider publishes about itself (`OpenID` Connect Discovery §4), kept while it is fresh.

use super::{
    fetch::{FetchError, Fetcher},
    id_token::may_sign,
    key_set::KeySet,
};
use crate::config::OidcProvider;
use jsonwebtoken::decode_header;
use reqwest::Url;
use serde::Deserialize;
use std::sync::Arc;
use tokio::{
    sync::Mutex,
    time::{Duration, Instant},
};

/// How long a document is used.
const FRESH: Duration = Duration::from_mins(10);
/// How long an old document is used while the provider does not answer.
const STALE: Duration = Duration::from_hours(24);
/// How often a set is fetched because of a key that it does not hold: twice a minute.
const UNKNOWN_KEY: Duration = Duration::from_secs(30);

/// Endpoints of a provider.
#[derive(Debug, Clone)]
pub struct Metadata {
    /// `iss` of its tokens, with `{tenantid}` where it holds the tenant.
    pub issuer: String,
    /// Where the user is sent.
    pub authorize: Url,
    /// Where a code is exchanged.
    pub token: Url,
    /// Where the profile is read, if it has one.
    pub userinfo: Option<Url>,
    /// Its keys.
    pub jwks: Url,
    /// Whether it announces `iss` in its answers (RFC 9207).
    pub sends_issuer: bool,
}

/// The document as it is published.
#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: Url,
    token_endpoint: Url,
    userinfo_endpoint: Option<Url>,
    jwks_uri: Url,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// Why the provider cannot be used now.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// A document was not fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// It is of another issuer.
    #[error("the document of another issuer")]
    OtherIssuer,
    /// It is incomplete.
    #[error("a document that does not describe a provider")]
    Incomplete,
    /// It gave no answer a moment ago, and was not asked again.
    #[error("no answer a moment ago")]
    InVain,
    /// Not a set of keys.
    #[error("a document that is not a JWK set")]
    NotKeys,
}

/// What is known of one provider.
#[derive(Debug)]
pub struct Discovery {
    provider: OidcProvider,
    fetcher: Fetcher,
    metadata: Mutex<Cache<Metadata>>,
    keys: Arc<Mutex<Cache<KeySet>>>,
}

/// A document that is fetched by one for all who ask at once.
#[derive(Debug)]
struct Cache<T> {
    kept: Option<Kept<T>>,
    /// When it was last fetched in vain, with nothing to go on with.
    failed_at: Option<Instant>,
    /// When it was last fetched because of a key that it did not hold.
    for_key_at: Option<Instant>,
}

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Self { kept: None, failed_at: None, for_key_at: None }
    }
}

impl<T> Cache<T> {
    /// Whether the fetch that a request began to wait for at this time has failed: with a fetch of its own each, the last of
    /// many would wait for the sum of all.
    fn has_failed_since(&self, waits_since: Instant) -> bool {
        self.failed_at.is_some_and(|failed| failed >= waits_since)
    }

    /// Whether it was fetched because of a key so short a time ago: that there is no such key is the provider's own word.
    fn was_fetched_for_a_key_within(&self, time: Duration) -> bool {
        self.for_key_at.is_some_and(|at| at.elapsed() < time)
    }
}

/// A document, and when it was fetched.
#[derive(Debug, Clone)]
struct Kept<T> {
    value: Arc<T>,
    fetched_at: Instant,
    /// When it was last tried in vain.
    tried_at: Option<Instant>,
}

impl<T> Kept<T> {
    fn new(value: T) -> Self {
        Self { value: Arc::new(value), fetched_at: Instant::now(), tried_at: None }
    }

    fn is_younger_than(&self, age: Duration) -> bool {
        self.fetched_at.elapsed() < age
    }

    /// Whether it is to be used without asking: it is fresh, or the provider did not answer a moment ago.
    fn is_enough(&self) -> bool {
        self.is_younger_than(FRESH) || self.was_tried_within(UNKNOWN_KEY) && self.is_younger_than(STALE)
    }

    /// Whether the provider was asked in vain so short a time ago.
    fn was_tried_within(&self, time: Duration) -> bool {
        self.tried_at.is_some_and(|tried| tried.elapsed() < time)
    }
}

impl Discovery {
    /// Nothing is fetched yet.
    #[must_use]
    pub fn new(provider: OidcProvider, fetcher: Fetcher) -> Self {
        Self { provider, fetcher, metadata: Mutex::default(), keys: Arc::default() }
    }

    /// The provider's endpoints. Those who ask at once wait for one request.
    ///
    /// # Errors
    /// When the provider does not answer, and none of its documents is young enough.
    pub async fn metadata(&self) -> Result<Arc<Metadata>, DiscoveryError> {
        let waits_since = Instant::now();
        let mut cache = self.metadata.lock().await;
        if let Some(kept) = cache.kept.as_ref().filter(|kept| kept.is_enough()) {
            return Ok(Arc::clone(&kept.value));
        }
        if cache.has_failed_since(waits_since) {
            return Err(DiscoveryError::InVain);
        }
        let fetched = self.fetch_metadata().await;
        renew(&mut cache, fetched, |_any| true)
    }

    /// The keys with which a token may be verified: fetched again where they do not hold the key that it names, twice a minute.
    ///
    /// # Errors
    /// When the provider does not answer, and the keys of before are too old or do not hold that key: it may be a new one.
    pub async fn keys_for(&self, token: &str) -> Result<Arc<KeySet>, DiscoveryError> {
        let jwks = self.metadata().await?.jwks.clone();
        let waits_since = Instant::now();
        let mut cache = Arc::clone(&self.keys).lock_owned().await;
        if let Some(kept) = cache.kept.as_ref().filter(|kept| kept.is_enough()) {
            let is_outage = kept.was_tried_within(UNKNOWN_KEY);
            if can_judge(&kept.value, token) || !is_outage && cache.was_fetched_for_a_key_within(UNKNOWN_KEY) {
                return Ok(Arc::clone(&kept.value));
            }
            if is_outage {
                return Err(DiscoveryError::InVain);
            }
            cache.for_key_at = Some(Instant::now());
        }
        if cache.has_failed_since(waits_since) {
            return Err(DiscoveryError::InVain);
        }
        let (fetcher, token) = (self.fetcher.clone(), token.to_owned());
        // A client that goes away must not end it: it counts for the others as an answer of the provider.
        let fetching = tokio::spawn(async move {
            let document = fetcher.get(&jwks).await.map_err(DiscoveryError::from);
            let keys = document.and_then(|document| KeySet::parse(&document).ok_or(DiscoveryError::NotKeys));
            renew(&mut cache, keys, |old| can_judge(old, &token))
        });
        fetching.await.unwrap_or(Err(DiscoveryError::InVain))
    }

    async fn fetch_metadata(&self) -> Result<Metadata, DiscoveryError> {
        let issuer = &self.provider.issuer;
        let url = format!("{issuer}/.well-known/openid-configuration");
        let url = Url::parse(&url).map_err(|_not_a_url| DiscoveryError::Incomplete)?;
        let document = self.fetcher.get(&url).await?;
        let document: Document = serde_json::from_value(document).map_err(|_incomplete| DiscoveryError::Incomplete)?;
        // §4.3: or another provider could speak for this one. Microsoft's holds the place of the tenant.
        let is_same = document.issuer.trim_end_matches('/') == issuer.trim_end_matches('/');
        let is_tenants = self.provider.tenant_issuer && document.issuer.contains("{tenantid}");
        if !is_same && !is_tenants {
            return Err(DiscoveryError::OtherIssuer);
        }
        let metadata = Metadata {
            issuer: document.issuer,
            authorize: self.provider.authorize.clone().unwrap_or(document.authorization_endpoint),
            token: self.provider.token.clone().unwrap_or(document.token_endpoint),
            userinfo: self.provider.userinfo.clone().or(document.userinfo_endpoint),
            jwks: document.jwks_uri,
            sends_issuer: document.authorization_response_iss_parameter_supported,
        };
        let asked =
            [Some(&metadata.authorize), Some(&metadata.token), metadata.userinfo.as_ref(), Some(&metadata.jwks)];
        if asked.into_iter().flatten().all(|url| self.fetcher.may_ask(url)) {
            Ok(metadata)
        } else {
            Err(FetchError::Forbidden.into())
        }
    }
}

/// Whether an old set is enough for a token: it holds its key, or no key would help.
fn can_judge(keys: &KeySet, token: &str) -> bool {
    let Ok(header) = decode_header(token) else { return true };
    !may_sign(&header) || keys.find(header.kid.as_deref(), header.alg).is_some()
}

/// Keeps what was fetched; or goes on with what there is, for a day, where that is enough.
fn renew<T>(
    cache: &mut Cache<T>,
    fetched: Result<T, DiscoveryError>,
    is_enough: impl FnOnce(&T) -> bool,
) -> Result<Arc<T>, DiscoveryError> {
    let Cache { kept, failed_at, .. } = cache;
    match (fetched, kept.as_mut().filter(|kept| kept.is_younger_than(STALE))) {
        (Ok(value), _) => Ok(Arc::clone(&kept.insert(Kept::new(value)).value)),
        (Err(error), Some(old)) => {
            tracing::warn!(%error, "upstream.document_not_renewed");
            old.tried_at = Some(Instant::now());
            if is_enough(&old.value) { Ok(Arc::clone(&old.value)) } else { Err(error) }
        }
        (Err(error), None) => {
            *failed_at = Some(Instant::now());
            Err(error)
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;
    use heirloom_testing::{Endpoint, Fault, ProviderKind, StubProvider};

    fn discovery_of(stub: &StubProvider) -> Discovery {
        let provider = OidcProvider {
            issuer: stub.issuer(),
            form_post: false,
            tenant_issuer: false,
            authorize: None,
            token: None,
            userinfo: None,
        };
        Discovery::new(provider, Fetcher::new(["127.0.0.1".to_owned()].into()).unwrap())
    }

    /// As if half a minute had passed.
    async fn let_time_pass(discovery: &Discovery) {
        let earlier = |at: Instant| at.checked_sub(UNKNOWN_KEY).unwrap();
        let mut cache = discovery.keys.lock().await;
        cache.for_key_at = cache.for_key_at.map(earlier);
        let kept = cache.kept.as_mut().unwrap();
        (kept.fetched_at, kept.tried_at) = (earlier(kept.fetched_at), kept.tried_at.map(earlier));
    }

    /// Whether the keys that are given out for a token hold its own.
    async fn is_known(discovery: &Discovery, token: &str) -> bool {
        can_judge(&discovery.keys_for(token).await.unwrap(), token)
    }

    /// U-18: an outage is not a verdict on a key that may be new. The keys of before need no answer, and garbage needs no key.
    #[tokio::test]
    async fn while_the_keys_cannot_be_fetched_those_of_before_count_and_others_are_not_judged() {
        let stub = StubProvider::start(ProviderKind::Oidc);
        let discovery = discovery_of(&stub);
        let old = stub.id_token("a-nonce");
        assert!(is_known(&discovery, &old).await);
        stub.rotate_keys();
        let newer = stub.id_token("a-nonce");
        assert!(is_known(&discovery, &newer).await, "however young the old keys are");
        stub.rotate_keys();
        let newest = stub.id_token("a-nonce");
        assert!(!is_known(&discovery, &newest).await);
        assert_eq!(stub.seen_at(Endpoint::Jwks).len(), 2, "twice a minute");
        let_time_pass(&discovery).await;

        stub.edit(|does| does.faults = [(Endpoint::Jwks, Fault::Status(500))].into());
        let failed = discovery.keys_for(&newest).await;
        assert!(matches!(failed, Err(DiscoveryError::Fetch(FetchError::Status(500)))), "{failed:?}");
        stub.edit(|does| does.faults.clear());
        let again = discovery.keys_for(&newest).await;
        assert!(matches!(again, Err(DiscoveryError::InVain)), "{again:?}");
        assert!(is_known(&discovery, &newer).await);
        let for_no_key = ["not-a-token", "eyJhbGciOiJIUzI1NiIsImtpZCI6IngifQ.e30.c2lnbmVk"];
        for token in for_no_key {
            assert!(discovery.keys_for(token).await.is_ok(), "{token}");
        }
        assert_eq!(stub.seen_at(Endpoint::Jwks).len(), 3, "twice a minute, also in vain");

        let_time_pass(&discovery).await;
        assert!(is_known(&discovery, &newest).await);
        assert!(!is_known(&discovery, &newer).await, "only the new keys are published");
    }

    /// U-18: the fetch that a client began and did not wait for is carried out, and is the provider's answer.
    #[tokio::test]
    async fn a_client_that_goes_away_ends_no_fetch() {
        let stub = StubProvider::start(ProviderKind::Oidc);
        let discovery = discovery_of(&stub);
        assert!(is_known(&discovery, &stub.id_token("a-nonce")).await);
        stub.rotate_keys();
        let new = stub.id_token("a-nonce");
        let given_up = tokio::time::timeout(Duration::ZERO, discovery.keys_for(&new)).await;
        assert!(given_up.is_err());
        assert!(is_known(&discovery, &new).await);
        assert_eq!(stub.seen_at(Endpoint::Jwks).len(), 2);
    }

    /// U-18, U-9: where nothing was fetched before, no token is judged, and the next request asks again.
    #[tokio::test]
    async fn without_keys_of_before_an_outage_judges_nothing() {
        let stub = StubProvider::start(ProviderKind::Oidc);
        let discovery = discovery_of(&stub);
        stub.edit(|does| does.faults = [(Endpoint::Jwks, Fault::Status(500))].into());
        assert!(discovery.keys_for("not-a-token").await.is_err());
        stub.edit(|does| does.faults.clear());
        assert!(is_known(&discovery, &stub.id_token("a-nonce")).await);
    }
}
