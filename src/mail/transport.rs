use crate::{
    config::{MailOptions, SmtpSecurity, SmtpUrl},
    kernel::Duration,
};
use lettre::{
    AsyncSmtpTransport, Tokio1Executor,
    transport::smtp::{
        Error,
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::{AsyncSmtpConnection, Tls, TlsParameters},
        extension::ClientId,
    },
};
use std::error::Error as _;

/// How long the mail server may take for one answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long it may take where an operator waits.
const PROBE_PATIENCE: Duration = Duration::from_secs(5);

/// What the emails are sent through.
pub(super) fn transport(url: &SmtpUrl) -> Result<AsyncSmtpTransport<Tokio1Executor>, Error> {
    let tls = || TlsParameters::new(url.host.clone());
    let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&url.host).port(url.port);
    let builder = builder.timeout(Some(PATIENCE)).hello_name(hello(url)).tls(match url.security {
        SmtpSecurity::Implicit => Tls::Wrapper(tls()?),
        SmtpSecurity::StartTls => Tls::Required(tls()?),
        SmtpSecurity::Opportunistic => Tls::Opportunistic(tls()?),
        SmtpSecurity::None => Tls::None,
    });
    Ok(match credentials(url) {
        Some(credentials) => builder.credentials(credentials).build(),
        None => builder.build(),
    })
}

fn hello(url: &SmtpUrl) -> ClientId {
    url.hello.clone().map_or_else(ClientId::default, ClientId::Domain)
}

fn credentials(url: &SmtpUrl) -> Option<Credentials> {
    url.credentials().map(|known| Credentials::new(known.user.clone(), known.reveal().to_owned()))
}

/// What a mail server offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailServer {
    /// Whether the connection is encrypted.
    pub is_encrypted: bool,
    /// Whether it accepted a user and a password, as far as there are any.
    pub has_accepted_user: bool,
}

/// Why no email can be sent.
#[derive(Debug, thiserror::Error)]
pub enum MailProbeError {
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

/// Tries the mail server up to the point at which an email would be sent.
///
/// # Errors
/// Names the step that failed, and nothing that the server answered: it may repeat the user.
pub async fn probe(options: &MailOptions) -> Result<MailServer, MailProbeError> {
    let url = &options.smtp_url;
    let mut connection = connect(url).await?;
    let server = talk(url, &mut connection).await;
    match &server {
        // The library has no stream left to say goodbye on.
        Err(MailProbeError::Tls { .. }) => {}
        Ok(_) | Err(_) => connection.abort().await,
    }
    server
}

async fn connect(url: &SmtpUrl) -> Result<AsyncSmtpConnection, MailProbeError> {
    let tls = (url.security == SmtpSecurity::Implicit).then(|| parameters(url)).transpose()?;
    let (server, hello) = ((url.host.as_str(), url.port), hello(url));
    let connecting = AsyncSmtpConnection::connect_tokio1(server, Some(PROBE_PATIENCE), &hello, tls, None);
    let connected = tokio::time::timeout(PROBE_PATIENCE, connecting).await;
    let failed = |reason| MailProbeError::Unreachable { host: url.host.clone(), port: url.port, reason };
    match connected {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) if error.is_tls() => Err(tls_failed(url, &error)),
        Ok(Err(error)) => Err(failed(reason(&error))),
        Err(_elapsed) => Err(failed("no answer within five seconds".to_owned())),
    }
}

async fn talk(url: &SmtpUrl, connection: &mut AsyncSmtpConnection) -> Result<MailServer, MailProbeError> {
    match url.security {
        SmtpSecurity::StartTls if !connection.can_starttls() => {
            return Err(MailProbeError::NoStartTls(url.host.clone()));
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
        Err(error) if error.is_client() => Err(MailProbeError::NoSignIn(url.host.clone())),
        Err(_may_repeat_the_user) => Err(MailProbeError::Refused(url.host.clone())),
    }
}

fn parameters(url: &SmtpUrl) -> Result<TlsParameters, MailProbeError> {
    TlsParameters::new(url.host.clone()).map_err(|error| tls_failed(url, &error))
}

fn tls_failed(url: &SmtpUrl, error: &Error) -> MailProbeError {
    MailProbeError::Tls { host: url.host.clone(), reason: reason(error) }
}

/// The cause, which is the network's or the TLS library's.
fn reason(error: &Error) -> String {
    error.source().map_or_else(|| "it broke off".to_owned(), ToString::to_string)
}
