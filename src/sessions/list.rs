use super::{EndReason, Sessions, store};
use crate::{
    kernel::{Moment, PageRequest, SessionId, UserId},
    postgres::DatabaseError,
};
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, net::IpAddr};
use utoipa::ToSchema;

/// Sessions that are fetched at once where all are wanted.
const AT_ONCE: u32 = 200;

/// Whether a session can still be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// Its token rotates.
    Live,
    /// It was ended.
    Revoked,
    /// Its time is over.
    Expired,
}

impl SessionState {
    /// As the API has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }

    pub(super) fn of(is_revoked: bool, is_expired: bool) -> Self {
        match (is_revoked, is_expired) {
            (true, _) => Self::Revoked,
            (false, true) => Self::Expired,
            (false, false) => Self::Live,
        }
    }
}

/// Which sessions are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct SessionFilter {
    /// Only this user's.
    pub user: Option<UserId>,
    /// Only those in this state.
    pub state: Option<SessionState>,
}

/// A session as people see it. Holds no token and no hash.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionView {
    /// The session.
    pub id: SessionId,
    /// Whose.
    pub user_id: UserId,
    /// Whether it can still be used.
    pub state: SessionState,
    /// What its user calls the device.
    #[schema(required = true)]
    pub device_name: Option<String>,
    /// What the device called itself at the last rotation.
    #[schema(required = true)]
    pub user_agent: Option<String>,
    /// Where it was at the last rotation.
    #[schema(value_type = Option<String>, required = true, example = "192.0.2.7")]
    pub ip: Option<IpAddr>,
    /// The sign-in.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Moment,
    /// The last rotation, or the sign-in.
    #[schema(value_type = String, format = DateTime)]
    pub last_used_at: Moment,
    /// When it ends if it is not used.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Moment,
    /// How often its token was rotated.
    #[schema(minimum = 0)]
    pub generation: i32,
    /// When it was ended.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    pub revoked_at: Option<Moment>,
    /// Why.
    #[schema(required = true)]
    pub revoked_reason: Option<String>,
}

/// As much of a device as its session's row knows.
#[derive(Debug, Clone, Default)]
pub struct Device {
    /// What its user calls it.
    pub name: Option<String>,
    /// What it called itself at the last rotation.
    pub user_agent: Option<String>,
}

impl Sessions {
    /// The code of the reason for which the session of a refresh token was revoked. None when it is unknown: the answer
    /// to the holder of a revoked token does not depend on it.
    pub async fn reason_of_revocation(&self, token: &str) -> Option<&'static str> {
        let session = self.tokens().read(token)?.session;
        let reason = self.world().db.run(move |connection| Box::pin(store::revoked_reason(connection, session))).await;
        reason.ok().flatten().map(|text| EndReason::code_of(&text))
    }

    /// The devices of some of a user's sessions, of those that are still kept.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn devices(
        &self,
        user: UserId,
        sessions: Vec<SessionId>,
    ) -> Result<HashMap<SessionId, Device>, DatabaseError> {
        self.world().db.run(move |connection| Box::pin(store::devices(connection, user, sessions))).await
    }

    /// Lists sessions, newest first, all of them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_all(&self, filter: SessionFilter) -> Result<Vec<SessionView>, DatabaseError> {
        let limit = usize::try_from(AT_ONCE).unwrap_or(usize::MAX);
        let (mut sessions, mut after) = (Vec::<SessionView>::new(), None);
        loop {
            let mut page = self.list(filter, PageRequest { after, limit: AT_ONCE }).await?;
            let is_last = page.len() <= limit;
            page.truncate(limit);
            sessions.append(&mut page);
            if is_last {
                return Ok(sessions);
            }
            after = sessions.last().map(|session| session.id.as_uuid());
        }
    }

    /// Lists sessions, newest first: one row more than the page holds, if there is one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list(&self, filter: SessionFilter, page: PageRequest) -> Result<Vec<SessionView>, DatabaseError> {
        self.world().db.run(move |connection| Box::pin(store::list(connection, filter, page.after, page.rows()))).await
    }
}
