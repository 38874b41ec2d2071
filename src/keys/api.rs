use super::Keys;
use crate::http::{Endpoint, paths};
use actix_web::{
    HttpResponse,
    http::header,
    web::{Data, ServiceConfig},
};
use utoipa::{OpenApi, ToSchema};

/// `/.well-known/jwks.json`.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::at(paths::JWKS).unlimited().get(jwks).mount(config);
}

/// The public keys (RFC 7517 §5).
#[derive(ToSchema)]
#[schema(as = Keys)]
#[expect(dead_code, reason = "describes what the JOSE library writes")]
struct PublishedKeys {
    /// The public keys.
    keys: Vec<PublishedKey>,
}

/// A public key (RFC 7517 §4).
#[derive(ToSchema)]
#[schema(as = Key)]
#[expect(dead_code, reason = "describes what the JOSE library writes")]
struct PublishedKey {
    /// The family of the key.
    #[schema(pattern = "^(EC|OKP|RSA)$")]
    kty: String,
    /// As in the header of access tokens.
    kid: String,
    /// Always `sig`.
    #[schema(pattern = "^sig$")]
    r#use: String,
    /// The signing algorithm.
    #[schema(pattern = "^(ES256|EdDSA|RS256)$")]
    alg: String,
}

/// What the endpoints of this room take and answer.
#[derive(OpenApi)]
#[openapi(paths(jwks))]
struct Described;

/// The description of the endpoints of this room.
#[must_use]
pub fn described() -> utoipa::openapi::OpenApi {
    Described::openapi()
}

/// The public keys that verify access tokens. May be cached for 30 seconds: a new key is published for
/// longer than that before it signs. Any page may read them.
#[utoipa::path(
    get,
    path = paths::JWKS,
    tag = "service",
    operation_id = "jwks",
    summary = "List the public keys that verify access tokens",
    description = "RFC 7517. May be cached for 30 seconds: a new key is published for longer than that before it signs.",
    responses((status = 200, body = PublishedKeys, description = "The keys")),
    extensions(("x-unlimited" = json!(true))),
)]
async fn jwks(keys: Data<Keys>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "public, max-age=30"))
        .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .json(keys.published())
}
