use url::{Host, Url};

/// An origin as a client writes it: scheme, host, port unless it is the scheme's own (RFC 6454 §6.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    text: String,
    kind: OriginKind,
}

/// Whose pages an origin holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OriginKind {
    /// A web site's.
    Web,
    /// An installed app's or a browser extension's: the cookie never reaches it as same-site, so it may use the token
    /// in the body only.
    App,
}

/// Why no client sends a text as its origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// Not a scheme and a host.
    #[error("write a scheme and a host, such as https://app.example.com")]
    NotAnOrigin,
    /// `null` is what sandboxed pages of any site send.
    #[error("`null` is the origin of any sandboxed page: give the page an origin of its own")]
    Null,
    /// Origins are compared as a whole.
    #[error("a wildcard never matches, since no client sends one: name each origin")]
    Wildcard,
    /// A path, a query or the like.
    #[error("an origin ends after the host and the port: remove what follows, and what stands before an @")]
    Surplus,
    /// Not a name on a network.
    #[error("no client sends such a host: write a domain name of letters, digits, hyphens and dots, or an IP address")]
    Host,
    /// Another scheme.
    #[error("its scheme is not one of {}", SCHEMES.join(", "))]
    Scheme,
    /// Not an extension's id.
    #[error(
        "an extension's origin ends with its id: 32 letters from a to p after chrome-extension://, otherwise a UUID"
    )]
    Extension,
}

/// The schemes whose pages can call the API.
const SCHEMES: [&str; 8] =
    ["https", "http", "capacitor", "ionic", "tauri", "chrome-extension", "moz-extension", "safari-web-extension"];

impl Origin {
    /// A web site's: `https://host` or `https://host:port`, with nothing behind it but perhaps a slash.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::of_client(text).ok().filter(Self::is_web)
    }

    /// A web site's, an installed app's or a browser extension's.
    ///
    /// # Errors
    /// When no client can ever send it.
    pub fn of_client(text: &str) -> Result<Self, OriginError> {
        if text.eq_ignore_ascii_case("null") {
            return Err(OriginError::Null);
        }
        if text.contains('*') {
            return Err(OriginError::Wildcard);
        }
        let url = Url::parse(text).map_err(|_not_a_url| OriginError::NotAnOrigin)?;
        if !SCHEMES.contains(&url.scheme()) {
            return Err(if text.contains("://") { OriginError::Scheme } else { OriginError::NotAnOrigin });
        }
        let is_anonymous = url.username().is_empty() && url.password().is_none();
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() || !is_anonymous {
            return Err(OriginError::Surplus);
        }
        match url.scheme() {
            "http" | "https" => web(&url),
            _ => app(&url),
        }
    }

    /// That of a server on this machine.
    pub(super) fn usual() -> Self {
        Self { text: "http://localhost:8080".to_owned(), kind: OriginKind::Web }
    }

    /// As it stands in an `Origin` header.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is a web site's, whose pages may use the cookie.
    #[must_use]
    pub fn is_web(&self) -> bool {
        self.kind == OriginKind::Web
    }
}

fn web(url: &Url) -> Result<Origin, OriginError> {
    let is_sent = match url.host() {
        Some(Host::Domain(name)) => is_name(name),
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
        None => false,
    };
    if !is_sent || url.port() == Some(0) {
        return Err(OriginError::Host);
    }
    Ok(Origin { text: url.origin().ascii_serialization(), kind: OriginKind::Web })
}

fn app(url: &Url) -> Result<Origin, OriginError> {
    let (scheme, host) = (url.scheme(), url.host_str().unwrap_or_default().to_ascii_lowercase());
    let is_sent = match scheme {
        "chrome-extension" => host.len() == 32 && host.bytes().all(|letter| (b'a'..=b'p').contains(&letter)),
        "moz-extension" | "safari-web-extension" => uuid::Uuid::try_parse(&host).is_ok() && host.len() == 36,
        _ => is_name(&host),
    };
    match (is_sent, scheme.ends_with("-extension")) {
        (true, _) if url.port().is_none() => Ok(Origin { text: format!("{scheme}://{host}"), kind: OriginKind::App }),
        (_, true) => Err(OriginError::Extension),
        (_, false) => Err(OriginError::Host),
    }
}

/// Labels of letters, digits, hyphens and underscores; a browser keeps a dot at the end.
fn is_name(name: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.strip_suffix('.').unwrap_or(name).split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_client_would_send() {
        for (text, sent) in [
            ("https://App.Example.com:443/", "https://app.example.com"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://app.example.com:80", "http://app.example.com"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("https://my_app.internal", "https://my_app.internal"),
            ("http://tauri.localhost", "http://tauri.localhost"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("ionic://localhost", "ionic://localhost"),
            ("tauri://localhost/", "tauri://localhost"),
            (
                "chrome-extension://ABCDEFGHIJKLMNOPABCDEFGHIJKLMNOP",
                "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
            ),
            (
                "moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc",
                "moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc",
            ),
        ] {
            let origin = Origin::of_client(text);
            assert_eq!(origin.as_ref().map(Origin::as_str), Ok(sent), "{text}");
            assert_eq!(origin.map(|origin| origin.is_web()), Ok(sent.starts_with("http")), "{text}");
        }
    }

    #[test]
    fn what_can_never_match_is_refused_with_the_reason() {
        for (text, reason) in [
            ("*", OriginError::Wildcard),
            ("https://*.preview.example.com", OriginError::Wildcard),
            ("https://app-*.example.com", OriginError::Wildcard),
            ("null", OriginError::Null),
            ("app.example.com", OriginError::NotAnOrigin),
            ("localhost:3000", OriginError::NotAnOrigin),
            ("https://", OriginError::NotAnOrigin),
            ("https://app.example.com/callback", OriginError::Surplus),
            ("https://app.example.com/?", OriginError::Surplus),
            ("https://app.example.com#", OriginError::Surplus),
            ("https://user@app.example.com", OriginError::Surplus),
            ("https://app..example.com", OriginError::Host),
            ("https://app.example.com;https://b.example", OriginError::Surplus),
            ("https://.example.com", OriginError::Host),
            ("https://app.example.com:0", OriginError::Host),
            ("ftp://app.example.com", OriginError::Scheme),
            ("file://", OriginError::Scheme),
            ("capacitor://localhost/index.html", OriginError::Surplus),
            ("capacitor://", OriginError::Host),
            ("capacitor://localhost:80", OriginError::Host),
            ("chrome-extension://short", OriginError::Extension),
            ("chrome-extension://abcdefghijklmnopabcdefghijklmnoz", OriginError::Extension),
            ("moz-extension://localhost", OriginError::Extension),
        ] {
            assert_eq!(Origin::of_client(text), Err(reason), "{text}");
        }
    }

    #[test]
    fn an_app_is_not_a_public_url() {
        assert_eq!(Origin::parse("capacitor://localhost"), None);
        assert!(Origin::parse("https://auth.example.com").is_some());
    }
}
