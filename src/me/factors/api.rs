use super::{
    Change, Owner,
    passkeys::{self, PasskeysDescribed},
};
use crate::{
    factors::{
        self, FactorsOf,
        passkeys::{OwnPasskey, OwnPasskeys},
    },
    http::{Endpoint, FromClient, Problem, kind, paths},
    kernel::{Client, Moment},
    lifecycle::Lifecycle,
    me::{factor_recovery::FactorRecoveryView, trusted_devices::TrustedDeviceView},
    sessions::{Asked, Fresh, NewTotpAnswer, Sessions, SignedIn},
    users::{Accounts, too_many_attempts},
};
use actix_web::{
    HttpResponse,
    http::header,
    web::{Data, ServiceConfig},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;
use zeroize::Zeroizing;

/// The endpoints by which users see and change their second factors.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::api(paths::MY_FACTORS).get(my_factors).mount(config);
    Endpoint::api(paths::MY_TOTP).post(begin_totp).delete(remove_totp).mount(config);
    Endpoint::api(paths::MY_TOTP_CONFIRM).hashing().post(confirm_totp).mount(config);
    Endpoint::api(paths::MY_RECOVERY_CODES).hashing().post(renew_recovery_codes).mount(config);
    passkeys::routes(config);
}

/// What the endpoints take and answer.
#[derive(OpenApi)]
#[openapi(paths(my_factors, begin_totp, confirm_totp, remove_totp, renew_recovery_codes))]
struct FactorsDescribed;

/// The description of the endpoints.
pub fn described() -> utoipa::openapi::OpenApi {
    let mut described = FactorsDescribed::openapi();
    described.merge(PasskeysDescribed::openapi());
    described
}

/// A passkey or security key of the user.
#[derive(Serialize, ToSchema)]
#[schema(as = MyPasskey)]
pub(super) struct PasskeyView {
    /// Its id here.
    id: Uuid,
    /// Its id in the authenticator: base64url.
    credential_id: String,
    /// What the user calls it.
    #[schema(required = true, example = "Alice's phone")]
    name: Option<String>,
    /// Whether its authenticator's maker keeps a copy: it survives the loss of the device.
    backed_up: bool,
    /// When it was added.
    #[schema(value_type = String, format = DateTime)]
    created_at: Moment,
    /// When it was last used.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    last_used_at: Option<Moment>,
}

impl From<OwnPasskey> for PasskeyView {
    fn from(passkey: OwnPasskey) -> Self {
        let OwnPasskey { id, credential_id, name, backed_up, created_at, last_used_at } = passkey;
        let credential_id = URL_SAFE_NO_PAD.encode(credential_id);
        Self { id, credential_id, name, backed_up, created_at, last_used_at }
    }
}

/// A user's second factors.
#[derive(Serialize, ToSchema)]
#[schema(as = MyFactors)]
pub(super) struct FactorsView {
    /// Whether an authenticator app is set up.
    totp: bool,
    /// Since when it is.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    totp_since: Option<Moment>,
    /// How many recovery codes are not used.
    recovery_codes_left: i64,
    /// The passkeys and security keys, oldest first.
    passkeys: Vec<PasskeyView>,
    /// The domain that passkeys are bound to; null where they are switched off. With `user_handle`, for the signals of the
    /// browser (`WebAuthn` Level 3, §5.1.10).
    #[schema(required = true, example = "auth.example.com")]
    rp_id: Option<String>,
    /// By what authenticators know the user: base64url. Null before a first passkey.
    #[schema(required = true)]
    user_handle: Option<String>,
    /// Browsers in which no second factor is asked, newest first.
    trusted_devices: Vec<TrustedDeviceView>,
    /// A removal of the factors that waits; absent where none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery: Option<FactorRecoveryView>,
}

impl FactorsView {
    fn new(factors: FactorsOf, own: OwnPasskeys, rp_id: Option<&str>) -> Self {
        Self {
            totp: factors.totp_since.is_some(),
            totp_since: factors.totp_since,
            recovery_codes_left: factors.recovery_codes_left,
            passkeys: own.passkeys.into_iter().map(PasskeyView::from).collect(),
            rp_id: rp_id.map(str::to_owned),
            user_handle: own.handle.map(|handle| URL_SAFE_NO_PAD.encode(handle)),
            trusted_devices: Vec::new(),
            recovery: None,
        }
    }
}

