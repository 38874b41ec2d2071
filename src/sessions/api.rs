use super::{
    EndReason, Fresh, Grant, Offered, Refusal, RetryKey, Rotation, Sessions,
    answer::{TokenAnswer, add_cookies, token_answer},
    carried::carried,
    extract::bearer,
    provider_events::{self, ProviderEventsDescribed},
    room::SessionError,
    service_tokens::{self, ForAny, ServiceTokensDescribed},
    stream::{self, StreamDescribed},
};
use crate::{
    config::HttpOptions,
    http::{
        Endpoint, FromClient, Problem, TokenOrigin, all_tokens_in_cookies, client_still_waits, expired_cookie,
        expired_others, kind, optional_json, paths,
    },
    kernel::{SessionId, Transport, UserId},
};
use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    web::{Data, Payload, ServiceConfig},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};
use zeroize::Zeroizing;

/// The endpoints of an existing session.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::api(paths::REFRESH).post(refresh).mount(config);
    Endpoint::api(paths::SIGN_OUT).post(sign_out).mount(config);
    service_tokens::routes(config);
    Endpoint::api(paths::CHECK).unlimited().get(check).mount(config);
    provider_events::routes(config);
    stream::routes(config);
}

/// What the endpoints of this room take and answer.
#[derive(OpenApi)]
#[openapi(paths(refresh, sign_out, check))]
struct Described;

/// The description of the endpoints of this room.
#[must_use]
pub fn described() -> utoipa::openapi::OpenApi {
    let others = [ServiceTokensDescribed::openapi(), ProviderEventsDescribed::openapi(), StreamDescribed::openapi()];
    others.into_iter().fold(Described::openapi(), utoipa::openapi::OpenApi::merge_from)
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenRequest {
    /// The refresh token, unless it is sent in the cookie.
    #[schema(value_type = Option<String>, example = "hrt_Ad8Bogaj8VB9…")]
    refresh_token: Option<Zeroizing<String>>,
}

/// What a client sends to retry a refresh.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes a header that `retry_key` reads")]
pub struct RetryHeader {
    /// Chosen at random by the client for each refresh, and sent again with a retry of the same refresh.
    #[param(
        rename = "Idempotency-Key",
        value_type = String,
        required = false,
        min_length = 16,
        max_length = 255,
        pattern = "^[!-~]+$",
        example = "3f6c1a52-0d0e-4b9b-8a52-5d6f0a9c7b11"
    )]
    key: Option<String>,
}

/// How many live sessions were revoked.
#[derive(Debug, Serialize, ToSchema)]
pub struct Revoked {
    /// Live sessions that were revoked; sessions that were already revoked or expired do not count.
    pub revoked: u64,
}

/// The proof of a user whose session this request has opened.
///
/// # Errors
/// When the session was revoked in between.
pub async fn just_signed_in(sessions: &Sessions, grant: &Grant) -> Result<Fresh, Problem> {
    let signed_in = sessions.authenticate(Some(grant.access_token.reveal())).await?;
    sessions.require_fresh(signed_in).await
}

#[utoipa::path(
    post,
    path = paths::REFRESH,
    tag = "auth",
    operation_id = "refresh",
    summary = "Exchange a refresh token for a new pair",
    description = "Send the token in the cookie or in the body; its successor is returned the same way. A token that has already been used revokes its session: 401 `refresh_token_reused`. The same request with the same `Idempotency-Key` returns the same successor again, as long as that successor has not been used and the session lives. 401 `session_revoked` carries a `reason` where the cause is known.",
    security(("cookie" = []), ()),
    params(RetryHeader),
    request_body(content = Option<TokenRequest>, example = json!({ "refresh_token": "hrt_Ad8Bogaj8VB9…" })),
    responses((status = 200, body = TokenAnswer, description = "The token is used up; these replace it", headers(("Set-Cookie" = String)))),
    extensions(("x-problems" = json!([kind::AMBIGUOUS_TOKEN.code, kind::REFRESH_TOKEN_MISSING.code, kind::REFRESH_TOKEN_INVALID.code, kind::REFRESH_TOKEN_REUSED.code, kind::SESSION_EXPIRED.code, kind::SESSION_REVOKED.code, kind::ACCOUNT_BLOCKED.code, kind::ORIGIN_NOT_ALLOWED.code, kind::TEMPORARILY_UNAVAILABLE.code]))),
)]
async fn refresh(
    request: HttpRequest,
    _origin: TokenOrigin,
    payload: Payload,
    FromClient(client): FromClient,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let options = &sessions.world().config.http;
    let body: TokenRequest = optional_json(&request, payload).await?;
    let offered = offered(&request, body.refresh_token, options)?;
    client_still_waits().await;
    let grant = rotated(sessions.rotate(&offered, &client).await?)?;
    let mut answer = token_answer(&grant, None, options);
    if grant.transport == Transport::Cookie {
        add_cookies(&mut answer, &expired_others(&request, options))?;
    }
    Ok(answer)
}

/// The refresh token that a request holds, in the cookie or the body.
///
/// # Errors
/// 401 when there is none, 400 when there are several, 422 when the `Idempotency-Key` is not valid.
pub fn offered(
    request: &HttpRequest,
    body: Option<Zeroizing<String>>,
    options: &HttpOptions,
) -> Result<Offered, Problem> {
    let key = retry_key(request)?;
    let carried = carried(request, body, options)?.ok_or_else(|| {
        Problem::new(kind::REFRESH_TOKEN_MISSING, "Send it as the cookie or as `refresh_token` in the body.")
    })?;
    Ok(Offered { token: carried.token, key, transport: carried.transport })
}

