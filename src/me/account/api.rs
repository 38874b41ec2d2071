use crate::{
    confirmations::PendingChange,
    factors,
    http::{Endpoint, FromClient, Problem, expired_cookie, kind, paths},
    identity::EmailAddress,
    kernel::Moment,
    lifecycle::{ChangeRequest, Lifecycle, SelfDeletion, delete_own, too_many_emails},
    sessions::{Asked, Fresh, Sessions, SignedIn, add_cookies},
    users::{Refused, UserView},
};
use actix_web::{
    HttpResponse,
    http::header,
    web::{Data, ServiceConfig},
};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

/// The endpoints by which a user changes the own address.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::api(paths::MY_EMAIL).post(change_email).delete(cancel_email_change).mount(config);
}

/// What the endpoints take and answer.
#[derive(OpenApi)]
#[openapi(paths(delete_me, change_email, cancel_email_change))]
pub struct AccountDescribed;

/// The signed-in user.
#[derive(Serialize, ToSchema)]
pub struct MyAnswer {
    /// The user.
    user: UserView,
    /// Whether there is a password. A user who came from another provider has none, and may set one.
    has_password: bool,
    /// The change of the address that waits to be confirmed; absent where none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pending_email: Option<PendingEmail>,
}

/// A change of the address that waits to be confirmed.
#[derive(Serialize, ToSchema)]
pub struct PendingEmail {
    /// The new address.
    #[schema(format = "idn-email", example = "alice@example.org")]
    email: String,
    /// When it was requested.
    #[schema(value_type = String, format = DateTime)]
    requested_at: Moment,
    /// When its link expires.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Moment,
}

impl MyAnswer {
    /// The user, with the change of the address that waits.
    #[must_use]
    pub fn new(user: UserView, has_password: bool, pending: Option<PendingChange>) -> Self {
        let pending_email = pending.map(|PendingChange { email, requested_at, expires_at, .. }| PendingEmail {
            email,
            requested_at,
            expires_at,
        });
        Self { user, has_password, pending_email }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteMe {
    /// The address of the account, typed again. Absent where the account has none.
    #[schema(format = "idn-email", example = "alice@example.com")]
    email: Option<String>,
}

#[utoipa::path(
    delete,
    path = paths::ME,
    tag = "me",
    operation_id = "deleteMe",
    summary = "Delete your account",
    description = "Deletes the account and what is stored about its user, and revokes all sessions. The session must be fresh: signed in, or confirmed at `POST /api/v1/auth/step-up`, within the last ten minutes. Refused while a change of the address can be undone.",
    security(("bearer" = [])),
    request_body(content = DeleteMe, example = json!({ "email": "alice@example.com" })),
    responses((status = 204, description = "The account is deleted")),
    extensions(("x-problems" = json!([kind::STEP_UP_REQUIRED.code, kind::UNDO_PENDING.code, kind::LAST_ADMIN.code]))),
)]
pub async fn delete_me(
    Asked(fresh, typed): Asked<Fresh, DeleteMe>,
    FromClient(client): FromClient,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let email = typed.email.as_deref().map(EmailAddress::parse).transpose();
    let email = email.map_err(|error| Problem::fields(vec![error.of("email")]))?;
    match delete_own(&sessions, &fresh, email, &client).await? {
        SelfDeletion::Deleted => {
            let mut answer = HttpResponse::NoContent().finish();
            add_cookies(&mut answer, &[expired_cookie(&sessions.world().config.http)])?;
            Ok(answer)
        }
        SelfDeletion::OtherAddress => Err(Problem::field("email", "different", "is not the address of this account")),
        SelfDeletion::UndoPending => {
            Err(Problem::new(kind::UNDO_PENDING, "Wait until the change can no longer be undone, or undo it."))
        }
        SelfDeletion::LastAdmin => Err(Problem::new(kind::LAST_ADMIN, "Make another user an administrator first.")),
        SelfDeletion::NotFresh => Err(sessions.no_longer(&fresh).await),
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeEmail {
    /// The new address.
    #[schema(format = "idn-email", example = "alice@example.org")]
    email: String,
}

/// An email follows. The answer is the same for every address.
#[derive(Serialize, ToSchema)]
pub struct ChangeRequested {
    /// Always `confirmation_sent`.
    #[schema(example = "confirmation_sent")]
    status: &'static str,
    /// Seconds until the link in the email expires.
    #[schema(example = 3_600)]
    expires_in: u64,
}

#[utoipa::path(
    post,
    path = paths::MY_EMAIL,
    tag = "me",
    operation_id = "changeEmail",
    summary = "Request another address",
    description = "The new address receives a link that confirms it, or, if it has an account, an email that says so: the answer is the same. The old one receives a link that cancels the change. The session must be fresh.",
    security(("bearer" = [])),
    request_body(content = ChangeEmail, example = json!({ "email": "alice@example.org" })),
    responses((status = 202, body = ChangeRequested, description = "An email follows")),
    extensions(("x-problems" = json!([kind::STEP_UP_REQUIRED.code, kind::FORBIDDEN.code]))),
)]
async fn change_email(
    Asked(fresh, typed): Asked<Fresh, ChangeEmail>,
    FromClient(client): FromClient,
    lifecycle: Data<Lifecycle>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let email = EmailAddress::parse(&typed.email).map_err(|error| Problem::fields(vec![error.of("email")]))?;
    match lifecycle.request_email_change(&fresh, email, &client).await? {
        ChangeRequest::Accepted { expires_in } => {
            let answer = ChangeRequested { status: "confirmation_sent", expires_in: expires_in.as_secs() };
            Ok(HttpResponse::Accepted().insert_header((header::CACHE_CONTROL, "no-store")).json(answer))
        }
        ChangeRequest::OwnAddress => {
            Err(Problem::field("email", "unchanged", "is the address of this account already"))
        }
        ChangeRequest::AfterReset => Err(factors::after_reset()),
        ChangeRequest::NotFresh => Err(sessions.no_longer(&fresh).await),
        ChangeRequest::Limited { wait } => Err(too_many_emails(wait)),
    }
}

#[utoipa::path(
    delete,
    path = paths::MY_EMAIL,
    tag = "me",
    operation_id = "cancelEmailChange",
    summary = "Cancel the change of your address",
    description = "The links of its emails no longer work. Answers 204 also where no change waits.",
    security(("bearer" = [])),
    responses((status = 204, description = "No change waits")),
)]
async fn cancel_email_change(
    signed_in: SignedIn,
    FromClient(client): FromClient,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    lifecycle.cancel_own_email_change(&signed_in, &client).await?;
    Ok(HttpResponse::NoContent().finish())
}
