use super::{
    Completion, ConfirmationProof, Confirming, Flow, FlowStatus, Lifecycle, Looked, Needed, Requested, Wanted,
    look::Look,
};
use crate::{
    confirmations::Purpose,
    http::{Endpoint, FieldError, FromClient, Json, Problem, kind, paths},
    identity::EmailAddress,
    kernel::{Duration, Moment},
    sessions::SignedIn,
    users::{Refused, UserView, too_many_attempts},
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{Data, ServiceConfig},
};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};
use zeroize::Zeroizing;

/// The endpoints for who has forgotten a password, or holds an email's link or code.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::api(paths::FORGOT_PASSWORD).post(forgot).mount(config);
    Endpoint::api(paths::CONFIRMATION_RESEND).post(resend).mount(config);
    Endpoint::api(paths::CONFIRMATION_LOOK).post(look).mount(config);
    Endpoint::api(paths::CONFIRMATION_USE).hashing().post(confirm).mount(config);
}

/// What the endpoints of this room take and answer.
#[derive(OpenApi)]
#[openapi(paths(forgot, resend, look, confirm))]
struct Described;

/// The description of the endpoints of this room.
#[must_use]
pub fn described() -> utoipa::openapi::OpenApi {
    Described::openapi()
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ForgotRequest {
    /// The address of the account, in upper or lower case.
    #[schema(format = "idn-email", example = "alice@example.com")]
    email: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ResendRequest {
    /// The `flow` of the request whose email did not arrive.
    #[schema(value_type = String)]
    flow: Zeroizing<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LookRequest {
    /// The token of an email's link: what follows the `#`.
    #[schema(value_type = Option<String>)]
    token: Option<Zeroizing<String>>,
    /// The `flow` of a request, instead of a token.
    #[schema(value_type = Option<String>)]
    flow: Option<Zeroizing<String>>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfirmRequest {
    /// The token of an email's link: what follows the `#`.
    #[schema(value_type = Option<String>)]
    token: Option<Zeroizing<String>>,
    /// The `flow` of a request, with the `code` of its email, instead of a token.
    #[schema(value_type = Option<String>)]
    flow: Option<Zeroizing<String>>,
    /// The code of the email. Spaces and hyphens do not count.
    #[schema(value_type = Option<String>, example = "4821 0937")]
    code: Option<Zeroizing<String>>,
    /// The current password, where it is needed.
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<Zeroizing<String>>,
    /// A new password, where it is needed: 8 to 1,024 characters, not easy to guess.
    #[schema(value_type = Option<String>, format = Password, min_length = 8, max_length = 1_024)]
    new_password: Option<Zeroizing<String>>,
    /// The display name, where an account is created.
    #[schema(example = "Alice")]
    name: Option<String>,
}

/// An email follows, if one fits the address. The answer is the same for every address.
#[derive(Serialize, ToSchema)]
pub struct ConfirmationSent {
    /// Always `confirmation_sent`.
    #[schema(example = "confirmation_sent")]
    status: &'static str,
    /// Names the request, where the code of its email is typed.
    flow: String,
    /// Seconds until the link in the email expires.
    #[schema(example = 1_800)]
    expires_in: u64,
}

/// Where a link leads, or where a flow stands.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum LookAnswer {
    /// Where a link leads.
    Link(LinkAnswer),
    /// Where a flow stands.
    Flow(FlowAnswer),
}

/// What a link confirms.
#[derive(Serialize, ToSchema)]
pub(super) struct LinkAnswer {
    /// What using it does.
    #[schema(value_type = Purpose)]
    purpose: &'static str,
    /// The address, masked.
    #[schema(example = "a…e@example.com")]
    email: String,
    /// When it was requested.
    #[schema(value_type = String, format = DateTime)]
    requested_at: Moment,
    /// The device that requested it.
    #[schema(required = true, example = "Chrome · Windows")]
    device: Option<String>,
    /// What completes it.
    #[schema(value_type = Vec<String>, example = json!(["new_password"]))]
    needs: Vec<&'static str>,
}

/// Where a flow stands: the same for addresses that nobody has.
#[derive(Serialize, ToSchema)]
pub(super) struct FlowAnswer {
    /// `waiting`, `completed` or `expired`.
    #[schema(example = "waiting")]
    status: &'static str,
}

/// What was confirmed.
#[derive(Serialize, ToSchema)]
pub(super) struct ConfirmAnswer {
    /// What using it did.
    #[schema(value_type = Purpose)]
    purpose: &'static str,
    /// The user whose account it concerns.
    user: UserView,
}

#[utoipa::path(
    post,
    path = paths::FORGOT_PASSWORD,
    tag = "auth",
    operation_id = "forgotPassword",
    summary = "Request a link to a new password",
    description = "The answer is the same whether or not the address has an account. If it has one, an email with a link and a code follows.",
    request_body(content = ForgotRequest, example = json!({ "email": "alice@example.com" })),
    responses((status = 202, body = ConfirmationSent, description = "An email follows, if the address has an account")),
    extensions(("x-problems" = json!([kind::TEMPORARILY_UNAVAILABLE.code]))),
)]
async fn forgot(
    Json(wanted): Json<ForgotRequest>,
    FromClient(client): FromClient,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    let email = EmailAddress::parse(&wanted.email).map_err(|error| Problem::fields(vec![error.of("email")]))?;
    requested(lifecycle.request(Wanted::of(Purpose::ResetPassword, email), &client).await?)
}

#[utoipa::path(
    post,
    path = paths::CONFIRMATION_RESEND,
    tag = "auth",
    operation_id = "resendConfirmation",
    summary = "Request the email of a flow again",
    description = "At most one email of a kind is sent to an address in ten minutes. Emails that were sent before still work.",
    request_body(content = ResendRequest),
    responses((status = 202, body = ConfirmationSent, description = "An email follows, if one fits")),
    extensions(("x-problems" = json!([kind::TEMPORARILY_UNAVAILABLE.code]))),
)]
async fn resend(
    Json(wanted): Json<ResendRequest>,
    FromClient(client): FromClient,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    requested(lifecycle.request_again(&wanted.flow, &client).await?)
}

