use super::{Completion, Enrolled, Enrolling, Shown};
use crate::{
    factors::{self, NewCodes, OpenChallenge},
    http::{Endpoint, FromClient, Json, Problem, kind, paths, replaced_tokens},
    lifecycle::Lifecycle,
    sessions::{Entered, NewTotpAnswer, Sessions, TokenAnswer, tokens_of_enrolment},
    sign_in::{
        answer::{challenge_expired, entered},
        wire::on_device,
    },
    users::Accounts,
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{Data, ServiceConfig},
};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::{OpenApi, ToSchema};
use zeroize::Zeroizing;

/// The endpoints by which a user sets up the factor that a role demands.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::api(paths::ENROL_TOTP).post(begin).mount(config);
    Endpoint::api(paths::ENROL_TOTP_CONFIRM).hashing().post(confirm).mount(config);
}

/// What the endpoints take and answer.
#[derive(OpenApi)]
#[openapi(paths(begin, confirm))]
pub struct EnrolmentDescribed;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BeginEnrolment {
    /// The `challenge` of the sign-in.
    #[schema(value_type = String)]
    pub(super) challenge: Zeroizing<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfirmEnrolment {
    /// The `challenge` of the sign-in.
    #[schema(value_type = String)]
    challenge: Zeroizing<String>,
    /// A code that the app shows.
    #[schema(value_type = String, example = "123456")]
    code: Zeroizing<String>,
    /// The code of the email; needed if the sign-in said `email_code_required`.
    #[schema(value_type = Option<String>, example = "4821 0937")]
    email_code: Option<Zeroizing<String>>,
    /// The `device_token` of an earlier sign-in on this device, for clients without cookies: its guesses are counted on their own.
    #[schema(value_type = Option<String>)]
    device_token: Option<Zeroizing<String>>,
}

#[utoipa::path(
    post,
    path = paths::ENROL_TOTP,
    tag = "auth",
    operation_id = "beginEnrolment",
    summary = "Begin to set up the authenticator app that a role demands",
    description = "After 401 `second_factor_enrolment_required`. Returns a new secret, in place of one that was not confirmed. A challenge of `second_factor_required` is refused.",
    request_body(content = BeginEnrolment, example = json!({ "challenge": "AZ3k…" })),
    responses((status = 200, body = NewTotpAnswer, description = "The secret, shown once")),
    extensions(("x-problems" = json!([kind::CHALLENGE_EXPIRED.code]))),
)]
async fn begin(
    Json(wanted): Json<BeginEnrolment>,
    FromClient(client): FromClient,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    let enrolling = Enrolling { accounts: &accounts, sessions: &sessions, lifecycle: &lifecycle, client: &client };
    let (new, kind) = enrolling.begin(&wanted.challenge).await?.ok_or_else(challenge_expired)?;
    let email_code_required = kind.asks_email_code();
    let answer = NewTotpAnswer { secret: &new.secret, uri: &new.uri, qr_svg: &new.qr_svg, email_code_required };
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(answer))
}

#[utoipa::path(
    post,
    path = paths::ENROL_TOTP_CONFIRM,
    tag = "auth",
    operation_id = "confirmEnrolment",
    summary = "Confirm the authenticator app, and sign in with it",
    description = "With a code that the app shows, and that of the email where one was sent. Five wrong codes of either kind end the challenge: 410 `challenge_expired`, and the user signs in again. The answer has ten recovery codes, shown once.",
    request_body(content = ConfirmEnrolment, example = json!({ "challenge": "AZ3k…", "code": "123456", "email_code": "4821 0937" })),
    responses((status = 200, body = TokenAnswer, description = "The first pair of tokens of a new session", headers(("Set-Cookie" = String)))),
    extensions(("x-problems" = json!([kind::INVALID_CREDENTIALS.code, kind::ACCOUNT_BLOCKED.code, kind::EMAIL_NOT_VERIFIED.code, kind::ORIGIN_NOT_ALLOWED.code, kind::CHALLENGE_EXPIRED.code, kind::CODE_INVALID.code, kind::TOO_MANY_ATTEMPTS.code, kind::TEMPORARILY_UNAVAILABLE.code]))),
)]
async fn confirm(
    request: HttpRequest,
    Json(typed): Json<ConfirmEnrolment>,
    FromClient(client): FromClient,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    let client = on_device(client, typed.device_token.as_ref());
    let enrolling = Enrolling { accounts: &accounts, sessions: &sessions, lifecycle: &lifecycle, client: &client };
    let email_code = typed.email_code.as_ref().map(|code| code.as_str());
    let completion = Completion { shown: Shown::Code(&typed.code), email_code };
    signed_in(&enrolling, &request, &typed.challenge, &completion).await
}

/// Completes a sign-in with a new factor, by the transport that its first step asked for.
///
/// # Errors
/// When the challenge cannot be used, or the factor or a code is refused.
pub(super) async fn signed_in(
    enrolling: &Enrolling<'_>,
    request: &HttpRequest,
    challenge: &str,
    completion: &Completion<'_>,
) -> Result<HttpResponse, Problem> {
    let options = &enrolling.sessions.world().config.http;
    let open = enrolling.look(challenge).await?.ok_or_else(challenge_expired)?;
    let presented = replaced_tokens(request, open.pending.transport, options).await?;
    require_email_code(&open, completion)?;
    let (entered, codes) = enrolled(enrolling.confirm(challenge, completion, presented).await?)?;
    tokens_of_enrolment(request, &entered, &codes, options)
}

/// What is missing is not an attempt.
pub(super) fn require_email_code(challenge: &OpenChallenge, completion: &Completion<'_>) -> Result<(), Problem> {
    let is_missing = completion.email_code.is_none_or(|code| code.trim().is_empty());
    if challenge.kind.asks_email_code() && is_missing {
        return Err(factors::email_code_missing());
    }
    Ok(())
}

/// The session that was opened, with the recovery codes; or the reason why there is none.
pub(super) fn enrolled(outcome: Enrolled) -> Result<(Box<Entered>, Arc<NewCodes>), Problem> {
    match outcome {
        Enrolled::In(entered, codes) => Ok((entered, codes)),
        Enrolled::EmailCodeInvalid { attempts_left } => {
            Err(factors::email_code_invalid().with_attempts_left(attempts_left))
        }
        Enrolled::Refused(refused) => match entered(refused) {
            Err(problem) => Err(problem),
            Ok(_never) => Err(Problem::internal()),
        },
    }
}
