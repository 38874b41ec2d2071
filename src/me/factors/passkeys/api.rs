use super::{Adding, NewPasskey, Registering};
use crate::{
    factors::{
        self, NewCodes,
        passkeys::{Ceremony, Passkeys, PresentedRegistration, RegistrationCredential},
    },
    http::{Endpoint, FromClient, PathId, Problem, kind, paths},
    lifecycle::Lifecycle,
    me::factors::{Change, Owner},
    sessions::{After, Asked, Fresh, Sessions, SignedIn},
    users::{Accounts, too_many_attempts, typed_device_name},
};
use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
    web::{Data, ServiceConfig},
};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;
use zeroize::Zeroizing;

/// The endpoints by which users add, rename and remove their passkeys.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::api(paths::MY_PASSKEY_OPTIONS).post(begin_passkey).mount(config);
    Endpoint::api(paths::MY_PASSKEYS).hashing().post(add_passkey).mount(config);
    Endpoint::api(paths::MY_PASSKEY).patch(rename_passkey).delete(remove_passkey).mount(config);
}

/// What the endpoints take and answer.
#[derive(OpenApi)]
#[openapi(paths(begin_passkey, add_passkey, rename_passkey, remove_passkey))]
pub struct PasskeysDescribed;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AddPasskey {
    /// The `ticket` of the options.
    ticket: String,
    /// What the browser answered: `PublicKeyCredential.toJSON()` (`RegistrationResponseJSON` of `WebAuthn` Level 3, §5.1.8).
    credential: RegistrationCredential,
    /// What the user calls it.
    #[schema(example = "Alice's phone")]
    name: Option<String>,
    /// The code of the email; needed if the options said `email_code_required`.
    #[schema(value_type = Option<String>, example = "4821 0937")]
    email_code: Option<Zeroizing<String>>,
}

/// A registration that has begun.
#[derive(Serialize, ToSchema)]
pub(super) struct PasskeyRegistration {
    #[serde(flatten)]
    ceremony: Ceremony,
    /// Whether a code that was just sent by email is needed too: an administrator has removed all factors.
    email_code_required: bool,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RenamePasskey {
    /// What the user calls it; null for no name.
    #[schema(required = true, example = "Alice's phone")]
    name: Option<String>,
}

/// A passkey that was added.
#[derive(Serialize, ToSchema)]
pub(super) struct AddedPasskey<'a> {
    /// Its id here.
    id: Uuid,
    /// With the first factor: ten recovery codes, shown once. A repeated request does not get them again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>, example = json!(["1-7KQF-M2XA-9TRD"]))]
    recovery_codes: Option<&'a [Zeroizing<String>]>,
}

#[utoipa::path(
    post,
    path = paths::MY_PASSKEY_OPTIONS,
    tag = "me",
    operation_id = "beginPasskey",
    summary = "Begin to add a passkey",
    description = "Returns options for `navigator.credentials.create()` and a ticket, which is good for one passkey, in this session, for five minutes. The session must be fresh. 404 where passkeys are switched off. After an administrator removed all factors, an email with a code follows, which is needed too.",
    security(("bearer" = [])),
    responses((status = 200, body = PasskeyRegistration, description = "What the browser is asked")),
    extensions(("x-problems" = json!([kind::STEP_UP_REQUIRED.code, kind::NOT_FOUND.code]))),
)]
async fn begin_passkey(
    fresh: Fresh,
    FromClient(client): FromClient,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    offered(&sessions)?;
    let owner =
        Owner { accounts: &accounts, sessions: &sessions, lifecycle: &lifecycle, fresh: &fresh, client: &client };
    let begun = owner.begin_passkey().await?;
    let (ceremony, email_code_required) = begun.ok_or_else(|| Problem::not_found("account"))?;
    let answer = PasskeyRegistration { ceremony, email_code_required };
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(answer))
}

