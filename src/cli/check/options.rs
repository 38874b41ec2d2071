//! Checks of the options that do not need the database.

use super::findings::Findings;
use crate::{
    app::load_pages,
    config::{Config, HttpOptions, Origin, Risk, names},
    identity::MAX_ACCESS_BYTES,
};
use std::{
    io::ErrorKind,
    net::{SocketAddr, TcpListener},
};
use url::{Host, Url};

/// Checks the options of a process that runs as this user.
pub fn look(config: &Config, user: Option<u32>, findings: &mut Findings) {
    for unknown in &config.unknown_names {
        findings.warn("configuration", unknown.to_string());
    }
    for Risk { what, detail } in config.risks(user) {
        findings.warn(what, detail);
    }
    public_url(&config.http, findings);
    listening(&config.http, findings);
    allowed_origins(&config.http, findings);
    proxies(&config.http, findings);
    hashing(config, findings);
    session_limit(config, findings);
    audience(config, findings);
    token_size(config, findings);
    pages(config, findings);
}

/// Names the limit: the one reason for which users are signed out without any action of theirs or an administrator's.
fn session_limit(config: &Config, findings: &mut Findings) {
    let limit = config.sessions.max_per_user;
    let name = names::MAX_SESSIONS_PER_USER;
    findings
        .ok("sessions", format!("at most {limit} per user ({name}): a further sign-in revokes the one idle longest"));
}

/// Says what one audience for all means: a service that receives a token can use it wherever it is valid.
fn audience(config: &Config, findings: &mut Findings) {
    let services = &config.tokens.audiences;
    if !services.is_empty() {
        let note = format!("services have tokens of their own ({}): {}", names::AUDIENCES, services.join(", "));
        findings.ok("audience", note);
        return;
    }
    let ours = config.tokens.audience.as_deref().unwrap_or(config.http.public_url.origin().as_str());
    let note = "a service that receives one could use it at Heirloom's own API as well (docs/integrating.md)";
    findings.ok("audience", format!("access tokens are for {ours} ({}): {note}", names::AUDIENCE));
}

/// Whether the templates and the logo can be shown.
fn pages(config: &Config, findings: &mut Findings) {
    match load_pages(&config.brand, &config.http) {
        Ok(_) => findings.ok("pages", "every page renders in every language"),
        Err(error) => findings.error("pages", &error),
    }
}

/// An origin taken apart.
struct Place {
    is_local: bool,
    is_https: bool,
    port: Option<u16>,
}

impl Place {
    fn of(origin: &Origin) -> Option<Self> {
        let url = Url::parse(origin.as_str()).ok()?;
        let is_local = match url.host()? {
            Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        };
        Some(Self { is_local, is_https: url.scheme() == "https", port: url.port_or_known_default() })
    }
}

fn public_url(http: &HttpOptions, findings: &mut Findings) {
    let (what, url) = ("public URL", &http.public_url);
    let Some(place) = Place::of(url.origin()) else { return };
    match (place.is_https, place.is_local) {
        (true, _) => findings.ok(what, format!("{url}: the cookie is Secure, its path {}", http.cookie_path)),
        (false, true) => {
            findings.ok(what, format!("{url}: plain http, for development; the cookie is not Secure"));
        }
        (false, false) => {
            let problem = "plain http: passwords and tokens cross the network readable, and the cookie is not Secure";
            let todo = "Put a TLS proxy in front and set HEIRLOOM_PUBLIC_URL to its https URL";
            findings.warn(what, format!("{url}: {problem}. {todo}"));
        }
    }
}

fn can_listen(bind: SocketAddr, option: &str, findings: &mut Findings) {
    let what = "address";
    match TcpListener::bind(bind) {
        Ok(_free) => findings.ok(what, format!("{bind} is free to listen on")),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            findings.ok(what, format!("{bind} is in use: by this server, if it runs"));
        }
        Err(error) => findings.fail(what, format!("cannot listen on {bind}: {error}. See {option}")),
    }
}

/// Whether the addresses are free, and whether clients that follow the public URL find the server.
fn listening(http: &HttpOptions, findings: &mut Findings) {
    let (what, bind) = ("address", http.bind);
    can_listen(bind, names::BIND, findings);
    if let Some(metrics) = http.metrics_bind {
        can_listen(metrics, names::METRICS_BIND, findings);
    }
    let Some(place) = Place::of(http.public_url.origin()).filter(|place| place.is_local && !place.is_https) else {
        return;
    };
    if place.port.is_some_and(|port| port != bind.port() && bind.port() != 0) {
        let problem =
            format!("clients are sent to {}, but the server listens on port {}", http.public_url, bind.port());
        findings
            .warn(what, format!("{problem}: set {} or {} unless a proxy is in front", names::PUBLIC_URL, names::BIND));
    }
    if !bind.ip().is_loopback() {
        let problem = format!("{bind} is open to the network, but the public URL is {}", http.public_url);
        findings.warn(what, format!("{problem}: set {} to the URL that clients use", names::PUBLIC_URL));
    }
}