#[utoipa::path(
    post,
    path = paths::CONFIRMATION_LOOK,
    tag = "auth",
    operation_id = "lookAtConfirmation",
    summary = "Show what a link confirms, or where a flow stands",
    description = "Takes a `token` or a `flow`. Changes nothing.",
    security(("bearer" = []), ()),
    request_body(content = LookRequest),
    responses((status = 200, body = LookAnswer, description = "What the link confirms, or where the flow stands")),
    extensions(("x-problems" = json!([kind::CONFIRMATION_INVALID.code, kind::CONFIRMATION_EXPIRED.code, kind::TEMPORARILY_UNAVAILABLE.code]))),
)]
async fn look(
    request: HttpRequest,
    Json(wanted): Json<LookRequest>,
    FromClient(client): FromClient,
    signed_in: Option<SignedIn>,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    let browser = lifecycle.browser_of(&request);
    let typed = Confirming { signed_in, browser, ..Confirming::default() };
    let answer = match (wanted.token, wanted.flow) {
        (Some(token), None) => match lifecycle.look(token, &typed, &client).await? {
            Look::Found(looked) => LookAnswer::Link(looked.into()),
            Look::Unknown => return Err(unknown()),
            Look::Expired => return Err(expired()),
        },
        (None, Some(flow)) => LookAnswer::Flow(lifecycle.status_of(&flow).await?.ok_or_else(unknown)?.into()),
        (Some(_), Some(_)) | (None, None) => return Err(either_token_or_flow()),
    };
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(answer))
}

#[utoipa::path(
    post,
    path = paths::CONFIRMATION_USE,
    tag = "auth",
    operation_id = "confirm",
    summary = "Confirm what an email asked for",
    description = "Takes a `token`, or a `flow` and the `code`. Of a registration, the client that asked confirms with the code alone; elsewhere the link needs a new password. To verify an address, or to change it or cancel the change, send the access token or the password. Nobody is signed in by it: sign in afterwards. A link works once; a code works for ten minutes and accepts five attempts.",
    security(("bearer" = []), ()),
    request_body(content = ConfirmRequest, example = json!({ "flow": "AZrK…", "code": "4821 0937", "new_password": "quiet-orchard-17" })),
    responses((status = 200, body = ConfirmAnswer, description = "Done")),
    extensions(("x-problems" = json!([kind::CONFIRMATION_INVALID.code, kind::CONFIRMATION_EXPIRED.code, kind::CODE_INVALID.code, kind::EMAIL_TAKEN.code, kind::WRONG_PASSWORD.code, kind::TOO_MANY_ATTEMPTS.code, kind::TEMPORARILY_UNAVAILABLE.code]))),
)]
async fn confirm(
    request: HttpRequest,
    Json(wanted): Json<ConfirmRequest>,
    FromClient(client): FromClient,
    signed_in: Option<SignedIn>,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    let ConfirmRequest { token, flow, code, password, new_password, name } = wanted;
    let presented = match (token, flow, code) {
        (Some(token), None, None) => ConfirmationProof::Token(token),
        (None, Some(flow), Some(code)) => ConfirmationProof::Code { flow, code },
        (None, Some(_), None) => return Err(missing("code")),
        _ => return Err(either_token_or_flow()),
    };
    let browser = lifecycle.browser_of(&request);
    let typed = Confirming { password, new_password, name, signed_in, browser };
    let completion = lifecycle.complete(presented, typed, &client).await?;
    let (purpose, user) = completed(completion)?;
    let answer = ConfirmAnswer { purpose: purpose.name(), user };
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(answer))
}

