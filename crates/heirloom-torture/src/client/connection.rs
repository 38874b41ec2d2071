use super::cause::TO_CONNECT;
use reqwest::{Certificate, redirect::Policy};
use std::time::Duration;

/// How the server is reached.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Issuers of certificates that are trusted beside those of the system.
    pub trusted: Vec<Certificate>,
    /// Time between two requests.
    pub pace: Duration,
    /// How long an answer is waited for; then the outcome is unknown.
    pub timeout: Duration,
}

impl Default for Connection {
    fn default() -> Self {
        Self { trusted: Vec::new(), pace: Duration::ZERO, timeout: Duration::from_secs(20) }
    }
}

impl Connection {
    /// Trusts the certificates of a PEM file too.
    ///
    /// # Errors
    /// When it has none.
    pub fn trust(&mut self, pem: &[u8]) -> Result<(), reqwest::Error> {
        self.trusted.extend(Certificate::from_pem_bundle(pem)?);
        Ok(())
    }

    /// An HTTP client with no open connection, which follows no redirect.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn http(&self) -> Result<reqwest::Client, reqwest::Error> {
        reqwest::Client::builder()
            .user_agent(concat!("heirloom-torture/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .connect_timeout(TO_CONNECT)
            .timeout(self.timeout)
            .tls_certs_merge(self.trusted.clone())
            .build()
    }
}
