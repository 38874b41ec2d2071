use super::{Origin, Reader, names};
use ipnet::IpNet;
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

/// The default address for metrics: a second instance on one machine finds it in use.
pub const USUAL_METRICS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9090);

/// How we appear to clients.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// Where to listen.
    pub bind: SocketAddr,
    /// Where metrics are served, if anywhere.
    pub metrics_bind: Option<SocketAddr>,
    /// Whether floods and guessing are bounded.
    pub rate_limit: bool,
    /// Whether the log line of a request holds the client's address and the user's id.
    pub log_clients: bool,
    /// The URL that clients use; its scheme decides the cookie's flags.
    pub public_url: PublicUrl,
    /// Other origins whose pages may call the API; apps only with the token in the body.
    pub allowed_origins: Vec<Origin>,
    /// Proxies whose header for the client's address is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The header in which they name the client's address.
    pub client_address_header: ClientAddressHeader,
    /// The cookie's path; `/` makes it a `__Host-` cookie.
    pub cookie_path: String,
    /// The cookie's `SameSite`.
    pub cookie_same_site: SameSite,
}

impl HttpOptions {
    /// The allowed origins of web sites, whose pages may use the cookie.
    pub fn allowed_sites(&self) -> impl Iterator<Item = &str> {
        self.allowed_origins.iter().filter(|origin| origin.is_web()).map(Origin::as_str)
    }
}

/// The cookie's `SameSite` attribute (RFC 6265bis §5.6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameSite {
    /// Never sent from another site.
    Strict,
    /// Sent when a link leads to this server.
    Lax,
    /// Sent from anywhere; https only.
    None,
}

/// The header in which trusted proxies forward the client's address. Only one is believed: a client may send the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAddressHeader {
    /// `X-Forwarded-For`.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// None: the proxy's own address counts.
    None,
}

/// Whether strangers may register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistrationPolicy {
    /// Anyone may.
    Open,
    /// Only those may who were invited.
    Invite,
    /// Only `heirloom user add` creates accounts.
    Closed,
}

impl ClientAddressHeader {
    /// The header's name, in lower case.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::XForwardedFor => Some("x-forwarded-for"),
            Self::Forwarded => Some("forwarded"),
            Self::None => None,
        }
    }
}

/// The public URL: an origin that we hold ourselves.
#[derive(Debug, Clone)]
pub struct PublicUrl(Origin);

impl PublicUrl {
    /// As an origin, without a slash at its end: also the issuer of access tokens.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.0
    }

    /// The host, without a port.
    #[must_use]
    pub fn host(&self) -> &str {
        let (_, host) = self.0.as_str().split_once("://").unwrap_or_default();
        host.rsplit_once(':')
            .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
            .map_or(host, |(host, _)| host)
    }

    /// Whether clients connect over TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.as_str().starts_with("https:")
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

const A_URL: &str = "an http or https URL without a path, such as https://auth.example.com";
const COOKIE_SCOPE: &str =
    "/, /api, /api/v1 or /api/v1/auth: any other would keep the cookie from the refresh endpoint";

