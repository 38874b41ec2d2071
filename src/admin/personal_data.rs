use super::{IdentityView, Rooms};
use crate::{
    audit::{self, EventFilter, Exported},
    kernel::{Moment, Operator},
    mail::{self, EmailView},
    postgres::{Connector, DatabaseError},
    sessions::{SessionFilter, SessionView},
    upstream,
    users::{AccountRest, User, UserView},
};
use serde::Serialize;
use serde_json::Value;

/// What is stored about a user (GDPR, article 15), without secrets: of passwords and refresh tokens there are only
/// hashes, which reveal nothing.
#[derive(Debug, Serialize)]
pub struct PersonalData {
    /// The account.
    pub user: AccountView,
    /// Accounts at other providers that open the account, oldest first.
    pub identities: Vec<IdentityView>,
    /// All sessions that are kept, newest first.
    pub sessions: Vec<SessionView>,
    /// Emails that are kept, newest first.
    pub emails: Vec<EmailView>,
    /// The audit log's events about the user or by the user, oldest first.
    pub events: Vec<Exported>,
}

/// A complete account.
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

/// Gathers what is stored about a user. None if they were deleted meanwhile.
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
    let identities = world.db.run(move |connection| Box::pin(upstream::list(connection, id))).await?;
    let identities = identities.into_iter().map(IdentityView::from).collect();
    let emails = world.db.run(move |connection| Box::pin(mail::emails_to(connection, id))).await?;
    let (filter, mut events) = (EventFilter { party: Some(id), ..EventFilter::default() }, Vec::new());
    audit::export(world, connector, &filter, |event| {
        events.push(event);
        true
    })
    .await?;
    Ok(Some(PersonalData { user: AccountView::of(user, rest), identities, sessions, emails, events }))
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
