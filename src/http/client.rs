use super::{
    cookies::{cookies, device_cookie_name, trimmed, trusted_cookie_name},
    language::Chosen,
    request_id::RequestId,
};
use crate::{
    config::{ClientAddressHeader, HttpOptions},
    kernel::{Client, breaks_a_line},
    world::World,
};
use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::Payload,
    http::header::{self, HeaderValue},
    web,
};
use std::{
    convert::Infallible,
    future::{Ready, ready},
    net::{IpAddr, SocketAddr},
};

/// The client: its address and User-Agent.
#[derive(Debug)]
pub struct FromClient(pub Client);

/// Characters of a `User-Agent` that are kept.
const USER_AGENT_LIMIT: usize = 512;

impl FromRequest for FromClient {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let world = request.app_data::<web::Data<World>>();
        let ip = world.and_then(|world| client_address(request, &world.config.http));
        let RequestId { own: request_id, given: given_request_id } =
            request.extensions().get::<RequestId>().cloned().unwrap_or_default();
        let language = Some(Chosen::of(request).language.tag());
        let cookie = |name: fn(&HttpOptions) -> &'static str| {
            world.and_then(|world| cookies(request, name(&world.config.http)).pop()).map(|value| value.to_string())
        };
        let (device, trusted) = (cookie(device_cookie_name), cookie(trusted_cookie_name));
        let user_agent = user_agent(request);
        ready(Ok(Self(Client { ip, user_agent, request_id, given_request_id, device, trusted, language })))
    }
}

fn user_agent(request: &HttpRequest) -> Option<String> {
    let header = request.headers().get(header::USER_AGENT)?;
    let text = String::from_utf8_lossy(header.as_bytes());
    // It is shown in lists, on terminals and in the log, where such a character would change what stands beside it.
    let kept: String = text.chars().filter(|c| !breaks_a_line(*c)).take(USER_AGENT_LIMIT).collect();
    (!kept.trim().is_empty()).then_some(kept)
}

/// The address of the client: the peer's, unless the peer is a trusted proxy. Then the forwarded addresses are walked
/// from the right, and the first that is not a trusted proxy is the client. What does not parse ends the walk:
/// it never widens anything.
pub(super) fn client_address(request: &HttpRequest, options: &HttpOptions) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip().to_canonical();
    let trusted = |address: &IpAddr| options.trusted_proxies.iter().any(|network| network.contains(address));
    let mut client = peer;
    if !trusted(&peer) {
        return Some(peer);
    }
    for address in forwarded(request, options) {
        let Some(address) = address else { break };
        client = address;
        if !trusted(&address) {
            break;
        }
    }
    Some(client)
}

/// The forwarded addresses, right to left, none where one does not parse. One header is believed, the one that the
/// operator's proxies set: a client may send the other.
fn forwarded(request: &HttpRequest, options: &HttpOptions) -> Vec<Option<IpAddr>> {
    let Some(name) = options.client_address_header.name() else { return Vec::new() };
    let values = request.headers().get_all(name).map(HeaderValue::as_bytes).collect::<Vec<_>>();
    let list = values.join(&b',');
    if options.client_address_header == ClientAddressHeader::Forwarded {
        return from_right(&list, b',').into_iter().map(forwarded_for).collect();
    }
    list.rsplit(|byte| *byte == b',').map(trimmed).filter(|part| !part.is_empty()).map(address).collect()
}

/// The `for` of an element of `Forwarded` (RFC 7239 §4).
fn forwarded_for(element: &[u8]) -> Option<IpAddr> {
    let mut values = from_right(element, b';').into_iter().filter_map(|pair| {
        let (name, value) = pair.split_at_checked(b"for=".len())?;
        name.eq_ignore_ascii_case(b"for=").then_some(value)
    });
    // Sent twice, it is malformed.
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let quoted = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    address(quoted.unwrap_or(value))
}