/// What a rotation hands out.
///
/// # Errors
/// The problem to answer with if it hands out nothing.
pub fn rotated(rotation: Rotation) -> Result<Grant, Problem> {
    match rotation {
        Rotation::Rotated(grant) | Rotation::Retried(grant) => Ok(grant),
        Rotation::ReuseDetected { .. } => Err(Problem::new(
            kind::REFRESH_TOKEN_REUSED,
            "This token was already used. It may have been stolen, so the session was revoked. Sign in again.",
        )),
        Rotation::Refused(refusal) => Err(refusal.into()),
    }
}

/// Revokes every session that the request proves it holds, and clears the cookies (S-52, S-53). A token that is
/// missing, unknown, expired or ambiguous is not refused: the user wants to sign out.
#[utoipa::path(
    post,
    path = paths::SIGN_OUT,
    tag = "auth",
    operation_id = "signOut",
    summary = "Sign out",
    description = "Revokes the sessions of the cookie, of the token in the body and of the bearer token. Without a token it still answers 204.",
    security(("cookie" = []), ("bearer" = []), ()),
    request_body(content = Option<TokenRequest>, example = json!({ "refresh_token": "hrt_Ad8Bogaj8VB9…" })),
    responses((status = 204, description = "Signed out; the cookies are cleared", headers(("Set-Cookie" = String)))),
    extensions(("x-problems" = json!([kind::ORIGIN_NOT_ALLOWED.code, kind::TEMPORARILY_UNAVAILABLE.code]))),
)]
async fn sign_out(
    request: HttpRequest,
    _origin: TokenOrigin,
    payload: Payload,
    FromClient(client): FromClient,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let options = &sessions.world().config.http;
    let body = optional_json::<TokenRequest>(&request, payload).await;
    for token in all_tokens_in_cookies(&request, options) {
        sessions.revoke_presented(&token, Transport::Cookie, EndReason::SignedOut, &client).await?;
    }
    if let Ok(TokenRequest { refresh_token: Some(token) }) = &body {
        sessions.revoke_presented(token, Transport::Body, EndReason::SignedOut, &client).await?;
    }
    let bearer = bearer(&request).ok().flatten();
    if let Some(verified) = bearer.and_then(|token| sessions.keys().verify(&token).ok()) {
        // Also one that a changed role has made too old.
        sessions.sign_out_bearer(&verified, &client).await?;
    }
    // A body that cannot be read may have held another token: the client must learn that it was not revoked.
    let mut answer = body.map_or_else(|problem| problem.error_response(), |_read| HttpResponse::NoContent().finish());
    add_cookies(&mut answer, &[expired_cookie(options)])?;
    add_cookies(&mut answer, &expired_others(&request, options))?;
    Ok(answer)
}

/// Identifies the bearer for nginx's `auth_request`, Envoy and Traefik. Does not read the database.
#[utoipa::path(
    get,
    path = paths::CHECK,
    tag = "auth",
    operation_id = "check",
    summary = "Check an access token",
    description = "For nginx's `auth_request`, Envoy and Traefik. Accepts tokens for Heirloom's own API and for the services in `HEIRLOOM_AUDIENCES`: compare `X-Auth-Audience`. Reads no database.",
    security(("bearer" = [])),
    responses((
        status = 204,
        description = "The token is valid and its session is live",
        headers(
            ("X-Auth-User" = inline(UserId), description = "The user's id"),
            ("X-Auth-Session" = inline(SessionId), description = "The session's id"),
            ("X-Auth-Roles" = String, description = "Comma-separated roles"),
            ("X-Auth-Audience" = String, description = "For what the token is: Heirloom's own audience, or one of `HEIRLOOM_AUDIENCES`"),
        ),
    )),
    extensions(("x-unlimited" = json!(true))),
)]
async fn check(ForAny { signed_in, audience }: ForAny) -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header(("x-auth-user", signed_in.user.to_string()))
        .insert_header(("x-auth-session", signed_in.session.to_string()))
        .insert_header(("x-auth-roles", signed_in.roles.join(",")))
        .insert_header(("x-auth-audience", audience))
        .finish()
}

fn retry_key(request: &HttpRequest) -> Result<Option<RetryKey>, Problem> {
    const NAME: &str = "idempotency-key";
    let refuse = |message: String| Problem::field("Idempotency-Key", "invalid", message);
    let mut values = request.headers().get_all(NAME);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(refuse("must be sent only once".to_owned()));
    }
    let text = value.to_str().unwrap_or_default();
    RetryKey::parse(text).map(Some).map_err(|error| refuse(error.to_string()))
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid => {
                Self::new(kind::REFRESH_TOKEN_INVALID, "Unknown token, or sent by the wrong transport.")
            }
            Refusal::Expired => Self::new(kind::SESSION_EXPIRED, "Sign in again."),
            Refusal::Revoked(reason) => Self::new(kind::SESSION_REVOKED, "Sign in again.").with_reason(Some(reason)),
            Refusal::Ahead | Refusal::RevocationLost => Self::new(kind::SESSION_REVOKED, "Sign in again."),
            Refusal::CodeUsed => Self::new(kind::CODE_INVALID, "It was used before."),
            Refusal::Blocked => Self::new(kind::ACCOUNT_BLOCKED, "Ask an administrator."),
        }
    }
}

impl From<SessionError> for Problem {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Database(error) => error.into(),
            SessionError::Signing(error) => {
                tracing::error!(%error, "sessions.signing_failed");
                Self::internal()
            }
        }
    }
}
