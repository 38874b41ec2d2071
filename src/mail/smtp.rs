use crate::{
    config::{SmtpSecurity, SmtpUrl},
    kernel::Duration,
};
use lettre::transport::smtp::{
    Error,
    authentication::{Credentials, DEFAULT_MECHANISMS},
    client::{AsyncSmtpConnection, TlsParameters},
    extension::ClientId,
};
use std::error::Error as _;

/// A connection to a mail server that is ready to take an email.
pub(super) struct Ready {
    pub connection: AsyncSmtpConnection,
    pub server: MailServer,
}

/// What a mail server offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailServer {
    /// Whether the connection is encrypted.
    pub is_encrypted: bool,
    /// Whether it accepted a user and a password, as far as there are any.
    pub has_accepted_user: bool,
}

/// Why no email can be sent. Never repeats what the server answered: that may hold the user or an address.
#[derive(Debug, thiserror::Error)]
pub enum MailServerError {
    /// No connection, or no greeting.
    #[error(
        "{host}:{port} cannot be reached, or does not greet as a mail server: {reason}. Is HEIRLOOM_SMTP_URL right?"
    )]
    Unreachable {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// What the network reports.
        reason: String,
    },
    /// It does not offer what the URL asks for.
    #[error(
        "{0} does not offer STARTTLS. Use smtps:// if it has a port for TLS (465), or, inside a network that you trust, \
         add ?tls=none"
    )]
    NoStartTls(String),
    /// The certificate, most likely.
    #[error("TLS with {host} failed: {reason}. The certificate must be valid and name the host")]
    Tls {
        /// The host.
        host: String,
        /// What the TLS library reports.
        reason: String,
    },
    /// It refuses the user.
    #[error("{0} refuses the user or the password in HEIRLOOM_SMTP_URL")]
    Refused(String),
    /// It asks for no user, or for a kind of sign-in that we do not know.
    #[error("{0} offers neither AUTH PLAIN nor AUTH LOGIN on this connection: remove user and password, or use TLS")]
    NoSignIn(String),
}

/// Connects, encrypts and signs in, as the URL asks. The patience is for the connection and its greeting.
pub(super) async fn open(url: &SmtpUrl, patience: Duration) -> Result<Ready, MailServerError> {
    let mut connection = connect(url, patience).await?;
    match prepare(url, &mut connection).await {
        Ok(server) => Ok(Ready { connection, server }),
        // The library has no stream left to say goodbye on.
        Err(error @ MailServerError::Tls { .. }) => Err(error),
        Err(error) => {
            connection.abort().await;
            Err(error)
        }
    }
}

async fn connect(url: &SmtpUrl, patience: Duration) -> Result<AsyncSmtpConnection, MailServerError> {
    let tls = (url.security == SmtpSecurity::Implicit).then(|| parameters(url)).transpose()?;
    let (server, hello) = ((url.host.as_str(), url.port), hello(url));
    let connecting = AsyncSmtpConnection::connect_tokio1(server, Some(patience), &hello, tls, None);
    let connected = tokio::time::timeout(patience, connecting).await;
    let failed = |reason| MailServerError::Unreachable { host: url.host.clone(), port: url.port, reason };
    match connected {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) if error.is_tls() => Err(tls_failed(url, &error)),
        Ok(Err(error)) => Err(failed(reason(&error))),
        Err(_elapsed) => Err(failed(format!("no answer within {} seconds", patience.as_secs()))),
    }
}

async fn prepare(url: &SmtpUrl, connection: &mut AsyncSmtpConnection) -> Result<MailServer, MailServerError> {
    match url.security {
        SmtpSecurity::StartTls if !connection.can_starttls() => {
            return Err(MailServerError::NoStartTls(url.host.clone()));
        }
        SmtpSecurity::StartTls | SmtpSecurity::Opportunistic if connection.can_starttls() => {
            let upgraded = connection.starttls(parameters(url)?, &hello(url)).await;
            upgraded.map_err(|error| tls_failed(url, &error))?;
        }
        SmtpSecurity::StartTls | SmtpSecurity::Opportunistic | SmtpSecurity::Implicit | SmtpSecurity::None => {}
    }
    let is_encrypted = connection.is_encrypted();
    let Some(credentials) = credentials(url) else {
        return Ok(MailServer { is_encrypted, has_accepted_user: false });
    };
    match connection.auth(DEFAULT_MECHANISMS, &credentials).await {
        Ok(_accepted) => Ok(MailServer { is_encrypted, has_accepted_user: true }),
        Err(error) if error.is_client() => Err(MailServerError::NoSignIn(url.host.clone())),
        Err(_may_repeat_the_user) => Err(MailServerError::Refused(url.host.clone())),
    }
}

fn hello(url: &SmtpUrl) -> ClientId {
    url.hello.clone().map_or_else(ClientId::default, ClientId::Domain)
}

fn credentials(url: &SmtpUrl) -> Option<Credentials> {
    url.credentials().map(|known| Credentials::new(known.user.clone(), known.reveal().to_owned()))
}

/// What the TLS library needs to verify the host.
pub(super) fn parameters(url: &SmtpUrl) -> Result<TlsParameters, MailServerError> {
    TlsParameters::new(url.host.clone()).map_err(|error| tls_failed(url, &error))
}

fn tls_failed(url: &SmtpUrl, error: &Error) -> MailServerError {
    MailServerError::Tls { host: url.host.clone(), reason: reason(error) }
}

/// The cause, which is the network's or the TLS library's.
fn reason(error: &Error) -> String {
    error.source().map_or_else(|| "it broke off".to_owned(), ToString::to_string)
}
