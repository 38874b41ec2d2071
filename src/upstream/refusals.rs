//! What is refused is counted, logged and recorded.

use super::{
    discovery::DiscoveryError,
    exchange::UpstreamError,
    id_token::TokenFault,
    room::{Provider, Upstream},
};
use crate::{audit, kernel::Client, postgres::DatabaseError, work::Caller};
use serde_json::json;

impl Upstream {
    /// Counts the outcome for a user of a provider.
    pub fn count(&self, provider: &Provider, outcome: &'static str) {
        self.world().metrics.upstream(provider.options.preset.name(), outcome);
    }

    /// A provider, or the user there, declined; or strangers may not register.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn refused(
        &self,
        provider: &Provider,
        reason: &'static str,
        client: &Client,
    ) -> Result<(), DatabaseError> {
        self.count(provider, reason);
        self.record(provider, reason.to_owned(), client).await
    }

    /// What came in a provider's name proves no user.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forged(&self, provider: &Provider, fault: TokenFault, client: &Client) -> Result<(), DatabaseError> {
        tracing::warn!(provider = provider.options.name, reason = %fault, "upstream.token_refused");
        self.count(provider, "forged");
        self.record(provider, fault.to_string(), client).await
    }

    /// A provider cannot be reached before a browser is sent there: nothing is recorded for a click.
    pub fn unreachable(&self, provider: &Provider, error: &DiscoveryError) {
        tracing::warn!(provider = provider.options.name, %error, "upstream.failed");
        self.count(provider, "failed");
    }

    /// A provider gave no usable answer.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn failed(
        &self,
        provider: &Provider,
        error: &UpstreamError,
        client: &Client,
    ) -> Result<(), DatabaseError> {
        tracing::warn!(provider = provider.options.name, %error, "upstream.failed");
        self.refused(provider, "failed", client).await
    }

    async fn record(&self, provider: &Provider, reason: String, client: &Client) -> Result<(), DatabaseError> {
        let details = json!({ "provider": provider.options.name, "reason": reason });
        let name = provider.options.name.clone();
        let recorded = self.world().transaction(Caller::anonymous(client), move |mut work| {
            Box::pin(async move { work.record_refusal_through(&name, audit::Kind::UpstreamRefused, details).await })
        });
        recorded.await
    }
}
