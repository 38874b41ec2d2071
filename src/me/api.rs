use super::{
    PasswordChange, Passwords,
    account::{self, AccountDescribed, MyAnswer, delete_me},
    change_password,
    events::{MyEvent, my_events},
    factor_recovery::{self, FactorRecoveryDescribed},
    factors,
    identities::{self, IdentitiesDescribed},
    set_first_password,
    trusted_devices::{self, TrustedDevicesDescribed},
};
use crate::{
    confirmations::Purpose,
    http::{Cursors, Endpoint, FieldError, FromClient, Listed, PathId, Problem, Query, kind, paths},
    identity::DisplayName,
    kernel::{Client, Moment, SessionId},
    lifecycle::{self, ConfirmationSent, Lifecycle, Wanted},
    passwords::Password,
    sessions::{After, Asked, Confirmed, Revoked, SessionFilter, SessionState, SessionView, Sessions, SignedIn},
    users::{Accounts, Refused, UserAnswer, UserView, too_many_attempts},
};
use actix_web::{
    HttpResponse,
    web::{Data, ServiceConfig},
};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use utoipa::{IntoParams, OpenApi, ToSchema};
use zeroize::Zeroizing;

/// The endpoints under `/api/v1/me`.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::api(paths::ME).get(me).patch(rename).delete(delete_me).mount(config);
    account::routes(config);
    factors::routes(config);
    identities::routes(config);
    trusted_devices::routes(config);
    factor_recovery::routes(config);
    Endpoint::api(paths::MY_PASSWORD).hashing().post(set_password).mount(config);
    Endpoint::api(paths::MY_EMAIL_VERIFICATION).post(ask_to_verify).mount(config);
    Endpoint::api(paths::MY_SESSIONS).get(my_sessions).delete(end_others).mount(config);
    Endpoint::api(paths::MY_SESSION).delete(end_one).mount(config);
    Endpoint::api(paths::MY_EVENTS).get(list_events).mount(config);
}

/// What the endpoints of this room take and answer.
#[derive(OpenApi)]
#[openapi(paths(me, rename, set_password, ask_to_verify, my_sessions, end_others, end_one, list_events))]
struct Described;

/// The description of the endpoints of this room.
#[must_use]
pub fn described() -> utoipa::openapi::OpenApi {
    let mut described = Described::openapi();
    described.merge(AccountDescribed::openapi());
    described.merge(factors::described());
    described.merge(FactorRecoveryDescribed::openapi());
    described.merge(IdentitiesDescribed::openapi());
    described.merge(TrustedDevicesDescribed::openapi());
    described
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rename {
    /// The new display name; null removes it. If absent, nothing changes.
    #[schema(value_type = Option<String>, example = "Alice")]
    #[serde(default, deserialize_with = "present")]
    #[expect(clippy::option_option, reason = "absent and null mean different things")]
    name: Option<Option<String>>,
}

/// Distinguishes `"name": null`, which removes the name, from an absent `name`, which keeps it.
#[expect(clippy::option_option, reason = "absent and null mean different things")]
fn present<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(value).map(Some)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPassword {
    /// The current password. Absent where there is none.
    #[schema(value_type = Option<String>, format = Password)]
    current_password: Option<Zeroizing<String>>,
    /// 8 to 1,024 characters, not easy to guess.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 1_024)]
    new_password: Zeroizing<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Paging {
    /// The `next_cursor` of the previous page.
    cursor: Option<String>,
    /// Maximum number of entries.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Ending {
    /// Whether to revoke the current session, too.
    #[serde(default)]
    include_current: bool,
}

/// One of the user's own sessions.
#[derive(Serialize, ToSchema)]
pub(super) struct MySession {
    /// The session.
    id: SessionId,
    /// Whether it is the session of this request.
    current: bool,
    /// The device's name, given by the user.
    #[schema(required = true)]
    device_name: Option<String>,
    /// The User-Agent at the last rotation.
    #[schema(required = true)]
    user_agent: Option<String>,
    /// The client's address at the last rotation.
    #[schema(value_type = Option<String>, required = true, example = "192.0.2.7")]
    ip: Option<IpAddr>,
    /// The time of the sign-in.
    #[schema(value_type = String, format = DateTime)]
    created_at: Moment,
    /// The time of the last rotation, or of the sign-in.
    #[schema(value_type = String, format = DateTime)]
    last_used_at: Moment,
    /// When it expires if it is not used.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Moment,
    /// How many times its token was rotated.
    #[schema(minimum = 0)]
    generation: i32,
}

#[utoipa::path(
    get,
    path = paths::ME,
    tag = "me",
    operation_id = "me",
    summary = "Show the signed-in user",
    security(("bearer" = [])),
    responses((status = 200, body = MyAnswer, description = "The user")),
)]
async fn me(
    signed_in: SignedIn,
    accounts: Data<Accounts>,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    let user = accounts.lookup(signed_in.user).await?.ok_or_else(account_deleted)?;
    let pending = lifecycle.pending_email(signed_in.user).await?;
    let has_password = accounts.has_password(signed_in.user).await?;
    Ok(HttpResponse::Ok().json(MyAnswer::new(UserView::from(&user), has_password, pending)))
}

