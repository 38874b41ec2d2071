use crate::{
    factors::TrustedDevice,
    http::{Endpoint, FromClient, PathId, Problem, paths},
    kernel::{Moment, TrustedDeviceId},
    sessions::{After, Sessions, SignedIn},
};
use actix_web::{
    HttpResponse,
    web::{Data, ServiceConfig},
};
use serde::Serialize;
use std::net::IpAddr;
use utoipa::{OpenApi, ToSchema};

/// The endpoints by which a user trusts devices no longer.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::api(paths::MY_TRUSTED_DEVICES).delete(distrust_all).mount(config);
    Endpoint::api(paths::MY_TRUSTED_DEVICE).delete(distrust).mount(config);
}

/// What the endpoints take and answer.
#[derive(OpenApi)]
#[openapi(paths(distrust_all, distrust))]
pub struct TrustedDevicesDescribed;

/// A browser in which the user is not asked for a second factor.
#[derive(Serialize, ToSchema)]
#[schema(as = TrustedDevice)]
pub struct TrustedDeviceView {
    /// The device.
    id: TrustedDeviceId,
    /// The User-Agent with which it was added.
    #[schema(required = true)]
    user_agent: Option<String>,
    /// The address from which it was added.
    #[schema(value_type = Option<String>, required = true, example = "192.0.2.7")]
    ip: Option<IpAddr>,
    /// When it was added.
    #[schema(value_type = String, format = DateTime)]
    created_at: Moment,
    /// Until when it is trusted.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Moment,
    /// When it last stood for a second factor.
    #[schema(value_type = String, format = DateTime)]
    last_used_at: Moment,
}

impl From<TrustedDevice> for TrustedDeviceView {
    fn from(device: TrustedDevice) -> Self {
        let TrustedDevice { id, user_agent, ip, created_at, expires_at, last_used_at } = device;
        Self { id, user_agent, ip, created_at, expires_at, last_used_at }
    }
}

#[utoipa::path(
    delete,
    path = paths::MY_TRUSTED_DEVICES,
    tag = "me",
    operation_id = "distrustAll",
    summary = "Trust no device any more",
    description = "Your next sign-in asks for a second factor everywhere. Sessions go on.",
    security(("bearer" = [])),
    responses((status = 204, description = "No device is trusted")),
)]
async fn distrust_all(
    signed_in: SignedIn,
    FromClient(client): FromClient,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    sessions.factors().distrust(signed_in.user, None, &client).await?;
    Ok(HttpResponse::NoContent().finish())
}

#[utoipa::path(
    delete,
    path = paths::MY_TRUSTED_DEVICE,
    tag = "me",
    operation_id = "distrust",
    summary = "Trust a device no longer",
    security(("bearer" = [])),
    params(("id" = inline(TrustedDeviceId), Path, description = "The device; 404 if it belongs to another user")),
    responses((status = 204, description = "It is not trusted")),
)]
async fn distrust(
    After(signed_in, PathId(device)): After<SignedIn, PathId<TrustedDeviceId>>,
    FromClient(client): FromClient,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    match sessions.factors().distrust(signed_in.user, Some(device), &client).await? {
        0 => Err(Problem::not_found("device")),
        _ => Ok(HttpResponse::NoContent().finish()),
    }
}
