use super::{
    Grant, Refusal, RetryKey, Rotation, Sessions, SignedIn, Transport,
    extract::{Carried, bearer, carried, cookie_name, refused},
    room::SessionError,
};
use crate::{
    config::{HttpOptions, SameSite},
    http::{Endpoint, FromClient, Problem, TokenOrigin, kind, optional_json, paths, somebody_waits},
    kernel::{Client, SessionId},
};
use actix_web::{
    HttpRequest, HttpResponse,
    cookie::{self, Cookie, time},
    http::header,
    web::{Data, Payload, ServiceConfig},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

/// The endpoints of a session that exists.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::api(paths::REFRESH).post(refresh).mount(config);
    Endpoint::api(paths::SIGN_OUT).post(sign_out).mount(config);
    Endpoint::api(paths::CHECK).unlimited().get(check).mount(config);
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenRequest {
    /// The refresh token, where it does not travel in the cookie.
    #[schema(value_type = Option<String>, example = "hrt_Ad8Bogaj8VB9…")]
    refresh_token: Option<Zeroizing<String>>,
}

/// The answer to a sign-in and to a refresh, in OAuth 2.0's words (RFC 6749 §5.1).
#[derive(Serialize, ToSchema)]
#[schema(as = Tokens)]
pub struct TokenAnswer<'a> {
    /// A JWT (RFC 9068), for `Authorization: Bearer`.
    access_token: &'a str,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds that the access token lives.
    #[schema(example = 600)]
    expires_in: u64,
    /// Good for exactly one refresh. Absent where it travels in the cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    /// Seconds after which the refresh token is dead if it is not used.
    #[schema(example = 1_209_600)]
    refresh_expires_in: u64,
    /// The session.
    session_id: SessionId,
}

/// How many sessions were ended.
#[derive(Debug, Serialize, ToSchema)]
pub struct Revoked {
    /// Those that were live; those already ended do not count.
    pub revoked: u64,
}

/// Lays out a grant: the refresh token in the cookie or in the body, never in both.
#[must_use]
pub fn token_answer(grant: &Grant, options: &HttpOptions) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    answer.insert_header((header::CACHE_CONTROL, "no-store"));
    let refresh_token = match grant.transport {
        Transport::Cookie => {
            answer.cookie(token_cookie(grant, options));
            None
        }
        Transport::Body => Some(grant.refresh_token.reveal()),
    };
    answer.json(TokenAnswer {
        access_token: grant.access_token.reveal(),
        token_type: "Bearer",
        expires_in: grant.expires_in.as_secs(),
        refresh_token,
        refresh_expires_in: grant.refresh_expires_in.as_secs(),
        session_id: grant.session,
    })
}

/// The cookie that bears the refresh token. One that is not remembered ends with the browser.
#[must_use]
pub fn token_cookie(grant: &Grant, options: &HttpOptions) -> Cookie<'static> {
    let mut cookie = bare_cookie(grant.refresh_token.reveal().to_owned(), options);
    if grant.remembered {
        let seconds = i64::try_from(grant.refresh_expires_in.as_secs()).unwrap_or(i64::MAX);
        cookie.set_max_age(time::Duration::seconds(seconds));
    }
    cookie
}

fn spent_cookie(options: &HttpOptions) -> Cookie<'static> {
    let mut cookie = bare_cookie(String::new(), options);
    cookie.make_removal();
    cookie
}

fn bare_cookie(value: String, options: &HttpOptions) -> Cookie<'static> {
    let same_site = match options.cookie_same_site {
        SameSite::Strict => cookie::SameSite::Strict,
        SameSite::Lax => cookie::SameSite::Lax,
        SameSite::None => cookie::SameSite::None,
    };
    Cookie::build(cookie_name(options), value)
        .path(options.cookie_path.clone())
        .http_only(true)
        .secure(options.public_url.is_https())
        .same_site(same_site)
        .finish()
}

async fn refresh(
    request: HttpRequest,
    _origin: TokenOrigin,
    payload: Payload,
    FromClient(client): FromClient,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let options = &sessions.world().config.http;
    let body: TokenRequest = optional_json(&request, payload).await?;
    let key = retry_key(&request)?;
    let carried = carried(&request, body.refresh_token, options)?;
    let Carried { token, transport } = carried.ok_or_else(|| {
        Problem::new(kind::REFRESH_TOKEN_MISSING, "Send it as the cookie or as `refresh_token` in the body.")
    })?;
    somebody_waits().await;
    match sessions.rotate(&token, key, transport, &client).await? {
        Rotation::Rotated(grant) | Rotation::Retried(grant) => Ok(token_answer(&grant, options)),
        Rotation::ReuseDetected { .. } => Err(Problem::new(
            kind::REFRESH_TOKEN_REUSED,
            "Either it was stolen or its answer was lost: the session has ended for whoever holds it. Sign in again.",
        )),
        Rotation::Refused(refusal @ Refusal::Revoked) => {
            Err(Problem::from(refusal).with_reason(sessions.reason_of_revocation(&token).await))
        }
        Rotation::Refused(refusal) => Err(refusal.into()),
    }
}

/// Ends whatever sessions the request bears proof of. Without any, or with one that is over, that is done already.
async fn sign_out(
    request: HttpRequest,
    _origin: TokenOrigin,
    payload: Payload,
    FromClient(client): FromClient,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let options = &sessions.world().config.http;
    let body: TokenRequest = optional_json(&request, payload).await?;
    let carried = carried(&request, body.refresh_token, options)?;
    if let Some(Carried { token, transport }) = &carried {
        sessions.sign_out(token, *transport, &client).await?;
    }
    match bearer(&request) {
        Ok(Some(token)) => sign_out_bearer(&sessions, &token, carried.is_some(), &client).await?,
        Err(problem) if carried.is_none() => return Err(problem),
        Ok(None) | Err(_) => {}
    }
    Ok(HttpResponse::NoContent().cookie(spent_cookie(options)).finish())
}

/// A genuine access token ends its session, also one that a changed role has cut off. One that is not is told so, unless
/// a refresh token was there as well.
async fn sign_out_bearer(sessions: &Sessions, token: &str, was_carried: bool, client: &Client) -> Result<(), Problem> {
    match sessions.keys().verify(token) {
        Ok(verified) => {
            sessions.sign_out_bearer(&verified, client).await?;
            Ok(())
        }
        Err(_) if was_carried => Ok(()),
        Err(error) => Err(refused(error)),
    }
}

/// For nginx's `auth_request`, Envoy, Traefik: who is it? Reads no database.
async fn check(signed_in: SignedIn) -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header(("x-auth-user", signed_in.user.to_string()))
        .insert_header(("x-auth-session", signed_in.session.to_string()))
        .insert_header(("x-auth-roles", signed_in.roles.join(",")))
        .finish()
}

fn retry_key(request: &HttpRequest) -> Result<Option<RetryKey>, Problem> {
    const NAME: &str = "idempotency-key";
    let refuse = |message: String| Problem::field("Idempotency-Key", "invalid", message);
    let mut values = request.headers().get_all(NAME);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(refuse("must be sent once".to_owned()));
    }
    let text = value.to_str().unwrap_or_default();
    RetryKey::parse(text).map(Some).map_err(|error| refuse(error.to_string()))
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid => Self::new(kind::REFRESH_TOKEN_INVALID, "It is not one of ours, or came the wrong way."),
            Refusal::Expired => Self::new(kind::SESSION_EXPIRED, "Sign in again."),
            Refusal::Revoked | Refusal::Ahead | Refusal::RevocationLost => {
                Self::new(kind::SESSION_REVOKED, "Sign in again.")
            }
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
