use super::{discovery::DiscoveryError, room::Provider};
use crate::config::UpstreamProvider;

/// Why a provider cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The library failed.
    #[error("{0}")]
    Library(#[from] reqwest::Error),
    /// Its documents.
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
}

/// Fetches what a provider publishes. False: it publishes nothing, as providers of plain OAuth 2.0.
///
/// # Errors
/// When it cannot be fetched, or is of no use.
pub async fn probe(options: &UpstreamProvider) -> Result<bool, ProbeError> {
    let provider = Provider::new(options)?;
    let Some(discovery) = &provider.discovery else { return Ok(false) };
    discovery.keys_for("").await?;
    Ok(true)
}
