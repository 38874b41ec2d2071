//! `DATABASE_URL`: every form of libpq's connection URI, or a message that names the part that is not supported.

mod error;
mod hosts;
mod parameters;
mod settings;
#[cfg(test)]
mod tests;
mod tls_files;

pub use error::DatabaseUrlError;
use settings::Settings;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use std::{fmt, net::IpAddr};
pub use tls_files::TlsFileError;
use tls_files::TlsFiles;

/// A database: one host, or several of which one is the primary. Its `Debug` shows the hosts only.
#[derive(Clone)]
pub struct DatabaseUrl {
    hosts: Vec<PgConnectOptions>,
    tls_files: TlsFiles,
}

impl DatabaseUrl {
    /// Reads `postgres://user:password@host:5432,other:5432/database?parameter=value`.
    ///
    /// # Errors
    /// Names the part that is wrong or not supported.
    pub fn parse(text: &str) -> Result<Self, DatabaseUrlError> {
        let settings = Settings::parse(text)?;
        Ok(Self { hosts: hosts::options(&settings)?, tls_files: TlsFiles::of(&settings) })
    }

    /// Each host's options, in the order they were named.
    #[must_use]
    pub fn hosts(&self) -> &[PgConnectOptions] {
        &self.hosts
    }

    /// What is wrong with the files that TLS needs, unless it is switched off. `variable` is one of the environment.
    pub fn tls_file_problems(&self, variable: impl Fn(&str) -> Option<String>) -> Vec<TlsFileError> {
        let is_off = |host: &PgConnectOptions| matches!(host.get_ssl_mode(), PgSslMode::Disable);
        if self.hosts.iter().all(is_off) { Vec::new() } else { self.tls_files.problems(variable) }
    }

    /// Hosts on other machines to which the connection may be made without TLS.
    #[must_use]
    pub fn hosts_without_tls(&self) -> Vec<&str> {
        let insists = |host: &&PgConnectOptions| match host.get_ssl_mode() {
            PgSslMode::Disable | PgSslMode::Allow | PgSslMode::Prefer => false,
            PgSslMode::Require | PgSslMode::VerifyCa | PgSslMode::VerifyFull => true,
        };
        let open = self.hosts.iter().filter(|host| !insists(host) && !is_on_this_machine(host));
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
        Self { hosts: vec![options], tls_files: TlsFiles::default() }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.hosts.iter().map(PgConnectOptions::get_host)).finish()
    }
}
