/// Why a database URL is refused, to be read after the option's name. Never repeats a value: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    /// Another scheme, or none.
    #[error("is not a Postgres URL: write postgres://user:password@host:5432/database")]
    Scheme,
    /// A percent sign that does not begin an encoded byte, or bytes that are not UTF-8.
    #[error("has a wrong percent-encoding in its {0}: a literal % is written %25")]
    Encoding(&'static str),
    /// A character that cannot stand in a host name.
    #[error(
        "has a host that is neither a name, nor an address, nor a percent-encoded socket folder: an IPv6 address is \
         written [::1], a / in the user or password %2F, an @ %40, a # %23, a ? %3F"
    )]
    Host,
    /// Not a number from 1 to 65535.
    #[error(
        "has a port that is not a number from 1 to 65535 (a : in the user name is written %3A, a / in the password %2F)"
    )]
    Port,
    /// `hostaddr` that is not an address.
    #[error("has a `hostaddr` that is not an IP address: name the host in `host`")]
    HostAddress,
    /// As many ports or addresses as hosts are needed, or one port for all.
    #[error("names {hosts} hosts but {others} {what}: name one for each host")]
    Uneven {
        /// How many hosts.
        hosts: usize,
        /// How many of the others.
        others: usize,
        /// The others.
        what: &'static str,
    },
    /// The certificate names a host, and only its address is known to the library.
    #[error("has `hostaddr` together with sslmode=verify-full, which is not supported: leave `hostaddr` out")]
    UnverifiableAddress,
    /// A parameter that is only a name.
    #[error("has a parameter without a value: write name=value, and a & in a value as %26")]
    NoValue,
    /// A misspelt parameter.
    #[error("has an unknown parameter{}: did you mean `{nearest}`?", quoted(.name.as_deref()))]
    Unknown {
        /// It, unless it may be a piece of a password.
        name: Option<String>,
        /// The known one that is nearest to it.
        nearest: &'static str,
    },
    /// A parameter of libpq that we cannot honour.
    #[error("has the parameter `{name}`, which is not supported: {instead}")]
    Unsupported {
        /// It.
        name: &'static str,
        /// What to do instead.
        instead: &'static str,
    },
    /// A value that we cannot honour.
    #[error("has the parameter `{name}` with a value that is not supported: {allowed}")]
    Value {
        /// The parameter.
        name: &'static str,
        /// The values that are.
        allowed: String,
    },
}

fn quoted(name: Option<&str>) -> String {
    name.map(|name| format!(" `{name}`")).unwrap_or_default()
}
