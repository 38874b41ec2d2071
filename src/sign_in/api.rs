use super::{
    SignIn, SigningIn,
    answer::entered,
    enrolment::{self, EnrolmentDescribed, PasskeyEnrolmentDescribed},
    passkey::{self, PasskeyDescribed},
    recovery::{self, RecoveryDescribed},
    second_factor::{self, SecondFactorDescribed},
    step_up::{self, StepUpDescribed},
    upstream::{self, ProviderStepUpDescribed, UpstreamDescribed},
    verification::ask_to_verify,
    wire::{WireTransport, on_device},
};
use crate::{
    config::{EmailVerification, RegistrationPolicy},
    http::{Endpoint, FieldError, FromClient, Json, Problem, kind, paths, replaced_tokens},
    identity::{DisplayName, EmailAddress, Roles},
    lifecycle::{self, Asker, ConfirmationSent, Lifecycle},
    passwords::Password,
    sessions::{Sessions, TokenAnswer, tokens_of_sign_in},
    users::{Accounts, NewUser, Refused, Registration, UserAnswer, UserView, typed_device_name},
    work::Caller,
    world::World,
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, ServiceConfig},
};
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};
use zeroize::Zeroizing;

/// The endpoints for clients without a session.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::api(paths::REGISTER).hashing().post(register).mount(config);
    Endpoint::api(paths::SIGN_IN).hashing().post(sign_in).mount(config);
    second_factor::api_routes(config);
    enrolment::api_routes(config);
    enrolment::passkey_routes(config);
    recovery::api_routes(config);
    passkey::routes(config);
    step_up::routes(config);
    upstream::api_routes(config);
    upstream::step_up_routes(config);
}

/// What the endpoints of this room take and answer.
#[derive(OpenApi)]
#[openapi(paths(register, sign_in))]
struct Described;

/// The description of the endpoints of this room.
#[must_use]
pub fn described() -> utoipa::openapi::OpenApi {
    let mut described = Described::openapi();
    described.merge(SecondFactorDescribed::openapi());
    described.merge(EnrolmentDescribed::openapi());
    described.merge(PasskeyEnrolmentDescribed::openapi());
    described.merge(RecoveryDescribed::openapi());
    described.merge(PasskeyDescribed::openapi());
    described.merge(StepUpDescribed::openapi());
    described.merge(UpstreamDescribed::openapi());
    described.merge(ProviderStepUpDescribed::openapi());
    described
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RegisterRequest {
    /// Stored in lower case. At most 254 characters.
    #[schema(format = "idn-email", example = "alice@example.com")]
    email: String,
    /// 8 to 1,024 characters, not easy to guess.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 1_024, example = "violet-harbour-42")]
    password: Zeroizing<String>,
    /// The user's display name.
    #[schema(example = "Alice")]
    name: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignInRequest {
    /// The e-mail address, in upper or lower case.
    #[schema(example = "alice@example.com")]
    email: String,
    /// The password.
    #[schema(value_type = String, format = Password, example = "violet-harbour-42")]
    password: Zeroizing<String>,
    /// How the refresh token is sent: in JSON bodies, or in a cookie that scripts cannot read.
    #[serde(default)]
    #[schema(value_type = String, pattern = "^(body|cookie)$", default = "body")]
    transport: WireTransport,
    /// Whether the session outlives the browser; the short idle lifetime applies otherwise.
    #[serde(default = "crate::sign_in::wire::remembered")]
    #[schema(default = true)]
    remember: bool,
    /// The device's name, given by the user.
    #[schema(example = "Alice's laptop")]
    device_name: Option<String>,
    /// The `device_token` of an earlier sign-in on this device, for clients without cookies.
    #[schema(value_type = Option<String>)]
    device_token: Option<Zeroizing<String>>,
}

#[utoipa::path(
    post,
    path = paths::REGISTER,
    tag = "auth",
    operation_id = "register",
    summary = "Create an account",
    description = "Open to anyone, unless HEIRLOOM_REGISTRATION is `closed` or `invite`. Does not sign the user in.",
    request_body(content = RegisterRequest, example = json!({ "email": "alice@example.com", "password": "violet-harbour-42" })),
    responses(
        (status = 201, body = UserAnswer, description = "The account was created"),
        (status = 202, body = ConfirmationSent, description = "Where addresses must be verified: an email follows, the same for every address. The account is created when its link or code is used."),
    ),
    extensions(("x-problems" = json!([kind::REGISTRATION_CLOSED.code, kind::EMAIL_TAKEN.code, kind::TEMPORARILY_UNAVAILABLE.code]))),
)]
async fn register(
    Json(wanted): Json<RegisterRequest>,
    FromClient(client): FromClient,
    accounts: Data<Accounts>,
    lifecycle: Data<Lifecycle>,
    world: Data<World>,
) -> Result<HttpResponse, Problem> {
    require_open(world.config.registration)?;
    let new = parse(&wanted.email, &wanted.password, wanted.name.as_deref()).map_err(Problem::fields)?;
    let verification = world.config.accounts.email_verification;
    if verification == EmailVerification::Required {
        let requested = lifecycle.request_registration(new, Asker::default(), &client).await?;
        return lifecycle::requested(requested.map_err(|error| Problem::fields(vec![error.of("password")]))?);
    }
    match accounts.register(new, Caller::anonymous(&client)).await? {
        Registration::Registered(user) => {
            if verification == EmailVerification::Optional {
                ask_to_verify(&lifecycle, &wanted.email, &client).await?;
            }
            Ok(HttpResponse::Created().json(UserAnswer { user: UserView::from(&*user) }))
        }
        Registration::EmailTaken => Err(Problem::new(kind::EMAIL_TAKEN, "Sign in, or use another address.")),
        Registration::PasswordRefused(error) => Err(Problem::fields(vec![error.of("password")])),
    }
}

