use super::{AccountsError, User};
use crate::{
    http::{FieldError, Problem, kind},
    identity::{AccessTooLarge, ClaimsError, EmailAddress, EmailError, RoleError, TextError},
    kernel::{Duration, Moment, UserId},
    passwords::{HashingError, PasswordError},
};
use actix_web::http::header;
use serde::Serialize;
use utoipa::ToSchema;

/// A person, as every answer of ours shows them: an allow-list, so that nothing slips out with a new column.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserView {
    /// The account.
    pub id: UserId,
    /// Canonical.
    #[schema(format = "idn-email", example = "alice@example.com")]
    pub email: String,
    /// What they want to be called.
    #[schema(required = true)]
    pub name: Option<String>,
    /// What they may do.
    #[schema(example = json!(["editor"]))]
    pub roles: Vec<String>,
    /// Whether they are blocked.
    pub blocked: bool,
    /// When the account was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Moment,
    /// The last sign-in.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    pub last_login_at: Option<Moment>,
}

/// The answer that is one person.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserAnswer {
    /// Who.
    pub user: UserView,
}

impl From<&User> for UserView {
    fn from(user: &User) -> Self {
        Self {
            id: user.id,
            email: EmailAddress::as_str(&user.email).to_owned(),
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
    /// The error, told of `field`.
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

/// 429: no password is looked at for so long.
#[must_use]
pub fn too_many_attempts(wait: Duration) -> Problem {
    let seconds = wait.as_secs();
    Problem::new(kind::TOO_MANY_ATTEMPTS, format!("Too many passwords were tried. Wait {seconds} seconds."))
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
