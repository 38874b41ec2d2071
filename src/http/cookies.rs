use crate::{config::HttpOptions, kernel::Duration};
use actix_web::{
    HttpRequest,
    cookie::{self, Cookie},
    http::header,
};
use zeroize::Zeroizing;

/// The values of every cookie of a name, over all `Cookie` headers.
///
/// Names are compared as bytes, and only the space and the tab around them are removed (RFC 6265 §5.2): a browser lets
/// another host set a cookie whose name begins with a Unicode space, and it is not ours.
#[must_use]
pub fn cookies(request: &HttpRequest, name: &str) -> Vec<Zeroizing<String>> {
    let headers = request.headers().get_all(header::COOKIE);
    let pairs = headers.flat_map(|header| header.as_bytes().split(|byte| *byte == b';'));
    pairs.filter_map(|pair| value_of(pair, name.as_bytes())).collect()
}

/// The value of a `name=value` pair, if it has this name. Bytes that are not UTF-8 are replaced: no value of ours holds
/// any.
fn value_of(pair: &[u8], name: &[u8]) -> Option<Zeroizing<String>> {
    let equals = pair.iter().position(|byte| *byte == b'=')?;
    let (given, rest) = pair.split_at_checked(equals)?;
    let value = rest.strip_prefix(b"=")?;
    (trimmed(given) == name).then(|| Zeroizing::new(String::from_utf8_lossy(trimmed(value)).into_owned()))
}

/// Without optional whitespace (RFC 9110 §5.6.3): space and tab, and nothing else that Unicode calls a space.
pub(super) fn trimmed(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// The name of the cookie by which a device is known that signed in before. Its prefix makes browsers hold it to TLS
/// and to this host (RFC 6265bis §4.1.3).
#[must_use]
pub fn device_cookie_name(options: &HttpOptions) -> &'static str {
    if options.public_url.is_https() { "__Host-heirloom-device" } else { "heirloom-device" }
}

/// The name of the cookie by which a device is known on which no second factor is asked.
#[must_use]
pub fn trusted_cookie_name(options: &HttpOptions) -> &'static str {
    if options.public_url.is_https() { "__Host-heirloom-trusted" } else { "heirloom-trusted" }
}

/// That cookie. It is sent from the service's own pages only.
#[must_use]
pub fn trusted_cookie(token: &str, lifetime: Duration, options: &HttpOptions) -> Cookie<'static> {
    Cookie::build(trusted_cookie_name(options), token.to_owned())
        .path("/")
        .http_only(true)
        .secure(options.public_url.is_https())
        .same_site(cookie::SameSite::Strict)
        .max_age(cookie::time::Duration::seconds(i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX)))
        .finish()
}

/// The name of the cookie by which a browser is known that asked for a registration.
#[must_use]
pub fn flow_cookie_name(options: &HttpOptions) -> &'static str {
    if options.public_url.is_https() { "__Host-heirloom-flow" } else { "heirloom-flow" }
}

/// The name of the cookie that remembers a flow to another provider.
#[must_use]
pub fn upstream_cookie_name(options: &HttpOptions) -> &'static str {
    if options.public_url.is_https() { "__Host-heirloom-upstream" } else { "heirloom-upstream" }
}

/// The name of the cookie that remembers what a browser does next that is back from another provider.
#[must_use]
pub fn upstream_next_cookie_name(options: &HttpOptions) -> &'static str {
    if options.public_url.is_https() { "__Host-heirloom-next" } else { "heirloom-next" }
}

/// A cookie that arrives with a navigation from another site too, as that back from a provider is.
#[must_use]
pub fn lax_cookie(name: &'static str, value: &str, lifetime: Duration, options: &HttpOptions) -> Cookie<'static> {
    Cookie::build(name, value.to_owned())
        .path("/")
        .http_only(true)
        .secure(options.public_url.is_https())
        .same_site(cookie::SameSite::Lax)
        .max_age(cookie::time::Duration::seconds(i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX)))
        .finish()
}

/// Makes a browser forget such a cookie.
#[must_use]
pub fn expired_lax_cookie(name: &'static str, options: &HttpOptions) -> Cookie<'static> {
    let mut cookie = lax_cookie(name, "", Duration::ZERO, options);
    cookie.make_removal();
    cookie
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn values(header: &[u8]) -> Vec<String> {
        let value = header::HeaderValue::from_bytes(header).unwrap_or(header::HeaderValue::from_static(""));
        let request = TestRequest::default().append_header((header::COOKIE, value)).to_http_request();
        cookies(&request, "__Host-heirloom").iter().map(|value| value.to_string()).collect()
    }

    ///
    #[test]
    fn a_cookie_of_our_name_is_found_among_others() {
        assert_eq!(values(b"a=b; __Host-heirloom=x;\t__Host-heirloom =y ;c"), ["x", "y"]);
        assert_eq!(values(b"\xff\xfe=\x80; __Host-heirloom=x"), ["x"], "any byte in another cookie");
        assert_eq!(values(b"__Host-heirloom=a=b"), ["a=b"]);
    }

    ///
    #[test]
    fn a_name_with_any_other_space_around_it_is_another_name() {
        for space in ["\u{2000}", "\u{a0}", "\u{85}", "\u{3000}", "\u{2028}", "\u{feff}", "\u{200b}"] {
            assert!(values(format!("{space}__Host-heirloom=x").as_bytes()).is_empty(), "{space:?}");
            assert!(values(format!("__Host-heirloom{space}=x").as_bytes()).is_empty(), "{space:?}");
        }
        for other in ["__host-heirloom=x", "__Host-heirloom2=x", "\"__Host-heirloom\"=x", "=__Host-heirloom=x"] {
            assert!(values(other.as_bytes()).is_empty(), "{other}");
        }
    }
}
