use super::{AccountsError, User};
use crate::{
    http::{FieldError, Problem, kind},
    identity::{AccessTooLarge, ClaimsError, DeviceName, EmailError, RoleError, TextError},
    kernel::{Duration, Moment, UserId},
    passwords::{HashingError, PasswordError},
};
use actix_web::http::header;
use serde::Serialize;
use utoipa::ToSchema;

/// A user, as all answers show them: an allow-list, so that a new column is not exposed by accident.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserView {
    /// The user's id.
    pub id: UserId,
    /// The canonical e-mail address. Null: the user came from another provider without one.
    #[schema(required = true, format = "idn-email", example = "alice@example.com")]
    pub email: Option<String>,
    /// Whether it is known that the user reads this address.
    pub email_verified: bool,
    /// The user's display name.
    #[schema(required = true)]
    pub name: Option<String>,
    /// The user's roles.
    #[schema(example = json!(["editor"]))]
    pub roles: Vec<String>,
    /// Whether the user is blocked.
    pub blocked: bool,
    /// When the account was created.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Moment,
    /// The time of the last sign-in.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    pub last_login_at: Option<Moment>,
}

/// An answer with one user.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserAnswer {
    /// The user.
    pub user: UserView,
}

impl From<&User> for UserView {
    fn from(user: &User) -> Self {
        Self {
            id: user.id,
            email: user.email.as_ref().map(|email| email.as_str().to_owned()),
            email_verified: user.email_verified_at.is_some(),
            name: user.name.clone(),
            roles: user.roles.clone(),
            blocked: user.blocked_at.is_some(),
            created_at: user.created_at,
            last_login_at: user.last_login_at,
        }
    }
}

/// A refusal as the error of one field.
pub trait Refused {
    /// The error, reported for `field`.
    fn of(&self, field: &str) -> FieldError;
}

macro_rules! refused {
    ($($error:ty),*) => {
        $(impl Refused for $error {
            fn of(&self, field: &str) -> FieldError {
                FieldError::new(field, self.code(), self.to_string())
            }
        })*
    };
}

refused!(EmailError, TextError, RoleError, ClaimsError, AccessTooLarge);

impl Refused for PasswordError {
    fn of(&self, field: &str) -> FieldError {
        FieldError { advice: self.advice(), ..FieldError::new(field, self.code(), self.to_string()) }
    }
}

/// What a user calls a device, from an optional member of a request; reported for `field`.
///
/// # Errors
/// When the text is too long or has control characters.
pub fn typed_device_name(typed: Option<&str>, field: &str) -> Result<Option<DeviceName>, Problem> {
    DeviceName::parse(typed.unwrap_or_default()).map_err(|error| Problem::fields(vec![error.of(field)]))
}

/// 429: no password is checked until the wait has passed.
#[must_use]
pub fn too_many_attempts(wait: Duration) -> Problem {
    let seconds = wait.as_secs();
    Problem::new(kind::TOO_MANY_ATTEMPTS, format!("Too many failed attempts. Wait {seconds} seconds."))
        .with_header(header::RETRY_AFTER, seconds.to_string())
}

impl From<AccountsError> for Problem {
    fn from(error: AccountsError) -> Self {
        match error {
            AccountsError::Database(error) => error.into(),
            AccountsError::Hashing(HashingError::Busy) => Self::unavailable(HashingError::Busy.to_string()),
            AccountsError::Hashing(HashingError::Panicked)
            | AccountsError::Hash(_)
            | AccountsError::Threads(_)
            | AccountsError::Cost(_) => {
                tracing::error!(%error, "accounts.failed");
                Self::internal()
            }
        }
    }
}
