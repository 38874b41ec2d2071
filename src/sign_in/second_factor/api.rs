use super::{SecondStep, open};
use crate::{
    factors::{FactorCode, OpenChallenge, PresentedFactor},
    http::{Endpoint, FromClient, Json, Problem, kind, paths, replaced_tokens, trusted_cookie},
    kernel::Transport,
    sessions::{Sessions, TokenAnswer, add_cookies, tokens_of_sign_in},
    sign_in::{
        answer::{challenge_expired, entered},
        wire::on_device,
    },
    users::Accounts,
};
use actix_web::{
    HttpRequest, HttpResponse,
    cookie::Cookie,
    web::{Data, ServiceConfig},
};
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};
use zeroize::Zeroizing;

/// The endpoints of the second step.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::api(paths::SIGN_IN_TOTP).post(totp).mount(config);
    Endpoint::api(paths::SIGN_IN_RECOVERY_CODE).hashing().post(recovery_code).mount(config);
}

/// What the endpoints take and answer.
#[derive(OpenApi)]
#[openapi(paths(totp, recovery_code))]
pub struct SecondFactorDescribed;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SecondFactorRequest {
    /// The `challenge` of the sign-in.
    #[schema(value_type = String)]
    challenge: Zeroizing<String>,
    /// The code, as the user typed it: spaces, dashes and the case of letters do not matter.
    #[schema(value_type = String, example = "123456")]
    code: Zeroizing<String>,
    /// Whether this browser stands for the second factor from now on, where the operator allows it. By cookie only.
    #[serde(default)]
    trust_device: bool,
    /// The `device_token` of an earlier sign-in on this device, for clients without cookies: its guesses are counted on their own.
    #[schema(value_type = Option<String>)]
    device_token: Option<Zeroizing<String>>,
}

#[utoipa::path(
    post,
    path = paths::SIGN_IN_TOTP,
    tag = "auth",
    operation_id = "signInWithTotp",
    summary = "Complete a sign-in with a code of the authenticator app",
    description = "After 401 `second_factor_required`. A code is accepted once. Five wrong codes end the challenge: 410 `challenge_expired`, and the user signs in again. Wrong codes also count for the account: 429 `too_many_attempts`.",
    request_body(content = SecondFactorRequest, example = json!({ "challenge": "AZ3k…", "code": "123456" })),
    responses((status = 200, body = TokenAnswer, description = "The first pair of tokens of a new session", headers(("Set-Cookie" = String)))),
    extensions(("x-problems" = json!([kind::INVALID_CREDENTIALS.code, kind::ACCOUNT_BLOCKED.code, kind::EMAIL_NOT_VERIFIED.code, kind::ORIGIN_NOT_ALLOWED.code, kind::CHALLENGE_EXPIRED.code, kind::CODE_INVALID.code, kind::TOO_MANY_ATTEMPTS.code, kind::TEMPORARILY_UNAVAILABLE.code]))),
)]
async fn totp(
    request: HttpRequest,
    Json(typed): Json<SecondFactorRequest>,
    FromClient(client): FromClient,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let client = on_device(client, typed.device_token.as_ref());
    let step = SecondStep { accounts: &accounts, sessions: &sessions, client: &client };
    let wanted = SecondStepWanted { challenge: &typed.challenge, trust_device: typed.trust_device };
    complete(&step, &request, wanted, PresentedFactor::Code(FactorCode::Totp(&typed.code))).await
}

#[utoipa::path(
    post,
    path = paths::SIGN_IN_RECOVERY_CODE,
    tag = "auth",
    operation_id = "signInWithRecoveryCode",
    summary = "Complete a sign-in with a recovery code",
    description = "As with a code of the app. The user receives an email about each recovery code that is used.",
    request_body(content = SecondFactorRequest, example = json!({ "challenge": "AZ3k…", "code": "3-7KQF-M2XA-9TRD" })),
    responses((status = 200, body = TokenAnswer, description = "The first pair of tokens of a new session", headers(("Set-Cookie" = String)))),
    extensions(("x-problems" = json!([kind::INVALID_CREDENTIALS.code, kind::ACCOUNT_BLOCKED.code, kind::EMAIL_NOT_VERIFIED.code, kind::ORIGIN_NOT_ALLOWED.code, kind::CHALLENGE_EXPIRED.code, kind::CODE_INVALID.code, kind::TOO_MANY_ATTEMPTS.code, kind::TEMPORARILY_UNAVAILABLE.code]))),
)]
async fn recovery_code(
    request: HttpRequest,
    Json(typed): Json<SecondFactorRequest>,
    FromClient(client): FromClient,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let client = on_device(client, typed.device_token.as_ref());
    let step = SecondStep { accounts: &accounts, sessions: &sessions, client: &client };
    let wanted = SecondStepWanted { challenge: &typed.challenge, trust_device: typed.trust_device };
    complete(&step, &request, wanted, PresentedFactor::Code(FactorCode::Recovery(&typed.code))).await
}

/// What completes the second step beside a factor.
pub(in crate::sign_in) struct SecondStepWanted<'a> {
    /// The `challenge` of the sign-in.
    pub challenge: &'a str,
    /// Whether no second factor is to be asked in this browser for some time.
    pub trust_device: bool,
}

/// Completes a sign-in by the transport that its first step asked for.
///
/// # Errors
/// When the challenge cannot be used, or the factor is refused.
pub(in crate::sign_in) async fn complete(
    step: &SecondStep<'_>,
    request: &HttpRequest,
    wanted: SecondStepWanted<'_>,
    factor: PresentedFactor<'_>,
) -> Result<HttpResponse, Problem> {
    let options = &step.sessions.world().config.http;
    let challenge = open(step.sessions.factors(), wanted.challenge).await?.ok_or_else(challenge_expired)?;
    let presented = replaced_tokens(request, challenge.pending.transport, options).await?;
    let entered = entered(step.attempt(challenge.clone(), factor, presented).await?)?;
    let mut answer = tokens_of_sign_in(request, &entered, options)?;
    if wanted.trust_device && challenge.pending.transport == Transport::Cookie {
        add_cookies(&mut answer, &cookie_of_trust(step, &challenge).await)?;
    }
    Ok(answer)
}

/// The cookie of a browser that is trusted from now on, if it is.
pub(super) async fn cookie_of_trust(step: &SecondStep<'_>, challenge: &OpenChallenge) -> Vec<Cookie<'static>> {
    let config = &step.sessions.world().config;
    let token = step.trust(challenge).await;
    token.iter().map(|token| trusted_cookie(token.as_str(), config.factors.trusted_device_ttl, &config.http)).collect()
}
