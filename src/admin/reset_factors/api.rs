use super::{FactorsReset, reset_factors};
use crate::{
    http::{FromClient, PathId, Problem, kind, paths},
    kernel::UserId,
    sessions::{After, FreshAdmin, FreshAuthority, Sessions},
};
use actix_web::{HttpResponse, web::Data};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

/// What the endpoint takes and answers.
#[derive(OpenApi)]
#[openapi(paths(remove_factors))]
pub struct ResetDescribed;

/// How many second factors were removed.
#[derive(Serialize, ToSchema)]
pub(crate) struct FactorsRemoved {
    /// 0: the user had none, and nothing was changed.
    removed: u32,
}

#[utoipa::path(
    delete,
    path = paths::ADMIN_FACTORS,
    tag = "admin",
    operation_id = "removeFactors",
    summary = "Remove all second factors of a user",
    description = "For a user who has lost them. Revokes all their sessions, and sends them an email. To set up the next factor, a user whose address is verified needs a code that is sent to it. The session must be fresh: signed in, or confirmed at `POST /api/v1/auth/step-up`, within the last ten minutes.",
    security(("bearer" = [])),
    params(("id" = inline(UserId), Path, description = "The user")),
    responses((status = 200, body = FactorsRemoved, description = "They are removed")),
    extensions(("x-problems" = json!([kind::STEP_UP_REQUIRED.code]))),
)]
pub(crate) async fn remove_factors(
    After(admin, PathId(id)): After<FreshAdmin, PathId<UserId>>,
    FromClient(client): FromClient,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    match reset_factors(&sessions, &FreshAuthority::of(&admin, &client), id).await? {
        FactorsReset::Done { removed } => Ok(HttpResponse::Ok().json(FactorsRemoved { removed })),
        FactorsReset::NotFound => Err(Problem::not_found("user")),
        FactorsReset::NotFresh => Err(sessions.no_longer_admin(admin.into()).await),
    }
}
