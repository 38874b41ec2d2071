//! Why there is no answer. It names no token.

use std::{error::Error, fmt, io, time::Duration};

/// How long the client tries to connect.
pub const TO_CONNECT: Duration = Duration::from_secs(5);

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// Nothing listens at the port.
    Refused,
    /// The name of the host has no address.
    Dns,
    /// No secure connection.
    Tls(String),
    /// No connection in time.
    NoConnection,
    /// No connection, for another reason.
    Unreachable(String),
    /// A connection, and no answer in time.
    NoAnswer(Duration),
    /// The connection was lost before the answer was complete.
    Lost(String),
    /// The kit closed the connection.
    Left,
}

impl Cause {
    /// Of an error of the HTTP client.
    pub fn of(error: &reqwest::Error, patience: Duration) -> Self {
        if error.is_timeout() {
            return if error.is_connect() { Self::NoConnection } else { Self::NoAnswer(patience) };
        }
        let chain = chain(error);
        let innermost = chain.last().map(ToString::to_string).unwrap_or_default();
        if let Some(cause) = chain.iter().find_map(|error| tls(*error)) {
            return Self::Tls(cause);
        }
        if !error.is_connect() {
            return Self::Lost(innermost);
        }
        let refused = |error: &&(dyn Error + 'static)| {
            error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
        };
        if chain.iter().any(refused) {
            return Self::Refused;
        }
        let is_dns = chain.iter().any(|error| error.to_string().starts_with("dns error"));
        if is_dns { Self::Dns } else { Self::Unreachable(innermost) }
    }

    /// Whether the request cannot have reached the server, and a second try soon would not either.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Refused | Self::Dns | Self::Tls(_) | Self::NoConnection | Self::Unreachable(_) => true,
            Self::NoAnswer(_) | Self::Lost(_) | Self::Left => false,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("cannot connect: connection refused, nothing listens at this port"),
            Self::Dns => f.write_str("cannot connect: the host's name has no address (DNS)"),
            Self::Tls(cause) => write!(f, "cannot connect: TLS: {cause}"),
            Self::NoConnection => write!(f, "cannot connect: no connection within {} s", TO_CONNECT.as_secs()),
            Self::Unreachable(cause) => write!(f, "cannot connect: {cause}"),
            Self::NoAnswer(patience) => write!(f, "no answer within {}", humantime::format_duration(*patience)),
            Self::Lost(cause) => write!(f, "the connection was lost: {cause}"),
            Self::Left => f.write_str("the kit closed the connection"),
        }
    }
}

fn chain(error: &reqwest::Error) -> Vec<&(dyn Error + 'static)> {
    let mut chain: Vec<&(dyn Error + 'static)> = vec![error];
    let mut source = error.source();
    while let Some(error) = source {
        chain.push(error);
        source = error.source();
    }
    chain
}

/// The cause if TLS is in the way. An I/O error hides what it wraps.
fn tls(error: &(dyn Error + 'static)) -> Option<String> {
    let mut found = error;
    while let Some(wrapped) = found.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        found = wrapped;
    }
    let found = found.downcast_ref::<rustls::Error>()?;
    Some(match found {
        rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer) => {
            "the certificate's issuer is not trusted; pass --ca FILE, or set SSL_CERT_FILE".to_owned()
        }
        rustls::Error::InvalidMessage(_) => "the server does not speak TLS at this port".to_owned(),
        other => other.to_string(),
    })
}
