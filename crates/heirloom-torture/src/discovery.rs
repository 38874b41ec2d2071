//! Finds a server's endpoints by its issuer: OpenID Connect Discovery 1.0 and RFC 8414.

use super::{
    address::shown_url,
    client::{Asked, Cause, Client, Connection, Manner},
    profile::{Profile, ProfileError, Request},
    secret::Guarded,
    template::Values,
};
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

/// A garbage token, to recognise a server by its refusal.
const GARBAGE: &str = "not-a-refresh-token";

/// A server's own description.
#[derive(Debug, Deserialize)]
struct Document {
    issuer: String,
    token_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
    userinfo_endpoint: Option<String>,
    grant_types_supported: Option<Vec<String>>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    scopes_supported: Option<Vec<String>>,
}

/// What was found.
#[derive(Debug)]
pub struct Discovered {
    /// The name of a built-in profile, or where the description stands.
    pub from: String,
    /// The profile in JSON.
    pub text: String,
    /// The scope of a sign-in, unless another is asked for.
    pub scope: Option<String>,
}

/// Why nothing was found.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// The server cannot be reached.
    #[error("{0}")]
    Unreachable(Cause),
    /// It does not answer now, or only with an outage or a limit: whether it publishes something is not known.
    #[error("the server does not describe itself now ({0}): try again, or pass --profile")]
    Away(String),
    /// It publishes nothing.
    #[error("no description of a server was found ({0}): pass the URL of its issuer, or --profile")]
    Nothing(String),
    /// It is the description of another.
    #[error("{0} describes the issuer `{1}`: pass that URL, or --profile")]
    Another(String, String),
    /// It has no tokens.
    #[error("{0} names no `token_endpoint`: pass --profile")]
    NoEndpoint(String),
    /// The HTTP client.
    #[error("the HTTP client cannot be created")]
    Client(#[from] reqwest::Error),
    /// The profile that the kit wrote.
    #[error(transparent)]
    Profile(#[from] ProfileError),
}

/// Finds out how to talk to a server.
///
/// # Errors
/// When it cannot be reached, or publishes nothing that helps.
pub async fn discover(url: &str, connection: &Connection) -> Result<Discovered, DiscoveryError> {
    let http = connection.http()?;
    let (mut tried, mut away) = (Vec::new(), Vec::new());
    for place in places(url) {
        match fetch(&http, &place, connection).await {
            Ok(document) => return described(url, &place, &document),
            Err(Missing::Unreachable(cause)) => return Err(DiscoveryError::Unreachable(cause)),
            Err(Missing::Away(what)) => away.push(format!("{}: {what}", shown_url(&place))),
            Err(Missing::Answered(what)) => tried.push(format!("{}: {what}", shown_url(&place))),
        }
    }
    match recognised(url, connection).await? {
        Refusal::Known(name) => Ok(Discovered { text: Profile::text(name)?, from: name.to_owned(), scope: None }),
        _unknown if !away.is_empty() => Err(DiscoveryError::Away(away.join("; "))),
        Refusal::Away(what) => Err(DiscoveryError::Away(what)),
        Refusal::Unknown => Err(DiscoveryError::Nothing(tried.join("; "))),
    }
}

/// Where a server may publish its description.
fn places(url: &str) -> Vec<String> {
    if url.contains("/.well-known/") {
        return vec![url.to_owned()];
    }
    let issuer = url.trim_end_matches('/');
    let mut places = vec![format!("{issuer}/.well-known/openid-configuration")];
    if let Ok(parsed) = Url::parse(issuer) {
        let (origin, path) = (parsed.origin().ascii_serialization(), parsed.path().trim_end_matches('/'));
        places.push(format!("{origin}/.well-known/oauth-authorization-server{path}"));
    }
    places
}

enum Missing {
    Unreachable(Cause),
    Away(String),
    Answered(String),
}

async fn fetch(http: &reqwest::Client, place: &str, connection: &Connection) -> Result<Document, Missing> {
    let lost = |error: reqwest::Error| {
        let cause = Cause::of(&error, connection.timeout);
        if cause.is_unreachable() { Missing::Unreachable(cause) } else { Missing::Away(cause.to_string()) }
    };
    let answer = http.get(place).header("Accept", "application/json").send().await.map_err(lost)?;
    let status = answer.status();
    let body = answer.bytes().await.map_err(lost)?;
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return Err(Missing::Away(status.as_u16().to_string()));
    }
    if !status.is_success() {
        return Err(Missing::Answered(status.as_u16().to_string()));
    }
    serde_json::from_slice(&body).map_err(|_other_json| Missing::Answered("not a description".to_owned()))
}

