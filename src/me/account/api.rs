use super::delete::{SelfDeletion, delete_own};
use crate::{
    http::{FromClient, Problem, expired_cookie, kind, paths},
    identity::EmailAddress,
    sessions::{Asked, Fresh, Sessions, add_cookies},
    users::Refused,
};
use actix_web::{HttpResponse, web::Data};
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};

/// What the endpoints take and answer.
#[derive(OpenApi)]
#[openapi(paths(delete_me))]
pub struct AccountDescribed;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteMe {
    /// The address of the account, typed again.
    #[schema(format = "idn-email", example = "alice@example.com")]
    email: String,
}

#[utoipa::path(
    delete,
    path = paths::ME,
    tag = "me",
    operation_id = "deleteMe",
    summary = "Delete your account",
    description = "Deletes the account and what is stored about its user, and revokes all sessions. The session must be fresh: signed in, or confirmed at `POST /api/v1/auth/step-up`, within the last ten minutes.",
    security(("bearer" = [])),
    request_body(content = DeleteMe, example = json!({ "email": "alice@example.com" })),
    responses((status = 204, description = "The account is deleted")),
    extensions(("x-problems" = json!([kind::STEP_UP_REQUIRED.code, kind::LAST_ADMIN.code]))),
)]
pub async fn delete_me(
    Asked(fresh, typed): Asked<Fresh, DeleteMe>,
    FromClient(client): FromClient,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let email = EmailAddress::parse(&typed.email).map_err(|error| Problem::fields(vec![error.of("email")]))?;
    match delete_own(&sessions, &fresh, email, &client).await? {
        SelfDeletion::Deleted => {
            let mut answer = HttpResponse::NoContent().finish();
            add_cookies(&mut answer, &[expired_cookie(&sessions.world().config.http)])?;
            Ok(answer)
        }
        SelfDeletion::OtherAddress => Err(Problem::field("email", "different", "is not the address of this account")),
        SelfDeletion::LastAdmin => Err(Problem::new(kind::LAST_ADMIN, "Make another user an administrator first.")),
        SelfDeletion::NotFresh => Err(sessions.stale()),
    }
}
