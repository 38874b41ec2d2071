//! `DATABASE_URL`: every form of libpq's connection URI, or a message that names the part that is not supported.

mod error;
mod hosts;
mod parameters;
mod settings;
#[cfg(test)]
mod tests;

pub use error::DatabaseUrlError;
use settings::Settings;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use std::{fmt, net::IpAddr};

/// A database: one host, or several of which one is the primary. Its `Debug` shows the hosts only.
#[derive(Clone)]
pub struct DatabaseUrl(Vec<PgConnectOptions>);

impl DatabaseUrl {
    /// Reads `postgres://user:password@host:5432,other:5432/database?parameter=value`.
    ///
    /// # Errors
    /// Names the part that is wrong or not supported.
    pub fn parse(text: &str) -> Result<Self, DatabaseUrlError> {
        hosts::options(&Settings::parse(text)?).map(Self)
    }

    /// Each host's options, in the order they were named.
    #[must_use]
    pub fn hosts(&self) -> &[PgConnectOptions] {
        &self.0
    }

    /// Hosts on other machines to which the connection may be made without TLS.
    #[must_use]
    pub fn hosts_without_tls(&self) -> Vec<&str> {
        let insists = |host: &&PgConnectOptions| match host.get_ssl_mode() {
            PgSslMode::Disable | PgSslMode::Allow | PgSslMode::Prefer => false,
            PgSslMode::Require | PgSslMode::VerifyCa | PgSslMode::VerifyFull => true,
        };
        let open = self.0.iter().filter(|host| !insists(host) && !is_on_this_machine(host));
        open.map(PgConnectOptions::get_host).collect()
    }
}

fn is_on_this_machine(host: &PgConnectOptions) -> bool {
    let name = host.get_host();
    let is_socket = host.get_socket().is_some() || name.starts_with('/');
    let is_loopback = name.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback());
    is_socket || is_loopback || name.eq_ignore_ascii_case("localhost")
}

impl From<PgConnectOptions> for DatabaseUrl {
    fn from(options: PgConnectOptions) -> Self {
        Self(vec![options])
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(PgConnectOptions::get_host)).finish()
    }
}
