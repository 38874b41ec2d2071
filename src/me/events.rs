use crate::{
    audit::{self, EventFilter, Recorded},
    kernel::{ActorKind, Moment, PageRequest, SessionId},
    postgres::DatabaseError,
    sessions::{Device, EndReason, Sessions, SignedIn},
};
use serde::Serialize;
use std::{collections::HashMap, net::IpAddr};
use utoipa::ToSchema;
use uuid::Uuid;

/// An event of the user's own account: an allow-list. It does not contain an administrator's words, identity
/// or address.
#[derive(Debug, Serialize, ToSchema)]
pub struct MyEvent {
    /// The event's id; ids ascend with time.
    pub id: Uuid,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub at: Moment,
    /// What happened.
    pub kind: String,
    /// Who did it.
    pub by: By,
    /// The session it concerns.
    #[schema(required = true)]
    pub session: Option<EventSession>,
    /// Why sessions were revoked or a sign-in failed: a stable code.
    #[schema(required = true)]
    pub reason: Option<&'static str>,
    /// The client's address; null if the client was neither the user nor anonymous.
    #[schema(value_type = Option<String>, required = true, example = "192.0.2.7")]
    pub ip: Option<IpAddr>,
    /// The client's User-Agent.
    #[schema(required = true)]
    pub user_agent: Option<String>,
}

/// Who did something to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The user.
    You,
    /// An operator or administrator of the service.
    Operator,
    /// An anonymous client: possibly the user.
    Unknown,
}

/// The session of an event, and what is still known about its device.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventSession {
    /// The session.
    pub id: SessionId,
    /// Whether it is the session of this request.
    pub current: bool,
    /// The device's name, given by the user.
    #[schema(required = true)]
    pub device_name: Option<String>,
    /// The device's User-Agent.
    #[schema(required = true)]
    pub user_agent: Option<String>,
}

/// The events of the user's own account, newest first: one more than the page holds, if it exists.
///
/// # Errors
/// When the database fails.
pub async fn my_events(sessions: &Sessions, me: &SignedIn, page: PageRequest) -> Result<Vec<MyEvent>, DatabaseError> {
    let filter = EventFilter { user: Some(me.user), ..EventFilter::default() };
    let db = &sessions.world().db;
    let listing = db.run(move |connection| {
        Box::pin(async move { audit::list(connection, &filter, page.after, page.rows()).await })
    });
    let events = listing.await?;
    let concerned = events.iter().filter_map(|event| event.session_id).collect();
    let mut devices = sessions.devices(me.user, concerned).await?;
    Ok(events.into_iter().map(|event| seen(event, me, &mut devices)).collect())
}

fn seen(event: Recorded, me: &SignedIn, devices: &mut HashMap<SessionId, Device>) -> MyEvent {
    let by = by(&event, me);
    let reason = event.details.get("reason").and_then(|reason| reason.as_str());
    let session = event.session_id.map(|id| {
        let device = devices.get(&id).cloned().unwrap_or_default();
        EventSession { id, current: id == me.session, device_name: device.name, user_agent: device.user_agent }
    });
    MyEvent {
        id: event.id,
        at: event.at,
        by,
        session,
        reason: reason.and_then(|words| code(&event.kind, by, words)),
        ip: event.ip.filter(|_| by != By::Operator),
        user_agent: event.user_agent.filter(|_| by != By::Operator),
        kind: event.kind,
    }
}

/// The code of a reason, unless an administrator wrote it: their words may look like a code.
fn code(kind: &str, by: By, words: &str) -> Option<&'static str> {
    match audit::Kind::from_name(kind)? {
        audit::Kind::SessionsEnded if by == By::Operator => Some(EndReason::Admin(None).code()),
        audit::Kind::SessionsEnded => Some(EndReason::code_of(words)),
        audit::Kind::SignInFailed => Some("wrong_password").filter(|code| *code == words),
        _ => None,
    }
}

fn by(event: &Recorded, me: &SignedIn) -> By {
    match (event.actor, event.actor_id) {
        (Some(ActorKind::User), Some(actor)) if actor == me.user => By::You,
        (Some(ActorKind::User | ActorKind::Operator | ActorKind::Server), _) => By::Operator,
        (Some(ActorKind::Anonymous), _) => By::Unknown,
        (None, _) => by_kind(&event.kind),
    }
}

/// Events of earlier versions store neither an operator nor an anonymous client as the actor.
fn by_kind(kind: &str) -> By {
    use audit::Kind::{GuessingLimited, RefreshTokenAhead, RefreshTokenReused, SignInFailed};
    match audit::Kind::from_name(kind) {
        Some(SignInFailed | GuessingLimited | RefreshTokenReused | RefreshTokenAhead) => By::Unknown,
        Some(_) | None => By::Operator,
    }
}
