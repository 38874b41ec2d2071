use super::{
    SignIn, SignInError, SigningIn,
    step_up::{self, StepUpDescribed},
};
use crate::{
    config::{HttpOptions, RegistrationPolicy},
    guessing::{DEVICE_LIFETIME, DeviceToken},
    http::{
        Endpoint, FieldError, FromClient, Json, Problem, SameOrigin, all_tokens_in_cookies, device_cookie_name,
        expired_others, kind, paths,
    },
    identity::{DeviceName, DisplayName, EmailAddress, Roles},
    passwords::Password,
    sessions::{Sessions, TokenAnswer, Transport, add_cookies, token_answer},
    users::{Accounts, NewUser, Refused, Registration, UserAnswer, UserView, too_many_attempts},
    work::Caller,
};
use actix_web::{
    FromRequest, HttpRequest, HttpResponse,
    cookie::{self, Cookie},
    web::{Data, ServiceConfig},
};
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};
use zeroize::Zeroizing;

/// The endpoints for clients without a session.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::api(paths::REGISTER).hashing().post(register).mount(config);
    Endpoint::api(paths::SIGN_IN).hashing().post(sign_in).mount(config);
    step_up::routes(config);
}

/// What the endpoints of this room take and answer.
#[derive(OpenApi)]
#[openapi(paths(register, sign_in))]
struct Described;

/// The description of the endpoints of this room.
#[must_use]
pub fn described() -> utoipa::openapi::OpenApi {
    let mut described = Described::openapi();
    described.merge(StepUpDescribed::openapi());
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
    #[serde(default = "by_body")]
    #[schema(value_type = String, pattern = "^(body|cookie)$", default = "body")]
    transport: WireTransport,
    /// Whether the session outlives the browser; the short idle lifetime applies otherwise.
    #[serde(default = "remembered")]
    #[schema(default = true)]
    remember: bool,
    /// The device's name, given by the user.
    #[schema(example = "Alice's laptop")]
    device_name: Option<String>,
    /// The `device_token` of an earlier sign-in on this device, for clients without cookies.
    #[schema(value_type = Option<String>)]
    device_token: Option<Zeroizing<String>>,
}

/// Read from a string: serde would also accept an object for an enum.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct WireTransport(Transport);

impl TryFrom<String> for WireTransport {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Transport::from_name(&name).map(Self).ok_or("must be `cookie` or `body`")
    }
}

fn by_body() -> WireTransport {
    WireTransport(Transport::Body)
}

fn remembered() -> bool {
    true
}

#[utoipa::path(
    post,
    path = paths::REGISTER,
    tag = "auth",
    operation_id = "register",
    summary = "Create an account",
    description = "Open to anyone, unless HEIRLOOM_REGISTRATION is `closed`. Does not sign the user in.",
    request_body(content = RegisterRequest, example = json!({ "email": "alice@example.com", "password": "violet-harbour-42" })),
    responses((status = 201, body = UserAnswer, description = "The account was created")),
    extensions(("x-problems" = json!([kind::REGISTRATION_CLOSED.code, kind::EMAIL_TAKEN.code, kind::TEMPORARILY_UNAVAILABLE.code]))),
)]
async fn register(
    Json(wanted): Json<RegisterRequest>,
    FromClient(client): FromClient,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    require_open(sessions.world().config.registration)?;
    let new = parse(&wanted.email, &wanted.password, wanted.name.as_deref()).map_err(Problem::fields)?;
    match accounts.register(new, Caller::anonymous(&client)).await? {
        Registration::Registered(user) => Ok(HttpResponse::Created().json(UserAnswer { user: UserView::from(&*user) })),
        Registration::EmailTaken => Err(Problem::new(kind::EMAIL_TAKEN, "Sign in, or use another address.")),
        Registration::PasswordRefused(error) => Err(Problem::fields(vec![error.of("password")])),
    }
}

/// Checks whether anyone may register.
pub(super) fn require_open(policy: RegistrationPolicy) -> Result<(), Problem> {
    match policy {
        RegistrationPolicy::Open => Ok(()),
        RegistrationPolicy::Closed => {
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
    description = "A wrong password and an unknown address get the same answer in the same time. After several wrong passwords the client must wait: 429 `too_many_attempts`. A device that sends the `device_token` (or the device cookie) of an earlier sign-in is counted on its own.",
    request_body(content = SignInRequest, example = json!({ "email": "alice@example.com", "password": "violet-harbour-42" })),
    responses((status = 200, body = TokenAnswer, description = "The first pair of tokens of a new session", headers(("Set-Cookie" = String)))),
    extensions(("x-problems" = json!([kind::INVALID_CREDENTIALS.code, kind::ACCOUNT_BLOCKED.code, kind::ORIGIN_NOT_ALLOWED.code, kind::TOO_MANY_ATTEMPTS.code, kind::TEMPORARILY_UNAVAILABLE.code]))),
)]
async fn sign_in(
    request: HttpRequest,
    Json(wanted): Json<SignInRequest>,
    FromClient(mut client): FromClient,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let (WireTransport(transport), options) = (wanted.transport, &sessions.world().config.http);
    if transport == Transport::Cookie {
        // Only a sign-in that sets the cookie can be a foreign page's doing.
        SameOrigin::extract(&request).await?;
    }
    let device_name = DeviceName::parse(wanted.device_name.as_deref().unwrap_or_default());
    let device_name = device_name.map_err(|error| Problem::fields(vec![error.of("device_name")]))?;
    if let Some(token) = &wanted.device_token {
        client.device = Some(token.to_string());
    }
    let presented = if transport == Transport::Cookie { all_tokens_in_cookies(&request, options) } else { Vec::new() };
    let sign_in = SignIn {
        email: &wanted.email,
        password: &wanted.password,
        transport,
        remembered: wanted.remember,
        device_name,
        presented,
    };
    match sign_in.attempt(&accounts, &sessions, &client).await? {
        SigningIn::Opened(grant, device) => {
            let mut answer = token_answer(&grant, device.as_ref().map(DeviceToken::as_str), options);
            if transport == Transport::Cookie {
                let device = device.iter().map(|device| device_cookie(device, options));
                add_cookies(&mut answer, &device.chain(expired_others(&request, options)).collect::<Vec<_>>())?;
            }
            Ok(answer)
        }
        SigningIn::WrongCredentials => Err(Problem::new(kind::INVALID_CREDENTIALS, "Check both and try again.")),
        SigningIn::Limited { wait } => Err(too_many_attempts(wait)),
        SigningIn::Blocked => Err(Problem::new(kind::ACCOUNT_BLOCKED, "Ask an administrator.")),
    }
}

/// The cookie that recognises a device that signed in before. It does not prove an identity.
pub(super) fn device_cookie(device: &DeviceToken, options: &HttpOptions) -> Cookie<'static> {
    Cookie::build(device_cookie_name(options), device.as_str().to_owned())
        .path("/")
        .http_only(true)
        .secure(options.public_url.is_https())
        .same_site(cookie::SameSite::Strict)
        .max_age(cookie::time::Duration::seconds(i64::try_from(DEVICE_LIFETIME.as_secs()).unwrap_or(i64::MAX)))
        .finish()
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Accounts(error) => error.into(),
            SignInError::Sessions(error) => error.into(),
        }
    }
}
