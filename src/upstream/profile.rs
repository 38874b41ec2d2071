//! What a provider says of a user, in one form: pure, and the only place that knows how each says it.

use super::{
    id_token::{IdClaims, is_subject},
    policy::AssertedAddress,
};
use crate::{
    config::{OAuth2Provider, Preset, UpstreamProvider},
    identity::{DisplayName, EmailAddress, UpstreamIdentity},
    kernel::Moment,
};
use serde_json::Value;

/// A user of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamUser {
    /// The identity.
    pub identity: UpstreamIdentity,
    /// The address.
    pub address: AssertedAddress,
    /// The name, where it can be one of ours.
    pub name: Option<DisplayName>,
    /// When the user signed in there, where the provider says so.
    pub proven_at: Option<Moment>,
}

/// The user of a verified ID token.
#[must_use]
pub fn of_claims(provider: &UpstreamProvider, claims: &IdClaims) -> UpstreamUser {
    let (issuer, subject) = match (provider.preset, &claims.tid, &claims.oid) {
        // The issuer holds the tenant; `oid` is the user in all clients of that tenant, `sub` in ours alone.
        (Preset::Microsoft, Some(_), Some(object)) => (claims.issuer.clone(), object.clone()),
        // Google's tokens name the issuer with the scheme or without.
        (Preset::Google, ..) => ("https://accounts.google.com".to_owned(), claims.subject.clone()),
        _ => (claims.issuer.clone(), claims.subject.clone()),
    };
    let is_said = is_true(claims.email_verified.as_ref()) || is_kakaos(provider, claims);
    let is_verified = is_said && (provider.preset != Preset::Google || is_googles(claims));
    UpstreamUser {
        identity: identity(provider, issuer, subject, claims.email.as_deref()),
        address: address(provider, claims.email.as_deref(), is_verified),
        name: claims.name.as_deref().and_then(display_name),
        proven_at: None,
    }
}

/// Kakao puts an address into the token only when it is valid and verified, and says nothing more of it.
fn is_kakaos(provider: &UpstreamProvider, claims: &IdClaims) -> bool {
    provider.preset == Preset::Kakao && claims.email_verified.is_none()
}

/// Google answers for its own addresses and for those of the domains that it hosts. Of others it knows only that they were read
/// once.
fn is_googles(claims: &IdClaims) -> bool {
    let domain = claims.email.as_deref().and_then(|email| email.rsplit_once('@')).map(|(_, domain)| domain);
    let is_own = domain.is_some_and(|domain| domain.eq_ignore_ascii_case("gmail.com"));
    is_own || claims.hd.as_deref().is_some_and(|hosted| !hosted.is_empty())
}

/// The user of a profile. None: it names none.
#[must_use]
pub fn of_profile(
    provider: &UpstreamProvider,
    plain: &OAuth2Provider,
    profile: &Value,
    emails: Option<&Value>,
) -> Option<UpstreamUser> {
    if let Some((pointer, value)) = plain.quirks.success
        && profile.pointer(pointer).and_then(Value::as_str) != Some(value)
    {
        return None;
    }
    let at = |pointer: &Option<String>| pointer.as_deref().and_then(|pointer| profile.pointer(pointer));
    let text = |pointer: &Option<String>| at(pointer).and_then(Value::as_str);
    let subject = match at(&plain.pointers.subject)? {
        Value::String(subject) if is_subject(subject) => subject.clone(),
        Value::Number(number) if number.is_u64() => number.to_string(),
        _ => return None,
    };
    let (email, is_verified) = match emails {
        Some(emails) => primary(emails),
        None => (text(&plain.pointers.email), is_true(at(&plain.pointers.email_verified))),
    };
    Some(UpstreamUser {
        identity: identity(provider, plain.issuer.clone(), subject, email),
        address: address(provider, email, is_verified),
        name: text(&plain.pointers.name).and_then(display_name),
        proven_at: None,
    })
}

fn identity(provider: &UpstreamProvider, issuer: String, subject: String, email: Option<&str>) -> UpstreamIdentity {
    // Shown to its user, and to nobody else: a text of another length is left out.
    let email = email.filter(|email| email.len() <= 254 && !email.chars().any(char::is_control));
    UpstreamIdentity { provider: provider.name.clone(), issuer, subject, email: email.map(str::to_owned) }
}

/// GitHub's list of addresses: the primary one, if it is verified.
fn primary(emails: &Value) -> (Option<&str>, bool) {
    let is_primary = |entry: &&Value| entry.get("primary").and_then(Value::as_bool) == Some(true);
    let found = emails.as_array().and_then(|emails| emails.iter().find(is_primary));
    let email = found.and_then(|entry| entry.get("email")).and_then(Value::as_str);
    (email, is_true(found.and_then(|entry| entry.get("verified"))))
}

fn address(provider: &UpstreamProvider, email: Option<&str>, is_verified: bool) -> AssertedAddress {
    // What we cannot read as an address does not count.
    let Some((raw, parsed)) = email.and_then(|raw| EmailAddress::parse(raw).ok().map(|parsed| (raw, parsed))) else {
        return AssertedAddress::None;
    };
    // What was verified there is the address as it is written there: of one that we write otherwise nothing was.
    let is_same = raw.eq_ignore_ascii_case(parsed.as_str());
    if is_verified && is_same && provider.trusts_email {
        AssertedAddress::Proven(parsed)
    } else {
        AssertedAddress::Unproven(parsed)
    }
}

/// Apple writes the boolean as a text.
fn is_true(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(is_true)) => *is_true,
        Some(Value::String(text)) => text == "true",
        _ => false,
    }
}

fn display_name(text: &str) -> Option<DisplayName> {
    DisplayName::parse(text).ok().flatten()
}
