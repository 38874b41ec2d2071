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

/// An event of one's own account, as its owner sees it: an allow-list. What an administrator wrote, who they are and
/// where they sat is not in it.
#[derive(Debug, Serialize, ToSchema)]
pub struct MyEvent {
    /// The event's id; they ascend with time.
    pub id: Uuid,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Moment,
    /// What.
    pub kind: String,
    /// Who did it.
    pub by: By,
    /// To which session.
    #[schema(required = true)]
    pub session: Option<EventSession>,
    /// Why sessions ended or a sign-in failed: a code of ours.
    #[schema(required = true)]
    pub reason: Option<&'static str>,
    /// From where; none when it was neither the owner nor a stranger.
    #[schema(value_type = Option<String>, required = true, example = "192.0.2.7")]
    pub ip: Option<IpAddr>,
    /// With what.
    #[schema(required = true)]
    pub user_agent: Option<String>,
}

/// Who did something to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// Its owner.
    You,
    /// Somebody who runs the service.
    Operator,
    /// Somebody who proved nothing: perhaps its owner.
    Unknown,
}

/// The session of an event, and as much of its device as is still known.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventSession {
    /// The session.
    pub id: SessionId,
    /// Whether it is the one that asks.
    pub current: bool,
    /// What its owner calls the device.
    #[schema(required = true)]
    pub device_name: Option<String>,
    /// What the device called itself.
    #[schema(required = true)]
    pub user_agent: Option<String>,
}

/// The events of one's own account, newest first: one more than the page holds, if there is one.
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

/// The code of a reason that is no administrator's: those may be words, and may look like a code.
fn code(kind: &str, by: By, words: &str) -> Option<&'static str> {
    let ended = [EndReason::SignedOut.code(), EndReason::EndedByUser.code()];
    let known: &[&'static str] = match audit::Kind::from_name(kind)? {
        audit::Kind::SessionsEnded if by == By::Operator => return Some(EndReason::Admin(None).code()),
        audit::Kind::SessionsEnded => &ended,
        audit::Kind::SignInFailed => &["wrong_password"],
        _ => &[],
    };
    known.iter().copied().find(|code| *code == words)
}

fn by(event: &Recorded, me: &SignedIn) -> By {
    match (event.actor, event.actor_id) {
        (Some(ActorKind::User), Some(actor)) if actor == me.user => By::You,
        (Some(ActorKind::User | ActorKind::Operator | ActorKind::Server), _) => By::Operator,
        (Some(ActorKind::Anonymous), _) => By::Unknown,
        (None, _) => by_kind(&event.kind),
    }
}

/// Events of earlier versions store neither an operator nor a stranger as the actor.
fn by_kind(kind: &str) -> By {
    use audit::Kind::{GuessingLimited, RefreshTokenAhead, RefreshTokenReused, SignInFailed};
    match audit::Kind::from_name(kind) {
        Some(SignInFailed | GuessingLimited | RefreshTokenReused | RefreshTokenAhead) => By::Unknown,
        Some(_) | None => By::Operator,
    }
}
