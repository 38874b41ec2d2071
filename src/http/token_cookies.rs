//! The cookie that holds the refresh token of a browser.
//!
//! The path is part of the cookie's name wherever two paths could meet: a browser that still holds the cookie of
//! another path, from before `HEIRLOOM_COOKIE_PATH` was changed, would otherwise send two cookies of one name, in an
//! order that says nothing.

use super::{Problem, SameOrigin, cookies::cookies};
use crate::{
    config::{HttpOptions, SameSite},
    kernel::{Duration, Transport},
};
use actix_web::{
    FromRequest, HttpRequest,
    cookie::{self, Cookie, time},
};
use zeroize::Zeroizing;

/// Every path that the cookie may have.
const PATHS: [&str; 4] = ["/api/v1/auth", "/api/v1", "/api", "/"];

/// The cookie's name on a path. Its prefix makes browsers hold it to TLS and, with `Path=/`, to this host (RFC 6265bis
/// §4.1.3).
fn name_on(path: &str, is_https: bool) -> &'static str {
    match (is_https, path) {
        (true, "/") => "__Host-heirloom",
        (true, "/api") => "__Secure-heirloom-api",
        (true, "/api/v1") => "__Secure-heirloom-api-v1",
        (true, _) => "__Secure-heirloom",
        (false, "/") => "heirloom-root",
        (false, "/api") => "heirloom-api",
        (false, "/api/v1") => "heirloom-api-v1",
        (false, _) => "heirloom",
    }
}

/// The name under which the cookie had other paths in earlier versions.
fn earlier_name(is_https: bool) -> &'static str {
    name_on("/api/v1/auth", is_https)
}

/// The cookie that holds a refresh token. Without a lifetime it ends with the browser.
#[must_use]
pub fn token_cookie(token: &str, lifetime: Option<Duration>, options: &HttpOptions) -> Cookie<'static> {
    let path = options.cookie_path.as_str();
    let name = name_on(path, options.public_url.is_https());
    let mut cookie = bare_cookie(name, path, token.to_owned(), options);
    if let Some(lifetime) = lifetime {
        let seconds = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
        cookie.set_max_age(time::Duration::seconds(seconds));
    }
    cookie
}

/// Makes a browser forget the cookie of the current path.
#[must_use]
pub fn expired_cookie(options: &HttpOptions) -> Cookie<'static> {
    let is_https = options.public_url.is_https();
    let path = PATHS.iter().find(|path| **path == options.cookie_path).copied().unwrap_or("/api/v1/auth");
    expired(name_on(path, is_https), path, options)
}

/// Makes a browser forget the cookies of every path.
#[must_use]
pub fn expired_cookies(options: &HttpOptions) -> Vec<Cookie<'static>> {
    let is_https = options.public_url.is_https();
    let earlier = PATHS.iter().map(|path| (earlier_name(is_https), *path));
    let current = PATHS.iter().map(|path| (name_on(path, is_https), *path));
    let mut all: Vec<_> = current.chain(earlier).collect();
    all.sort_unstable();
    all.dedup();
    all.into_iter().map(|(name, path)| expired(name, path, options)).collect()
}

/// Makes a browser forget the cookies of other paths that it sent, once there is one of the current path.
#[must_use]
pub fn expired_others(request: &HttpRequest, options: &HttpOptions) -> Vec<Cookie<'static>> {
    let (current, is_https) = (options.cookie_path.as_str(), options.public_url.is_https());
    let others = PATHS.iter().filter(|path| **path != current).map(|path| (name_on(path, is_https), *path));
    let sent = others.filter(|(name, _)| !cookies(request, name).is_empty());
    sent.map(|(name, path)| expired(name, path, options)).collect()
}

fn expired(name: &'static str, path: &'static str, options: &HttpOptions) -> Cookie<'static> {
    let mut cookie = bare_cookie(name, path, String::new(), options);
    cookie.make_removal();
    cookie
}

fn bare_cookie(name: &'static str, path: &str, value: String, options: &HttpOptions) -> Cookie<'static> {
    let same_site = match options.cookie_same_site {
        SameSite::Strict => cookie::SameSite::Strict,
        SameSite::Lax => cookie::SameSite::Lax,
        SameSite::None => cookie::SameSite::None,
    };
    Cookie::build(name, value)
        .path(path.to_owned())
        .http_only(true)
        .secure(options.public_url.is_https())
        .same_site(same_site)
        .finish()
}

/// The different tokens that a request holds in its cookies of the current path.
#[must_use]
pub fn tokens_in_cookies(request: &HttpRequest, options: &HttpOptions) -> Vec<Zeroizing<String>> {
    distinct(cookies(request, name_on(&options.cookie_path, options.public_url.is_https())))
}

/// The different tokens in the cookies of every path: all that a request proves to hold.
#[must_use]
pub fn all_tokens_in_cookies(request: &HttpRequest, options: &HttpOptions) -> Vec<Zeroizing<String>> {
    let is_https = options.public_url.is_https();
    distinct(PATHS.iter().flat_map(|path| cookies(request, name_on(path, is_https))).collect())
}

/// The tokens whose sessions a sign-in replaces (S-51): where it sets the cookie, those that its cookies hold.
///
/// # Errors
/// 403 for a foreign page, where it sets the cookie: only then it can be the page's doing.
pub async fn replaced_tokens(
    request: &HttpRequest,
    transport: Transport,
    options: &HttpOptions,
) -> Result<Vec<Zeroizing<String>>, Problem> {
    if transport != Transport::Cookie {
        return Ok(Vec::new());
    }
    SameOrigin::extract(request).await?;
    Ok(all_tokens_in_cookies(request, options))
}

fn distinct(mut tokens: Vec<Zeroizing<String>>) -> Vec<Zeroizing<String>> {
    tokens.retain(|token| !token.is_empty());
    tokens.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
    tokens.dedup();
    tokens
}
