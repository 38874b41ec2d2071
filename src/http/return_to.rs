use super::is_allowed;
use crate::config::HttpOptions;
use url::Url;

/// The target of a sign-in if none is given, or one that is not allowed.
const DEFAULT: &str = "/account";
/// Longer ones are not kept: beside what else is in it, the cookie of a sign-in with a provider would be dropped by browsers.
const LONGEST: usize = 2_000;

/// The target of a sign-in: a path of this server, or a page of an allowed origin. Anything else is the default: no
/// open redirector (RFC 9700 §4.11).
///
/// The text is parsed as a browser parses it, and what comes back is the parsed form: what was checked is what is sent.
#[must_use]
pub fn return_to(wanted: Option<&str>, options: &HttpOptions) -> String {
    let resolved = wanted.and_then(|wanted| resolve(wanted, options)).filter(|url| url.len() <= LONGEST);
    resolved.unwrap_or_else(|| DEFAULT.to_owned())
}

fn resolve(wanted: &str, options: &HttpOptions) -> Option<String> {
    let public = options.public_url.origin().as_str();
    let base = Url::parse(public).ok()?;
    let url = base.join(wanted).ok()?;
    let anonymous = url.username().is_empty() && url.password().is_none();
    let web = matches!(url.scheme(), "http" | "https");
    let origin = url.origin().ascii_serialization();
    if !web || !anonymous || !is_allowed(&origin, options) || wanted.trim().is_empty() {
        return None;
    }
    if origin == public {
        let rest = url.as_str().strip_prefix(public)?;
        // A browser would read the path `//elsewhere` as another host.
        return (rest.starts_with('/') && !rest.starts_with("//")).then(|| rest.to_owned());
    }
    Some(url.to_string())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;
    use crate::config::{Config, Source};

    fn options() -> HttpOptions {
        let source = Source::from_pairs([
            ("HEIRLOOM_PUBLIC_URL", "https://auth.example.com"),
            ("HEIRLOOM_ALLOWED_ORIGINS", "https://app.example.com"),
        ]);
        Config::from_source(source).unwrap().http
    }

    /// C-32.
    #[test]
    fn a_path_of_ours_and_a_page_of_an_allowed_origin_are_led_to() {
        let leads = |wanted| return_to(Some(wanted), &options());
        assert_eq!(leads("/account?x=1#y"), "/account?x=1#y");
        assert_eq!(leads("https://auth.example.com/admin"), "/admin");
        // Not a host to a browser, but a path of this server.
        assert_eq!(leads("https:evil.example"), "/evil.example");
        assert_eq!(leads("https://app.example.com/a b"), "https://app.example.com/a%20b");
        assert_eq!(leads(&format!("/account?{}", "x".repeat(2_000))), DEFAULT, "no cookie would hold it");
    }

    /// C-32.
    #[test]
    fn nothing_else_is() {
        let strange = [
            "",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "data:text/html,x",
            "https://auth.example.com@evil.example",
            "https://u:p@app.example.com/",
            "http://auth.example.com/",
            "https://auth.example.com.evil.example/",
            "/\t/evil.example",
            "https://auth.example.com//evil.example",
            "https://app.example.com:444/",
            " ",
            "http://[::1",
            "/..//evil.example",
            "/.//evil.example",
        ];
        for wanted in strange {
            assert_eq!(return_to(Some(wanted), &options()), DEFAULT, "{wanted:?}");
        }
        assert_eq!(return_to(None, &options()), DEFAULT);
    }
}
