use super::{cookies, device_cookie_name, language::Chosen, middleware::RequestId};
use crate::{config::HttpOptions, kernel::Client, world::World};
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload, http::header, web};
use std::{
    convert::Infallible,
    future::{Ready, ready},
    net::{IpAddr, SocketAddr},
};

/// Who asks, from where.
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
        let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
        let language = Some(Chosen::of(request).language.tag());
        let device = world.and_then(|world| device(request, &world.config.http));
        ready(Ok(Self(Client { ip, user_agent: user_agent(request), request_id, device, language })))
    }
}

fn device(request: &HttpRequest, options: &HttpOptions) -> Option<String> {
    cookies(request, device_cookie_name(options)).pop().map(|value| value.to_string())
}

fn user_agent(request: &HttpRequest) -> Option<String> {
    let header = request.headers().get(header::USER_AGENT)?;
    let text = String::from_utf8_lossy(header.as_bytes());
    let kept: String = text.chars().filter(|character| !character.is_control()).take(USER_AGENT_LIMIT).collect();
    (!kept.is_empty()).then_some(kept)
}

/// The address of the client: the peer's, unless the peer is a trusted proxy. Then the forwarded addresses are walked
/// from the right, and the first that is no trusted proxy of ours is the client. What does not parse ends the walk:
/// it never widens anything.
pub(super) fn client_address(request: &HttpRequest, options: &HttpOptions) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip().to_canonical();
    let trusted = |address: &IpAddr| options.trusted_proxies.iter().any(|network| network.contains(address));
    let mut client = peer;
    if !trusted(&peer) {
        return Some(peer);
    }
    for address in forwarded(request).into_iter().rev() {
        let Some(address) = address else { break };
        client = address;
        if !trusted(&address) {
            break;
        }
    }
    Some(client)
}

/// The forwarded addresses, left to right, none where one does not parse. `Forwarded` (RFC 7239) goes first.
fn forwarded(request: &HttpRequest) -> Vec<Option<IpAddr>> {
    let list = |name: &str| {
        let values = request.headers().get_all(name).map(|value| value.to_str().unwrap_or("?").to_owned());
        values.collect::<Vec<_>>().join(",")
    };
    let standard = list("forwarded");
    if !standard.is_empty() {
        return standard.split(',').map(forwarded_for).collect();
    }
    let common = list("x-forwarded-for");
    common.split(',').filter(|part| !part.trim().is_empty()).map(address).collect()
}

fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.eq_ignore_ascii_case("for"))?;
    address(value.trim_matches('"'))
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:4711`.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let parsed = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    parsed.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Source};
    use actix_web::test::TestRequest;

    fn seen(peer: &str, header: (&'static str, &'static str)) -> Option<String> {
        let source = Source::from_pairs([("HEIRLOOM_TRUSTED_PROXIES", "10.0.0.0/8, 2001:db8::/32")]);
        let config = Config::from_source(source).ok()?;
        let peer = SocketAddr::new(peer.parse().ok()?, 4711);
        let request = TestRequest::default().peer_addr(peer).insert_header(header).to_http_request();
        client_address(&request, &config.http).map(|address| address.to_string())
    }

    ///
    #[test]
    fn a_stranger_is_not_believed() {
        assert_eq!(seen("192.0.2.9", ("x-forwarded-for", "1.1.1.1")).as_deref(), Some("192.0.2.9"));
    }

    #[test]
    fn a_trusted_proxy_is_believed_for_the_nearest_address_that_is_not_ours() {
        let header = ("x-forwarded-for", "1.1.1.1, 203.0.113.7, 10.0.0.2");
        assert_eq!(seen("10.0.0.1", header).as_deref(), Some("203.0.113.7"));
        let header = ("forwarded", "for=1.1.1.1, for=\"[2001:db9::1]:80\";proto=https");
        assert_eq!(seen("10.0.0.1", header).as_deref(), Some("2001:db9::1"));
    }

    #[test]
    fn what_does_not_parse_never_widens_anything() {
        assert_eq!(seen("10.0.0.1", ("x-forwarded-for", "1.1.1.1, a")).as_deref(), Some("10.0.0.1"));
        assert_eq!(seen("10.0.0.1", ("forwarded", "for=unknown")).as_deref(), Some("10.0.0.1"));
    }
}
