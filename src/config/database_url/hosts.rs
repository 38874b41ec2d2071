use super::{DatabaseUrlError, settings::Settings};
use sqlx::{ConnectOptions, postgres::PgConnectOptions};
use std::net::IpAddr;
use url::{Host, Url};

/// What is the same for each host, under the names by which sqlx reads it.
const SHARED: &[&str] =
    &["user", "password", "dbname", "options", "application_name", "sslcert", "sslkey", "statement-cache-capacity"];

/// One set of options for each host that the settings name.
pub(super) fn options(settings: &Settings) -> Result<Vec<PgConnectOptions>, DatabaseUrlError> {
    let hosts = names(settings)?;
    let ports = ports(settings, hosts.len())?;
    let tls = Tls::of(settings)?;
    if settings.get("hostaddr").is_some() && settings.get("host").is_some() && tls.mode == Some("verify-full") {
        return Err(DatabaseUrlError::UnverifiableAddress);
    }
    let places = hosts.iter().zip(ports);
    places.map(|(host, port)| one(settings, &tls, host.as_deref(), port)).collect()
}

/// The hosts to connect to: by address where addresses are given. None: the usual socket, or localhost.
fn names(settings: &Settings) -> Result<Vec<Option<String>>, DatabaseUrlError> {
    let hosts: Vec<_> = settings.get("host").map(|list| list.split(',').collect()).unwrap_or_default();
    let addresses: Vec<_> = settings.get("hostaddr").map(|list| list.split(',').collect()).unwrap_or_default();
    if !hosts.is_empty() && !addresses.is_empty() && hosts.len() != addresses.len() {
        return Err(DatabaseUrlError::Uneven { hosts: hosts.len(), others: addresses.len(), what: "addresses" });
    }
    if !hosts.iter().all(|host| is_host(host)) {
        return Err(DatabaseUrlError::Host);
    }
    if !addresses.iter().all(|address| address.parse::<IpAddr>().is_ok()) {
        return Err(DatabaseUrlError::HostAddress);
    }
    let named = if addresses.is_empty() { hosts } else { addresses };
    if named.is_empty() {
        return Ok(vec![None]);
    }
    Ok(named.into_iter().map(|host| Some(host.to_owned())).collect())
}

/// A folder for a socket, an address (with its zone), or a name.
fn is_host(text: &str) -> bool {
    let address = text.split_once('%').map_or(text, |(address, _zone)| address);
    let is_name = || !text.is_empty() && !text.contains('%') && Host::parse_opaque(text).is_ok();
    text.starts_with('/') || address.parse::<IpAddr>().is_ok() || (is_name() && !text.contains(':'))
}

/// A port for each host; default: 5432.
fn ports(settings: &Settings, hosts: usize) -> Result<Vec<Option<u16>>, DatabaseUrlError> {
    let one = |text: &str| match text.parse().ok().filter(|port| *port > 0) {
        None if !text.is_empty() => Err(DatabaseUrlError::Port),
        port => Ok(port),
    };
    let named: Vec<_> = settings.get("port").unwrap_or_default().split(',').map(one).collect::<Result<_, _>>()?;
    match named.as_slice() {
        [port] => Ok(vec![*port; hosts]),
        ports if ports.len() == hosts => Ok(named),
        ports => Err(DatabaseUrlError::Uneven { hosts, others: ports.len(), what: "ports" }),
    }
}

/// How TLS is used, as libpq reads it.
struct Tls<'a> {
    mode: Option<&'a str>,
    root: Option<&'a str>,
}

impl<'a> Tls<'a> {
    fn of(settings: &'a Settings) -> Result<Self, DatabaseUrlError> {
        let (mode, root) = (settings.get("sslmode"), settings.get("sslrootcert"));
        match (mode, root) {
            // The public authorities, which are sqlx's default: only with the name is a certificate of theirs a proof.
            (None | Some("verify-full"), Some("system")) => Ok(Self { mode: Some("verify-full"), root: None }),
            (Some(_weaker), Some("system")) => {
                let allowed = "sslrootcert=system needs sslmode=verify-full".to_owned();
                Err(DatabaseUrlError::Value { name: "sslmode", allowed })
            }
            // Where an authority is named it is asked, says libpq.
            (Some("require"), Some(_)) => Ok(Self { mode: Some("verify-ca"), root }),
            _ => Ok(Self { mode, root }),
        }
    }
}

fn one(
    settings: &Settings,
    tls: &Tls<'_>,
    host: Option<&str>,
    port: Option<u16>,
) -> Result<PgConnectOptions, DatabaseUrlError> {
    // Everything as a parameter: that is the form in which sqlx leaves values as they are.
    let mut url = Url::parse("postgres:/").map_err(|_never| DatabaseUrlError::Scheme)?;
    let port = port.map(|port| port.to_string());
    let own = [("host", host), ("port", port.as_deref()), ("sslmode", tls.mode), ("sslrootcert", tls.root)];
    let shared = SHARED.iter().map(|name| (*name, settings.get(name)));
    for (name, value) in own.into_iter().chain(shared) {
        if let Some(value) = value {
            url.query_pairs_mut().append_pair(name, value);
        }
    }
    let wrong = |_capacity| {
        let allowed = "use a whole number".to_owned();
        DatabaseUrlError::Value { name: "statement-cache-capacity", allowed }
    };
    PgConnectOptions::from_url(&url).map_err(wrong)
}