fn allowed_origins(http: &HttpOptions, findings: &mut Findings) {
    let (what, origins) = ("origins", &http.allowed_origins);
    if origins.is_empty() {
        findings.ok(what, "only our own pages may call the API with the cookie");
    }
    for origin in origins {
        if !origin.is_web() {
            findings.ok(what, format!("the app at {} may call the API with the token in the body", origin.as_str()));
            continue;
        }
        let is_open = Place::of(origin).is_some_and(|place| !place.is_https && !place.is_local);
        let origin = origin.as_str();
        if is_open && http.public_url.is_https() {
            let problem =
                "is plain http: an attacker on the network can inject a script into its pages and use the cookie";
            findings.warn(what, format!("{origin} {problem}. Use its https URL in {}", names::ALLOWED_ORIGINS));
        } else {
            findings.ok(what, format!("the pages of {origin} may call the API with the cookie"));
        }
    }
}

fn proxies(http: &HttpOptions, findings: &mut Findings) {
    let (what, proxies) = ("proxies", &http.trusted_proxies);
    let named = proxies.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match http.client_address_header.name() {
        _ if proxies.iter().any(|network| network.prefix_len() == 0) => {}
        _ if proxies.is_empty() && http.public_url.is_https() => {
            let detail =
                "the public URL is https, so a proxy is in front, but none is trusted: every client will appear";
            findings.warn(what, format!("{detail} to have the proxy's address. Name it in {}", names::TRUSTED_PROXIES));
        }
        _ if proxies.is_empty() => {
            findings.ok(what, "no proxy is trusted: the client's address is that of its connection");
        }
        Some(header) => findings.ok(
            what,
            format!("{named} are trusted proxies; they set the client in {header}; other headers are ignored"),
        ),
        None => {
            let todo = format!("name their header in {}", names::CLIENT_ADDRESS_HEADER);
            findings.warn(what, format!("{named} are trusted, but no header is read: {todo}"));
        }
    }
}

fn hashing(config: &Config, findings: &mut Findings) {
    let (what, cost) = ("hashing", config.bcrypt_cost);
    if cost < 10 {
        findings.warn(what, format!("bcrypt's cost is {cost}, for tests only: set {} to 12", names::BCRYPT_COST));
    } else {
        findings.ok(what, format!("bcrypt's cost is {cost}"));
    }
}

/// What the rest of the largest token takes: its own claims, their names, and quotes.
const TOKEN_CLAIMS: usize = 280;
/// Its header, its RS256 signature, and the name of the HTTP header.
const TOKEN_FRAME: usize = 650;
/// What proxies leave for one header is 8 KiB; a margin for what they add.
const LARGEST_TOKEN: usize = 7 * 1024;