/// Recovery codes, shown once.
#[derive(Serialize, ToSchema)]
#[schema(as = RecoveryCodes)]
pub(super) struct RecoveryCodesAnswer<'a> {
    /// Ten codes. Each is accepted once.
    #[schema(example = json!(["1-7KQF-M2XA-9TRD"]))]
    recovery_codes: Vec<&'a str>,
}

/// Recovery codes, shown once.
#[derive(Serialize, ToSchema)]
#[schema(as = NewRecoveryCodes)]
pub(super) struct NewCodesAnswer<'a> {
    /// Ten codes. Each is accepted once. All others are void.
    #[schema(example = json!(["1-7KQF-M2XA-9TRD"]))]
    codes: Vec<&'a str>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfirmTotp {
    /// A code that the app shows.
    #[schema(value_type = String, example = "123456")]
    code: Zeroizing<String>,
    /// The code of the email; needed if `POST /api/v1/me/factors/totp` said `email_code_required`.
    #[schema(value_type = Option<String>, example = "4821 0937")]
    email_code: Option<Zeroizing<String>>,
}

/// The rooms that a change of factors passes.
struct OwnersRooms {
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
    lifecycle: Data<Lifecycle>,
}

impl OwnersRooms {
    fn owner<'a>(&'a self, fresh: &'a Fresh, client: &'a Client) -> Owner<'a> {
        let Self { accounts, sessions, lifecycle } = self;
        Owner { accounts, sessions, lifecycle, fresh, client }
    }
}

#[utoipa::path(
    get,
    path = paths::MY_FACTORS,
    tag = "me",
    operation_id = "myFactors",
    summary = "Your second factors",
    security(("bearer" = [])),
    responses((status = 200, body = FactorsView, description = "What is set up")),
)]
async fn my_factors(signed_in: SignedIn, sessions: Data<Sessions>) -> Result<HttpResponse, Problem> {
    let factors = sessions.factors().of(signed_in.user).await?.ok_or_else(|| Problem::not_found("account"))?;
    let trusted = sessions.factors().trusted_devices(signed_in.user).await?;
    let recovery = sessions.factors().recovery_of(signed_in.user).await?;
    let passkeys = sessions.factors().passkeys();
    let rp_id = passkeys.is_enabled().then(|| passkeys.rp_id());
    let mut view = FactorsView::new(factors, passkeys.of(signed_in.user).await?, rp_id);
    view.trusted_devices = trusted.into_iter().map(TrustedDeviceView::from).collect();
    view.recovery = recovery.map(FactorRecoveryView::from);
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(view))
}

#[utoipa::path(
    post,
    path = paths::MY_TOTP,
    tag = "me",
    operation_id = "beginTotp",
    summary = "Begin to set up an authenticator app",
    description = "Returns a new secret, in place of one that was not confirmed. The app counts once a code of it is sent to `POST /api/v1/me/factors/totp/confirm`. After an administrator removed all factors, an email with a code follows, which is needed too. The session must be fresh.",
    security(("bearer" = [])),
    responses((status = 200, body = NewTotpAnswer, description = "The secret, shown once")),
    extensions(("x-problems" = json!([kind::STEP_UP_REQUIRED.code, kind::FACTOR_EXISTS.code]))),
)]
async fn begin_totp(
    fresh: Fresh,
    FromClient(client): FromClient,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    let rooms = OwnersRooms { accounts, sessions, lifecycle };
    let owner = rooms.owner(&fresh, &client);
    let (new, email_code_required) = done(owner.begin_totp().await?, &fresh, &rooms.sessions).await?;
    Ok(once(NewTotpAnswer { secret: &new.secret, uri: &new.uri, qr_svg: &new.qr_svg, email_code_required }))
}

