//! The cookie by which a browser is known that asked for a registration. It proves nothing else.

use super::Lifecycle;
use crate::{
    config::HttpOptions,
    http::{cookies, flow_cookie_name},
    kernel::{Digest32, Duration, Rng, sha256},
};
use actix_web::{
    HttpRequest,
    cookie::{self, Cookie},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::fmt;
use zeroize::Zeroizing;

/// Random bytes of the cookie.
const LENGTH: usize = 32;

/// A browser that asks: the value of its cookie. Only its digest is stored.
pub struct AskingBrowser(Zeroizing<String>);

impl AskingBrowser {
    /// The browser of a request, if it has asked before.
    #[must_use]
    pub fn known(request: &HttpRequest, options: &HttpOptions) -> Option<Self> {
        let is_ours = |value: &Zeroizing<String>| {
            URL_SAFE_NO_PAD.decode(value.as_bytes()).is_ok_and(|bytes| bytes.len() == LENGTH)
        };
        cookies(request, flow_cookie_name(options)).into_iter().find(is_ours).map(Self)
    }

    /// The browser of a request, which asks now.
    #[must_use]
    pub fn of(request: &HttpRequest, options: &HttpOptions, rng: &Rng) -> Self {
        let new = || Self(Zeroizing::new(URL_SAFE_NO_PAD.encode(rng.bytes::<LENGTH>())));
        Self::known(request, options).unwrap_or_else(new)
    }

    /// What is stored of it.
    #[must_use]
    pub fn digest(&self) -> Digest32 {
        sha256(self.0.as_bytes())
    }

    /// The cookie, for as long as the link works.
    #[must_use]
    pub fn cookie(&self, lifetime: Duration, options: &HttpOptions) -> Cookie<'static> {
        let seconds = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
        Cookie::build(flow_cookie_name(options), self.0.to_string())
            .path("/")
            .http_only(true)
            .secure(options.public_url.is_https())
            .same_site(cookie::SameSite::Strict)
            .max_age(cookie::time::Duration::seconds(seconds))
            .finish()
    }
}

impl Lifecycle {
    /// The digest of the cookie of a browser that has asked before.
    pub(super) fn browser_of(&self, request: &HttpRequest) -> Option<Digest32> {
        AskingBrowser::known(request, &self.world().config.http).map(|browser| browser.digest())
    }
}

impl fmt::Debug for AskingBrowser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AskingBrowser(…)")
    }
}
