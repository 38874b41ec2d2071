//! The options: read once, from the environment or `.env`, and refused all at once when any of them is wrong.
//!
//! `.env.example` lists every option with its unit and default; a test compares it with [`names::ALL`].

mod accounts;
mod branding;
mod database;
mod database_url;
mod env_file;
mod error;
mod factors;
mod feed;
mod http;
mod mail;
mod master_key;
pub mod names;
mod nearest;
mod origin;
mod passkeys;
mod process;
mod reader;
mod risks;
mod sessions;
mod source;
mod tokens;
mod traces;
mod upstream;

pub use accounts::{AccountOptions, EmailVerification};
pub use branding::{BrandOptions, Colour, READABLE};
pub use database::DatabaseOptions;
pub use database_url::{DatabaseUrl, DatabaseUrlError, TlsFileError};
pub use error::ConfigError;
pub use factors::FactorOptions;
pub use feed::{FeedOptions, FeedReaders};
pub use http::{ClientAddressHeader, HttpOptions, PublicUrl, RegistrationPolicy, SameSite, USUAL_METRICS};
pub use mail::{MailOptions, MailTarget, SmtpCredentials, SmtpSecurity, SmtpUrl, SmtpUrlError};
pub use master_key::{MasterKeyFileError, master_key_at, master_key_beside};
pub use origin::{Origin, OriginError};
pub use passkeys::PasskeyOptions;
pub use process::our_user_id;
pub use reader::Reader;
pub use risks::Risk;
pub use sessions::SessionOptions;
pub use source::{Source, UnknownName, libpq_variables};
pub use tokens::{SigningAlgorithm, TokenOptions};
pub use upstream::{
    AppleKey, ClientAuthentication, ClientSecret, OAuth2Provider, OidcProvider, Preset, ProfilePointers,
    ProviderProtocol, ProviderQuirks, Reauthentication, UpstreamOptions, UpstreamProvider, is_upstream_name,
    upstream_keys,
};

use nearest::nearest;

use std::path::Path;

use crate::kernel::{Duration, LogFormat, MasterKeys, TraceOptions, is_log_filter};

/// All options of one process.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where Postgres is.
    pub database: DatabaseOptions,
    /// The root secrets; none when the one beside the private Postgres is to be used.
    pub master_keys: Option<MasterKeys>,
    /// Addresses, origins, cookies.
    pub http: HttpOptions,
    /// Passkeys and security keys.
    pub passkeys: PasskeyOptions,
    /// How emails are sent.
    pub mail: MailOptions,
    /// Access tokens.
    pub tokens: TokenOptions,
    /// The stream of revocations for other services.
    pub feed: FeedOptions,
    /// Lifetimes and limits of sessions.
    pub sessions: SessionOptions,
    /// bcrypt's cost: each step doubles the time of a guess, and of an honest sign-in.
    pub bcrypt_cost: u32,
    /// Whose pages these are.
    pub brand: BrandOptions,
    /// How accounts are created and recovered.
    pub accounts: AccountOptions,
    /// Second factors.
    pub factors: FactorOptions,
    /// Whether strangers may register.
    pub registration: RegistrationPolicy,
    /// How long after its end a month of the audit log is deleted.
    pub audit_retention: Duration,
    /// Allows values that only tests need: lifetimes of seconds and weak hashing.
    pub insecure_for_tests: bool,
    /// Which log lines are written (`tracing-subscriber`'s filter syntax); default: `info` for a server, `warn` for a command.
    pub log_filter: Option<String>,
    /// How they look.
    pub log_format: LogFormat,
    /// Where request spans are sent; without it, none are sent.
    pub traces: Option<TraceOptions>,
    /// Providers with which users sign in.
    pub upstream: UpstreamOptions,
    /// Environment variables that look like options but are not: probably typing mistakes.
    pub unknown_names: Vec<UnknownName>,
}

impl Config {
    /// Reads all options from the environment and `.env`.
    ///
    /// # Errors
    /// Every problem found, each with the option, its value (secrets aside) and what is allowed.
    pub fn load(env_file: Option<&Path>) -> Result<Self, ConfigError> {
        Self::from_source(Source::ambient(env_file)?)
    }

    /// Reads all options from `source`.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn from_source(source: Source) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(source);
        let insecure_for_tests = reader.switch(names::INSECURE_FOR_TESTS, false);
        let database = database::read(&mut reader);
        let http = http::read(&mut reader);
        let config = Self {
            master_keys: master_key::read(&mut reader, database.url.is_some()),
            mail: mail::read(&mut reader, &http, &database.data_dir),
            passkeys: passkeys::read(&mut reader, &http.public_url),
            tokens: tokens::read(&mut reader, &http.public_url.to_string(), insecure_for_tests),
            http,
            feed: feed::read(&mut reader),
            sessions: sessions::read(&mut reader, insecure_for_tests),
            bcrypt_cost: reader.number(names::BCRYPT_COST, 12, if insecure_for_tests { 4..=16 } else { 10..=16 }),
            brand: branding::read(&mut reader),
            audit_retention: reader.duration(names::AUDIT_RETENTION, "400d", "1d"..="36500d"),
            accounts: accounts::read(&mut reader, insecure_for_tests),
            factors: factors::read(&mut reader),
            registration: http::read_registration(&mut reader),
            log_filter: log_filter(&mut reader),
            log_format: reader.choice(
                names::LOG_FORMAT,
                LogFormat::fitting(),
                &[("text", LogFormat::Text), ("json", LogFormat::Json)],
            ),
            traces: traces::read(&mut reader),
            upstream: upstream::read(&mut reader),
            unknown_names: reader.unknown_names(),
            insecure_for_tests,
            database,
        };
        reader.finish(config)
    }
}

/// Which log lines are written; a filter that would write none, or another one than was meant, is refused.
fn log_filter(reader: &mut Reader) -> Option<String> {
    let allowed = "a level (off, error, warn, info, debug), or a filter such as info,heirloom::sessions=debug";
    reader.parsed(names::LOG, None, allowed, |text| is_log_filter(text).then(|| Some(text.to_owned())))
}

#[cfg(test)]
mod tests;
