use super::{Sessions, store};
use crate::{
    kernel::{Moment, PageRequest, SessionId, UserId},
    postgres::DatabaseError,
};
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, net::IpAddr};
use utoipa::ToSchema;

/// How many sessions one query fetches when all are listed.
const AT_ONCE: u32 = 200;

/// Whether a session can still be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// Its refresh token can be used.
    Live,
    /// It was revoked.
    Revoked,
    /// It has expired.
    Expired,
}

impl SessionState {
    /// The name in the API.
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

/// Which sessions to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct SessionFilter {
    /// Only sessions of this user.
    pub user: Option<UserId>,
    /// Only sessions in this state.
    pub state: Option<SessionState>,
}

/// A session as the API shows it. Contains no token and no hash.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionView {
    /// The session.
    pub id: SessionId,
    /// The user's id.
    pub user_id: UserId,
    /// Whether it can still be used.
    pub state: SessionState,
    /// The device's name, given by the user.
    #[schema(required = true)]
    pub device_name: Option<String>,
    /// The User-Agent at the last rotation.
    #[schema(required = true)]
    pub user_agent: Option<String>,
    /// The client's address at the last rotation.
    #[schema(value_type = Option<String>, required = true, example = "192.0.2.7")]
    pub ip: Option<IpAddr>,
    /// The time of the sign-in.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Moment,
    /// The time of the last rotation, or of the sign-in.
    #[schema(value_type = String, format = DateTime)]
    pub last_used_at: Moment,
    /// When it expires if it is not used.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Moment,
    /// How many times its token was rotated.
    #[schema(minimum = 0)]
    pub generation: i32,
    /// When it was revoked.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    pub revoked_at: Option<Moment>,
    /// Why it was revoked.
    #[schema(required = true)]
    pub revoked_reason: Option<String>,
}

/// What a session's row stores about the device.
#[derive(Debug, Clone, Default)]
pub struct Device {
    /// The name given by the user.
    pub name: Option<String>,
    /// The User-Agent at the last rotation.
    pub user_agent: Option<String>,
}

impl Sessions {
    /// The devices of some of a user's sessions, as far as their rows still exist.
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

    /// Lists sessions, newest first: one row more than the page holds, if it exists.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list(&self, filter: SessionFilter, page: PageRequest) -> Result<Vec<SessionView>, DatabaseError> {
        self.world().db.run(move |connection| Box::pin(store::list(connection, filter, page.after, page.rows()))).await
    }
}
