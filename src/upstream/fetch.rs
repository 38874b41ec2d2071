//! Requests to providers: bounded in time and size, without redirects, and never to an address of our own network that a
//! document of the provider named.

use reqwest::{
    Client, RequestBuilder, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::Policy,
};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::Semaphore, time::timeout};
use url::Host;

/// How long a request may take in all.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many requests to one provider may be under way. The others wait for their turn within the same time, so that a slow
/// provider takes up a bounded part of this instance.
const AT_ONCE: usize = 32;
/// The largest answer that is read, in bytes.
const MOST: usize = 64 * 1024;

/// Why a provider gave no usable answer: an outage of the provider, never a verdict on the user.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No answer, or not within five seconds.
    #[error("no answer: {0}")]
    Silent(#[source] reqwest::Error),
    /// Its turn did not come within five seconds, or its answer did not.
    #[error("no answer within five seconds, or too many requests before this one")]
    Late,
    /// A redirect, which is not followed, or an error.
    #[error("status {0}")]
    Status(u16),
    /// More than 64 KiB.
    #[error("an answer of more than 64 KiB")]
    TooLarge,
    /// Not JSON.
    #[error("an answer that is not JSON")]
    NotJson,
    /// A URL that we do not ask.
    #[error("a URL that is not https, or of an address that is not public")]
    Forbidden,
}

/// An answer: its status and its JSON.
#[derive(Debug)]
pub struct Fetched {
    /// The status.
    pub status: u16,
    /// The document.
    pub document: Value,
}

/// The client of one provider.
#[derive(Debug, Clone)]
pub struct Fetcher {
    client: Client,
    room: Arc<Semaphore>,
    /// Hosts that the operator named, which may be of our own network.
    named: Arc<BTreeSet<String>>,
}

impl Fetcher {
    /// A client that may ask these hosts wherever they are, and others where they are public.
    ///
    /// # Errors
    /// When the library fails.
    pub fn new(named: BTreeSet<String>) -> Result<Self, reqwest::Error> {
        let named = Arc::new(named);
        let client = Client::builder()
            .redirect(Policy::none())
            .timeout(PATIENCE)
            .user_agent("heirloom")
            .dns_resolver(Arc::new(PublicOnly(Arc::clone(&named))))
            .build()?;
        Ok(Self { client, room: Arc::new(Semaphore::new(AT_ONCE)), named })
    }

    /// Whether a URL may be asked, or a browser be sent there.
    #[must_use]
    pub fn may_ask(&self, url: &Url) -> bool {
        let Some(host) = url.host() else { return false };
        let is_named = self.named.contains(&host.to_string());
        let is_allowed_address = match host {
            Host::Domain(_) => true,
            Host::Ipv4(address) => is_named || is_public(IpAddr::V4(address)),
            Host::Ipv6(address) => is_named || is_public(IpAddr::V6(address)),
        };
        is_allowed_address && (url.scheme() == "https" || url.scheme() == "http" && is_named && is_local(&host))
    }

    /// A document.
    ///
    /// # Errors
    /// When there is none.
    pub async fn get(&self, url: &Url) -> Result<Value, FetchError> {
        let fetched = self.send(url, self.client.get(url.clone())).await?;
        if fetched.status == 200 { Ok(fetched.document) } else { Err(FetchError::Status(fetched.status)) }
    }

    /// A profile, by an access token.
    ///
    /// # Errors
    /// When there is none.
    pub async fn get_with(&self, url: &Url, access_token: &str) -> Result<Fetched, FetchError> {
        self.send(url, self.client.get(url.clone()).bearer_auth(access_token)).await
    }

    /// The answer of a token endpoint to a form, which may be an error of OAuth 2.0.
    ///
    /// # Errors
    /// When there is none.
    pub async fn post(
        &self,
        url: &Url,
        form: &[(&str, &str)],
        basic: Option<(&str, &str)>,
    ) -> Result<Fetched, FetchError> {
        let body = serde_urlencoded::to_string(form).map_err(|_unwritable| FetchError::NotJson)?;
        let request =
            self.client.post(url.clone()).header("Content-Type", "application/x-www-form-urlencoded").body(body);
        let request = match basic {
            // RFC 6749 §2.3.1: encoded as in a form, so that every secret comes whole.
            Some((client, secret)) => request.basic_auth(form_encoded(client), Some(form_encoded(secret))),
            None => request,
        };
        self.send(url, request).await
    }

    /// The answer to a document, for which we authenticate by plain Basic (RFC 7617).
    ///
    /// # Errors
    /// When there is none.
    pub async fn post_json(
        &self,
        url: &Url,
        document: &Value,
        (user, password): (&str, &str),
    ) -> Result<Fetched, FetchError> {
        let request = self.client.post(url.clone()).header("Content-Type", "application/json");
        self.send(url, request.basic_auth(user, Some(password)).body(document.to_string())).await
    }

