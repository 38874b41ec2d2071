use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

/// Who asks, from where: what a session row and an audit event remember of a request.
#[derive(Clone, Default)]
pub struct Client {
    /// The client's address, as forwarded by trusted proxies; none on the command line.
    pub ip: Option<IpAddr>,
    /// The `User-Agent` header, cut to 512 characters.
    pub user_agent: Option<String>,
    /// The id that ties the request's log line, its answer and its audit events together.
    pub request_id: String,
    /// The request id that the caller sent, stored next to the server's own.
    pub given_request_id: Option<String>,
    /// The token of the known device, not yet verified.
    pub device: Option<String>,
    /// The cookie of a device that is trusted for the second factor, not yet verified.
    pub trusted: Option<String>,
    /// The language that the request asks for, as a tag (RFC 5646).
    pub language: Option<&'static str>,
}

/// Without the tokens of the device.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("ip", &self.ip).field("request_id", &self.request_id).finish_non_exhaustive()
    }
}

impl Client {
    /// The server, of its own accord.
    #[must_use]
    pub fn server() -> Self {
        Self { request_id: "server".to_owned(), ..Self::default() }
    }

    /// The network of the address: what is counted and served as one.
    #[must_use]
    pub fn network(&self) -> Option<IpAddr> {
        self.ip.map(network_of)
    }

    /// The operator at the command line, without an address.
    #[must_use]
    pub fn command_line() -> Self {
        Self { request_id: "command-line".to_owned(), ..Self::default() }
    }
}

/// The network of an address: of IPv6 the /64 that a provider gives to one customer.
#[must_use]
pub fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        IpAddr::V4(_) => address,
    }
}

/// Characters that would break a log line, a terminal or a page: controls (NUL, which Postgres
/// refuses too, among them), line and paragraph separators, and the bidirectional controls.
#[must_use]
pub fn breaks_a_line(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{61c}' | '\u{200e}' | '\u{200f}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