fn described(url: &str, place: &str, document: &Document) -> Result<Discovered, DiscoveryError> {
    let issuer = url.split_once("/.well-known/").map_or(url, |_| document.issuer.as_str());
    if issuer.trim_end_matches('/') != document.issuer.trim_end_matches('/') {
        return Err(DiscoveryError::Another(shown_url(place), document.issuer.clone()));
    }
    let Some(token) = &document.token_endpoint else { return Err(DiscoveryError::NoEndpoint(shown_url(place))) };
    let mut profile: Value = serde_json::from_str(&Profile::text("oauth2")?).unwrap_or_default();
    let below_base = |endpoint: &str| match endpoint.strip_prefix(url.trim_end_matches('/')) {
        Some(path) if path.starts_with('/') => format!("{{base}}{path}"),
        Some(_) | None => endpoint.to_owned(),
    };
    set(&mut profile, "/about", Some("OAuth 2.0, as the server describes itself".to_owned()));
    set(&mut profile, "/sign_in/request/url", document.signs_in().then(|| below_base(token)));
    set(&mut profile, "/refresh/request/url", Some(below_base(token)));
    set(&mut profile, "/sign_out/request/url", document.revocation_endpoint.as_deref().map(below_base));
    set(&mut profile, "/access/request/url", document.userinfo_endpoint.as_deref().map(below_base));
    if let Some(client) = profile.get_mut("client") {
        *client = document.client();
    }
    let text = serde_json::to_string_pretty(&profile).unwrap_or_default();
    Ok(Discovered { from: shown_url(place), text, scope: document.scope() })
}

/// Sets a member; without a value, what it belongs to is left out of the profile.
fn set(profile: &mut Value, pointer: &str, value: Option<String>) {
    if let (Some(member), Some(value)) = (profile.pointer_mut(pointer), &value) {
        *member = json!(value);
    }
    let top = pointer.split('/').nth(1).unwrap_or_default();
    if let (Some(members), None) = (profile.as_object_mut(), value) {
        members.remove(top);
    }
}

impl Document {
    /// Without a list of grants nothing is known, and the attempt will show it.
    fn signs_in(&self) -> bool {
        self.grant_types_supported.as_ref().is_none_or(|grants| grants.iter().any(|grant| grant == "password"))
    }

    fn client(&self) -> Value {
        let methods = self.token_endpoint_auth_methods_supported.as_deref().unwrap_or_default();
        let has = |name: &str| methods.iter().any(|method| method == name);
        if has("client_secret_post") && !has("client_secret_basic") {
            return json!({ "audience": self.issuer, "auth": "client_secret_post" });
        }
        json!({ "audience": self.issuer })
    }

    fn scope(&self) -> Option<String> {
        let supported = self.scopes_supported.as_ref()?;
        let wanted = ["openid", "offline_access"].into_iter().filter(|name| supported.iter().any(|one| one == name));
        let wanted: Vec<_> = wanted.collect();
        (!wanted.is_empty()).then(|| wanted.join(" "))
    }
}

