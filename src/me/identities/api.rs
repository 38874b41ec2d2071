use super::disconnect;
use crate::{
    http::{Endpoint, FromClient, Problem, SameOrigin, kind, optional_json, paths, return_to},
    kernel::{Client, Moment},
    lifecycle::{Lifecycle, Linking},
    sessions::{After, Fresh, Sessions, SignedIn},
    upstream::{
        AuthorizeAnswer, BegunIn, Brought, FlowAim, Identity, PresentedToken, Provider, Unlinking, Upstream,
        UpstreamError, Wanted, upstream_denied, upstream_failed,
    },
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{Data, Payload, ServiceConfig},
};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};
use zeroize::Zeroizing;

/// The endpoints by which users connect and disconnect other providers.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::api(paths::MY_IDENTITIES).get(my_identities).mount(config);
    Endpoint::api(paths::MY_IDENTITY).post(connect).delete(remove).mount(config);
}

/// What the endpoints take and answer.
#[derive(OpenApi)]
#[openapi(paths(my_identities, connect, remove))]
pub struct IdentitiesDescribed;

/// An account at another provider that opens this one.
#[derive(Serialize, ToSchema)]
#[schema(as = MyIdentity)]
pub(super) struct IdentityView {
    /// The provider's name in paths.
    #[schema(example = "kakao")]
    provider: String,
    /// What a button says.
    #[schema(example = "Kakao")]
    label: String,
    /// The address there, as it was when it was connected. It proves nothing.
    #[schema(required = true, example = "alice@example.com")]
    email: Option<String>,
    /// When it was connected.
    #[schema(value_type = String, format = DateTime)]
    created_at: Moment,
    /// When it last opened the account.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    last_used_at: Option<Moment>,
}

/// The user's accounts at other providers.
#[derive(Serialize, ToSchema)]
#[schema(as = MyIdentities)]
pub(super) struct IdentitiesView {
    /// All of them, oldest first.
    items: Vec<IdentityView>,
    /// Always null: one identity of each provider.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ConnectRequest {
    /// Where the browser is led afterwards: a path of this service, or a page of an allowed origin. Default: `/account`.
    #[schema(example = "/account")]
    return_to: Option<String>,
    /// An ID token that an app got from the provider, with `nonce`, instead of a browser.
    #[schema(value_type = Option<String>)]
    id_token: Option<Zeroizing<String>>,
    /// The nonce that the app chose.
    #[schema(value_type = Option<String>)]
    nonce: Option<Zeroizing<String>>,
}

#[utoipa::path(
    get,
    path = paths::MY_IDENTITIES,
    tag = "me",
    operation_id = "myIdentities",
    summary = "Your accounts at other providers",
    security(("bearer" = [])),
    responses((status = 200, body = IdentitiesView, description = "What is connected")),
)]
async fn my_identities(signed_in: SignedIn, upstream: Data<Upstream>) -> Result<HttpResponse, Problem> {
    let label = |identity: &Identity| upstream.provider(&identity.provider).map(|found| found.options.label.clone());
    let view = |identity: Identity| IdentityView {
        label: label(&identity).unwrap_or_else(|| identity.provider.clone()),
        provider: identity.provider,
        email: identity.email,
        created_at: identity.created_at,
        last_used_at: identity.last_used_at,
    };
    let items = upstream.identities_of(signed_in.user).await?.into_iter().map(view).collect();
    let answer = IdentitiesView { items, next_cursor: None };
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(answer))
}