pub(super) fn read(reader: &mut Reader) -> HttpOptions {
    let bind = SocketAddr::from(([127, 0, 0, 1], 8080));
    let local = PublicUrl(Origin::usual());
    let options = HttpOptions {
        bind: reader
            .parsed(names::BIND, bind, "an address and a port, such as 127.0.0.1:8080", |text| text.parse().ok()),
        metrics_bind: metrics_bind(reader),
        rate_limit: reader.choice(names::RATE_LIMIT, true, &[("on", true), ("off", false)]),
        log_clients: reader.choice(names::LOG_CLIENTS, true, &[("on", true), ("off", false)]),
        public_url: reader.parsed(names::PUBLIC_URL, local, A_URL, |text| Origin::parse(text).map(PublicUrl)),
        allowed_origins: allowed_origins(reader),
        trusted_proxies: reader.list(
            names::TRUSTED_PROXIES,
            "networks or addresses, comma-separated, such as 10.0.0.0/8",
            network,
        ),
        client_address_header: reader.choice(
            names::CLIENT_ADDRESS_HEADER,
            ClientAddressHeader::XForwardedFor,
            &[
                ("X-Forwarded-For", ClientAddressHeader::XForwardedFor),
                ("Forwarded", ClientAddressHeader::Forwarded),
                ("none", ClientAddressHeader::None),
            ],
        ),
        cookie_path: reader.parsed(names::COOKIE_PATH, "/api/v1/auth".to_owned(), COOKIE_SCOPE, cookie_path),
        cookie_same_site: reader.choice(
            names::COOKIE_SAMESITE,
            SameSite::Strict,
            &[("Strict", SameSite::Strict), ("Lax", SameSite::Lax), ("None", SameSite::None)],
        ),
    };
    if options.cookie_same_site == SameSite::None && !options.public_url.is_https() {
        reader.problem(
            names::COOKIE_SAMESITE,
            "may be None only with an https public URL: browsers reject SameSite=None without Secure",
        );
    }
    if let Some(metrics) = options.metrics_bind.filter(|metrics| overlap(*metrics, options.bind)) {
        reader.problem(names::METRICS_BIND, &format!("({metrics}) is the address of {} too", names::BIND));
    }
    options
}

/// Whether only one of two servers can listen: the unspecified address is every address.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let is_same = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    is_same && one.port() == other.port() && one.port() != 0
}

/// Each is refused with its own reason.
fn allowed_origins(reader: &mut Reader) -> Vec<Origin> {
    let named = reader.raw(names::ALLOWED_ORIGINS).unwrap_or_default();
    let mut origins = Vec::new();
    for text in named.split(',').map(str::trim).filter(|text| !text.is_empty()) {
        match Origin::of_client(text) {
            Ok(origin) => origins.push(origin),
            Err(error) => reader.problem(names::ALLOWED_ORIGINS, &format!("names {text:?}: {error}")),
        }
    }
    origins
}

fn metrics_bind(reader: &mut Reader) -> Option<SocketAddr> {
    if reader.source().is_emptied(names::METRICS_BIND) {
        return None;
    }
    let allowed = "an address and a port, such as 127.0.0.1:9090, or empty for none";
    Some(reader.parsed(names::METRICS_BIND, USUAL_METRICS, allowed, |text| text.parse().ok()))
}

/// Whether strangers may register.
pub(super) fn read_registration(reader: &mut Reader) -> RegistrationPolicy {
    reader.choice(
        names::REGISTRATION,
        RegistrationPolicy::Open,
        &[
            ("open", RegistrationPolicy::Open),
            ("invite", RegistrationPolicy::Invite),
            ("closed", RegistrationPolicy::Closed),
        ],
    )
}

fn network(text: &str) -> Option<IpNet> {
    let network = text.parse().ok().or_else(|| text.parse().ok().map(|address: IpAddr| IpNet::from(address)))?;
    Some(canonical(network).unwrap_or(network))
}

/// The network of version 4 that one of version 6 stands for (`::ffff:10.0.0.0/104`): addresses are compared in that form.
fn canonical(network: IpNet) -> Option<IpNet> {
    let length = network.prefix_len().checked_sub(96)?;
    match network.addr().to_canonical() {
        IpAddr::V4(address) if network.addr().is_ipv6() => IpNet::new(IpAddr::V4(address), length).ok(),
        IpAddr::V4(_) | IpAddr::V6(_) => None,
    }
}

fn cookie_path(text: &str) -> Option<String> {
    let path = if text.len() > 1 { text.trim_end_matches('/') } else { text };
    matches!(path, "/" | "/api" | "/api/v1" | "/api/v1/auth").then(|| path.to_owned())
}