/// How garbage is refused.
enum Refusal {
    /// In the words of this built-in profile.
    Known(&'static str),
    /// In other words.
    Unknown,
    /// Not at all: no answer, an outage or a limit.
    Away(String),
}

/// A built-in profile whose server refuses garbage in its own words.
async fn recognised(url: &str, connection: &Connection) -> Result<Refusal, DiscoveryError> {
    let mut found = Refusal::Unknown;
    for name in Profile::NAMES {
        let profile = Profile::load(name)?;
        if profile.refresh.invalid.is_empty() {
            continue;
        }
        let request: &Request = &profile.refresh.request;
        let token = ("refresh_token", Guarded::new(GARBAGE.to_owned()));
        let values = vec![("base", Guarded::new(url.to_owned())), token];
        let client = Client::new(&profile, Values::new(), connection)?;
        let Ok(answer) = client.ask(Asked { request, values, header: None }, Manner::Patient).await else { continue };
        match answer.reply() {
            Some(reply) if profile.refresh.invalid.iter().any(|sign| reply.is(sign)) => {
                return Ok(Refusal::Known(name));
            }
            Some(reply) if !reply.is_outage() => {}
            _away => found = Refusal::Away(answer.summary()),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

    use super::*;

    fn document(value: Value) -> Document {
        serde_json::from_value(value).unwrap()
    }

    fn found(url: &str, value: Value) -> Value {
        let place = places(url).remove(0);
        let found = described(url, &place, &document(value)).unwrap();
        Profile::parse(&found.from, &found.text).unwrap();
        serde_json::from_str(&found.text).unwrap()
    }

    #[test]
    fn a_description_is_looked_for_where_the_standards_put_it() {
        assert_eq!(
            places("https://a.example/tenant/"),
            [
                "https://a.example/tenant/.well-known/openid-configuration",
                "https://a.example/.well-known/oauth-authorization-server/tenant"
            ]
        );
        let whole = "https://a.example/.well-known/openid-configuration";
        assert_eq!(places(whole), [whole]);
    }

    #[test]
    fn what_a_server_lacks_is_left_out() {
        let all = found(
            "https://a.example",
            json!({ "issuer": "https://a.example/", "token_endpoint": "https://a.example/token/",
                "revocation_endpoint": "https://b.example/revoke", "userinfo_endpoint": "https://a.example/me",
                "grant_types_supported": ["password", "refresh_token"],
                "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"] }),
        );
        assert_eq!(all["refresh"]["request"]["url"], "{base}/token/");
        assert_eq!(all["sign_out"]["request"]["url"], "https://b.example/revoke");
        assert_eq!(all["access"]["request"]["url"], "{base}/me");
        assert_eq!(all["client"]["auth"], "client_secret_post");
        let few = found(
            "https://a.example",
            json!({ "issuer": "https://a.example", "token_endpoint": "https://a.example/token",
                "grant_types_supported": ["authorization_code", "refresh_token"] }),
        );
        for absent in ["sign_in", "sign_out", "access"] {
            assert_eq!(few.get(absent), None);
        }
    }

    #[test]
    fn the_description_of_another_issuer_is_refused() {
        let other = document(json!({ "issuer": "https://b.example", "token_endpoint": "https://b.example/token" }));
        let error = described("https://a.example", "x", &other).unwrap_err();
        assert!(matches!(error, DiscoveryError::Another(..)), "{error}");
        let without = document(json!({ "issuer": "https://a.example" }));
        assert!(matches!(described("https://a.example", "x", &without), Err(DiscoveryError::NoEndpoint(_))));
    }

    #[test]
    fn scopes_that_bring_refresh_tokens_are_asked_for() {
        let scope = |scopes: Value| document(json!({ "issuer": "x", "scopes_supported": scopes })).scope();
        assert_eq!(scope(json!(["email", "offline_access", "openid"])).as_deref(), Some("openid offline_access"));
        assert_eq!(scope(json!(["email"])), None);
    }
}
