use crate::{
    http::{Endpoint, FieldError, Problem, kind, paths},
    keys::{ExchangeError, ServiceToken},
    sessions::{
        Asked, Sessions, SignedIn,
        extract::{bearer, refused},
    },
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{Data, ServiceConfig},
};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

/// The endpoint that hands out tokens for one service.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::api(paths::SERVICE_TOKEN).post(issue).mount(config);
}

/// What the endpoint takes and answers.
#[derive(OpenApi)]
#[openapi(paths(issue))]
pub struct ServiceTokensDescribed;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ServiceTokenRequest {
    /// The service: one of `HEIRLOOM_AUDIENCES`.
    #[schema(example = "https://api.example.com")]
    audience: String,
}

/// A token for one service, in OAuth 2.0's words (RFC 6749 §5.1).
#[derive(Serialize, ToSchema)]
#[schema(as = ServiceToken)]
pub(super) struct ServiceTokenAnswer<'a> {
    /// A JWT (RFC 9068) whose `aud` is the service. It ends with the access token that it was given for.
    access_token: &'a str,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Lifetime in seconds.
    #[schema(example = 540)]
    expires_in: u64,
}

#[utoipa::path(
    post,
    path = paths::SERVICE_TOKEN,
    tag = "auth",
    operation_id = "serviceToken",
    summary = "Exchange the access token for one that is for one service",
    description = "It has the same user, session, roles, claims and end, and is accepted by that service only, not here. Reads no database. 422 `audience_unknown` where `HEIRLOOM_AUDIENCES` does not list the service.",
    security(("bearer" = [])),
    request_body(content = ServiceTokenRequest, example = json!({ "audience": "https://api.example.com" })),
    responses((status = 200, body = ServiceTokenAnswer, description = "A token for the service")),
    extensions(("x-problems" = json!([kind::AUDIENCE_UNKNOWN.code]))),
)]
async fn issue(
    request: HttpRequest,
    Asked(_signed_in, wanted): Asked<SignedIn, ServiceTokenRequest>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let token = bearer(&request)?.unwrap_or_default();
    let ServiceToken { token, expires_in } = sessions.keys().exchange(&token, &wanted.audience)?;
    let answer =
        ServiceTokenAnswer { access_token: token.reveal(), token_type: "Bearer", expires_in: expires_in.as_secs() };
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(answer))
}

impl From<ExchangeError> for Problem {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::Refused(why) => refused(why),
            ExchangeError::UnknownAudience { is_configured } => {
                // A client may then send the service the user's own token: there is one audience for everything.
                let code = if is_configured { "unknown" } else { "not_configured" };
                let message = "Not a service that has tokens of its own.";
                let errors = vec![FieldError::new("audience", code, message)];
                Self { errors, ..Self::new(kind::AUDIENCE_UNKNOWN, message) }
            }
            ExchangeError::Signing(error) => {
                tracing::error!(%error, "keys.exchange_failed");
                Self::internal()
            }
        }
    }
}