/// Checks whether anyone may register.
pub(super) fn require_open(policy: RegistrationPolicy) -> Result<(), Problem> {
    match policy {
        RegistrationPolicy::Open => Ok(()),
        RegistrationPolicy::Invite | RegistrationPolicy::Closed => {
            Err(Problem::new(kind::REGISTRATION_CLOSED, "Ask an administrator for an account."))
        }
    }
}

/// Parses a registration; reports the errors of all fields at once.
pub(super) fn parse(email: &str, password: &str, name: Option<&str>) -> Result<NewUser, Vec<FieldError>> {
    let email = EmailAddress::parse(email).map_err(|error| error.of("email"));
    let password = Password::parse_new(password).map_err(|error| error.of("password"));
    let name = DisplayName::parse(name.unwrap_or_default()).map_err(|error| error.of("name"));
    match (email, password, name) {
        (Ok(email), Ok(password), Ok(name)) => Ok(NewUser { email, password, name, roles: Roles::default() }),
        (email, password, name) => Err([email.err(), password.err(), name.err()].into_iter().flatten().collect()),
    }
}

#[utoipa::path(
    post,
    path = paths::SIGN_IN,
    tag = "auth",
    operation_id = "signIn",
    summary = "Sign in",
    description = "A wrong password and an unknown address get the same answer in the same time. After several wrong passwords the client must wait: 429 `too_many_attempts`. A device that sends the `device_token` (or the device cookie) of an earlier sign-in is counted on its own. A user with a second factor gets 401 `second_factor_required` with a `challenge`: no session, token or cookie exists before the second step. A user without one, whose role demands it, gets 401 `second_factor_enrolment_required` with a `challenge` to set one up, and an email with a code if `email_code_required` is true.",
    request_body(content = SignInRequest, example = json!({ "email": "alice@example.com", "password": "violet-harbour-42" })),
    responses((status = 200, body = TokenAnswer, description = "The first pair of tokens of a new session", headers(("Set-Cookie" = String)))),
    extensions(("x-problems" = json!([kind::INVALID_CREDENTIALS.code, kind::SECOND_FACTOR_REQUIRED.code, kind::SECOND_FACTOR_ENROLMENT_REQUIRED.code, kind::ACCOUNT_BLOCKED.code, kind::EMAIL_NOT_VERIFIED.code, kind::ORIGIN_NOT_ALLOWED.code, kind::TOO_MANY_ATTEMPTS.code, kind::TEMPORARILY_UNAVAILABLE.code]))),
)]
async fn sign_in(
    request: HttpRequest,
    Json(wanted): Json<SignInRequest>,
    FromClient(client): FromClient,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    let (WireTransport(transport), options) = (wanted.transport, &sessions.world().config.http);
    let presented = replaced_tokens(&request, transport, options).await?;
    let device_name = typed_device_name(wanted.device_name.as_deref(), "device_name")?;
    let client = on_device(client, wanted.device_token.as_ref());
    let sign_in = SignIn {
        wants_factor: false,
        email: &wanted.email,
        password: &wanted.password,
        transport,
        remembered: wanted.remember,
        device_name,
        presented,
    };
    let outcome = sign_in.attempt(&accounts, &sessions, &client).await?;
    if matches!(outcome, SigningIn::Unverified) {
        ask_to_verify(&lifecycle, &wanted.email, &client).await?;
    }
    if let SigningIn::EnrolmentRequired(challenge) = &outcome {
        enrolment::send_code(&lifecycle, challenge, &wanted.email, &client).await?;
    }
    tokens_of_sign_in(&request, &*entered(outcome)?, options)
}

/// Checks whether an address and a password were typed.
pub(super) fn require_both(email: &str, password: &str) -> Result<(), Problem> {
    let email = email.trim().is_empty().then_some("email");
    let password = password.is_empty().then_some("password");
    let missing: Vec<_> =
        email.into_iter().chain(password).map(|field| FieldError::new(field, "required", "")).collect();
    if missing.is_empty() { Ok(()) } else { Err(Problem::fields(missing)) }
}