#[utoipa::path(
    post,
    path = paths::MY_PASSKEYS,
    tag = "me",
    operation_id = "addPasskey",
    summary = "Add a passkey",
    description = "With what the browser answered to the options. From then on a sign-in needs a second factor, which the passkey is; by itself it signs in, too. After a lost answer, send the same request again: it is answered 200.",
    security(("bearer" = [])),
    request_body(content = AddPasskey, example = json!({ "ticket": "AZ3k…", "credential": { "id": "…", "rawId": "…", "type": "public-key", "response": { "clientDataJSON": "…", "attestationObject": "…" } }, "name": "Alice's phone" })),
    responses(
        (status = 201, body = AddedPasskey, description = "It is added"),
        (status = 200, body = AddedPasskey, description = "The same request had added it"),
    ),
    extensions(("x-problems" = json!([kind::NOT_FOUND.code, kind::CHALLENGE_EXPIRED.code, kind::PASSKEY_INVALID.code, kind::CODE_INVALID.code, kind::TOO_MANY_ATTEMPTS.code, kind::TEMPORARILY_UNAVAILABLE.code]))),
)]
async fn add_passkey(
    Asked(signed_in, wanted): Asked<SignedIn, AddPasskey>,
    FromClient(client): FromClient,
    sessions: Data<Sessions>,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    offered(&sessions)?;
    let AddPasskey { ticket, credential, name, email_code } = wanted;
    let registration = PresentedRegistration { ticket, credential, name: typed_device_name(name.as_deref(), "name")? };
    let email_code = email_code.as_ref().map(|code| code.as_str());
    let new = NewPasskey { registration: &registration, email_code };
    let registering =
        Registering { sessions: &sessions, lifecycle: &lifecycle, signed_in: &signed_in, client: &client };
    let (status, id, codes) = match registering.add(new).await? {
        Adding::Added(id, codes) => (StatusCode::CREATED, id, codes),
        Adding::AddedBefore(id) => (StatusCode::OK, id, None),
        Adding::Invalid => return Err(Problem::new(kind::PASSKEY_INVALID, "Begin again.")),
        Adding::Expired => return Err(Problem::new(kind::CHALLENGE_EXPIRED, "Begin again.")),
        Adding::SignedOut => return Err(sessions.ended_meanwhile()),
        Adding::EmailCodeMissing => return Err(factors::email_code_missing()),
        Adding::WrongEmailCode => return Err(factors::email_code_invalid()),
        Adding::Limited { wait } => return Err(too_many_attempts(wait)),
    };
    let answer = AddedPasskey { id, recovery_codes: codes.as_ref().map(NewCodes::reveal) };
    Ok(HttpResponse::build(status).insert_header((header::CACHE_CONTROL, "no-store")).json(answer))
}

#[utoipa::path(
    patch,
    path = paths::MY_PASSKEY,
    tag = "me",
    operation_id = "renamePasskey",
    summary = "Rename a passkey",
    description = "The session must be fresh.",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The passkey")),
    request_body(content = RenamePasskey, example = json!({ "name": "Alice's phone" })),
    responses((status = 204, description = "It is renamed")),
    extensions(("x-problems" = json!([kind::STEP_UP_REQUIRED.code, kind::NOT_FOUND.code]))),
)]
async fn rename_passkey(
    After(Asked(fresh, wanted), PathId(id)): After<Asked<Fresh, RenamePasskey>, PathId<Uuid>>,
    FromClient(client): FromClient,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    offered(&sessions)?;
    let name = typed_device_name(wanted.name.as_deref(), "name")?;
    let owner =
        Owner { accounts: &accounts, sessions: &sessions, lifecycle: &lifecycle, fresh: &fresh, client: &client };
    done(owner.rename_passkey(id, name).await?, &fresh, &sessions).await
}

#[utoipa::path(
    delete,
    path = paths::MY_PASSKEY,
    tag = "me",
    operation_id = "removePasskey",
    summary = "Remove a passkey",
    description = "It does not sign in any more. The recovery codes go with the last factor. The session must be fresh. Refused if it is the only factor, and a role of yours demands one.",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The passkey")),
    responses((status = 204, description = "It is removed")),
    extensions(("x-problems" = json!([kind::STEP_UP_REQUIRED.code, kind::NOT_FOUND.code, kind::LAST_FACTOR.code]))),
)]
async fn remove_passkey(
    After(fresh, PathId(id)): After<Fresh, PathId<Uuid>>,
    FromClient(client): FromClient,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    offered(&sessions)?;
    let owner =
        Owner { accounts: &accounts, sessions: &sessions, lifecycle: &lifecycle, fresh: &fresh, client: &client };
    done(owner.remove_passkey(id).await?, &fresh, &sessions).await
}

/// Passkeys, unless they are switched off.
fn offered(sessions: &Sessions) -> Result<&Passkeys, Problem> {
    Some(sessions.factors().passkeys())
        .filter(|passkeys| passkeys.is_enabled())
        .ok_or_else(|| Problem::not_found("path"))
}

async fn done(change: Change<()>, fresh: &Fresh, sessions: &Sessions) -> Result<HttpResponse, Problem> {
    match change {
        Change::Done(()) => Ok(HttpResponse::NoContent().finish()),
        Change::NotFresh => Err(sessions.no_longer(fresh).await),
        Change::LastFactor => Err(factors::last_factor()),
        Change::Exists
        | Change::Missing
        | Change::WrongCode
        | Change::EmailCodeMissing
        | Change::WrongEmailCode
        | Change::Limited { .. } => Err(Problem::not_found("passkey")),
    }
}
