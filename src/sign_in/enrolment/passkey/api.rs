use crate::{
    factors::passkeys::{Ceremony, PresentedRegistration, RegistrationCredential},
    http::{Endpoint, FromClient, Json, Problem, kind, paths},
    lifecycle::Lifecycle,
    sessions::{Sessions, TokenAnswer},
    sign_in::{
        answer::challenge_expired,
        enrolment::{
            Completion, Enrolling, Shown,
            api::{BeginEnrolment, signed_in},
        },
        passkey::offered,
        wire::on_device,
    },
    users::{Accounts, typed_device_name},
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{Data, ServiceConfig},
};
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};
use zeroize::Zeroizing;

/// The endpoints by which a user sets up a passkey as the factor that a role demands.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::api(paths::ENROL_PASSKEY_OPTIONS).post(begin_passkey).mount(config);
    Endpoint::api(paths::ENROL_PASSKEY).hashing().post(confirm_passkey).mount(config);
}

/// What the endpoints take and answer.
#[derive(OpenApi)]
#[openapi(paths(begin_passkey, confirm_passkey))]
pub struct PasskeyEnrolmentDescribed;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EnrolPasskey {
    /// The `challenge` of the sign-in.
    #[schema(value_type = String)]
    challenge: Zeroizing<String>,
    /// The `ticket` of the options.
    ticket: String,
    /// What the browser answered: `PublicKeyCredential.toJSON()` (`RegistrationResponseJSON` of `WebAuthn` Level 3, §5.1.8).
    credential: RegistrationCredential,
    /// What the user calls it.
    #[schema(example = "Alice's phone")]
    name: Option<String>,
    /// The code of the email; needed if the sign-in said `email_code_required`.
    #[schema(value_type = Option<String>, example = "4821 0937")]
    email_code: Option<Zeroizing<String>>,
    /// The `device_token` of an earlier sign-in on this device, for clients without cookies: its guesses are counted on their own.
    #[schema(value_type = Option<String>)]
    device_token: Option<Zeroizing<String>>,
}

#[utoipa::path(
    post,
    path = paths::ENROL_PASSKEY_OPTIONS,
    tag = "auth",
    operation_id = "beginPasskeyEnrolment",
    summary = "Begin to set up a passkey as the factor that a role demands",
    description = "After 401 `second_factor_enrolment_required`. Returns options for `navigator.credentials.create()` and a ticket, which is good with this challenge only. A challenge of `second_factor_required` is refused. 404 where passkeys are switched off.",
    request_body(content = BeginEnrolment, example = json!({ "challenge": "AZ3k…" })),
    responses((status = 200, body = Ceremony, description = "What the browser is asked")),
    extensions(("x-problems" = json!([kind::NOT_FOUND.code, kind::CHALLENGE_EXPIRED.code]))),
)]
async fn begin_passkey(
    Json(wanted): Json<BeginEnrolment>,
    FromClient(client): FromClient,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    offered(&sessions)?;
    let enrolling = Enrolling { accounts: &accounts, sessions: &sessions, lifecycle: &lifecycle, client: &client };
    let ceremony = enrolling.begin_passkey(&wanted.challenge).await?.ok_or_else(challenge_expired)?;
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(ceremony))
}

#[utoipa::path(
    post,
    path = paths::ENROL_PASSKEY,
    tag = "auth",
    operation_id = "confirmPasskeyEnrolment",
    summary = "Set up a passkey, and sign in with it",
    description = "With what the browser answered to the options, and the code of the email where one was sent. What does not verify counts at the challenge, as a wrong code does: five end it. A wrong code of the email counts for the account too: 429 `too_many_attempts`. The answer has ten recovery codes, shown once.",
    request_body(content = EnrolPasskey, example = json!({ "challenge": "AZ3k…", "ticket": "AZ3k…", "credential": { "id": "…", "rawId": "…", "type": "public-key", "response": { "clientDataJSON": "…", "attestationObject": "…" } }, "name": "Alice's phone", "email_code": "4821 0937" })),
    responses((status = 200, body = TokenAnswer, description = "The first pair of tokens of a new session", headers(("Set-Cookie" = String)))),
    extensions(("x-problems" = json!([kind::INVALID_CREDENTIALS.code, kind::ACCOUNT_BLOCKED.code, kind::EMAIL_NOT_VERIFIED.code, kind::ORIGIN_NOT_ALLOWED.code, kind::NOT_FOUND.code, kind::CHALLENGE_EXPIRED.code, kind::CODE_INVALID.code, kind::PASSKEY_INVALID.code, kind::TOO_MANY_ATTEMPTS.code, kind::TEMPORARILY_UNAVAILABLE.code]))),
)]
async fn confirm_passkey(
    request: HttpRequest,
    Json(wanted): Json<EnrolPasskey>,
    FromClient(client): FromClient,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    offered(&sessions)?;
    let EnrolPasskey { challenge, ticket, credential, name, email_code, device_token } = wanted;
    let name = typed_device_name(name.as_deref(), "name")?;
    let presented = PresentedRegistration { ticket, credential, name };
    let client = on_device(client, device_token.as_ref());
    let enrolling = Enrolling { accounts: &accounts, sessions: &sessions, lifecycle: &lifecycle, client: &client };
    let email_code = email_code.as_ref().map(|code| code.as_str());
    let completion = Completion { shown: Shown::Passkey(&presented), email_code };
    signed_in(&enrolling, &request, &challenge, &completion).await
}