#[utoipa::path(
    patch,
    path = paths::ME,
    tag = "me",
    operation_id = "rename",
    summary = "Change or remove your display name",
    security(("bearer" = [])),
    request_body(content = Rename, example = json!({ "name": "Alice" })),
    responses((status = 200, body = UserAnswer, description = "The changed user")),
)]
async fn rename(
    Asked(signed_in, wanted): Asked<SignedIn, Rename>,
    accounts: Data<Accounts>,
) -> Result<HttpResponse, Problem> {
    let Some(name) = wanted.name else {
        let user = accounts.lookup(signed_in.user).await?.ok_or_else(account_deleted)?;
        return Ok(HttpResponse::Ok().json(UserAnswer { user: UserView::from(&user) }));
    };
    let name = DisplayName::parse(name.as_deref().unwrap_or_default());
    let name = name.map_err(|error| Problem::fields(vec![error.of("name")]))?;
    let user = accounts.rename(signed_in.user, name).await?.ok_or_else(account_deleted)?;
    Ok(HttpResponse::Ok().json(UserAnswer { user: UserView::from(&user) }))
}

#[utoipa::path(
    post,
    path = paths::MY_PASSWORD,
    tag = "me",
    operation_id = "setPassword",
    summary = "Change your password, or set the first one",
    description = "Revokes all your other sessions. Of a user with a second factor the session must be fresh, and where there is no password yet.",
    security(("bearer" = [])),
    request_body(content = NewPassword, example = json!({ "current_password": "violet-harbour-42", "new_password": "quiet-orchard-17" })),
    responses((status = 204, description = "The new password takes effect")),
    extensions(("x-problems" = json!([kind::STEP_UP_REQUIRED.code, kind::WRONG_PASSWORD.code, kind::TOO_MANY_ATTEMPTS.code]))),
)]
async fn set_password(
    Asked(confirmed, wanted): Asked<Confirmed, NewPassword>,
    FromClient(client): FromClient,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let new = Password::parse_new(&wanted.new_password);
    let new = new.map_err(|error| Problem::fields(vec![error.of("new_password")]))?;
    let Some(current) = &wanted.current_password else {
        return set_first(&accounts, &sessions, &confirmed, new, &client).await;
    };
    let passwords = Passwords { current, new };
    match change_password(&accounts, &sessions, &confirmed, passwords, &client).await? {
        PasswordChange::Changed => Ok(HttpResponse::NoContent().finish()),
        PasswordChange::WrongPassword => Err(wrong_password()),
        PasswordChange::Limited { wait } => Err(too_many_attempts(wait)),
        PasswordChange::NotConfirmed => Err(sessions.no_longer_confirmed(&confirmed).await),
        PasswordChange::Refused(error) => Err(Problem::fields(vec![error.of("new_password")])),
    }
}

async fn set_first(
    accounts: &Accounts,
    sessions: &Sessions,
    confirmed: &Confirmed,
    new: Password,
    client: &Client,
) -> Result<HttpResponse, Problem> {
    let required = || Problem::field("current_password", "required", "is needed: this account has a password");
    let user = confirmed.signed_in().user;
    if accounts.has_password(user).await? {
        return Err(required());
    }
    // With a password one signs in by the address.
    if accounts.lookup(user).await?.is_some_and(|user| user.email.is_none()) {
        return Err(no_address());
    }
    let fresh = sessions.require_fresh(confirmed.signed_in().clone()).await?;
    match set_first_password(accounts, sessions, &fresh, new, client).await? {
        PasswordChange::Changed => Ok(HttpResponse::NoContent().finish()),
        // Set meanwhile.
        PasswordChange::WrongPassword => Err(required()),
        PasswordChange::Limited { wait } => Err(too_many_attempts(wait)),
        PasswordChange::NotConfirmed => Err(sessions.no_longer(&fresh).await),
        PasswordChange::Refused(error) => Err(Problem::fields(vec![error.of("new_password")])),
    }
}

