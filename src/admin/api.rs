use super::{
    Overview, Rooms, UserChange, UserChanged,
    by_email::{self, invite, list_invitations, revoke_invitation, send_reset, show_invitation},
    change_user, identities, overview,
    reads::{self, find_user, list_events, list_users},
    view::{AdminUserAnswer, AdminUserView},
};
use crate::{
    audit::{self, EventFilter, Recorded},
    http::{Cursors, Endpoint, FieldError, FromClient, Listed, PathId, Problem, Query, kind, paths},
    identity::{BlockReason, CustomClaims, Roles},
    kernel::{Client, Moment, SessionId, UserId},
    sessions::{
        Admin, After, Asked, Authority, EveryoneRevoked, FreshAdmin, FreshAuthority, Revoked, SessionFilter,
        SessionState, SessionView, Sessions,
    },
    users::{AccessChange, Accounts, Blocking, Refused, UserFilter, UserStatus},
};
use actix_web::{
    HttpResponse,
    web::{Data, ServiceConfig},
};
use serde::Deserialize;
use serde_json::Value;
use utoipa::{IntoParams, OpenApi, ToSchema};
use zeroize::Zeroizing;

/// The endpoints under `/api/v1/admin`.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::api(paths::ADMIN_OVERVIEW).get(numbers).mount(config);
    Endpoint::api(paths::ADMIN_USERS).get(users).post(invite).mount(config);
    Endpoint::api(paths::ADMIN_INVITATIONS).get(list_invitations).mount(config);
    Endpoint::api(paths::ADMIN_INVITATION).get(show_invitation).delete(revoke_invitation).mount(config);
    Endpoint::api(paths::ADMIN_USER).get(user).patch(change).mount(config);
    Endpoint::api(paths::ADMIN_PASSWORD_RESET).post(send_reset).mount(config);
    identities::routes(config);
    Endpoint::api(paths::ADMIN_SESSIONS).get(list_sessions).mount(config);
    Endpoint::api(paths::ADMIN_REVOKE).post(revoke).mount(config);
    Endpoint::api(paths::ADMIN_AUDIT).get(events).mount(config);
}

/// What the endpoints of this room take and answer.
#[derive(OpenApi)]
#[openapi(paths(numbers, users, user, change, list_sessions, revoke, events))]
struct Described;

/// The description of the endpoints of this room.
#[must_use]
pub fn described() -> utoipa::openapi::OpenApi {
    Described::openapi().merge_from(by_email::described()).merge_from(identities::described())
}

#[utoipa::path(
    get,
    path = paths::ADMIN_OVERVIEW,
    tag = "admin",
    operation_id = "overview",
    summary = "Show the numbers of the last 24 hours",
    security(("bearer" = [])),
    responses((status = 200, body = Overview, description = "The current numbers")),
)]
async fn numbers(admin: Admin, accounts: Data<Accounts>, sessions: Data<Sessions>) -> Result<HttpResponse, Problem> {
    let rooms = Rooms { accounts: &accounts, sessions: &sessions };
    Ok(HttpResponse::Ok().json(overview(rooms, &admin).await?))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct UsersQuery {
    /// Part of the e-mail address or the display name.
    q: Option<String>,
    /// Only blocked users, or only users who are not blocked.
    #[param(inline)]
    status: Option<UserStatus>,
    /// Only users whose address is verified, or only the others.
    email_verified: Option<bool>,
    /// The `next_cursor` of the previous page.
    cursor: Option<String>,
    /// Maximum number of entries.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

#[utoipa::path(
    get,
    path = paths::ADMIN_USERS,
    tag = "admin",
    operation_id = "users",
    summary = "List users",
    security(("bearer" = [])),
    params(UsersQuery),
    responses((status = 200, body = Listed<AdminUserView>, description = "Newest first")),
)]
async fn users(
    After(admin, Query(query)): After<Admin, Query<UsersQuery>>,
    accounts: Data<Accounts>,
    cursors: Data<Cursors>,
) -> Result<HttpResponse, Problem> {
    const LIST: &str = "users";
    let page = cursors.request(LIST, query.cursor.as_deref(), query.limit)?;
    let text = query.q.filter(|text| !text.trim().is_empty()).map(|text| text.trim().to_owned());
    if text.as_ref().is_some_and(|text| text.contains('\0')) {
        return Err(Problem::field("q", "invalid", "may not contain a NUL character"));
    }
    let filter = UserFilter { text, status: query.status, email_verified: query.email_verified };
    let rows = list_users(&accounts, &admin, filter, page).await?;
    let listed = cursors.page(LIST, page, rows, |row| row.id.as_uuid());
    let items = listed.items.into_iter().map(AdminUserView::from).collect::<Vec<_>>();
    Ok(HttpResponse::Ok().json(Listed { items, next_cursor: listed.next_cursor }))
}

