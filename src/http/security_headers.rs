use crate::config::{HttpOptions, Origin};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// Headers that keep a browser from doing with our answers what they are not for (ASVS 5 §3.4).
#[derive(Debug, Clone)]
pub struct SecurityHeaders(Vec<(HeaderName, HeaderValue)>);

/// The headers for this configuration, made once.
#[must_use]
pub fn security_headers(options: &HttpOptions) -> SecurityHeaders {
    let policy = content_security_policy(options);
    let mut headers = vec![
        ("content-security-policy", policy.as_str()),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        // Not `no-referrer`: browsers would then send `Origin: null` with our own forms. Nothing goes to other origins.
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ];
    if options.public_url.is_https() {
        headers.push(("strict-transport-security", "max-age=63072000; includeSubDomains"));
    }
    let parsed = headers
        .into_iter()
        .filter_map(|(name, value)| Some((HeaderName::from_static(name), HeaderValue::from_str(value).ok()?)));
    SecurityHeaders(parsed.collect())
}

impl SecurityHeaders {
    /// Sets them; and an answer that says nothing of caching is not kept.
    pub fn apply(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.0 {
            headers.insert(name.clone(), value.clone());
        }
        if !headers.contains_key(header::CACHE_CONTROL) {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
    }
}

/// No inline script, no inline style, nothing from elsewhere, no frame. A sign-in may lead on to an allowed origin,
/// and browsers hold the redirect after a form to `form-action`, hence those origins there.
fn content_security_policy(options: &HttpOptions) -> String {
    let mut form_action = vec!["'self'"];
    form_action.extend(options.allowed_origins.iter().filter(|origin| origin.is_web()).map(Origin::as_str));
    let form_action = form_action.join(" ");
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         form-action {form_action}; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
    )
}
