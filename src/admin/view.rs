use crate::users::{User, UserView};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A user, as administrators see them.
#[derive(Serialize, ToSchema)]
#[schema(as = AdminUser)]
pub(super) struct AdminUserView {
    #[serde(flatten)]
    user: UserView,
    /// Why the user is blocked.
    #[schema(required = true)]
    blocked_reason: Option<String>,
    /// Custom claims for the user's access tokens: at most 4,096 bytes, eight levels deep, numbers up to 1e21.
    #[schema(value_type = Object)]
    claims: Value,
    /// Sessions that can still be used.
    #[schema(minimum = 0)]
    live_sessions: i64,
}

/// An answer with one user.
#[derive(Serialize, ToSchema)]
pub(super) struct AdminUserAnswer {
    /// The user.
    pub user: AdminUserView,
}

impl From<User> for AdminUserView {
    fn from(user: User) -> Self {
        Self {
            user: UserView::from(&user),
            blocked_reason: user.blocked_reason,
            claims: user.claims,
            live_sessions: user.live_sessions,
        }
    }
}
