use crate::config::HttpOptions;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// Headers that keep a browser from doing with our answers what they are not for (ASVS 5 §3.4).
#[derive(Debug, Clone)]
pub struct SecurityHeaders {
    usual: Vec<(HeaderName, HeaderValue)>,
    framed: Vec<(HeaderName, HeaderValue)>,
}

/// Marks an answer that pages of the allowed origins may show in a frame. No other answer can be framed.
#[derive(Debug, Clone, Copy)]
pub struct Framed;

/// The headers for this configuration, made once.
#[must_use]
pub fn security_headers(options: &HttpOptions) -> SecurityHeaders {
    let (policy, frame_policy) = (content_security_policy(options), frame_policy(options));
    let mut both = vec![
        ("x-content-type-options", "nosniff"),
        // Not `no-referrer`: browsers would then send `Origin: null` with our own forms. Nothing goes to other origins.
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ];
    if options.public_url.is_https() {
        both.push(("strict-transport-security", "max-age=63072000; includeSubDomains"));
    }
    SecurityHeaders {
        usual: parsed(&both, &[("content-security-policy", &policy), ("x-frame-options", "DENY")]),
        // The last two let isolated pages have the frame (HTML §7.1.4).
        framed: parsed(
            &both,
            &[
                ("content-security-policy", &frame_policy),
                ("cross-origin-embedder-policy", "require-corp"),
                ("cross-origin-resource-policy", "same-site"),
            ],
        ),
    }
}

fn parsed(both: &[(&'static str, &str)], more: &[(&'static str, &str)]) -> Vec<(HeaderName, HeaderValue)> {
    let header = |(name, value): &(&'static str, &str)| {
        Some((HeaderName::from_static(name), HeaderValue::from_str(value).ok()?))
    };
    both.iter().chain(more).filter_map(header).collect()
}

impl SecurityHeaders {
    /// Sets them; and an answer that says nothing of caching is not kept.
    pub fn apply(&self, headers: &mut HeaderMap, framed: Option<Framed>) {
        let set = if framed.is_some() { &self.framed } else { &self.usual };
        for (name, value) in set {
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
    let form_action: Vec<_> = std::iter::once("'self'").chain(options.allowed_sites()).collect();
    let form_action = form_action.join(" ");
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         form-action {form_action}; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
    )
}

/// Nothing but a script of ours, which sends no request; in a frame of the allowed origins.
fn frame_policy(options: &HttpOptions) -> String {
    let ancestors: Vec<_> = options.allowed_sites().collect();
    let ancestors = if ancestors.is_empty() { "'none'".to_owned() } else { ancestors.join(" ") };
    format!(
        "default-src 'none'; script-src 'self'; form-action 'none'; base-uri 'none'; object-src 'none'; \
         frame-ancestors {ancestors}"
    )
}
