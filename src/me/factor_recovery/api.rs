use crate::{
    factors::Recovery,
    http::{Endpoint, FromClient, Problem, paths},
    kernel::Moment,
    lifecycle::Lifecycle,
    sessions::SignedIn,
};
use actix_web::{
    HttpResponse,
    web::{Data, ServiceConfig},
};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

/// The endpoint by which a user keeps their factors.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::api(paths::MY_FACTOR_RECOVERY).delete(cancel).mount(config);
}

/// What the endpoint takes and answers.
#[derive(OpenApi)]
#[openapi(paths(cancel))]
pub struct FactorRecoveryDescribed;

/// A removal of the second factors that waits: someone with the password has started it.
#[derive(Serialize, ToSchema)]
#[schema(as = FactorRecovery)]
pub struct FactorRecoveryView {
    /// When it was started.
    #[schema(value_type = String, format = DateTime)]
    started_at: Moment,
    /// From when on an email's link can complete it.
    #[schema(value_type = String, format = DateTime)]
    ready_at: Moment,
}

impl From<Recovery> for FactorRecoveryView {
    fn from(Recovery { started_at, ready_at }: Recovery) -> Self {
        Self { started_at, ready_at }
    }
}

#[utoipa::path(
    delete,
    path = paths::MY_FACTOR_RECOVERY,
    tag = "me",
    operation_id = "cancelFactorRecovery",
    summary = "Keep your second factors",
    description = "Cancels their removal, which someone with your password has started. Answers 204 also where none waits.",
    security(("bearer" = [])),
    responses((status = 204, description = "No removal waits")),
)]
async fn cancel(
    signed_in: SignedIn,
    FromClient(client): FromClient,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    lifecycle.cancel_own_factor_recovery(&signed_in, &client).await?;
    Ok(HttpResponse::NoContent().finish())
}
