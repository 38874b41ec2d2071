use crate::{
    http::{Endpoint, Problem, SameOrigin, kind, optional_json, paths, return_to},
    sessions::{After, Sessions, SignedIn},
    upstream::{AuthorizeAnswer, BegunIn, FlowAim, Upstream, Wanted},
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload, ServiceConfig},
};
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};

/// The endpoint that begins it.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::api(paths::STEP_UP_BY_PROVIDER).post(begin).mount(config);
}

/// What the endpoint takes and answers.
#[derive(OpenApi)]
#[openapi(paths(begin))]
pub struct ProviderStepUpDescribed;

#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ProviderStepUpRequest {
    /// Where the browser is led afterwards: a path of this service, or a page of an allowed origin. Default: `/account`.
    #[schema(example = "/account")]
    return_to: Option<String>,
}

#[utoipa::path(
    post,
    path = paths::STEP_UP_BY_PROVIDER,
    tag = "auth",
    operation_id = "stepUpWithProvider",
    summary = "Confirm that it is you by a new sign-in with a provider",
    description = "For users without a password. Answers where to send the browser; the cookie of the answer belongs to it. The provider asks for a new sign-in, and the browser comes back to the same session, which is fresh then. Another account of the provider changes nothing, and neither does a user with a second factor: the browser is led to `/account?reason=…`.",
    security(("bearer" = [])),
    params(("provider" = String, Path, description = "The provider's name")),
    request_body(content = Option<ProviderStepUpRequest>, example = json!({ "return_to": "/account" })),
    responses((status = 200, body = AuthorizeAnswer, description = "Where the browser goes", headers(("Set-Cookie" = String)))),
    extensions(("x-problems" = json!([kind::NOT_FOUND.code, kind::ORIGIN_NOT_ALLOWED.code, kind::UPSTREAM_FAILED.code]))),
)]
async fn begin(
    After(signed_in, _same_origin): After<SignedIn, SameOrigin>,
    request: HttpRequest,
    payload: Payload,
    sessions: Data<Sessions>,
    upstream: Data<Upstream>,
) -> Result<HttpResponse, Problem> {
    let provider = upstream.named(request.match_info().query("provider"))?;
    let asked: ProviderStepUpRequest = optional_json(&request, payload).await?;
    let to = return_to(asked.return_to.as_deref(), &sessions.world().config.http);
    let aim = FlowAim::StepUp(BegunIn::new(signed_in.user, signed_in.session));
    upstream.begin_for_script(provider, Wanted::in_session(aim, to)).await
}