/// The answer to a request for an email.
///
/// # Errors
/// 429 where too many were requested.
pub fn requested(requested: Requested) -> Result<HttpResponse, Problem> {
    let Flow { flow, expires_in } = accepted(requested)?;
    let answer = ConfirmationSent { status: "confirmation_sent", flow, expires_in: expires_in.as_secs() };
    Ok(HttpResponse::Accepted().insert_header((header::CACHE_CONTROL, "no-store")).json(answer))
}

/// The flow of a request for an email.
///
/// # Errors
/// 429 where too many were requested.
pub fn accepted(requested: Requested) -> Result<Flow, Problem> {
    match requested {
        Requested::Accepted(flow) => Ok(flow),
        Requested::Limited { wait } => Err(too_many_emails(wait)),
    }
}

/// What confirming did, or why it did nothing.
///
/// # Errors
/// The problem to answer with.
pub fn completed(completion: Completion) -> Result<(Purpose, UserView), Problem> {
    Err(match completion {
        Completion::Done { purpose, user, leads_to: _ } => return Ok((purpose, UserView::from(&*user))),
        Completion::Unknown => unknown(),
        Completion::Expired => expired(),
        Completion::WrongCode { attempts_left } => {
            let attempts_left = u32::try_from(attempts_left).unwrap_or_default();
            Problem::new(kind::CODE_INVALID, "Check the code in the newest email.").with_attempts_left(attempts_left)
        }
        Completion::Limited { wait } => too_many_attempts(wait),
        Completion::Missing(field) => missing(field),
        Completion::WrongPassword => {
            let message = "This is not your password.";
            let field = FieldError::new("password", "wrong_password", message);
            Problem { errors: vec![field], ..Problem::new(kind::WRONG_PASSWORD, message) }
        }
        Completion::AddressTaken => Problem::new(
            kind::EMAIL_TAKEN,
            "Another account has this address by now. The link still works once it is free.",
        ),
        Completion::NameRefused(error) => Problem::fields(vec![error.of("name")]),
        Completion::PasswordRefused(error) => Problem::fields(vec![error.of("new_password")]),
    })
}

/// 429: no further email is sent until the wait has passed.
#[must_use]
pub fn too_many_emails(wait: Duration) -> Problem {
    let seconds = wait.as_secs();
    let detail = format!("Too many emails were requested. Wait {seconds} seconds.");
    Problem::new(kind::TOO_MANY_REQUESTS, detail).with_header(header::RETRY_AFTER, seconds.to_string())
}

fn unknown() -> Problem {
    Problem::new(kind::CONFIRMATION_INVALID, "This link is incomplete, or not from this server.")
}

fn expired() -> Problem {
    Problem::new(kind::CONFIRMATION_EXPIRED, "It was used, its time has passed, or something has changed since.")
}

fn missing(field: &str) -> Problem {
    Problem::field(field, "required", "is needed to confirm this")
}

fn either_token_or_flow() -> Problem {
    let message = "send either `token`, or `flow` (with `code` to confirm)";
    Problem::fields(vec![FieldError::new("token", "invalid", message)])
}

impl From<Looked> for LinkAnswer {
    fn from(looked: Looked) -> Self {
        Self {
            purpose: looked.purpose.name(),
            email: looked.email,
            requested_at: looked.requested_at,
            device: looked.device,
            needs: looked.needs.into_iter().map(Needed::name).collect(),
        }
    }
}

impl From<FlowStatus> for FlowAnswer {
    fn from(status: FlowStatus) -> Self {
        let status = match status {
            FlowStatus::Waiting => "waiting",
            FlowStatus::Completed => "completed",
            FlowStatus::Expired => "expired",
        };
        Self { status }
    }
}