/// How large the header with an access token may become.
fn token_size(config: &Config, findings: &mut Findings) {
    let (what, url) = ("access tokens", config.http.public_url.origin().as_str().len());
    let services = config.tokens.audiences.iter().map(String::len).max().unwrap_or_default();
    let audience = config.tokens.audience.as_ref().map_or(url, String::len).max(services);
    let claims_name = config.tokens.claims_name.as_ref().map_or(url + "/claims".len(), String::len);
    let claims = MAX_ACCESS_BYTES + TOKEN_CLAIMS + url + audience + claims_name;
    let largest = TOKEN_FRAME + claims.div_ceil(3) * 4;
    let size = format!("a header with roles and claims of the largest size takes {largest} bytes");
    if largest > LARGEST_TOKEN {
        let todo = format!("Shorten {} or {}", names::AUDIENCE, names::CLAIMS_NAME);
        findings.warn(what, format!("{size}, which proxies may refuse. {todo}"));
    } else {
        findings.ok(what, size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::check::findings::Severity, config::Source};

    /// Of these options and a mail server, without which there is always one.
    fn warnings(options: &[(&str, &str)]) -> Vec<String> {
        let mail = [(names::SMTP_URL, "smtps://mail.example.com"), (names::MAIL_FROM, "server@example.com")];
        let options = options.iter().copied().chain(mail);
        let config = Config::from_source(Source::from_pairs(options));
        let mut findings = Findings::default();
        look(&config.unwrap_or_else(|error| unreachable!("{error}")), Some(1000), &mut findings);
        let warned = findings.0.into_iter().filter(|finding| finding.verdict != Severity::Ok);
        warned.map(|finding| format!("{}: {}", finding.what, finding.detail)).collect()
    }

    /// One warning that begins so; port 0 is always free.
    fn assert_warns(options: &[(&str, &str)], beginning: &str) {
        let options: Vec<_> = options.iter().copied().chain([("HEIRLOOM_BIND", "127.0.0.1:0")]).collect();
        let warned = warnings(&options);
        assert!(matches!(warned.as_slice(), [one] if one.starts_with(beginning)), "{warned:?}");
    }

    #[test]
    fn a_good_configuration_is_no_cause_for_warnings() {
        let behind_proxy = [
            ("HEIRLOOM_BIND", "127.0.0.1:0"),
            ("HEIRLOOM_PUBLIC_URL", "https://auth.example.com"),
            ("HEIRLOOM_TRUSTED_PROXIES", "10.0.0.0/8"),
            ("HEIRLOOM_ALLOWED_ORIGINS", "https://app.example.com,http://localhost:3000"),
        ];
        assert_eq!(warnings(&behind_proxy), Vec::<String>::new());
        assert_eq!(warnings(&[("HEIRLOOM_BIND", "127.0.0.1:0")]), Vec::<String>::new());
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for url in ["http://auth.example.com", "http://localhost.example.com", "http://127.example.com:8080"] {
            assert_warns(&[("HEIRLOOM_PUBLIC_URL", url)], "public URL: ");
        }
        for url in ["http://127.0.0.1:8080", "http://[::1]:8080", "http://auth.localhost"] {
            assert_eq!(warnings(&[("HEIRLOOM_BIND", "127.0.0.1:0"), ("HEIRLOOM_PUBLIC_URL", url)]), [""; 0]);
        }
    }

    #[test]
    fn trusting_every_address_is_reported_and_a_proxy_must_be_known() {
        for every_address in ["0.0.0.0/0", "::/0", "10.0.0.0/8,0.0.0.0/0"] {
            assert_warns(&[("HEIRLOOM_TRUSTED_PROXIES", every_address)], "proxies: HEIRLOOM_TRUSTED_PROXIES trusts");
        }
        assert_warns(&[("HEIRLOOM_PUBLIC_URL", "https://auth.example.com")], "proxies: the public URL is https");
    }

    #[test]
    fn an_origin_that_the_network_can_write_into_is_a_danger() {
        let options = [
            ("HEIRLOOM_PUBLIC_URL", "https://auth.example.com"),
            ("HEIRLOOM_TRUSTED_PROXIES", "10.0.0.1"),
            ("HEIRLOOM_ALLOWED_ORIGINS", "http://app.example.com"),
        ];
        assert_warns(&options, "origins: http://app.example.com is plain http");
    }

    #[test]
    fn options_for_tests_and_misspelt_options_are_reported() {
        assert_warns(
            &[("HEIRLOOM_PUBLIC_ULR", "https://x.example")],
            "configuration: HEIRLOOM_PUBLIC_ULR is not an option",
        );
        assert_warns(&[("HEIRLOOM_INSECURE_FOR_TESTS", "true")], "configuration: HEIRLOOM_INSECURE_FOR_TESTS is on");
        let weak = warnings(&[
            ("HEIRLOOM_BIND", "127.0.0.1:0"),
            ("HEIRLOOM_INSECURE_FOR_TESTS", "true"),
            ("HEIRLOOM_BCRYPT_COST", "4"),
        ]);
        assert!(weak.iter().any(|problem| problem.starts_with("hashing: bcrypt's cost is 4")), "{weak:?}");
    }

    #[test]
    fn a_token_that_proxies_may_refuse_is_warned_of() {
        let long = format!("https://{}", "a".repeat(400));
        assert_warns(&[("HEIRLOOM_AUDIENCE", &long)], "access tokens: a header with roles and claims");
    }

    #[test]
    fn clients_must_find_the_port_and_the_name() {
        let other_port = [("HEIRLOOM_BIND", "127.0.0.1:0"), ("HEIRLOOM_PUBLIC_URL", "http://localhost:9999")];
        assert_eq!(warnings(&other_port), Vec::<String>::new());
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let free = free.map(|address| address.to_string()).unwrap_or_default();
        let warned = warnings(&[("HEIRLOOM_BIND", &free), ("HEIRLOOM_PUBLIC_URL", "http://localhost:1")]);
        assert!(matches!(warned.as_slice(), [one] if one.starts_with("address: clients are sent")), "{warned:?}");
        let warned = warnings(&[("HEIRLOOM_BIND", "0.0.0.0:0")]);
        assert!(matches!(warned.as_slice(), [one] if one.starts_with("address: 0.0.0.0:0 is open")), "{warned:?}");
    }
}
