use super::{Federated, Federation, WantedSession};
use crate::{
    http::{Endpoint, FromClient, Json, Problem, kind, paths, replaced_tokens},
    identity::EmailAddress,
    kernel::Client,
    lifecycle::{self, ConfirmationSent, Lifecycle},
    sessions::{Sessions, TokenAnswer, tokens_of_sign_in},
    sign_in::{answer::entered, wire::WireTransport},
    upstream::{
        Brought, ConnectWay, PendingIdentity, PresentedToken, Provider, Upstream, UpstreamUser, upstream_denied,
        upstream_failed,
    },
    users::{Accounts, typed_device_name},
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, ServiceConfig},
};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};
use zeroize::Zeroizing;

/// The endpoints about other providers for clients without a session.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::api(paths::PROVIDERS).get(providers).mount(config);
    // Each asks a provider: as few of them are let through as of those that hash a password.
    Endpoint::api(paths::UPSTREAM_TOKEN).hashing().post(sign_in).mount(config);
}

/// What the endpoints take and answer.
#[derive(OpenApi)]
#[openapi(paths(providers, sign_in))]
pub struct UpstreamDescribed;

/// A provider with which users sign in.
#[derive(Serialize, ToSchema)]
#[schema(as = Provider)]
pub(super) struct ProviderView<'p> {
    /// Its name in paths.
    #[schema(example = "kakao")]
    provider: &'p str,
    /// What a button says.
    #[schema(example = "Kakao")]
    label: &'p str,
    /// Which provider, or protocol, it is.
    #[schema(example = "kakao")]
    preset: &'static str,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UpstreamTokenRequest {
    /// The ID token that the app got from the provider. It is accepted once.
    #[schema(value_type = Option<String>)]
    id_token: Option<Zeroizing<String>>,
    /// The nonce that the app chose for it.
    #[schema(value_type = Option<String>)]
    nonce: Option<Zeroizing<String>>,
    /// The access token, of providers that issue no ID tokens: GitHub, Naver.
    #[schema(value_type = Option<String>)]
    access_token: Option<Zeroizing<String>>,
    /// How the refresh token is sent: in JSON bodies, or in a cookie that scripts cannot read.
    #[serde(default)]
    #[schema(value_type = String, pattern = "^(body|cookie)$", default = "body")]
    transport: WireTransport,
    /// Whether the session outlives the browser; the short idle lifetime applies otherwise.
    #[serde(default = "crate::sign_in::wire::remembered")]
    #[schema(default = true)]
    remember: bool,
    /// The device's name, given by the user.
    #[schema(example = "Alice's phone")]
    device_name: Option<String>,
}

impl<'p> From<&'p Provider> for ProviderView<'p> {
    fn from(provider: &'p Provider) -> Self {
        let options = &provider.options;
        Self { provider: &options.name, label: &options.label, preset: options.preset.name() }
    }
}

impl UpstreamTokenRequest {
    /// Exactly one kind of token.
    fn presented(&self) -> Result<PresentedToken<'_>, Problem> {
        match (&self.id_token, &self.nonce, &self.access_token) {
            (Some(id_token), Some(nonce), None) => Ok(PresentedToken::Id { id_token, nonce }),
            (None, None, Some(token)) => Ok(PresentedToken::Access(token)),
            (Some(_), None, None) => Err(Problem::field("nonce", "required", "is needed with `id_token`")),
            _ => Err(Problem::field("id_token", "invalid", "send either `id_token` and `nonce`, or `access_token`")),
        }
    }
}

#[utoipa::path(
    get,
    path = paths::PROVIDERS,
    tag = "auth",
    operation_id = "providers",
    summary = "The providers with which users sign in",
    description = "A browser is sent to `/auth/upstream/{provider}`.",
    responses((status = 200, body = Vec<ProviderView>, description = "All of them, by name")),
)]
async fn providers(upstream: Data<Upstream>) -> HttpResponse {
    HttpResponse::Ok().json(upstream.providers().iter().map(ProviderView::from).collect::<Vec<_>>())
}