/// Splits at a separator, but not inside a quoted string (RFC 9110 §5.6.4), from right to left: the rightmost element
/// is the nearest proxy's, and a quotation mark that a client left open to its left does not reach it.
fn from_right(list: &[u8], separator: u8) -> Vec<&[u8]> {
    let (mut parts, mut is_quoted, mut end) = (Vec::new(), false, list.len());
    for (at, byte) in list.iter().enumerate().rev() {
        let before = list.get(..at).unwrap_or_default();
        let is_escaped = before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1;
        is_quoted ^= *byte == b'"' && !is_escaped;
        if *byte == separator && !is_quoted {
            parts.push(list.get(at + 1..end).unwrap_or_default());
            end = at;
        }
    }
    parts.push(list.get(..end).unwrap_or_default());
    parts.into_iter().map(trimmed).filter(|part| !part.is_empty()).collect()
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:4711`.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(text).ok()?;
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let parsed = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    parsed.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Source};
    use actix_web::test::TestRequest;

    fn seen(peer: &str, believed: &str, headers: &[(&'static str, &str)]) -> Option<String> {
        let source = Source::from_pairs([
            ("HEIRLOOM_TRUSTED_PROXIES", "10.0.0.0/8, 2001:db8::/32"),
            ("HEIRLOOM_CLIENT_ADDRESS_HEADER", believed),
        ]);
        let config = Config::from_source(source).ok()?;
        let peer = SocketAddr::new(peer.parse().ok()?, 4711);
        let request = TestRequest::default().peer_addr(peer);
        let request = headers.iter().fold(request, |request, header| request.append_header(*header));
        client_address(&request.to_http_request(), &config.http).map(|address| address.to_string())
    }

    fn seen_by_x_forwarded_for(value: &str) -> Option<String> {
        seen("10.0.0.1", "X-Forwarded-For", &[("x-forwarded-for", value)])
    }

    fn seen_by_forwarded(value: &str) -> Option<String> {
        seen("10.0.0.1", "Forwarded", &[("forwarded", value)])
    }

    #[test]
    fn a_user_agent_keeps_no_character_that_changes_what_stands_beside_it() {
        let seen = |sent: &[u8]| {
            let sent = HeaderValue::from_bytes(sent).ok()?;
            user_agent(&TestRequest::default().append_header((header::USER_AGENT, sent)).to_http_request())
        };
        let sent = "Firefox \u{202e}evil\u{2028}\u{2066}\u{85}\u{200f}/1".as_bytes();
        assert_eq!(seen(sent).as_deref(), Some("Firefox evil/1"));
        assert_eq!(seen("김 Bücher/1".as_bytes()).as_deref(), Some("김 Bücher/1"));
        assert_eq!(seen(b"\t \xe2\x80\xae"), None, "nothing visible is left");
        assert_eq!(seen(b"\xff/1").as_deref(), Some("\u{fffd}/1"));
    }

    ///
    #[test]
    fn a_stranger_is_not_believed() {
        let headers = [("x-forwarded-for", "1.1.1.1"), ("forwarded", "for=1.1.1.1")];
        for believed in ["X-Forwarded-For", "Forwarded", "none"] {
            assert_eq!(seen("192.0.2.9", believed, &headers).as_deref(), Some("192.0.2.9"));
        }
    }

    #[test]
    fn a_trusted_proxy_is_believed_for_the_nearest_address_that_is_not_ours() {
        assert_eq!(seen_by_x_forwarded_for("1.1.1.1, 203.0.113.7, 10.0.0.2").as_deref(), Some("203.0.113.7"));
        let chain = "for=1.1.1.1, for=\"[2001:db9::1]:80\";proto=https";
        assert_eq!(seen_by_forwarded(chain).as_deref(), Some("2001:db9::1"));
    }

    /// The proxy sets one header; the other comes from the client.
    #[test]
    fn only_the_configured_header_is_believed() {
        let both = [("forwarded", "for=8.8.8.8"), ("x-forwarded-for", "203.0.113.7")];
        assert_eq!(seen("10.0.0.1", "X-Forwarded-For", &both).as_deref(), Some("203.0.113.7"));
        assert_eq!(seen("10.0.0.1", "Forwarded", &both).as_deref(), Some("8.8.8.8"));
        assert_eq!(seen("10.0.0.1", "none", &both).as_deref(), Some("10.0.0.1"));
    }

    #[test]
    fn a_quoted_string_is_one_value() {
        let quoted = "for=203.0.113.7;host=\"a,for=8.8.8.8;b\"";
        assert_eq!(seen_by_forwarded(quoted).as_deref(), Some("203.0.113.7"));
        let escaped = "for=203.0.113.7;host=\"\\\",for=8.8.8.8\"";
        assert_eq!(seen_by_forwarded(escaped).as_deref(), Some("203.0.113.7"));
        let left_open = "for=\"evil, for=203.0.113.7";
        assert_eq!(seen_by_forwarded(left_open).as_deref(), Some("203.0.113.7"));
        assert_eq!(seen_by_x_forwarded_for("\"evil, 203.0.113.7").as_deref(), Some("203.0.113.7"));
        assert_eq!(seen_by_forwarded("FOR=203.0.113.7").as_deref(), Some("203.0.113.7"));
    }

    #[test]
    fn what_does_not_parse_never_widens_anything() {
        for value in ["1.1.1.1, a", "1.1.1.1, \u{2000}1.1.1.2", "1.1.1.1, 1.1.1.2:99999"] {
            assert_eq!(seen_by_x_forwarded_for(value).as_deref(), Some("10.0.0.1"), "{value}");
        }
        for value in ["for=unknown", "for=_hidden", "for=1.1.1.1;for=1.1.1.2", "by=1.1.1.1", "for=\"1.1.1.1"] {
            assert_eq!(seen_by_forwarded(value).as_deref(), Some("10.0.0.1"), "{value}");
        }
    }
}
