use crate::{
    guessing::DeviceOwner,
    identity::{BlockReason, CustomClaims, EmailAddress, Role, Roles},
    kernel::{Moment, UserId},
};
use serde_json::Value;

/// A user. Contains no password hash: nothing built from this can leak it.
#[derive(Debug, Clone)]
pub struct User {
    /// The account.
    pub id: UserId,
    /// Canonical. None: the user came from another provider without an address.
    pub email: Option<EmailAddress>,
    /// Since when it is known that they read it.
    pub email_verified_at: Option<Moment>,
    /// What they want to be called.
    pub name: Option<String>,
    /// What they may do.
    pub roles: Vec<String>,
    /// Claims of their own, for their access tokens.
    pub claims: Value,
    /// Since when they are blocked.
    pub blocked_at: Option<Moment>,
    /// Why.
    pub blocked_reason: Option<String>,
    /// When the account was made.
    pub created_at: Moment,
    /// The last sign-in.
    pub last_login_at: Option<Moment>,
    /// Sessions that can still be used. Counted for administrators only.
    pub live_sessions: i64,
}

impl User {
    /// What apps and passkeys show the account as: the address, else the name, else the id.
    #[must_use]
    pub fn account_name(&self) -> String {
        let address = self.email.as_ref().map(|email| email.as_str().to_owned());
        address.or_else(|| self.name.clone()).unwrap_or_else(|| self.id.to_string())
    }

    /// Whether they are an administrator.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.roles.iter().any(|role| role == Role::admin().as_str())
    }
}

/// What is stored about a user besides [`User`], except the password hash.
#[derive(Debug, Clone, serde::Serialize)]
pub struct AccountRest {
    /// The language of the user's emails; none before the first sign-in.
    pub language: Option<String>,
    /// How often their password was changed.
    pub password_changes: i32,
    /// How often their roles or claims were changed.
    pub access_changes: i32,
    /// When they last were.
    pub access_changed_at: Option<Moment>,
}

/// Whether a user is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserStatus {
    /// Not blocked.
    Active,
    /// Blocked.
    Blocked,
}

/// The number of users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserCounts {
    /// All.
    pub all: i64,
    /// Those that are blocked.
    pub blocked: i64,
}

/// Which users to list.
#[derive(Debug, Clone, Default)]
pub struct UserFilter {
    /// Part of the address or the name.
    pub text: Option<String>,
    /// Blocked or not.
    pub status: Option<UserStatus>,
    /// Whether the address is verified.
    pub email_verified: Option<bool>,
}

/// Changes to a user's roles and claims.
#[derive(Debug, Clone, Default)]
pub struct AccessChange {
    /// New roles.
    pub roles: Option<Roles>,
    /// New claims.
    pub claims: Option<CustomClaims>,
}

/// Whether to block a user.
#[derive(Debug, Clone)]
pub enum Blocking {
    /// From now on, perhaps with a reason.
    Block(Option<BlockReason>),
    /// No longer.
    Unblock,
}

/// Whose password it was, and which of theirs.
#[derive(Debug, Clone, Copy)]
pub struct Credentials {
    /// Who.
    pub user: UserId,
    /// Counts their passwords.
    pub password_version: i32,
}

impl From<DeviceOwner> for Credentials {
    fn from(DeviceOwner { user, password_version }: DeviceOwner) -> Self {
        Self { user, password_version }
    }
}

impl From<Credentials> for DeviceOwner {
    fn from(Credentials { user, password_version }: Credentials) -> Self {
        Self { user, password_version }
    }
}
