//! What a provider says of one of its users by itself, as a security event token (RFC 8417): an account was disabled, sessions or
//! tokens were revoked.

use super::{
    discovery::DiscoveryError,
    id_token::{TokenFault, is_subject, moment, signed},
    room::{Provider, Upstream},
    store,
};
use crate::{
    config::Preset,
    identity::UpstreamIdentity,
    kernel::{Digest32, Duration, Moment, UserId, sha256},
    postgres::{DatabaseError, redeem},
    work::Work,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::{Map, Value};

/// How far the provider's clock may be ahead of ours.
const LEEWAY: TimeDelta = TimeDelta::seconds(60);
/// How long it is remembered that an event came. What comes again later ends no session that was opened since.
const REMEMBERED: Duration = Duration::from_hours(30 * 24);
/// The longest `sub` and `jti`, in bytes.
const LONGEST: usize = 255;
/// After these, a session that was opened through the account may not be its owner's, or there is no account any more.
const ENDING: [&str; 9] = [
    "https://schemas.openid.net/secevent/risc/event-type/account-disabled",
    "https://schemas.openid.net/secevent/risc/event-type/account-purged",
    "https://schemas.openid.net/secevent/risc/event-type/credential-compromise",
    "https://schemas.openid.net/secevent/risc/event-type/sessions-revoked",
    "https://schemas.openid.net/secevent/caep/event-type/session-revoked",
    "https://schemas.openid.net/secevent/oauth/event-type/tokens-revoked",
    "https://schemas.openid.net/secevent/oauth/event-type/token-revoked",
    "https://schemas.kakao.com/events/oauth/tokens-revoked",
    "https://schemas.kakao.com/events/oauth/user-unlinked",
];

/// A genuine event.
#[derive(Debug, Clone)]
pub struct SecurityEvent {
    /// The identity that it is about. None: nobody's, such as a test of the delivery.
    pub identity: Option<UpstreamIdentity>,
    /// When it happened there.
    pub happened_at: Moment,
    /// Whether the sessions that were opened through the identity until then must end.
    pub ends_sessions: bool,
    digest: Digest32,
}

/// Why an event is refused.
#[derive(Debug, thiserror::Error)]
pub enum EventRefused {
    /// No such provider is in the options.
    #[error("no such provider")]
    NoProvider,
    /// Not a token, or one without what it must state.
    #[error("malformed")]
    Malformed,
    /// Signed by a key, or with an algorithm, that the provider does not use.
    #[error("key")]
    Key,
    /// Not signed by that key.
    #[error("signature")]
    Signature,
    /// Of another issuer.
    #[error("issuer")]
    Issuer,
    /// For another client.
    #[error("audience")]
    Audience,
    /// The provider's keys cannot be fetched: no verdict on the token.
    #[error("the provider's keys cannot be fetched")]
    Outage(#[from] DiscoveryError),
}

impl EventRefused {
    /// The code that its sender reads (RFC 8935 §2.4). None where the token itself was not judged.
    #[must_use]
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::Malformed => Some("invalid_request"),
            Self::Key => Some("invalid_key"),
            Self::Signature => Some("authentication_failed"),
            Self::Issuer => Some("invalid_issuer"),
            Self::Audience => Some("invalid_audience"),
            Self::NoProvider | Self::Outage(_) => None,
        }
    }
}

/// What a token states (RFC 8417 §2.2).
#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Value,
    iat: i64,
    jti: String,
    /// When it happened, if that is not when the token was issued.
    toe: Option<i64>,
    sub: Option<String>,
    events: Map<String, Value>,
}