#[utoipa::path(
    post,
    path = paths::UPSTREAM_TOKEN,
    tag = "auth",
    operation_id = "signInWithProvider",
    summary = "Sign in with what an app got from a provider",
    description = "For apps that speak to the provider themselves. `id_token` and the `nonce` that the app chose; `access_token` only for GitHub and Naver. What becomes of the user is decided as in a browser. 202: an account has the address and was never verified; an email follows, whose code is sent with `flow` to `POST /api/v1/auth/confirmations/use`.",
    params(("provider" = String, Path, description = "The provider's name")),
    request_body(content = UpstreamTokenRequest, example = json!({ "id_token": "eyJ…", "nonce": "n-0S6_WzA2Mj" })),
    responses(
        (status = 200, body = TokenAnswer, description = "The first pair of tokens of a new session", headers(("Set-Cookie" = String))),
        (status = 202, body = ConfirmationSent, description = "An email follows"),
    ),
    extensions(("x-problems" = json!([kind::UPSTREAM_DENIED.code, kind::UPSTREAM_FAILED.code, kind::INVALID_CREDENTIALS.code, kind::SECOND_FACTOR_REQUIRED.code, kind::SECOND_FACTOR_ENROLMENT_REQUIRED.code, kind::ACCOUNT_BLOCKED.code, kind::EMAIL_NOT_VERIFIED.code, kind::REGISTRATION_CLOSED.code, kind::ORIGIN_NOT_ALLOWED.code, kind::LINK_REQUIRED.code, kind::EMAIL_REQUIRED.code, kind::EMAIL_TAKEN.code, kind::NOT_FOUND.code, kind::TOO_MANY_REQUESTS.code, kind::TEMPORARILY_UNAVAILABLE.code]))),
)]
async fn sign_in(
    request: HttpRequest,
    Json(wanted): Json<UpstreamTokenRequest>,
    FromClient(client): FromClient,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
    lifecycle: Data<Lifecycle>,
    upstream: Data<Upstream>,
) -> Result<HttpResponse, Problem> {
    let provider = upstream.named(request.match_info().query("provider"))?;
    let presented = wanted.presented()?;
    let device_name = typed_device_name(wanted.device_name.as_deref(), "device_name")?;
    let (transport, options) = (wanted.transport.0, &sessions.world().config.http);
    let tokens = replaced_tokens(&request, transport, options).await?;
    let federation = Federation {
        accounts: &accounts,
        sessions: &sessions,
        lifecycle: &lifecycle,
        upstream: &upstream,
        client: &client,
    };
    let user = user_of(&upstream, provider, presented, &client).await?;
    let session = WantedSession { transport, remembered: wanted.remember, device_name, presented: tokens };
    match federation.enter(provider, &user, session).await? {
        Federated::In(signed_in) => tokens_of_sign_in(&request, &signed_in, options),
        Federated::ConfirmRequired(email) => confirm(&lifecycle, &user, email, &client).await,
        other => Err(refused(other)),
    }
}

/// Why an app's user is not signed in.
fn refused(outcome: Federated) -> Problem {
    match outcome {
        Federated::Refused(refused) => entered(refused).err().unwrap_or_else(Problem::internal),
        Federated::LinkRequired(_) | Federated::ConfirmRequired(_) => {
            Problem::new(kind::LINK_REQUIRED, "Sign in to the account, and connect the provider there.")
        }
        Federated::EmailRequired => {
            Problem::new(kind::EMAIL_REQUIRED, "The provider proves no address. Sign in with a browser once.")
        }
        Federated::RegistrationClosed => {
            Problem::new(kind::REGISTRATION_CLOSED, "Ask an administrator for an account.")
        }
        Federated::EmailTaken => Problem::new(kind::EMAIL_TAKEN, "Sign in to the account with this address."),
        Federated::In(_) => Problem::internal(),
    }
}

/// The user that an app brings.
async fn user_of(
    upstream: &Upstream,
    provider: &Provider,
    presented: PresentedToken<'_>,
    client: &Client,
) -> Result<Box<UpstreamUser>, Problem> {
    match upstream.user_of(provider, presented).await? {
        Brought::User(user) => Ok(user),
        Brought::Forged(fault) => {
            upstream.forged(provider, fault, client).await?;
            Err(upstream_denied())
        }
        Brought::Failed(error) => {
            upstream.failed(provider, &error, client).await?;
            Err(upstream_failed())
        }
        Brought::Unsupported => {
            let field = if matches!(presented, PresentedToken::Id { .. }) { "id_token" } else { "access_token" };
            Err(Problem::field(field, "unsupported", "is not accepted of this provider"))
        }
    }
}

/// An account has the address and was never verified: the email decides.
async fn confirm(
    lifecycle: &Lifecycle,
    user: &UpstreamUser,
    email: EmailAddress,
    client: &Client,
) -> Result<HttpResponse, Problem> {
    let pending = PendingIdentity {
        identity: user.identity.clone(),
        name: user.name.as_ref().map(|name| name.as_str().to_owned()),
        way: ConnectWay::confirm(&email),
        return_to: String::new(),
        remembered: false,
    };
    lifecycle::requested(lifecycle.request_connection(email, &pending, None, client).await?)
}
