use super::{IdentityRemoved, IdentityView, remove_identity};
use crate::{
    admin::{
        reads::find_user,
        reset_factors::{FactorsDescribed, remove_factors, show_factors},
    },
    http::{Endpoint, FromClient, Listed, PathId, Problem, kind, paths},
    kernel::UserId,
    sessions::{Admin, After, FreshAdmin, FreshAuthority, Revoked, Sessions},
    upstream::Upstream,
    users::Accounts,
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, ServiceConfig},
};
use utoipa::OpenApi;

/// The endpoints of what a user signs in with: identities and second factors.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::api(paths::ADMIN_FACTORS).get(show_factors).delete(remove_factors).mount(config);
    Endpoint::api(paths::ADMIN_IDENTITIES).get(user_identities).mount(config);
    Endpoint::api(paths::ADMIN_IDENTITY).delete(unlink).mount(config);
}

/// What the endpoints take and answer.
#[derive(OpenApi)]
#[openapi(paths(user_identities, unlink))]
struct Described;

/// The description of what a user signs in with, as administrators see it: identities and second factors.
pub fn described() -> utoipa::openapi::OpenApi {
    Described::openapi().merge_from(FactorsDescribed::openapi())
}

#[utoipa::path(
    get,
    path = paths::ADMIN_IDENTITIES,
    tag = "admin",
    operation_id = "userIdentities",
    summary = "List a user's accounts at other providers",
    security(("bearer" = [])),
    params(("id" = inline(UserId), Path, description = "The user")),
    responses((status = 200, body = Listed<IdentityView>, description = "All of them, oldest first; `next_cursor` is null")),
)]
async fn user_identities(
    After(admin, PathId(id)): After<Admin, PathId<UserId>>,
    accounts: Data<Accounts>,
    upstream: Data<Upstream>,
) -> Result<HttpResponse, Problem> {
    find_user(&accounts, &admin, id).await?.ok_or_else(|| Problem::not_found("user"))?;
    let items: Vec<_> = upstream.identities_of(id).await?.into_iter().map(IdentityView::from).collect();
    Ok(HttpResponse::Ok().json(Listed { items, next_cursor: None }))
}

#[utoipa::path(
    delete,
    path = paths::ADMIN_IDENTITY,
    tag = "admin",
    operation_id = "unlinkIdentity",
    summary = "Disconnect a user from a provider",
    description = "For an account at a provider that is no longer its owner's. Revokes the sessions that were opened through it, and sends the user an email; also where nothing else opens the account: a reset of the password does. The session must be fresh: signed in, or confirmed at `POST /api/v1/auth/step-up`, within the last ten minutes.",
    security(("bearer" = [])),
    params(("id" = inline(UserId), Path, description = "The user"), ("provider" = String, Path, description = "The provider's name")),
    responses((status = 200, body = Revoked, description = "It is disconnected")),
    extensions(("x-problems" = json!([kind::STEP_UP_REQUIRED.code, kind::NOT_FOUND.code]))),
)]
async fn unlink(
    After(admin, PathId(user)): After<FreshAdmin, PathId<UserId>>,
    request: HttpRequest,
    FromClient(client): FromClient,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let provider = request.match_info().query("provider").to_owned();
    // Postgres takes no NUL, which `%00` is.
    if provider.contains('\0') {
        return Err(Problem::not_found("identity"));
    }
    match remove_identity(&sessions, &FreshAuthority::of(&admin, &client), user, provider).await? {
        IdentityRemoved::Done { revoked } => Ok(HttpResponse::Ok().json(Revoked { revoked })),
        IdentityRemoved::NoUser => Err(Problem::not_found("user")),
        IdentityRemoved::NotConnected => Err(Problem::not_found("identity")),
        IdentityRemoved::NotFresh => Err(sessions.no_longer_admin(admin.into()).await),
    }
}
