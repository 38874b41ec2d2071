use super::Rooms;
use crate::{
    audit::{self, EventFilter, Exported},
    kernel::{Moment, Operator},
    mail::{self, LetterView},
    postgres::{Connector, DatabaseError},
    sessions::{SessionFilter, SessionView},
    users::{AccountRest, User, UserView},
};
use serde::Serialize;
use serde_json::Value;

/// What is held about a person (GDPR, article 15), but for secrets: of a password and of refresh tokens there are hashes
/// only, which say nothing of them.
#[derive(Debug, Serialize)]
pub struct PersonalData {
    /// The account.
    pub user: AccountView,
    /// All sessions that are kept, newest first.
    pub sessions: Vec<SessionView>,
    /// Letters that are kept, newest first.
    pub letters: Vec<LetterView>,
    /// The audit log's events about them or by them, oldest first.
    pub events: Vec<Exported>,
}

/// An account, whole.
#[derive(Debug, Serialize)]
pub struct AccountView {
    #[serde(flatten)]
    view: UserView,
    blocked_at: Option<Moment>,
    blocked_reason: Option<String>,
    claims: Value,
    #[serde(flatten)]
    rest: AccountRest,
}

/// Gathers what is held about a person. None: they were deleted meanwhile.
///
/// # Errors
/// When the database fails.
pub async fn personal_data(
    rooms: Rooms<'_>,
    _operator: Operator,
    connector: &Connector,
    user: &User,
) -> Result<Option<PersonalData>, DatabaseError> {
    let Rooms { accounts, sessions } = rooms;
    let (world, id) = (sessions.world(), user.id);
    let Some(rest) = accounts.rest(id).await? else { return Ok(None) };
    let sessions = sessions.list_all(SessionFilter { user: Some(id), state: None }).await?;
    let letters = world.db.run(move |connection| Box::pin(mail::letters_to(connection, id))).await?;
    let (filter, mut events) = (EventFilter { party: Some(id), ..EventFilter::default() }, Vec::new());
    audit::export(world, connector, &filter, |event| {
        events.push(event);
        true
    })
    .await?;
    Ok(Some(PersonalData { user: AccountView::of(user, rest), sessions, letters, events }))
}

impl AccountView {
    fn of(user: &User, rest: AccountRest) -> Self {
        Self {
            view: UserView::from(user),
            blocked_at: user.blocked_at,
            blocked_reason: user.blocked_reason.clone(),
            claims: user.claims.clone(),
            rest,
        }
    }
}
