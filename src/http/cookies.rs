use crate::config::HttpOptions;
use actix_web::{HttpRequest, http::header};
use zeroize::Zeroizing;

/// The values of every cookie of a name, over all `Cookie` headers.
#[must_use]
pub fn cookies(request: &HttpRequest, name: &str) -> Vec<Zeroizing<String>> {
    // Another cookie may hold any byte: it must not hide ours.
    let headers = request.headers().get_all(header::COOKIE).map(|header| String::from_utf8_lossy(header.as_bytes()));
    let ours = |header: &str| {
        let pairs = header.split(';').filter_map(|pair| pair.trim().split_once('='));
        let values = pairs.filter(|(given, _)| *given == name).map(|(_, value)| Zeroizing::new(value.to_owned()));
        values.collect::<Vec<_>>()
    };
    headers.flat_map(|header| ours(&header)).collect()
}

/// The name of the cookie by which a device is known that signed in before. Its prefix makes browsers hold it to TLS and
/// to this host (RFC 6265bis §4.1.3).
#[must_use]
pub fn device_cookie_name(options: &HttpOptions) -> &'static str {
    if options.public_url.is_https() { "__Host-heirloom-device" } else { "heirloom-device" }
}
