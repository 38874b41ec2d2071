use crate::{
    BuildError, Claims, Error, OnStale, State,
    core::Core,
    driver::{Cause, Driver, OnState},
    server::Server,
};
use reqwest::{Url, header::HeaderValue};
use std::{fmt, sync::Arc};
use tokio::{runtime::Handle, task::AbortHandle};

/// Verifies access tokens, and follows Heirloom's revocations in a task of its own. Clones share both. The task ends with
/// the last clone.
#[derive(Debug, Clone)]
pub struct Verifier(Arc<Running>);

#[derive(Debug)]
struct Running {
    driver: Arc<Driver>,
    task: AbortHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Verifier {
    /// A verifier for tokens that Heirloom at `issuer` (its public URL) has issued for `audience` (your service).
    pub fn builder(issuer: impl Into<String>, audience: impl Into<String>) -> Builder {
        Builder {
            issuer: issuer.into(),
            audience: audience.into(),
            server_url: None,
            feed_key: None,
            on_stale: OnStale::default(),
            on_state: Box::new(|_, _| ()),
        }
    }

    /// Verifies an access token. Waits for Heirloom only where its key is not known, and with [`OnStale::Ask`] while
    /// revocations are not up to date.
    ///
    /// # Errors
    /// Why the token is refused. Checked in this order: Invalid, Expired, Stale, Revoked, Outdated.
    pub async fn verify(&self, token: &str) -> Result<Claims, Error> {
        let Driver { core, clock, server, .. } = &*self.0.driver;
        let keys = core.keys();
        // Without keys nothing is known about a token.
        if keys.is_empty() {
            return Err(if keys.lack(token) { Error::Stale } else { Error::Invalid });
        }
        let mut verified = core.verify(token, clock.now());
        if verified == Err(Error::Invalid) && keys.lack(token) {
            self.0.driver.fetch_again(&keys, Cause::Token).await;
            verified = core.verify(token, clock.now());
            if verified == Err(Error::Invalid) && self.0.driver.keys_failed() && core.keys().lack(token) {
                return Err(Error::Stale);
            }
        }
        let (claims, must_ask) = verified?;
        if must_ask {
            server.check(token, &core.audience).await?;
        }
        Ok(claims)
    }

    /// Whether all revocations are known, for a health check or a metric.
    #[must_use]
    pub fn state(&self) -> State {
        self.0.driver.state()
    }

    /// Stops following the stream. From now on tokens are [`Stale`](Error::Stale), unless [`OnStale::Ask`] asks.
    pub fn close(&self) {
        self.0.driver.core.known.close();
        self.0.task.abort();
    }
}

/// The options of a [`Verifier`].
#[must_use]
pub struct Builder {
    issuer: String,
    audience: String,
    server_url: Option<String>,
    feed_key: Option<String>,
    on_stale: OnStale,
    on_state: OnState,
}

impl Builder {
    /// One of the keys in the server's `HEIRLOOM_FEED_KEYS`. Not needed where that is `open`.
    pub fn feed_key(self, key: impl Into<String>) -> Self {
        Self { feed_key: Some(key.into()), ..self }
    }

    /// What to do while revocations are not up to date; [`OnStale::Refuse`] by default.
    pub fn on_stale(self, on_stale: OnStale) -> Self {
        Self { on_stale, ..self }
    }

    /// Called when the state changes, with the reason: for logs and metrics. It is called inside the verifier's task and
    /// must not block.
    pub fn on_state(self, on_state: impl Fn(State, &str) + Send + Sync + 'static) -> Self {
        Self { on_state: Box::new(on_state), ..self }
    }

    /// Where Heirloom is reached, if not at its public URL: an address inside your network. Use https wherever others
    /// could change the answers: the keys come from there.
    pub fn server_url(self, url: impl Into<String>) -> Self {
        Self { server_url: Some(url.into()), ..self }
    }

    /// Starts the verifier: it connects at once, and refuses tokens until it has received the first snapshot.
    ///
    /// # Errors
    /// When an option has a wrong value, or no tokio runtime is running.
    pub fn build(self) -> Result<Verifier, BuildError> {
        let url = self.server_url.unwrap_or_else(|| self.issuer.clone());
        if !Url::parse(&url).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
            return Err(BuildError::Url(url));
        }
        let mut feed_key = self.feed_key.map(|key| HeaderValue::try_from(format!("Bearer {key}"))).transpose()?;
        if let Some(key) = &mut feed_key {
            key.set_sensitive(true);
        }
        let core = Core::new(self.issuer, self.audience, self.on_stale);
        let driver = Arc::new(Driver::new(core, Server::new(&url, feed_key)?, self.on_state));
        let task = Handle::try_current()?.spawn(Arc::clone(&driver).run()).abort_handle();
        Ok(Verifier(Arc::new(Running { driver, task })))
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}
