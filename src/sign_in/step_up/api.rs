use super::{Confirming, Presented, SteppedUp};
use crate::{
    factors::{FactorCode, PresentedFactor, passkeys::PresentedPasskey},
    http::{
        Endpoint, FieldError, FromClient, Problem, TokenOrigin, client_still_waits, expired_others, kind,
        optional_json, paths,
    },
    kernel::Transport,
    sessions::{RetryHeader, Sessions, TokenAnswer, add_cookies, offered, rotated, token_answer},
    sign_in::{
        answer::{passkey_invalid, ticket_expired},
        wire::on_device,
    },
    users::{Accounts, too_many_attempts},
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload, ServiceConfig},
};
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};
use zeroize::Zeroizing;

/// The endpoint by which a signed-in user confirms the password.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::api(paths::STEP_UP).hashing().post(step_up).mount(config);
}

/// What the endpoint takes and answers.
#[derive(OpenApi)]
#[openapi(paths(step_up))]
pub struct StepUpDescribed;

#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct StepUpRequest {
    /// The user's password. It counts as one factor.
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<Zeroizing<String>>,
    /// A code of the authenticator app. With the password of the sign-in, it counts as two factors.
    #[schema(value_type = Option<String>, example = "123456")]
    totp: Option<Zeroizing<String>>,
    /// A recovery code, instead of a code of the app.
    #[schema(value_type = Option<String>, example = "3-7KQF-M2XA-9TRD")]
    recovery_code: Option<Zeroizing<String>>,
    /// A passkey. Where it has verified the user, it counts as two factors by itself.
    #[schema(inline)]
    passkey: Option<PresentedPasskey>,
    /// The refresh token, unless it is sent in the cookie.
    #[schema(value_type = Option<String>, example = "hrt_Ad8Bogaj8VB9…")]
    refresh_token: Option<Zeroizing<String>>,
    /// The `device_token` of an earlier sign-in on this device, for clients without cookies: its guesses are counted on their own.
    #[schema(value_type = Option<String>)]
    device_token: Option<Zeroizing<String>>,
}

#[utoipa::path(
    post,
    path = paths::STEP_UP,
    tag = "auth",
    operation_id = "stepUp",
    summary = "Confirm that it is you, for what needs a fresh session",
    description = "A refresh that also confirms the password, a code of a second factor, or a passkey: exactly one of them. Where the user has a second factor, the password does not make the session fresh. The token is used up, and its successor is returned the same way. For ten minutes after it, as after a sign-in, the session is fresh: the address can be changed and the account deleted, and an administrator can change users and revoke everyone's sessions. A wrong password, code or passkey uses up nothing; wrong ones count as at a sign-in. A retry with the same token and `Idempotency-Key` is answered before that is checked.",
    security(("cookie" = []), ()),
    params(RetryHeader),
    request_body(content = StepUpRequest, example = json!({ "refresh_token": "hrt_Ad8Bogaj8VB9…", "password": "violet-harbour-42" })),
    responses((status = 200, body = TokenAnswer, description = "The token is used up; these replace it", headers(("Set-Cookie" = String)))),
    extensions(("x-problems" = json!([kind::AMBIGUOUS_TOKEN.code, kind::REFRESH_TOKEN_MISSING.code, kind::REFRESH_TOKEN_INVALID.code, kind::REFRESH_TOKEN_REUSED.code, kind::SESSION_EXPIRED.code, kind::SESSION_REVOKED.code, kind::ACCOUNT_BLOCKED.code, kind::ORIGIN_NOT_ALLOWED.code, kind::CODE_INVALID.code, kind::PASSKEY_INVALID.code, kind::CHALLENGE_EXPIRED.code, kind::WRONG_PASSWORD.code, kind::TOO_MANY_ATTEMPTS.code, kind::TEMPORARILY_UNAVAILABLE.code]))),
)]
async fn step_up(
    request: HttpRequest,
    _origin: TokenOrigin,
    payload: Payload,
    FromClient(client): FromClient,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let options = &sessions.world().config.http;
    let mut body: StepUpRequest = optional_json(&request, payload).await?;
    let offered = offered(&request, body.refresh_token.take(), options)?;
    let presented = presented(&body)?;
    let client = on_device(client, body.device_token.as_ref());
    client_still_waits().await;
    let confirming = Confirming { accounts: &accounts, sessions: &sessions, client: &client };
    let grant = match confirming.check_and_rotate(&offered, presented).await? {
        SteppedUp::Rotation(rotation) => rotated(rotation)?,
        SteppedUp::WrongPassword => return Err(wrong_password()),
        SteppedUp::WrongCode => return Err(Problem::new(kind::CODE_INVALID, "It is wrong, or was used before.")),
        SteppedUp::WrongPasskey => return Err(passkey_invalid(None, false)),
        SteppedUp::TicketExpired => return Err(ticket_expired()),
        SteppedUp::Limited { wait } => return Err(too_many_attempts(wait)),
    };
    let mut answer = token_answer(&grant, None, options);
    if grant.transport == Transport::Cookie {
        add_cookies(&mut answer, &expired_others(&request, options))?;
    }
    Ok(answer)
}

/// Exactly one proof: which of several counted would be unclear.
fn presented(body: &StepUpRequest) -> Result<Presented<'_>, Problem> {
    let code = |code| Presented::Factor(PresentedFactor::Code(code));
    let all = [
        body.password.as_ref().map(|password| Presented::Password(password)),
        body.totp.as_ref().map(|typed| code(FactorCode::Totp(typed))),
        body.recovery_code.as_ref().map(|typed| code(FactorCode::Recovery(typed))),
        body.passkey.as_ref().map(|passkey| Presented::Factor(PresentedFactor::Passkey(passkey))),
    ];
    let mut presented = all.into_iter().flatten();
    match (presented.next(), presented.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(Problem::field("password", "required", "or a second factor is needed")),
        (Some(_), Some(_)) => {
            let message = "send exactly one of `password`, `totp`, `recovery_code` and `passkey`";
            Err(Problem::field("password", "exactly_one", message))
        }
    }
}

fn wrong_password() -> Problem {
    let message = "This is not your password.";
    let field = FieldError::new("password", "wrong_password", message);
    Problem { errors: vec![field], ..Problem::new(kind::WRONG_PASSWORD, message) }
}
