use super::Keys;
use crate::http::{Endpoint, paths};
use actix_web::{
    HttpResponse,
    http::header,
    web::{Data, ServiceConfig},
};

/// `/.well-known/jwks.json`.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::at(paths::JWKS).unlimited().get(jwks).mount(config);
}

/// The public keys, for services that verify access tokens. May be kept for half a minute: a new key is published for
/// longer than that before it signs. Any page may read them.
async fn jwks(keys: Data<Keys>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "public, max-age=30"))
        .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .json(keys.published())
}