impl Upstream {
    /// Reads a token of a provider of this kind: of the one for whose client it was issued.
    ///
    /// # Errors
    /// When it is not genuine, or its provider does not answer.
    pub async fn read_event(&self, preset: Preset, token: &str) -> Result<SecurityEvent, EventRefused> {
        let mut candidates = self.providers().iter().filter(|provider| provider.options.preset == preset).peekable();
        if candidates.peek().is_none() {
            return Err(EventRefused::NoProvider);
        }
        let audience = stated_audience(token).ok_or(EventRefused::Malformed)?;
        let provider = candidates.find(|provider| is_for(provider, &audience)).ok_or(EventRefused::Audience)?;
        let discovery = provider.discovery.as_ref().ok_or(EventRefused::NoProvider)?;
        let issuer = discovery.metadata().await?.issuer.clone();
        let keys = discovery.keys_for(token).await?;
        let (claims, _algorithm) = signed::<Claims>(token, &keys).map_err(refusal)?;
        if claims.iss != issuer {
            return Err(EventRefused::Issuer);
        }
        if !is_for(provider, &claims.aud) {
            return Err(EventRefused::Audience);
        }
        event(provider, claims, self.world().clock.now()).ok_or(EventRefused::Malformed)
    }
}

fn refusal(fault: TokenFault) -> EventRefused {
    match fault {
        TokenFault::Algorithm | TokenFault::UnknownKey => EventRefused::Key,
        TokenFault::Signature => EventRefused::Signature,
        _ => EventRefused::Malformed,
    }
}

/// Only to find the provider whose keys verify the token.
fn stated_audience(token: &str) -> Option<Value> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice::<Value>(&payload).ok()?.get("aud").cloned()
}

fn is_for(provider: &Provider, audience: &Value) -> bool {
    let names = match audience {
        Value::Array(names) => names.as_slice(),
        name => std::slice::from_ref(name),
    };
    let options = &provider.options;
    let is_ours = |name: &str| name == options.client_id || options.audiences.iter().any(|app| app == name);
    names.iter().filter_map(Value::as_str).any(is_ours)
}

/// None: it lacks what an event must state (RFC 8417 §2.2). A subject is not among it.
fn event(provider: &Provider, claims: Claims, now: Moment) -> Option<SecurityEvent> {
    let (issued_at, happened_at) = (moment(claims.iat)?, moment(claims.toe.unwrap_or(claims.iat))?);
    let is_text = |text: &str| !text.trim().is_empty() && text.len() <= LONGEST;
    if issued_at > now + LEEWAY || claims.events.is_empty() || !is_text(&claims.jti) {
        return None;
    }
    let subject = claims.sub.or_else(|| subject_within(&claims.events, &claims.iss));
    if subject.as_deref().is_some_and(|subject| !is_subject(subject)) {
        return None;
    }
    let ends_sessions = claims.events.keys().any(|name| ENDING.contains(&name.as_str()));
    Some(SecurityEvent {
        digest: sha256(format!("security-event\n{}\n{}", claims.iss, claims.jti).as_bytes()),
        identity: subject.map(|subject| UpstreamIdentity {
            provider: provider.options.name.clone(),
            issuer: claims.iss,
            subject,
            email: None,
        }),
        // Times are whole seconds: all of that second is meant. What has not happened yet ends no session that is opened
        // until then.
        happened_at: (happened_at + TimeDelta::seconds(1)).min(now),
        ends_sessions,
    })
}

/// The subject as RISC writes it: `{"subject_type": "iss-sub", "iss": …, "sub": …}` within the event. One of another issuer is
/// nobody here.
fn subject_within(events: &Map<String, Value>, issuer: &str) -> Option<String> {
    let within = |event: &Value| {
        let subject = event.get("subject")?;
        let is_ours = subject.get("iss").and_then(Value::as_str).is_none_or(|of| of == issuer);
        subject.get("sub").and_then(Value::as_str).filter(|_| is_ours).map(str::to_owned)
    };
    events.values().find_map(within)
}

/// Notes that an event came, in the caller's transaction. False if it came before (`jti`, RFC 8417 §2.2).
///
/// # Errors
/// When the database fails.
pub async fn note_event(work: &mut Work<'_>, event: &SecurityEvent) -> Result<bool, DatabaseError> {
    let until = work.now + REMEMBERED;
    redeem(work.connection, &event.digest, until).await
}

/// Which account the identity of an event opens.
///
/// # Errors
/// When the database fails.
pub async fn owner_of_event(work: &mut Work<'_>, identity: &UpstreamIdentity) -> Result<Option<UserId>, DatabaseError> {
    Ok(store::owner(work.connection, identity).await?.map(|owner| owner.user))
}