#[utoipa::path(
    get,
    path = paths::ADMIN_USER,
    tag = "admin",
    operation_id = "user",
    summary = "Show one user",
    security(("bearer" = [])),
    params(("id" = inline(UserId), Path, description = "The user")),
    responses((status = 200, body = AdminUserAnswer, description = "The user")),
)]
async fn user(
    After(admin, PathId(id)): After<Admin, PathId<UserId>>,
    accounts: Data<Accounts>,
) -> Result<HttpResponse, Problem> {
    let user = find_user(&accounts, &admin, id).await?.ok_or_else(|| Problem::not_found("user"))?;
    Ok(HttpResponse::Ok().json(AdminUserAnswer { user: user.into() }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeRequest {
    /// The complete new list of roles, at most 32.
    #[schema(value_type = Option<Vec<crate::identity::Role>>)]
    roles: Option<Vec<String>>,
    /// Whether the user is blocked. Blocking revokes all their sessions.
    blocked: Option<bool>,
    /// The reason; only with `"blocked": true`.
    blocked_reason: Option<String>,
    /// Custom claims for the user's access tokens: at most 4,096 bytes, eight levels deep, numbers up to 1e21.
    #[schema(value_type = Option<Object>)]
    claims: Option<Value>,
}

#[utoipa::path(
    patch,
    path = paths::ADMIN_USER,
    tag = "admin",
    operation_id = "changeUser",
    summary = "Change roles or claims, block or unblock a user",
    description = "Blocking a user revokes all their sessions. Changing roles invalidates access tokens that carry the old roles. The session must be fresh: signed in, or confirmed at `POST /api/v1/auth/step-up`, within the last ten minutes.",
    security(("bearer" = [])),
    params(("id" = inline(UserId), Path, description = "The user")),
    request_body(content = ChangeRequest, example = json!({ "blocked": true, "blocked_reason": "laptop lost" })),
    responses((status = 200, body = AdminUserAnswer, description = "The changed user")),
    extensions(("x-problems" = json!([kind::STEP_UP_REQUIRED.code, kind::LAST_ADMIN.code]))),
)]
async fn change(
    After(Asked(admin, wanted), PathId(id)): After<Asked<FreshAdmin, ChangeRequest>, PathId<UserId>>,
    FromClient(client): FromClient,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let change = wanted.parse()?;
    let rooms = Rooms { accounts: &accounts, sessions: &sessions };
    match change_user(rooms, &FreshAuthority::of(&admin, &client), id, change).await? {
        UserChanged::Changed(user) => Ok(HttpResponse::Ok().json(AdminUserAnswer { user: (*user).into() })),
        UserChanged::NotFound => Err(Problem::not_found("user")),
        UserChanged::RoleRefused(error) => Err(Problem::fields(vec![error.of("roles")])),
        UserChanged::AccessTooLarge(error) => Err(Problem::fields(vec![error.of("claims")])),
        UserChanged::LastAdmin => Err(Problem::new(kind::LAST_ADMIN, "Make another user an administrator first.")),
        UserChanged::NotFresh => Err(sessions.no_longer_admin(admin.into()).await),
    }
}

impl ChangeRequest {
    /// Parses every field and reports all errors at once.
    fn parse(self) -> Result<UserChange, Problem> {
        let mut errors = Vec::new();
        let roles = keep(self.roles.map(Roles::parse).transpose(), "roles", &mut errors).flatten();
        let claims = keep(self.claims.map(CustomClaims::parse).transpose(), "claims", &mut errors).flatten();
        let reason = BlockReason::parse(self.blocked_reason.as_deref().unwrap_or_default());
        let reason = keep(reason, "blocked_reason", &mut errors).flatten();
        if reason.is_some() && self.blocked != Some(true) {
            errors.push(field("blocked_reason", "needs_blocked", "is only allowed with `\"blocked\": true`"));
        }
        if !errors.is_empty() {
            return Err(Problem::fields(errors));
        }
        let blocking = self.blocked.map(|block| if block { Blocking::Block(reason) } else { Blocking::Unblock });
        Ok(UserChange { access: AccessChange { roles, claims }, role: None, blocking })
    }
}

fn keep<T, E: Refused>(parsed: Result<T, E>, field: &str, errors: &mut Vec<FieldError>) -> Option<T> {
    parsed.map_err(|error| errors.push(error.of(field))).ok()
}

fn field(field: &str, code: &'static str, message: &str) -> FieldError {
    FieldError::new(field, code, message)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SessionsQuery {
    /// Only sessions of this user.
    #[param(inline)]
    user_id: Option<UserId>,
    /// Only sessions in this state.
    #[param(inline)]
    state: Option<SessionState>,
    /// The `next_cursor` of the previous page.
    cursor: Option<String>,
    /// Maximum number of entries.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

#[utoipa::path(
    get,
    path = paths::ADMIN_SESSIONS,
    tag = "admin",
    operation_id = "sessions",
    summary = "List sessions",
    security(("bearer" = [])),
    params(SessionsQuery),
    responses((status = 200, body = Listed<SessionView>, description = "Newest first")),
)]
async fn list_sessions(
    After(admin, Query(query)): After<Admin, Query<SessionsQuery>>,
    sessions: Data<Sessions>,
    cursors: Data<Cursors>,
) -> Result<HttpResponse, Problem> {
    const LIST: &str = "sessions";
    let page = cursors.request(LIST, query.cursor.as_deref(), query.limit)?;
    let rows = reads::list_sessions(&sessions, &admin, SessionFilter { user: query.user_id, state: query.state }, page)
        .await?;
    let listed = cursors.page(LIST, page, rows, |row| row.id.as_uuid());
    Ok(HttpResponse::Ok().json(listed))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RevokeRequest {
    /// This session.
    session_id: Option<SessionId>,
    /// All sessions of this user.
    user_id: Option<UserId>,
    /// The session that this token belongs to; a stale token is accepted.
    #[schema(value_type = Option<String>)]
    refresh_token: Option<Zeroizing<String>>,
    /// All sessions of all users.
    everyone: Option<bool>,
    /// The reason, for the audit log.
    reason: Option<String>,
}

/// The sessions to revoke.
enum RevocationTarget {
    Session(SessionId),
    User(UserId),
    Token(Zeroizing<String>),
    Everyone,
}

/// What to revoke, and why.
struct RequestedRevocation {
    target: RevocationTarget,
    reason: Option<BlockReason>,
}

impl RevokeRequest {
    fn parse(self) -> Result<RequestedRevocation, Problem> {
        let reason = BlockReason::parse(self.reason.as_deref().unwrap_or_default());
        let reason = reason.map_err(|error| Problem::fields(vec![error.of("reason")]))?;
        let everyone = self.everyone.filter(|everyone| *everyone).map(|_| RevocationTarget::Everyone);
        let named = [
            self.session_id.map(RevocationTarget::Session),
            self.user_id.map(RevocationTarget::User),
            self.refresh_token.map(RevocationTarget::Token),
            everyone,
        ];
        let mut named = named.into_iter().flatten();
        let (Some(target), None) = (named.next(), named.next()) else {
            let message = "name exactly one of `session_id`, `user_id`, `refresh_token` and `\"everyone\": true`";
            return Err(Problem::field("session_id", "exactly_one", message));
        };
        Ok(RequestedRevocation { target, reason })
    }
}

#[utoipa::path(
    post,
    path = paths::ADMIN_REVOKE,
    tag = "admin",
    operation_id = "revoke",
    summary = "Revoke sessions",
    description = "Name exactly one of `session_id`, `user_id`, `refresh_token` and `\"everyone\": true`. Idempotent. To revoke everyone's, the session must be fresh: signed in, or confirmed at `POST /api/v1/auth/step-up`, within the last ten minutes.",
    security(("bearer" = [])),
    request_body(content = RevokeRequest, example = json!({ "user_id": "01a206a3-efa4-7c1e-8d3f-2b8a6c0d9e11", "reason": "laptop lost" })),
    responses((status = 200, body = Revoked, description = "The sessions are revoked on every instance")),
    extensions(("x-problems" = json!([kind::STEP_UP_REQUIRED.code, kind::NOT_FOUND.code]))),
)]
async fn revoke(
    Asked(admin, wanted): Asked<Admin, RevokeRequest>,
    FromClient(client): FromClient,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let RequestedRevocation { target, reason } = wanted.parse()?;
    let by = Authority::of(&admin, &client);
    let no_session = || Problem::not_found("session");
    let revoked = match target {
        RevocationTarget::Everyone => revoke_everyone(&sessions, admin, &client, reason).await?,
        RevocationTarget::Session(session) => sessions.revoke(&by, session, reason).await?.ok_or_else(no_session)?,
        RevocationTarget::Token(token) => {
            let session = sessions.session_of(&token).ok_or_else(|| Problem::not_found("refresh token"))?;
            sessions.revoke(&by, session, reason).await?.ok_or_else(no_session)?
        }
        RevocationTarget::User(user) => {
            find_user(&accounts, &admin, user).await?.ok_or_else(|| Problem::not_found("user"))?;
            sessions.revoke_user(&by, user, reason).await?
        }
    };
    Ok(HttpResponse::Ok().json(Revoked { revoked }))
}