    async fn send(&self, url: &Url, request: RequestBuilder) -> Result<Fetched, FetchError> {
        if !self.may_ask(url) {
            return Err(FetchError::Forbidden);
        }
        timeout(PATIENCE, self.send_in_turn(request)).await.unwrap_or(Err(FetchError::Late))
    }

    async fn send_in_turn(&self, request: RequestBuilder) -> Result<Fetched, FetchError> {
        let _turn = self.room.acquire().await.map_err(|_closed| FetchError::Late)?;
        let request = request.header("Accept", "application/json");
        // Without the URL: it may hold a code.
        let mut answer = request.send().await.map_err(|error| FetchError::Silent(error.without_url()))?;
        let status = answer.status();
        if status.is_redirection() || status.is_server_error() {
            return Err(FetchError::Status(status.as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| FetchError::Silent(error.without_url()))? {
            if body.len() + chunk.len() > MOST {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let document = serde_json::from_slice(&body).map_err(|_not_json| FetchError::NotJson)?;
        Ok(Fetched { status: status.as_u16(), document })
    }
}

/// As a value in a form (RFC 6749, appendix B).
fn form_encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn is_local(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// Resolves a host that the operator did not name to its public addresses only.
#[derive(Debug)]
struct PublicOnly(Arc<BTreeSet<String>>);

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let is_named = self.0.contains(name.as_str());
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|found| is_named || is_public(found.ip())).collect();
            if allowed.is_empty() {
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, "no public address").into());
            }
            let addresses: Addrs = Box::new(allowed.into_iter());
            Ok(addresses)
        })
    }
}

/// Whether an address is reached over the internet (the registries of RFC 6890).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => is_public_v4(mapped),
            None => is_public_v6(address),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    let is_shared = first == 100 && (64..128).contains(&second);
    let is_for_benchmarks = first == 198 && (18..20).contains(&second);
    let is_of_protocols = first == 192 && second == 0 && third == 0;
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || first == 0
        || first >= 240
        || is_shared
        || is_for_benchmarks
        || is_of_protocols)
}

/// Global unicast is `2000::/3`; of it, documentation and the tunnels to IPv4 addresses are left out.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let is_global = first & 0xe000 == 0x2000;
    let is_documentation = first == 0x2001 && second == 0x0db8 || first == 0x3fff && second < 0x1000;
    let is_tunnel = first == 0x2002 || first == 0x2001 && second == 0;
    is_global && !is_documentation && !is_tunnel
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may fail loudly"
)]
mod tests {
    use super::{AT_ONCE, FetchError, Fetcher, is_public};
    use reqwest::Url;
    use std::{io, net::TcpListener};

    #[test]
    fn addresses_of_our_own_network_are_not_public() {
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001::1",
        ] {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(is_public(outside.parse().unwrap()), "{outside}");
        }
    }

    /// U-50.
    #[tokio::test]
    async fn what_does_not_get_its_turn_asks_nobody() {
        let provider = TcpListener::bind("127.0.0.1:0").unwrap();
        provider.set_nonblocking(true).unwrap();
        let url = Url::parse(&format!("http://{}/", provider.local_addr().unwrap())).unwrap();
        let fetcher = Fetcher::new(["127.0.0.1".to_owned()].into()).unwrap();
        let all = fetcher.room.acquire_many(u32::try_from(AT_ONCE).unwrap()).await.unwrap();
        assert!(matches!(fetcher.get(&url).await, Err(FetchError::Late)));
        assert_eq!(provider.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(all);
        let asked = tokio::spawn(async move { fetcher.get(&url).await.is_err() });
        while provider.accept().is_err() {
            tokio::task::yield_now().await;
        }
        assert!(asked.await.unwrap(), "nothing was answered");
    }

    #[test]
    fn only_https_is_asked_and_only_what_the_operator_named_may_be_inside() {
        let fetcher = Fetcher::new(["localhost", "10.0.0.7"].map(str::to_owned).into()).unwrap();
        let may_ask = |url: &str| fetcher.may_ask(&Url::parse(url).unwrap());
        assert!(may_ask("https://accounts.example.com/token"));
        assert!(may_ask("http://localhost:4000/token"));
        assert!(may_ask("https://10.0.0.7/token"));
        for forbidden in [
            "http://accounts.example.com/token",
            "http://10.0.0.7/token",
            "https://10.0.0.8/token",
            "https://169.254.169.254/latest",
            "https://[::1]/token",
            "https://0x7f000001/token",
            "file:///etc/passwd",
            "http://127.0.0.1:4000/token",
        ] {
            assert!(!may_ask(forbidden), "{forbidden}");
        }
    }
}
