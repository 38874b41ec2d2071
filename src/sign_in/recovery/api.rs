use crate::{
    http::{Endpoint, FromClient, Json, Problem, kind, paths},
    kernel::Moment,
    lifecycle::{Lifecycle, RecoveryStart},
    sign_in::answer::challenge_expired,
};
use actix_web::{
    HttpResponse,
    http::header,
    web::{Data, ServiceConfig},
};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};
use zeroize::Zeroizing;

/// The endpoint by which a user starts the removal of factors that they have lost.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::api(paths::RECOVER_FACTORS).post(recover).mount(config);
}

/// What the endpoint takes and answers.
#[derive(OpenApi)]
#[openapi(paths(recover))]
pub struct RecoveryDescribed;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RecoverRequest {
    /// The `challenge` of the sign-in.
    #[schema(value_type = String)]
    challenge: Zeroizing<String>,
}

/// A recovery that is under way.
#[derive(Serialize, ToSchema)]
pub(super) struct RecoveryStarted {
    /// Always `recovery_started`.
    #[schema(example = "recovery_started")]
    status: &'static str,
    /// When the email is sent by whose link, and the password, the factors are removed.
    #[schema(value_type = String, format = DateTime)]
    ready_at: Moment,
}

#[utoipa::path(
    post,
    path = paths::RECOVER_FACTORS,
    tag = "auth",
    operation_id = "recoverFactors",
    summary = "Begin to remove second factors that are lost",
    description = "After 401 `second_factor_required`, for who has lost the recovery codes too. An email says so at once and every day, and any session or email can cancel it. After the waiting time (72 hours unless the operator says otherwise) the link of a last email and the password remove the factors. One that is under way goes on. A user who has no password sets one by a reset first: 409 `password_required`.",
    request_body(content = RecoverRequest, example = json!({ "challenge": "AZ3k…" })),
    responses((status = 202, body = RecoveryStarted, description = "It is under way")),
    extensions(("x-problems" = json!([kind::CHALLENGE_EXPIRED.code, kind::PASSWORD_REQUIRED.code]))),
)]
async fn recover(
    Json(wanted): Json<RecoverRequest>,
    FromClient(client): FromClient,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    let ready_at = ready_at(lifecycle.start_factor_recovery(&wanted.challenge, &client).await?)?;
    let answer = RecoveryStarted { status: "recovery_started", ready_at };
    Ok(HttpResponse::Accepted().insert_header((header::CACHE_CONTROL, "no-store")).json(answer))
}

/// When the factors of a recovery that was started can be removed, or why it was not.
pub(super) fn ready_at(started: RecoveryStart) -> Result<Moment, Problem> {
    match started {
        RecoveryStart::Started(recovery) => Ok(recovery.ready_at),
        RecoveryStart::NoPassword => {
            Err(Problem::new(kind::PASSWORD_REQUIRED, "This account has no password. Set one by a reset first."))
        }
        RecoveryStart::ChallengeExpired => Err(challenge_expired()),
    }
}