async fn revoke_everyone(
    sessions: &Sessions,
    admin: Admin,
    client: &Client,
    reason: Option<BlockReason>,
) -> Result<u64, Problem> {
    let fresh = sessions.require_fresh_admin(admin).await?;
    match sessions.revoke_everyone(&FreshAuthority::of(&fresh, client), reason).await? {
        EveryoneRevoked::Revoked(live) => Ok(live),
        EveryoneRevoked::NotFresh => Err(sessions.no_longer_admin(fresh.into()).await),
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditQuery {
    /// Only events about this user.
    #[param(inline)]
    user_id: Option<UserId>,
    /// Only events about this session.
    #[param(inline)]
    session_id: Option<SessionId>,
    /// Only events of this kind.
    #[param(inline, value_type = Option<audit::Kind>)]
    kind: Option<String>,
    /// Only events at or after this time.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Moment>,
    /// The `next_cursor` of the previous page.
    cursor: Option<String>,
    /// Maximum number of entries.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

#[utoipa::path(
    get,
    path = paths::ADMIN_AUDIT,
    tag = "admin",
    operation_id = "audit",
    summary = "List events of the audit log",
    security(("bearer" = [])),
    params(AuditQuery),
    responses((status = 200, body = Listed<Recorded>, description = "Newest first; `actor` says who caused an event: a user, an operator or the system")),
)]
async fn events(
    After(admin, Query(query)): After<Admin, Query<AuditQuery>>,
    sessions: Data<Sessions>,
    cursors: Data<Cursors>,
) -> Result<HttpResponse, Problem> {
    const LIST: &str = "audit";
    let page = cursors.request(LIST, query.cursor.as_deref(), query.limit)?;
    let unknown = || Problem::field("kind", "unknown", "is not a known kind of event");
    let kind = query.kind.as_deref().map(|name| audit::Kind::from_name(name).ok_or_else(unknown)).transpose()?;
    // Postgres knows fewer years than RFC 3339's library does.
    if query.since.is_some_and(|since| !(1..=9_999).contains(&chrono::Datelike::year(&since))) {
        return Err(Problem::field("since", "out_of_range", "must be in the years 1 to 9999"));
    }
    let filter = EventFilter {
        user: query.user_id,
        session: query.session_id,
        kind,
        since: query.since,
        ..EventFilter::default()
    };
    let rows = list_events(&sessions, &admin, filter, page).await?;
    let listed = cursors.page(LIST, page, rows, |row| row.id);
    Ok(HttpResponse::Ok().json(listed))
}