#[utoipa::path(
    post,
    path = paths::MY_IDENTITY,
    tag = "me",
    operation_id = "connectIdentity",
    summary = "Connect an account at another provider",
    description = "Answers where to send the browser, which then comes back signed in as before. The cookie of the answer belongs to it, and the session must still be live at the end. An app sends `id_token` and `nonce` instead, and gets 204. The session must be fresh.",
    security(("bearer" = [])),
    params(("provider" = String, Path, description = "The provider's name")),
    request_body(content = Option<ConnectRequest>, example = json!({ "return_to": "/account" })),
    responses(
        (status = 200, body = AuthorizeAnswer, description = "Where the browser goes", headers(("Set-Cookie" = String))),
        (status = 204, description = "It is connected, by an ID token"),
    ),
    extensions(("x-problems" = json!([kind::STEP_UP_REQUIRED.code, kind::NOT_FOUND.code, kind::ORIGIN_NOT_ALLOWED.code, kind::IDENTITY_TAKEN.code, kind::UPSTREAM_DENIED.code, kind::UPSTREAM_FAILED.code]))),
)]
async fn connect(
    After(fresh, _same_origin): After<Fresh, SameOrigin>,
    request: HttpRequest,
    payload: Payload,
    FromClient(client): FromClient,
    sessions: Data<Sessions>,
    lifecycle: Data<Lifecycle>,
    upstream: Data<Upstream>,
) -> Result<HttpResponse, Problem> {
    let provider = upstream.named(request.match_info().query("provider"))?;
    let asked: ConnectRequest = optional_json(&request, payload).await?;
    let signed_in = fresh.signed_in();
    let begun_in = BegunIn::new(signed_in.user, signed_in.session);
    match (&asked.id_token, &asked.nonce) {
        (Some(id_token), Some(nonce)) => {
            let rooms = Rooms { sessions: &sessions, lifecycle: &lifecycle, upstream: &upstream, client: &client };
            rooms.connect_by_token(provider, PresentedToken::Id { id_token, nonce }, begun_in).await
        }
        (None, None) => {
            let options = &sessions.world().config.http;
            let wanted = Wanted::in_session(FlowAim::Connect(begun_in), return_to(asked.return_to.as_deref(), options));
            upstream.begin_for_script(provider, wanted).await
        }
        (Some(_), None) => Err(Problem::field("nonce", "required", "is needed with `id_token`")),
        (None, Some(_)) => Err(Problem::field("id_token", "required", "is needed with `nonce`")),
    }
}

/// What connecting by a token passes.
struct Rooms<'a> {
    sessions: &'a Sessions,
    lifecycle: &'a Lifecycle,
    upstream: &'a Upstream,
    client: &'a Client,
}

impl Rooms<'_> {
    async fn connect_by_token(
        &self,
        provider: &Provider,
        presented: PresentedToken<'_>,
        begun_in: BegunIn,
    ) -> Result<HttpResponse, Problem> {
        let user = match self.upstream.user_of(provider, presented).await? {
            Brought::User(user) => user,
            Brought::Forged(fault) => {
                self.upstream.forged(provider, fault, self.client).await?;
                return Err(upstream_denied());
            }
            Brought::Failed(error) => return Err(self.failed(provider, &error).await?),
            Brought::Unsupported => return Err(Problem::field("id_token", "unsupported", "this provider issues none")),
        };
        let linking = self.lifecycle.link_identity(self.upstream, &user, begun_in, self.client).await?;
        self.upstream.count(provider, linking.name());
        match linking {
            Linking::Connected => Ok(HttpResponse::NoContent().finish()),
            Linking::Taken => Err(Problem::new(
                kind::IDENTITY_TAKEN,
                "Another account has it, or yours has another one of the provider.",
            )),
            Linking::SessionEnded => Err(self.sessions.ended_meanwhile()),
        }
    }

    async fn failed(&self, provider: &Provider, error: &UpstreamError) -> Result<Problem, Problem> {
        self.upstream.failed(provider, error, self.client).await?;
        Ok(upstream_failed())
    }
}

#[utoipa::path(
    delete,
    path = paths::MY_IDENTITY,
    tag = "me",
    operation_id = "disconnectIdentity",
    summary = "Disconnect an account at another provider",
    description = "It no longer opens the account, and other sessions that were opened through it are revoked. Refused if nothing else does: no password, no passkey, no other identity. The session must be fresh.",
    security(("bearer" = [])),
    params(("provider" = String, Path, description = "The provider's name")),
    responses((status = 204, description = "It is disconnected")),
    extensions(("x-problems" = json!([kind::STEP_UP_REQUIRED.code, kind::NOT_FOUND.code, kind::LAST_CREDENTIAL.code]))),
)]
async fn remove(
    fresh: Fresh,
    request: HttpRequest,
    FromClient(client): FromClient,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    // Also one that is not configured any more.
    let provider = request.match_info().query("provider").to_owned();
    match disconnect(&sessions, &fresh, provider, &client).await? {
        Some(Unlinking::Done(_)) => Ok(HttpResponse::NoContent().finish()),
        Some(Unlinking::Missing) => Err(Problem::not_found("identity")),
        Some(Unlinking::LastCredential) => Err(Problem::new(
            kind::LAST_CREDENTIAL,
            "Set a password, add a passkey, or connect another provider first.",
        )),
        None => Err(sessions.no_longer(&fresh).await),
    }
}