#[utoipa::path(
    post,
    path = paths::MY_EMAIL_VERIFICATION,
    tag = "me",
    operation_id = "askToVerifyEmail",
    summary = "Request the email that verifies your address",
    description = "Nothing is sent if the address is verified. At most one email in ten minutes.",
    security(("bearer" = [])),
    responses((status = 202, body = ConfirmationSent, description = "An email follows, if the address is not verified")),
)]
async fn ask_to_verify(
    signed_in: SignedIn,
    FromClient(client): FromClient,
    accounts: Data<Accounts>,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    let user = accounts.lookup(signed_in.user).await?.ok_or_else(account_deleted)?;
    let email = user.email.ok_or_else(no_address)?;
    lifecycle::requested(lifecycle.request(Wanted::of(Purpose::VerifyEmail, email), &client).await?)
}

fn no_address() -> Problem {
    Problem::new(kind::EMAIL_REQUIRED, "This account has no address. Add one first.")
}

fn wrong_password() -> Problem {
    let message = "This is not your current password.";
    let field = FieldError::new("current_password", "wrong_password", message);
    Problem { errors: vec![field], ..Problem::new(kind::WRONG_PASSWORD, message) }
}

#[utoipa::path(
    get,
    path = paths::MY_SESSIONS,
    tag = "me",
    operation_id = "mySessions",
    summary = "List your live sessions",
    security(("bearer" = [])),
    params(Paging),
    responses((status = 200, body = Listed<MySession>, description = "Newest first")),
)]
async fn my_sessions(
    After(signed_in, Query(paging)): After<SignedIn, Query<Paging>>,
    sessions: Data<Sessions>,
    cursors: Data<Cursors>,
) -> Result<HttpResponse, Problem> {
    const LIST: &str = "my-sessions";
    let page = cursors.request(LIST, paging.cursor.as_deref(), paging.limit)?;
    let filter = SessionFilter { user: Some(signed_in.user), state: Some(SessionState::Live) };
    let rows = sessions.list(filter, page).await?;
    let listed = cursors.page(LIST, page, rows, |row| row.id.as_uuid());
    let items = listed.items.into_iter().map(|row| MySession::of(row, signed_in.session)).collect::<Vec<_>>();
    Ok(HttpResponse::Ok().json(Listed { items, next_cursor: listed.next_cursor }))
}

impl MySession {
    fn of(row: SessionView, current: SessionId) -> Self {
        Self {
            id: row.id,
            current: row.id == current,
            device_name: row.device_name,
            user_agent: row.user_agent,
            ip: row.ip,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            expires_at: row.expires_at,
            generation: row.generation,
        }
    }
}

#[utoipa::path(
    delete,
    path = paths::MY_SESSION,
    tag = "me",
    operation_id = "endMySession",
    summary = "Revoke one of your sessions",
    security(("bearer" = [])),
    params(("id" = inline(SessionId), Path, description = "The session; 404 if it belongs to another user")),
    responses((status = 204, description = "The session is revoked")),
)]
async fn end_one(
    After(signed_in, PathId(session)): After<SignedIn, PathId<SessionId>>,
    FromClient(client): FromClient,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let ended = sessions.end_own(&signed_in, session, &client).await?;
    ended.ok_or_else(|| Problem::not_found("session"))?;
    Ok(HttpResponse::NoContent().finish())
}

#[utoipa::path(
    delete,
    path = paths::MY_SESSIONS,
    tag = "me",
    operation_id = "endMySessions",
    summary = "Revoke all your other sessions",
    security(("bearer" = [])),
    params(Ending),
    responses((status = 200, body = Revoked, description = "The sessions are revoked")),
)]
async fn end_others(
    After(signed_in, Query(ending)): After<SignedIn, Query<Ending>>,
    FromClient(client): FromClient,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let except = (!ending.include_current).then_some(signed_in.session);
    let revoked = sessions.end_all_own(&signed_in, except, &client).await?;
    Ok(HttpResponse::Ok().json(Revoked { revoked }))
}

#[utoipa::path(
    get,
    path = paths::MY_EVENTS,
    tag = "me",
    operation_id = "myEvents",
    summary = "List your account events",
    security(("bearer" = [])),
    params(Paging),
    responses((status = 200, body = Listed<MyEvent>, description = "Newest first")),
)]
async fn list_events(
    After(signed_in, Query(paging)): After<SignedIn, Query<Paging>>,
    sessions: Data<Sessions>,
    cursors: Data<Cursors>,
) -> Result<HttpResponse, Problem> {
    const LIST: &str = "my-events";
    let page = cursors.request(LIST, paging.cursor.as_deref(), paging.limit)?;
    let rows = my_events(&sessions, &signed_in, page).await?;
    Ok(HttpResponse::Ok().json(cursors.page(LIST, page, rows, |row| row.id)))
}

/// The account was deleted while its access token is still valid.
fn account_deleted() -> Problem {
    Problem::new(kind::SESSION_REVOKED, "This account has been deleted.").with_challenge()
}