#[utoipa::path(
    post,
    path = paths::MY_TOTP_CONFIRM,
    tag = "me",
    operation_id = "confirmTotp",
    summary = "Confirm the authenticator app",
    description = "With a code that the app shows. From then on a sign-in needs a code; the answer has ten recovery codes, shown once. The session must be fresh.",
    security(("bearer" = [])),
    request_body(content = ConfirmTotp, example = json!({ "code": "123456" })),
    responses((status = 200, body = RecoveryCodesAnswer, description = "The app is set up")),
    extensions(("x-problems" = json!([kind::STEP_UP_REQUIRED.code, kind::NOT_FOUND.code, kind::CODE_INVALID.code, kind::TOO_MANY_ATTEMPTS.code]))),
)]
async fn confirm_totp(
    Asked(fresh, typed): Asked<Fresh, ConfirmTotp>,
    FromClient(client): FromClient,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    let rooms = OwnersRooms { accounts, sessions, lifecycle };
    let owner = rooms.owner(&fresh, &client);
    let email_code = typed.email_code.as_ref().map(|code| code.as_str());
    let codes = done(owner.confirm_totp(&typed.code, email_code).await?, &fresh, &rooms.sessions).await?;
    Ok(once(RecoveryCodesAnswer { recovery_codes: codes.reveal().iter().map(|code| code.as_str()).collect() }))
}

#[utoipa::path(
    delete,
    path = paths::MY_TOTP,
    tag = "me",
    operation_id = "removeTotp",
    summary = "Remove the authenticator app",
    description = "The recovery codes go with it, and a sign-in then needs the password only, unless there are passkeys. The session must be fresh. Refused if it is the only factor, and a role of yours demands one.",
    security(("bearer" = [])),
    responses((status = 204, description = "It is removed")),
    extensions(("x-problems" = json!([kind::STEP_UP_REQUIRED.code, kind::NOT_FOUND.code, kind::LAST_FACTOR.code]))),
)]
async fn remove_totp(
    fresh: Fresh,
    FromClient(client): FromClient,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    let rooms = OwnersRooms { accounts, sessions, lifecycle };
    let owner = rooms.owner(&fresh, &client);
    done(owner.remove_totp().await?, &fresh, &rooms.sessions).await?;
    Ok(HttpResponse::NoContent().finish())
}

#[utoipa::path(
    post,
    path = paths::MY_RECOVERY_CODES,
    tag = "me",
    operation_id = "renewRecoveryCodes",
    summary = "Replace your recovery codes",
    description = "Ten new ones, shown once; all others are void. The session must be fresh.",
    security(("bearer" = [])),
    responses((status = 200, body = NewCodesAnswer, description = "The new codes, shown once")),
    extensions(("x-problems" = json!([kind::STEP_UP_REQUIRED.code, kind::NOT_FOUND.code]))),
)]
async fn renew_recovery_codes(
    fresh: Fresh,
    FromClient(client): FromClient,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    let rooms = OwnersRooms { accounts, sessions, lifecycle };
    let owner = rooms.owner(&fresh, &client);
    let codes = done(owner.renew_recovery_codes().await?, &fresh, &rooms.sessions).await?;
    Ok(once(NewCodesAnswer { codes: codes.reveal().iter().map(|code| code.as_str()).collect() }))
}

/// What is shown once must be stored nowhere on the way.
fn once(answer: impl Serialize) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(answer)
}

async fn done<T>(change: Change<T>, fresh: &Fresh, sessions: &Sessions) -> Result<T, Problem> {
    match change {
        Change::Done(done) => Ok(done),
        Change::NotFresh => Err(sessions.no_longer(fresh).await),
        Change::Exists => Err(Problem::new(kind::FACTOR_EXISTS, "Remove it first.")),
        Change::Missing => Err(Problem::not_found("authenticator app")),
        Change::LastFactor => Err(factors::last_factor()),
        Change::WrongCode => {
            Err(Problem::new(kind::CODE_INVALID, "Check the time of the device, and try the next code."))
        }
        Change::EmailCodeMissing => Err(factors::email_code_missing()),
        Change::WrongEmailCode => Err(factors::email_code_invalid()),
        Change::Limited { wait } => Err(too_many_attempts(wait)),
    }
}
