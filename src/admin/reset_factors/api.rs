use super::{FactorsReset, reset_factors};
use crate::{
    admin::reads::find_user,
    factors::FactorsOf,
    http::{FromClient, PathId, Problem, kind, paths},
    kernel::{Moment, UserId},
    sessions::{Admin, After, FreshAdmin, FreshAuthority, Sessions},
    users::Accounts,
};
use actix_web::{HttpResponse, web::Data};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

/// What the endpoints take and answer.
#[derive(OpenApi)]
#[openapi(paths(remove_factors, show_factors))]
pub struct FactorsDescribed;

/// How many second factors were removed.
#[derive(Serialize, ToSchema)]
pub(crate) struct FactorsRemoved {
    /// 0: the user had none, and nothing was changed.
    removed: u32,
}

/// The second factors of a user.
#[derive(Serialize, ToSchema)]
#[schema(as = UserFactors)]
pub(crate) struct FactorsView {
    /// Whether an authenticator app is set up.
    totp: bool,
    /// Since when it is.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    totp_since: Option<Moment>,
    /// How many passkeys and security keys there are.
    passkeys: i64,
    /// How many recovery codes are not used.
    recovery_codes_left: i64,
}

#[utoipa::path(
    get,
    path = paths::ADMIN_FACTORS,
    tag = "admin",
    operation_id = "userFactors",
    summary = "Show what second factors a user has",
    security(("bearer" = [])),
    params(("id" = inline(UserId), Path, description = "The user")),
    responses((status = 200, body = FactorsView, description = "What is set up")),
)]
pub(crate) async fn show_factors(
    After(admin, PathId(id)): After<Admin, PathId<UserId>>,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let user = find_user(&accounts, &admin, id).await?.ok_or_else(|| Problem::not_found("user"))?;
    let factors = sessions.factors().of(user.id).await?.ok_or_else(|| Problem::not_found("user"))?;
    let FactorsOf { totp_since, passkeys, recovery_codes_left, .. } = factors;
    Ok(HttpResponse::Ok().json(FactorsView { totp: totp_since.is_some(), totp_since, passkeys, recovery_codes_left }))
}

#[utoipa::path(
    delete,
    path = paths::ADMIN_FACTORS,
    tag = "admin",
    operation_id = "removeFactors",
    summary = "Remove all second factors of a user",
    description = "For a user who has lost them. Revokes all their sessions, and sends them an email. Not for your own: see `/api/v1/me/factors`. To set up the next factor, a user whose address is verified needs a code that is sent to it. The session must be fresh: signed in, or confirmed at `POST /api/v1/auth/step-up`, within the last ten minutes.",
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
        FactorsReset::Own => Err(Problem::new(kind::FORBIDDEN, "Remove your own factors on the account page.")),
        FactorsReset::NotFound => Err(Problem::not_found("user")),
        FactorsReset::NotFresh => Err(sessions.no_longer_admin(admin.into()).await),
    }
}
