use super::PasskeySignIn;
use crate::{
    factors::{
        PresentedFactor,
        passkeys::{AssertionCredential, Ceremony, Passkeys, PresentedPasskey, UserVerification},
    },
    http::{Endpoint, FromClient, Json, Problem, kind, optional_json, paths, replaced_tokens},
    sessions::{Sessions, SignedIn, TokenAnswer, tokens_of_sign_in},
    sign_in::{
        answer::{challenge_expired, entered},
        second_factor::{SecondStep, SecondStepWanted, complete},
        wire::{WireTransport, on_device},
    },
    users::{Accounts, typed_device_name},
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{Data, Payload, ServiceConfig},
};
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};
use zeroize::Zeroizing;

/// The endpoints by which a passkey signs in.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::api(paths::PASSKEY_OPTIONS).post(options).mount(config);
    Endpoint::api(paths::PASSKEY_VERIFY).post(verify).mount(config);
}

/// What the endpoints take and answer.
#[derive(OpenApi)]
#[openapi(paths(options, verify))]
pub struct PasskeyDescribed;

#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct PasskeyOptionsRequest {
    /// The `challenge` of the sign-in, if the passkey is its second step.
    #[schema(value_type = Option<String>)]
    challenge: Option<Zeroizing<String>>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PasskeyRequest {
    /// The `ticket` of the options.
    ticket: String,
    /// What the browser answered: `PublicKeyCredential.toJSON()`.
    credential: AssertionCredential,
    /// The `challenge` of the sign-in, if the passkey is its second step. What the first step asked for then counts.
    #[schema(value_type = Option<String>)]
    challenge: Option<Zeroizing<String>>,
    /// Whether this browser stands for the second factor from now on, where the operator allows it. With a challenge, and by
    /// cookie only.
    #[serde(default)]
    trust_device: bool,
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
    /// The `device_token` of an earlier sign-in on this device, for clients without cookies: its guesses are counted on their own.
    #[schema(value_type = Option<String>)]
    device_token: Option<Zeroizing<String>>,
}

#[utoipa::path(
    post,
    path = paths::PASSKEY_OPTIONS,
    tag = "auth",
    operation_id = "passkeyOptions",
    summary = "Begin to sign in with a passkey",
    description = "Returns options for `navigator.credentials.get()` and a ticket, which is good once, for five minutes. Without a challenge, any passkey will do that verifies its user; nothing is stored. With a challenge, or with an access token for a step-up, the options name the user's passkeys. 404 where passkeys are switched off.",
    security((), ("bearer" = [])),
    request_body(content = Option<PasskeyOptionsRequest>, example = json!({})),
    responses((status = 200, body = Ceremony, description = "What the browser is asked")),
    extensions(("x-problems" = json!([kind::NOT_FOUND.code, kind::CHALLENGE_EXPIRED.code]))),
)]
async fn options(
    request: HttpRequest,
    payload: Payload,
    signed_in: Option<SignedIn>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let passkeys = offered(&sessions)?;
    let asked: PasskeyOptionsRequest = optional_json(&request, payload).await?;
    let ceremony = match (asked.challenge, signed_in) {
        (Some(challenge), _) => {
            // To look at a challenge does not count as an attempt.
            let user = sessions.factors().user_of_challenge(&challenge).await?.ok_or_else(challenge_expired)?;
            let begun = passkeys.begin_assertion_of(user, UserVerification::Discouraged).await?;
            begun.ok_or_else(|| Problem::not_found("passkey"))?
        }
        (None, Some(signed_in)) => {
            let begun = passkeys.begin_assertion_of(signed_in.user, UserVerification::Preferred).await?;
            begun.ok_or_else(|| Problem::not_found("passkey"))?
        }
        (None, None) => passkeys.begin_assertion()?,
    };
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(ceremony))
}

#[utoipa::path(
    post,
    path = paths::PASSKEY_VERIFY,
    tag = "auth",
    operation_id = "signInWithPasskey",
    summary = "Sign in with a passkey",
    description = "With what the browser answered to the options. Alone it counts as both factors: the authenticator has verified the user. With the challenge of a sign-in it is the second step, as a code would be. A ticket is accepted once: 410 `challenge_expired` otherwise. 422 `passkey_invalid` has one code for all reasons; `reason` is `unknown_passkey` where the server has no such passkey.",
    request_body(content = PasskeyRequest, example = json!({ "ticket": "AZ3k…", "credential": { "id": "…", "rawId": "…", "type": "public-key", "response": { "clientDataJSON": "…", "authenticatorData": "…", "signature": "…", "userHandle": "…" } } })),
    responses((status = 200, body = TokenAnswer, description = "The first pair of tokens of a new session", headers(("Set-Cookie" = String)))),
    extensions(("x-problems" = json!([kind::INVALID_CREDENTIALS.code, kind::ACCOUNT_BLOCKED.code, kind::EMAIL_NOT_VERIFIED.code, kind::ORIGIN_NOT_ALLOWED.code, kind::NOT_FOUND.code, kind::CHALLENGE_EXPIRED.code, kind::PASSKEY_INVALID.code, kind::TEMPORARILY_UNAVAILABLE.code]))),
)]
async fn verify(
    request: HttpRequest,
    Json(wanted): Json<PasskeyRequest>,
    FromClient(client): FromClient,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    offered(&sessions)?;
    let PasskeyRequest { ticket, credential, challenge, trust_device, transport, remember, device_name, device_token } =
        wanted;
    let client = on_device(client, device_token.as_ref());
    let step = SecondStep { accounts: &accounts, sessions: &sessions, client: &client };
    let passkey = PresentedPasskey { ticket, credential };
    if let Some(challenge) = challenge {
        let wanted = SecondStepWanted { challenge: &challenge, trust_device };
        return complete(&step, &request, wanted, PresentedFactor::Passkey(&passkey)).await;
    }
    let (transport, options) = (transport.0, &sessions.world().config.http);
    let presented = replaced_tokens(&request, transport, options).await?;
    let device_name = typed_device_name(device_name.as_deref(), "device_name")?;
    let sign_in = PasskeySignIn { passkey: &passkey, transport, remembered: remember, device_name, presented };
    tokens_of_sign_in(&request, &*entered(sign_in.attempt(&step).await?)?, options)
}

/// Passkeys, unless they are switched off.
pub(in crate::sign_in) fn offered(sessions: &Sessions) -> Result<&Passkeys, Problem> {
    Some(sessions.factors().passkeys())
        .filter(|passkeys| passkeys.is_enabled())
        .ok_or_else(|| Problem::not_found("path"))
}
