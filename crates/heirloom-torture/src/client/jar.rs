use super::answer::Reply;
use cookie_store::{CookieStore, RawCookie};
use reqwest::header::SET_COOKIE;
use url::Url;

/// Cookies of one sign-in.
#[derive(Debug, Default)]
pub struct Jar(CookieStore);

impl Jar {
    /// Keeps what an answer sets.
    pub fn keep(&mut self, reply: &Reply) {
        let set = reply.headers().get_all(SET_COOKIE).iter();
        let cookies = set.filter_map(|header| Some(RawCookie::parse(header.to_str().ok()?).ok()?.into_owned()));
        self.0.store_response_cookies(cookies, &as_if_secure(reply.url()));
    }

    /// Those for a URL.
    pub fn cookies_for(&self, url: &Url) -> Vec<(String, String)> {
        let secure = as_if_secure(url);
        self.0.get_request_values(&secure).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

/// Servers mark cookies as `Secure` even where they are tested without TLS.
fn as_if_secure(url: &Url) -> Url {
    let mut secure = url.clone();
    // It fails for no URL of HTTP.
    let _ignored = secure.set_scheme("https");
    secure
}
